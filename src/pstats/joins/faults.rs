//! Compares each injected fault with the outcome of its line (contracts §4).

use std::collections::BTreeMap;

use serde::Serialize;

use super::missed::Missed;
use super::{Joins, failed, whole, word_of};
use crate::error::{Error, Result};
use crate::record::outcome::Word;
use crate::record::truth::FAULTS;

/// In SQL: whether an outcome `o` is correctly a duplicate, because another line with its id was or may have been accepted.
fn is_repeated() -> String {
    let (accepted, duplicate, unknown) = (Word::Accepted as i64, Word::Duplicate as i64, Word::Unknown as i64);
    format!(
        "coalesce(o.word = {duplicate} AND EXISTS(SELECT 1 FROM outcome p WHERE p.id = o.id AND p.rowid <> o.rowid
            AND p.word IN ({accepted}, {unknown})), FALSE)"
    )
}

impl Joins {
    /// The verdict on each injected fault.
    ///
    /// # Errors
    /// If truth and outcomes are not of the same run.
    pub(crate) fn truth_report(&self) -> Result<Option<TruthReport>> {
        if !self.truth {
            return Ok(None);
        }
        self.check_that_streams_line_up()?;
        let mut report = self.judge_faults().map_err(failed)?;
        if report.missed.is_some_and(|missed| missed > 0) {
            self.add_examples(&mut report)?;
        }
        Ok(Some(report))
    }

    fn check_that_streams_line_up(&self) -> Result<()> {
        let indexes = "CREATE INDEX IF NOT EXISTS o2 ON outcome(id);
            CREATE INDEX IF NOT EXISTS t1 ON truth(shard, seq); CREATE INDEX IF NOT EXISTS t2 ON truth(id);";
        self.db.execute_batch(indexes).map_err(failed)?;
        let shared = "SELECT NOT EXISTS(SELECT 1 FROM truth) OR NOT EXISTS(SELECT 1 FROM outcome)
            OR EXISTS(SELECT 1 FROM truth WHERE shard IN (SELECT DISTINCT shard FROM outcome))";
        if !self.db.query_row(shared, [], |row| row.get::<_, bool>(0)).map_err(failed)? {
            return Err(Error::failed(format!(
                "truth and outcomes: streams do not line up: truth is of {}, outcomes are of {}",
                self.shards_in("truth").map_err(failed)?,
                self.shards_in("outcome").map_err(failed)?
            )));
        }
        let sql = "SELECT t.seq FROM truth t JOIN outcome o USING(shard, seq) WHERE t.checked <> o.id
            UNION ALL SELECT seq FROM outcome WHERE clash LIMIT 1";
        let mut query = self.db.prepare(sql).map_err(failed)?;
        let mut rows = query.query([]).map_err(failed)?;
        match rows.next().map_err(failed)? {
            None => Ok(()),
            Some(row) => Err(Error::failed(format!(
                "truth and outcomes: streams do not line up: line {} has another event_id in each, or outcomes of different events",
                row.get::<_, i64>(0).map_err(failed)?
            ))),
        }
    }

    /// The shards in this table, as messages name them.
    fn shards_in(&self, table: &str) -> rusqlite::Result<String> {
        let mut query = self.db.prepare(&format!("SELECT DISTINCT shard FROM {table} ORDER BY shard LIMIT 4"))?;
        let found = query.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
        let name = |hash: &i64| match (*hash, self.shards.get(hash)) {
            (0, _) => "a run without --shard".to_owned(),
            (_, Some(name)) => format!("shard {name}"),
            (_, None) => "another shard".to_owned(),
        };
        let more = if found.len() > 3 { " and others" } else { "" };
        Ok(found.iter().take(3).map(name).collect::<Vec<_>>().join(", ") + more)
    }

    fn judge_faults(&self) -> rusqlite::Result<TruthReport> {
        let names: BTreeMap<i64, &String> = self.faults.iter().map(|(name, index)| (*index, name)).collect();
        let mut report = TruthReport::default();
        let came = self.db.query_row("SELECT EXISTS(SELECT 1 FROM outcome)", [], |row| row.get::<_, bool>(0))?;
        // How a correct server answers each line: the strongest expectation of its faults.
        self.db.execute_batch(
            "DROP TABLE IF EXISTS line;
             CREATE TABLE line AS SELECT shard, seq, max(expect) AS expect FROM truth WHERE seq IS NOT NULL GROUP BY shard, seq;
             CREATE INDEX l1 ON line(shard, seq);
             DROP TABLE IF EXISTS copies;
             CREATE TABLE copies AS SELECT t.id, t.fault, count(*) AS copies FROM truth t JOIN line l USING(shard, seq)
                WHERE t.expect = 1 AND l.expect = 1 AND t.id IS NOT NULL GROUP BY t.id, t.fault;
             CREATE INDEX c1 ON copies(id);
             DELETE FROM missed_copy;",
        )?;
        self.judge_lines(&names, &mut report)?;
        self.judge_copies(&names, &mut report)?;
        let mut query = self.db.prepare(
            "SELECT t.fault, t.id IS NULL, EXISTS(SELECT 1 FROM outcome o WHERE o.id = t.id), count(*) FROM truth t
             WHERE t.seq IS NULL GROUP BY 1, 2, 3",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let fault = report.row(names.get(&row.get(0)?).map_or("", |name| name.as_str()));
            let (unknown, seen, n): (bool, bool, u64) = (row.get(1)?, row.get(2)?, whole(row, 3)?);
            fault.count += n;
            match (unknown, seen) {
                _ if !came => fault.cannot_tell(Undecidable::NoOutcome, n),
                (true, _) => fault.cannot_tell(Undecidable::NoId, n),
                (false, true) => fault.missed += n,
                (false, false) => fault.detected += n,
            }
        }
        let mut query = self.db.prepare(&format!(
            "SELECT o.word, {}, count(*), o.own, o.status IS NULL FROM outcome o LEFT JOIN line l USING(shard, seq)
             WHERE l.expect IS NULL AND NOT EXISTS(SELECT 1 FROM copies c WHERE c.id = o.id) GROUP BY 1, 2, 4, 5",
            is_repeated()
        ))?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let untouched = &mut report.untouched;
            let (word, is_repeated, n): (_, bool, u64) = (word_of(row.get(0)?), row.get(1)?, whole(row, 2)?);
            let (is_own, has_no_status): (bool, bool) = (row.get(3)?, row.get(4)?);
            untouched.count += n;
            match word {
                Some(Word::Accepted | Word::Present) => untouched.detected += n,
                Some(Word::Duplicate) if is_repeated => untouched.detected += n,
                Some(Word::Duplicate) if is_own => untouched.cannot_tell(Undecidable::OwnRetry, n),
                Some(Word::Duplicate | Word::Rejected) => untouched.false_alarm += n,
                word => untouched.cannot_tell(Undecidable::of(word, has_no_status), n),
            }
        }
        report.complete = self.summaries_due == 0 && self.truth_is_whole;
        report.add_up(came);
        Ok(report)
    }

    /// Judges the faults that have a line, except copies with an id.
    fn judge_lines(&self, names: &BTreeMap<i64, &String>, report: &mut TruthReport) -> rusqlite::Result<()> {
        let mut query = self.db.prepare(&format!(
            "SELECT t.fault, l.expect, o.word, coalesce(o.own, FALSE) OR {}, count(*), o.attempts = 0, o.status IS NULL
             FROM truth t JOIN line l USING(shard, seq) LEFT JOIN outcome o USING(shard, seq)
             WHERE NOT (t.expect = 1 AND l.expect = 1 AND t.id IS NOT NULL) GROUP BY 1, 2, 3, 4, 6, 7",
            is_repeated()
        ))?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let fault = report.row(names.get(&row.get(0)?).map_or("", |name| name.as_str()));
            let (expect, word, n): (i64, Option<Word>, u64) = (row.get(1)?, word_of(row.get(2)?), whole(row, 4)?);
            let (is_repeated, is_unsent): (bool, Option<bool>) = (row.get(3)?, row.get(5)?);
            let has_no_status: bool = row.get(6)?;
            fault.count += n;
            fault.refused_unsent += if is_unsent == Some(true) && word == Some(Word::Rejected) { n } else { 0 };
            match (expect, word) {
                // It may be accepted or refused. Both are correct.
                (4, Some(Word::Accepted | Word::Duplicate | Word::Present | Word::Rejected)) => fault.detected += n,
                (2, Some(Word::Rejected)) => fault.detected += n,
                (2, Some(Word::Accepted | Word::Duplicate | Word::Present | Word::Differs)) => fault.missed += n,
                (0, Some(Word::Accepted | Word::Present)) | (1, Some(Word::Duplicate)) => fault.detected += n,
                (0, Some(Word::Duplicate)) if is_repeated => fault.detected += n,
                (0, Some(Word::Duplicate | Word::Rejected)) | (1, Some(Word::Rejected)) => fault.false_alarm += n,
                (_, word) => fault.cannot_tell(Undecidable::of(word, has_no_status), n),
            }
        }
        Ok(())
    }

    /// Judges copies by their id: one should be accepted as new, the others answered as duplicates, in any order.
    /// If more than one is accepted as new, `--stored` tells whether the server holds it once. Without it, this is a miss
    /// only if the server reports duplicates. A refusal of a copy that was in flight at the same time as another is not a
    /// report of duplicates: it comes from a database constraint, and says nothing about copies that come one after the
    /// other.
    fn judge_copies(&self, names: &BTreeMap<i64, &String>, report: &mut TruthReport) -> rusqlite::Result<()> {
        let tells: bool = self.db.query_row(
            "SELECT EXISTS(SELECT 1 FROM outcome d WHERE d.word = 1 AND d.own = 0 AND (coalesce(d.status, 200) < 300
                OR NOT EXISTS(SELECT 1 FROM outcome p WHERE p.id = d.id AND p.rowid <> d.rowid
                    AND p.sent < d.ended AND d.sent < p.ended)))",
            [],
            |row| row.get(0),
        )?;
        let is_listed = self.stored_is_known && !self.stored_is_verified && self.stored_without_id == 0;
        let mut query = self.db.prepare(
            "SELECT c.fault, c.copies, sum(o.word = 0), sum(o.word = 1), sum(o.word = 2), sum(o.word = 3),
                sum(o.word = 4 AND o.status IS NOT NULL), sum(o.word = 4 AND o.status IS NULL), sum(o.word = 5),
                sum(o.word = 6), (SELECT i.held FROM item i WHERE i.id = c.id), c.id FROM copies c
             LEFT JOIN outcome o ON o.id = c.id AND NOT EXISTS
                (SELECT 1 FROM line l WHERE l.shard = o.shard AND l.seq = o.seq AND l.expect IN (2, 4))
             GROUP BY c.id, c.fault",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let fault = report.row(names.get(&row.get(0)?).map_or("", |name| name.as_str()));
            let copies = whole(row, 1)?;
            let (new, repeated) = (whole(row, 2)?, whole(row, 3)?);
            let detected = copies.min(repeated);
            let taken_again = (copies - detected).min(new.saturating_sub(1));
            let held = if is_listed { whole(row, 10)? } else { 0 };
            fault.count += copies;
            fault.detected += detected;
            let before = fault.missed;
            if held > 0 {
                let stored_again = taken_again.min(held - 1);
                fault.missed += stored_again;
                fault.detected += taken_again - stored_again;
            } else if tells && !is_listed {
                fault.missed += taken_again;
            } else {
                fault.cannot_tell(Undecidable::NoWord, taken_again);
            }
            if fault.missed > before {
                let (id, of): (i64, i64) = (row.get(11)?, row.get(0)?);
                let n = (fault.missed - before).cast_signed();
                self.db.execute("INSERT INTO missed_copy VALUES(?,?,?)", [id, of, n])?;
            }
            let mut left = copies - detected - taken_again;
            let others = [
                (4, Undecidable::Refused),
                (5, Undecidable::RateLimited),
                (6, Undecidable::ErrorAnswer),
                (7, Undecidable::NoConnection),
                (8, Undecidable::NoAnswer),
                (9, Undecidable::NotSent),
            ];
            for (column, why) in others {
                let n = left.min(whole(row, column)?);
                fault.cannot_tell(why, n);
                left -= n;
            }
            fault.cannot_tell(Undecidable::NoOutcome, left);
        }
        Ok(())
    }
}

/// Why a fault is undecidable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Undecidable {
    /// The server answered with an error.
    ErrorAnswer,
    /// There was no complete answer.
    NoAnswer,
    /// The server could not be reached.
    NoConnection,
    /// The server refused it because of a rate limit.
    RateLimited,
    /// It was not sent.
    NotSent,
    /// The stream has no outcome for the line.
    NoOutcome,
    /// The server gave a copy the same answer as a new event.
    NoWord,
    /// A copy was refused.
    Refused,
    /// A retry of psend may have caused the duplicate.
    OwnRetry,
    /// The event has no id to look for.
    NoId,
    /// psend --verify found it missing or different.
    NotVerified,
}

impl Undecidable {
    fn of(word: Option<Word>, has_no_status: bool) -> Self {
        match word {
            None => Self::NoOutcome,
            Some(Word::Failed) if has_no_status => Self::NoConnection,
            Some(Word::Failed) => Self::ErrorAnswer,
            Some(Word::RateLimited) => Self::RateLimited,
            Some(Word::NotSent) => Self::NotSent,
            Some(Word::Rejected) => Self::Refused,
            Some(Word::Missing | Word::Differs) => Self::NotVerified,
            Some(Word::Duplicate) => Self::OwnRetry,
            Some(Word::Unknown | Word::Accepted | Word::Present) => Self::NoAnswer,
        }
    }

    /// The reason as text, for this many faults.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::ErrorAnswer => "answered with an error",
            Self::NoAnswer => "without a complete answer",
            Self::NoConnection => "without a connection",
            Self::RateLimited => "rate limited",
            Self::NotSent => "not sent",
            Self::NoOutcome => "without an outcome",
            Self::NoWord => "copies answered like new events (--stored shows whether the server has them twice)",
            Self::Refused => "copies refused",
            Self::OwnRetry => "duplicates that psend's own retries may have caused",
            Self::NoId => "without an id",
            Self::NotVerified => "missing or different when verified",
        }
    }
}

/// The section `truth`.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct TruthReport {
    /// Faults injected.
    pub count: u64,
    /// Handled correctly by the server. Null without outcomes, like the next two.
    pub detected: Option<u64>,
    /// Not detected: broken lines that were accepted, copies accepted as new, dropped events that were seen.
    pub missed: Option<u64>,
    /// Good lines that were refused or answered as duplicates.
    pub false_alarm: Option<u64>,
    /// Faults without a verdict.
    pub undecidable: u64,
    /// The reasons, for all faults and for lines without one.
    pub why_undecidable: BTreeMap<Undecidable, u64>,
    /// Whether truth's summary says that it is complete.
    pub complete: bool,
    /// By fault.
    pub faults: BTreeMap<String, FaultReport>,
    /// The lines without a fault.
    pub untouched: FaultReport,
}

/// Verdicts on the injections of one fault.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct FaultReport {
    pub count: u64,
    pub detected: u64,
    pub missed: u64,
    pub false_alarm: u64,
    pub undecidable: u64,
    #[serde(skip)]
    pub why_undecidable: BTreeMap<Undecidable, u64>,
    /// Detected faults that psend itself refused, so the server never saw them.
    pub refused_unsent: u64,
    /// The first of those missed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missed_examples: Vec<Missed>,
}

impl FaultReport {
    fn cannot_tell(&mut self, why: Undecidable, n: u64) {
        if n > 0 {
            self.undecidable += n;
            *self.why_undecidable.entry(why).or_default() += n;
        }
    }
}

impl TruthReport {
    fn row(&mut self, fault: &str) -> &mut FaultReport {
        self.faults.entry(fault.to_owned()).or_default()
    }

    fn add_up(&mut self, outcomes_came: bool) {
        let sum = |of: fn(&FaultReport) -> u64| self.faults.values().map(of).sum::<u64>();
        let known = |sum: u64| outcomes_came.then_some(sum);
        self.count = sum(|fault| fault.count);
        self.detected = known(sum(|fault| fault.detected));
        self.missed = known(sum(|fault| fault.missed));
        self.false_alarm = known(sum(|fault| fault.false_alarm) + self.untouched.false_alarm);
        self.undecidable = sum(|fault| fault.undecidable);
        let mut whys: BTreeMap<Undecidable, u64> = BTreeMap::new();
        for (why, n) in self.faults.values().chain([&self.untouched]).flat_map(|fault| &fault.why_undecidable) {
            *whys.entry(*why).or_default() += n;
        }
        self.why_undecidable = whys;
    }

    /// An empty report with every fault.
    pub(crate) fn on_nothing() -> Self {
        let faults = FAULTS.iter().map(|fault| ((*fault).to_owned(), FaultReport::default())).collect();
        Self { faults, ..Self::default() }
    }
}
