//! What was sent, what arrived and what the server holds, by event_id.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{DIFFERS, EVENT_BIT, Joins, PRESENT, Sources, failed, whole};
use crate::error::Result;
use crate::record::outcome::Word;

impl Joins {
    /// What was sent, what arrived and what is stored, side by side.
    ///
    /// # Errors
    /// Where the temporary database fails.
    pub fn reconciled_report(&self, sources: &Sources) -> Result<Option<ReconciledReport>> {
        if !self.reconcile {
            return Ok(None);
        }
        self.reconcile(sources).map(Some).map_err(failed)
    }

    fn reconcile(&self, sources: &Sources) -> rusqlite::Result<ReconciledReport> {
        let mut report = ReconciledReport::default();
        let stored_known = sources.stored.is_some();
        let mut query = self.db.prepare(
            "SELECT min(sent, 1), words, stored, count(*), sum(sent), sum(arrived) FROM item GROUP BY 1, 2, 3",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let (sent, words, stored): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (ids, sent_lines, arrived_lines) = (whole(row, 3)?, whole(row, 4)?, whole(row, 5)?);
            let arrived = words != 0;
            report.sent += sent_lines;
            report.arrived += arrived_lines;
            report.sent_ids += if sent { ids } else { 0 };
            report.arrived_ids += if arrived { ids } else { 0 };
            if sources.against.is_some() {
                report.sent_not_arrived += if sent && !arrived { ids } else { 0 };
                report.arrived_not_sent += if arrived && !sent { ids } else { 0 };
            }
            if !stored_known {
                continue;
            }
            let column = match stored {
                0 if self.stored_is_verified => Column::Unchecked,
                0 => Column::Missing,
                stored if stored & DIFFERS != 0 => Column::Differs,
                stored if stored & PRESENT != 0 && !(sent || arrived) => Column::Extra,
                stored if stored & PRESENT != 0 => Column::Present,
                _ => Column::Missing,
            };
            let name = best_word(words);
            let cell = report.table.entry(name).or_default();
            match column {
                Column::Present => cell.present += ids,
                Column::Missing => cell.missing += ids,
                Column::Differs => cell.differs += ids,
                Column::Extra => cell.extra += ids,
                Column::Unchecked => cell.unchecked += ids,
            }
            report.extra += if matches!(column, Column::Extra) { ids } else { 0 };
            let is_missing = matches!(column, Column::Missing);
            let is_held = matches!(column, Column::Present | Column::Differs);
            report.accepted_missing += if is_missing && matches!(name, "accepted" | "duplicate") { ids } else { 0 };
            report.failed_present += if is_held && name == "failed" { ids } else { 0 };
            report.not_sent_present += if is_held && name == "not_sent" { ids } else { 0 };
        }
        Ok(report)
    }
}

enum Column {
    Present,
    Missing,
    Differs,
    Extra,
    Unchecked,
}

/// Of all outcomes of an id, the one that says most about whether the server has it.
fn best_word(words: i64) -> &'static str {
    let order = [
        Word::Accepted,
        Word::Duplicate,
        Word::Unknown,
        Word::Failed,
        Word::Rejected,
        Word::RateLimited,
        Word::NotSent,
        Word::Present,
        Word::Differs,
        Word::Missing,
    ];
    let found = order.into_iter().find(|word| words & (1 << *word as i64) != 0);
    found.map_or(if words & EVENT_BIT != 0 { "event" } else { "none" }, Word::as_str)
}

/// Under `reconciled`. Lines without an id are in none of its figures.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ReconciledReport {
    /// Events sent, by `--against`.
    pub sent: u64,
    /// Different ids of them.
    pub sent_ids: u64,
    /// Outcomes or events that came in.
    pub arrived: u64,
    /// Different ids of them.
    pub arrived_ids: u64,
    /// Ids sent that did not arrive.
    pub sent_not_arrived: u64,
    /// Ids that arrived and were not sent.
    pub arrived_not_sent: u64,
    /// Ids delivered that the server does not hold.
    pub accepted_missing: u64,
    /// Ids failed that the server holds.
    pub failed_present: u64,
    /// Ids not sent that the server holds.
    pub not_sent_present: u64,
    /// Ids that the server holds and that were neither sent nor arrived.
    pub extra: u64,
    /// Ids by outcome and by what the server holds.
    pub table: BTreeMap<&'static str, StoredReport>,
}

impl ReconciledReport {
    /// The report on nothing, with every row there is.
    pub fn on_nothing() -> Self {
        let rows = Word::ALL.iter().map(|word| word.as_str()).chain(["event", "none"]);
        Self { table: rows.map(|row| (row, StoredReport::default())).collect(), ..Self::default() }
    }
}

/// What the server holds of the ids of one outcome.
#[derive(Debug, Clone, Default, Serialize)]
#[allow(missing_docs)] // the words of contracts §3
pub struct StoredReport {
    pub present: u64,
    pub missing: u64,
    pub differs: u64,
    pub extra: u64,
    /// `psend --verify` did not ask for them.
    pub unchecked: u64,
}
