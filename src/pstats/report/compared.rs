//! The comparison with the base, as every form that people read shows it.

use super::Report;
use crate::cli::numbers::{count, counted, exact};
use crate::pstats::compare::{About, Row};
use crate::pstats::inference::verdict::Word;

/// Rows of groups before the rest is only counted.
const ROWS: usize = 40;

/// The heading.
pub(super) const TITLE: &str = "Compared with the base";

/// The head of the column of drawn intervals.
pub(super) const AXIS: &str = "┊ tolerance  │ no change";

/// What there is to show.
pub(super) struct Shown<'a> {
    /// Those of the whole, then those of groups: first what changed, then what cannot be told.
    pub(super) rows: Vec<&'a Row>,
    /// Rows of groups that are left to the JSON report.
    pub(super) more: usize,
    /// What the verdicts rest on, in a sentence.
    pub(super) summary: String,
    /// Why figures cannot be judged, and what else a reader has to know.
    pub(super) notes: Vec<String>,
}

/// The comparison; `None` without a base.
pub(super) fn shown(report: &Report) -> Option<Shown<'_>> {
    let (all, about) = (report.run.compared.as_ref()?, report.run.comparison.as_ref()?);
    let (mut groups, mut rows): (Vec<&Row>, Vec<&Row>) = all.iter().partition(|row| row.group.is_some());
    groups.sort_by_key(|row| match row.verdict {
        Word::Worse => 0,
        Word::Better => 1,
        Word::CannotTell => 2,
        Word::Same => 3,
    });
    let more = groups.len().saturating_sub(ROWS);
    rows.extend(groups.into_iter().take(ROWS));
    let mut notes = reasons(all);
    notes.extend(about.notes());
    Some(Shown { rows, more, summary: summary(about), notes })
}

fn summary(about: &About) -> String {
    let words = [
        (about.worse, Word::Worse),
        (about.better, Word::Better),
        (about.same, Word::Same),
        (about.cannot_tell, Word::CannotTell),
    ];
    let words = words.map(|(n, word)| format!("{} {}", count(n as u64), word.in_words()));
    format!(
        "{}. {}. Confidence: {}% for each interval, and for all verdicts together.",
        about.runs(),
        words.join(", "),
        exact(about.confidence * 100.0)
    )
}

/// Each reason why figures cannot be judged, once.
fn reasons(rows: &[Row]) -> Vec<String> {
    let mut reasons: Vec<(&str, u64)> = Vec::new();
    for row in rows.iter().filter(|row| row.verdict == Word::CannotTell) {
        let Some(why) = &row.why else { continue };
        match reasons.iter_mut().find(|(known, _)| known == why) {
            Some((_, n)) => *n += 1,
            None => reasons.push((why, 1)),
        }
    }
    reasons.iter().map(|(why, n)| format!("Cannot tell for {}: {why}.", counted(*n, "figure", "figures"))).collect()
}

/// The cells of a row but for the drawn interval and the verdict: group and figure, base, now, difference, interval.
pub(super) fn cells(row: &Row) -> Vec<String> {
    let name = row.label().map_or_else(|| row.figure.clone(), |label| format!("{label}: {}", row.figure));
    let [base, now] = row.figures();
    vec![name, base, now, row.change(), row.between()]
}

/// The comparison as lines of text, for forms without tables of their own.
pub(super) fn lines(shown: &Shown<'_>) -> Vec<String> {
    let width = shown.rows.iter().map(|row| cells(row)[0].chars().count()).max().unwrap_or(0);
    let line = |row: &&Row| {
        let cells = cells(row);
        format!("{:<width$}  {:>24}  [{:^25}]  {}", cells[0], cells[4], row.drawn(), row.verdict_in_words())
    };
    std::iter::once(shown.summary.clone())
        .chain(shown.rows.iter().map(line))
        .chain((shown.more > 0).then(|| format!("… and {} more", count(shown.more as u64))))
        .chain(shown.notes.iter().cloned())
        .collect()
}
