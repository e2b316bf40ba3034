//! Compares what a pserve did on purpose (contracts §4) with what the client said of the same events.

use std::collections::BTreeMap;

use serde::Serialize;

use super::reconcile::best_word;
use super::{EVENT_BIT, Joins, PRESENT, failed, whole};
use crate::error::Result;
use crate::record::outcome::Word;

impl Joins {
    /// What the server did on purpose against what the client said.
    ///
    /// # Errors
    /// If the temporary database fails.
    pub(crate) fn chaos_report(&self) -> Result<Option<ChaosReport>> {
        if !self.chaos {
            return Ok(None);
        }
        self.compare_chaos().map(Some).map_err(failed)
    }

    fn compare_chaos(&self) -> rusqlite::Result<ChaosReport> {
        let names: BTreeMap<i64, &String> = self.chaos_faults.iter().map(|(name, index)| (*index, name)).collect();
        let mut report = ChaosReport::default();
        let mut query = self.db.prepare(
            "SELECT c.fault, coalesce(i.words, 0), c.stored, coalesce(i.stored, 0), count(*), sum(c.times)
             FROM chaos c LEFT JOIN item i USING(id) GROUP BY 1, 2, 3, 4",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let name = names.get(&row.get(0)?).map_or("", |name| name.as_str());
            let (words, stored, found): (i64, Option<bool>, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
            let (ids, times) = (whole(row, 4)?, whole(row, 5)?);
            let fault = report.faults.entry(name.to_owned()).or_default();
            let said = best_word(words & (EVENT_BIT - 1));
            fault.count += times;
            fault.ids += ids;
            *fault.said.entry(said).or_default() += ids;
            let is_contradicted = match (stored, said) {
                // A copy that came later may have been stored.
                (Some(false), "accepted" | "duplicate") => name == "lose" && found & PRESENT == 0,
                (Some(true), "rejected" | "rate_limited" | "failed" | "not_sent") => true,
                _ => false,
            };
            fault.contradicted += if is_contradicted { ids } else { 0 };
        }
        report.count = report.faults.values().map(|fault| fault.count).sum();
        report.contradicted = report.faults.values().map(|fault| fault.contradicted).sum();
        Ok(report)
    }
}

/// The section `chaos`.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct ChaosReport {
    /// How often faults struck.
    pub count: u64,
    /// Ids of which the client said something that is not so.
    pub contradicted: u64,
    /// By fault.
    pub faults: BTreeMap<String, ChaosRow>,
}

/// One fault.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct ChaosRow {
    /// How often it struck.
    pub count: u64,
    /// How many ids it struck.
    pub ids: u64,
    /// Ids by what the client said in the end; `none` without an outcome.
    pub said: BTreeMap<&'static str, u64>,
    /// Ids that the client took for delivered though the server lost them, or for lost though the server holds them.
    pub contradicted: u64,
}

impl ChaosRow {
    /// How many ids have this outcome.
    fn of(&self, word: &str) -> u64 {
        self.said.get(word).copied().unwrap_or(0)
    }

    /// Its cells, after its name: see [`ChaosReport::HEAD`].
    pub(crate) fn cells(&self) -> [u64; 7] {
        let told = ["accepted", "duplicate", "unknown", "none"].map(|word| self.of(word));
        let others = self.ids - told.iter().sum::<u64>();
        let [accepted, duplicate, unknown, none] = told;
        [self.ids, accepted, duplicate, unknown, others, none, self.contradicted]
    }
}

impl ChaosReport {
    /// The heading of the table.
    pub(crate) const TITLE: &'static str = "What the server did on purpose, and what the client said";

    /// The names of the table's columns.
    pub(crate) const HEAD: [&'static str; 8] =
        ["fault", "ids", "accepted", "duplicate", "unknown", "other", "no outcome", "contradicted"];

    /// An empty report with every fault.
    pub(crate) fn on_nothing() -> Self {
        let said: BTreeMap<&'static str, u64> =
            Word::ALL.iter().map(|word| word.as_str()).chain(["none"]).map(|word| (word, 0)).collect();
        let faults = ["latency", "error", "reset", "stall", "truncate", "drop-after-commit", "lose", "duplicate"];
        let row = || ChaosRow { said: said.clone(), ..ChaosRow::default() };
        Self { faults: faults.map(|name| (name.to_owned(), row())).into(), ..Self::default() }
    }
}
