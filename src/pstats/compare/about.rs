//! What a comparison rests on: which runs, at which confidence, and what the two sides do not have in common.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::judge::{Asked, Comparison};
use super::runs::Runs;
use crate::cli::numbers::{counted, exact};
use crate::pstats::inference::verdict::Word;

/// Under `run.comparison`.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct About {
    /// The files of each run.
    pub(crate) base: Vec<String>,
    pub(crate) now: Vec<String>,
    /// `--confidence`, 0 to 1.
    pub(crate) confidence: f64,
    /// How many hypotheses are held together.
    pub(crate) family: usize,
    /// How many figures have each verdict.
    pub(crate) worse: usize,
    pub(crate) better: usize,
    pub(crate) same: usize,
    pub(crate) cannot_tell: usize,
    /// The settings of psend that differ.
    pub(crate) settings: Vec<Differing>,
    /// What only one side has: `events`, `outcomes`, or a group of them.
    pub(crate) only_base: Vec<String>,
    pub(crate) only_now: Vec<String>,
    /// The sides whose groups were not counted by the grouping that is compared.
    pub(crate) not_grouped: Vec<String>,
    /// The runs of the base that are not complete.
    pub(crate) incomplete_base: Vec<String>,
    /// The runs that stand on both sides.
    pub(crate) on_both_sides: Vec<String>,
}

/// A setting of psend that is not the same on both sides.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Differing {
    /// target, mode, rate, concurrency, batch or retries.
    pub(crate) setting: &'static str,
    /// Of the base, as JSON; each value once.
    pub(crate) base: String,
    /// Of now.
    pub(crate) now: String,
}

const SETTINGS: [&str; 6] = ["target", "mode", "rate", "concurrency", "batch", "retries"];

impl About {
    /// What this comparison of these runs rests on.
    pub(crate) fn of(comparison: &Comparison, base: &Runs, now: &Runs, asked: &Asked) -> Self {
        let names = |runs: &Runs| runs.all.iter().map(|run| run.name.clone()).collect();
        let with = |word: Word| comparison.rows.iter().filter(|row| row.verdict == word).count();
        let settings = SETTINGS.into_iter().filter_map(|setting| {
            let (base, now) = (values(base, setting)?, values(now, setting)?);
            (base != now).then_some(Differing { setting, base, now })
        });
        let incomplete = base.all.iter().filter(|run| !run.is_complete).map(|run| run.name.clone());
        let ids = |runs: &Runs| -> BTreeSet<String> {
            runs.all.iter().flat_map(|run| &run.records).map(|record| record.root().to_owned()).collect()
        };
        Self {
            base: names(base),
            now: names(now),
            confidence: 1.0 - asked.alpha,
            family: comparison.family,
            worse: with(Word::Worse),
            better: with(Word::Better),
            same: with(Word::Same),
            cannot_tell: with(Word::CannotTell),
            settings: settings.collect(),
            only_base: comparison.only_base.clone(),
            only_now: comparison.only_now.clone(),
            not_grouped: not_grouped(comparison, asked),
            incomplete_base: incomplete.collect(),
            on_both_sides: ids(base).intersection(&ids(now)).cloned().collect(),
        }
    }

    /// How many runs there are a side, for a reader: `3 runs of the base, 1 run now`.
    pub(crate) fn runs(&self) -> String {
        let runs = |names: &[String]| counted(names.len() as u64, "run", "runs");
        format!("{} of the base, {} now", runs(&self.base), runs(&self.now))
    }

    /// What a reader has to know beside the table.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.worse + self.better + self.same + self.cannot_tell == 0 {
            notes.push("Nothing to compare: the two sides have no figure in common.".to_owned());
        }
        if self.base.len() == 1 && self.now.len() == 1 {
            notes.push(
                "One run each: what differs between two runs of the same server cannot be seen. Give three or more runs a side \
                 for a verdict to rely on."
                    .to_owned(),
            );
        }
        let sides = [("the base", &self.only_base), ("this side", &self.only_now)];
        let only = sides.iter().filter(|(_, only)| !only.is_empty());
        notes.extend(only.map(|(side, only)| format!("Only {side} has {}.", only.join(", "))));
        notes.extend(self.not_grouped.iter().cloned());
        let settings = self.settings.iter();
        notes.extend(settings.map(|s| format!("Different {}: {} in the base, {} now.", s.setting, s.base, s.now)));
        let incomplete = self.incomplete_base.iter();
        notes.extend(incomplete.map(|name| format!("{name} of the base is not a complete run.")));
        let both = self.on_both_sides.iter();
        notes.extend(both.map(|id| format!("The run {id} is on both sides.")));
        notes
    }
}

fn not_grouped(comparison: &Comparison, asked: &Asked) -> Vec<String> {
    let by = asked.grouping.as_deref().unwrap_or_default();
    let (base, now) = comparison.not_grouped;
    let sides = [("base", base), ("input", now)].into_iter().filter(|(_, missing)| *missing);
    sides.map(|(side, _)| format!("The {side} has no groups by {by}: make its states with --by {by}.")).collect()
}

/// The value of a setting as a reader expects it.
fn in_words(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(n) => n.as_f64().map_or_else(|| n.to_string(), exact),
        other => other.to_string(),
    }
}

/// What a setting was in the runs of a side: each value once. `None` if there is no run record.
fn values(runs: &Runs, setting: &str) -> Option<String> {
    let records = runs.all.iter().flat_map(|run| &run.records);
    let records = records.filter_map(|record| serde_json::to_value(record).ok());
    let values: BTreeSet<String> = records.map(|record: Value| in_words(&record[setting])).collect();
    (!values.is_empty()).then(|| Vec::from_iter(values).join(", "))
}
