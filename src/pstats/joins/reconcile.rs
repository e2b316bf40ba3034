//! Reconciles what was sent, what arrived and what the server holds, by event_id.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{DIFFERS, EVENT_BIT, HELD_BITS, Joins, PRESENT, Sources, failed, whole};
use crate::cli::numbers::counted;
use crate::error::Result;
use crate::record::outcome::Word;

impl Joins {
    /// Compares what was sent, what arrived and what is stored.
    ///
    /// # Errors
    /// If the temporary database fails.
    pub(crate) fn reconciled_report(&self, sources: &Sources) -> Result<Option<ReconciledReport>> {
        if !self.reconcile {
            return Ok(None);
        }
        self.reconcile(sources).map(Some).map_err(failed)
    }

    fn reconcile(&self, sources: &Sources) -> rusqlite::Result<ReconciledReport> {
        let outcomes_came: bool =
            self.db
                .query_row("SELECT EXISTS(SELECT 1 FROM item WHERE words & ?)", [EVENT_BIT - 1], |row| row.get(0))?;
        let (sent_known, stored_known) = (sources.against.is_some(), sources.stored.is_some());
        let mut report = ReconciledReport::begun(sent_known, stored_known, outcomes_came);
        report.complete = !self.stored_is_verified || self.stored_is_whole;
        let mut query = self.db.prepare(
            "SELECT min(sent, 1), words, stored, count(*), sum(sent), sum(arrived) FROM item GROUP BY 1, 2, 3",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let (sent, words, stored): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (ids, sent_lines, arrived_lines) = (whole(row, 3)?, whole(row, 4)?, whole(row, 5)?);
            let came = words != 0;
            let arrived = words & (HELD_BITS | EVENT_BIT) != 0;
            let may_have_arrived = !arrived && words & 1 << Word::Unknown as i64 != 0;
            let ids_if = |is_so: bool| if is_so { ids } else { 0 };
            add(&mut report.sent, sent_lines);
            report.arrived += arrived_lines;
            add(&mut report.sent_ids, ids_if(sent));
            report.arrived_ids += ids_if(arrived);
            add(&mut report.sent_not_arrived, ids_if(sent && !arrived));
            add(&mut report.sent_unknown, ids_if(sent && may_have_arrived));
            add(&mut report.arrived_not_sent, ids_if(arrived && !sent));
            if !stored_known {
                continue;
            }
            let column = match stored {
                0 if self.stored_is_verified => Column::Unchecked,
                0 => Column::Missing,
                stored if stored & DIFFERS != 0 => Column::Differs,
                stored if stored & PRESENT != 0 && !(sent || came) => Column::Extra,
                stored if stored & PRESENT != 0 => Column::Present,
                _ => Column::Missing,
            };
            let name = best_word(words);
            let cell = report.table.entry(name).or_default();
            match column {
                Column::Present => cell.present += ids,
                Column::Missing => add(&mut cell.missing, ids),
                Column::Differs => cell.differs += ids,
                Column::Extra => cell.extra += ids,
                Column::Unchecked => cell.unchecked += ids,
            }
            add(&mut report.extra, ids_if(matches!(column, Column::Extra)));
            let is_missing = matches!(column, Column::Missing);
            let is_held = matches!(column, Column::Present | Column::Differs);
            add(&mut report.accepted_missing, ids_if(is_missing && matches!(name, "accepted" | "duplicate")));
            add(&mut report.failed_present, ids_if(is_held && name == "failed"));
            add(&mut report.not_sent_present, ids_if(is_held && name == "not_sent"));
        }
        if self.stored_without_id > 0 {
            report.forget_what_is_missing(self.stored_without_id);
        }
        Ok(report)
    }
}

/// Adds to a figure that is known.
fn add(figure: &mut Option<u64>, n: u64) {
    if let Some(sum) = figure {
        *sum += n;
    }
}

enum Column {
    Present,
    Missing,
    Differs,
    Extra,
    Unchecked,
}

/// Of all outcomes of an id, the one that says the most about whether the server has the event.
pub(super) fn best_word(words: i64) -> &'static str {
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

/// The section `reconciled`. Its figures do not include lines without an id. Unknown figures are null: without `--against`
/// those of what was sent, without `--stored` those of what is stored, without outcomes those of outcomes.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct ReconciledReport {
    /// Events sent, by `--against`.
    pub sent: Option<u64>,
    /// Their distinct ids.
    pub sent_ids: Option<u64>,
    /// Outcomes that came in and say that the server has the event, or events that came in.
    pub arrived: u64,
    /// Their distinct ids.
    pub arrived_ids: u64,
    /// Sent ids that did not arrive, as far as is known.
    pub sent_not_arrived: Option<u64>,
    /// Those of them that may have arrived, because their outcome is unknown.
    pub sent_unknown: Option<u64>,
    /// Ids that arrived and were not sent.
    pub arrived_not_sent: Option<u64>,
    /// Delivered ids that the server does not hold.
    pub accepted_missing: Option<u64>,
    /// Failed ids that the server holds.
    pub failed_present: Option<u64>,
    /// Ids not sent that the server holds.
    pub not_sent_present: Option<u64>,
    /// Ids that the server holds, and that were neither sent nor arrived.
    pub extra: Option<u64>,
    /// Whether `--stored` is complete: outcomes of `psend --verify` need a run record that says so.
    pub complete: bool,
    /// Which figures are null although `--stored` was given, and why.
    #[serde(skip)]
    pub not_known: Vec<(String, String)>,
    /// Ids by outcome and by whether the server holds them.
    pub table: BTreeMap<&'static str, StoredReport>,
}

impl ReconciledReport {
    /// Zeros for the figures that can be known.
    fn begun(sent: bool, stored: bool, outcomes: bool) -> Self {
        let known = |is_known: bool| is_known.then_some(0);
        Self {
            sent: known(sent),
            sent_ids: known(sent),
            sent_not_arrived: known(sent),
            sent_unknown: known(sent),
            arrived_not_sent: known(sent),
            accepted_missing: known(stored && outcomes),
            failed_present: known(stored && outcomes),
            not_sent_present: known(stored && outcomes),
            extra: known(stored),
            ..Self::default()
        }
    }

    /// Sets what is missing to null if lines of `--stored` have no readable id, because the missing events may be among them.
    fn forget_what_is_missing(&mut self, without_id: u64) {
        let lines = counted(without_id, "line of --stored has", "lines of --stored have");
        let why = format!("{lines} no readable id and may be what is missing; --fields id=PATH names the field");
        let mut forget = |figure: &mut Option<u64>, path: String| {
            if figure.is_some_and(|n| n > 0) {
                *figure = None;
                self.not_known.push((path, why.clone()));
            }
        };
        forget(&mut self.accepted_missing, "reconciled.accepted_missing".to_owned());
        for (name, cell) in &mut self.table {
            forget(&mut cell.missing, format!("reconciled.table.{name}.missing"));
        }
    }

    /// The known figures for people: name, count, meaning.
    pub(crate) fn facts(&self) -> Vec<(&'static str, u64, &'static str)> {
        let all = [
            ("Sent", self.sent_ids, "unique ids"),
            ("Arrived", Some(self.arrived_ids), "unique ids"),
            ("Sent, not arrived", self.sent_not_arrived, "no outcome says that the server has it"),
            ("Sent, unknown", self.sent_unknown.filter(|n| *n > 0), "of those: may have arrived"),
            ("Arrived, not sent", self.arrived_not_sent, ""),
            ("Accepted, missing", self.accepted_missing, "delivered, but the server does not have it"),
            ("Failed, present", self.failed_present, "failed, but the server has it"),
            ("Not sent, present", self.not_sent_present, "never sent, but the server has it"),
            ("Extra", self.extra, "stored, but neither sent nor arrived"),
        ];
        all.into_iter().filter_map(|(name, n, what)| Some((name, n?, what))).collect()
    }

    /// An empty report with every row.
    pub(crate) fn on_nothing() -> Self {
        let rows = Word::ALL.iter().map(|word| word.as_str()).chain(["event", "none"]);
        Self { table: rows.map(|row| (row, StoredReport::default())).collect(), ..Self::default() }
    }
}

/// What the server holds of the ids of one outcome.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StoredReport {
    pub present: u64,
    /// Null if lines of the stored have no id.
    pub missing: Option<u64>,
    pub differs: u64,
    pub extra: u64,
    /// `psend --verify` did not ask for them.
    pub unchecked: u64,
}

impl Default for StoredReport {
    fn default() -> Self {
        Self { present: 0, missing: Some(0), differs: 0, extra: 0, unchecked: 0 }
    }
}
