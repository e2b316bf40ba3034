//! What lines of different streams say of the same event, put side by side: truth, events sent, outcomes, events stored.
//!
//! The rows lie in a temporary SQLite that the system takes away by itself: in memory while they are few, on disk when its
//! cache is full, so that inputs larger than memory can be joined. An event is known by 64 bits of its id's hash.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ToSql};
use serde::Serialize;

use super::distinct::hash_of;
use crate::cli::input::Inputs;
use crate::cli::{Console, Stop};
use crate::error::{Error, Result};
use crate::jsonl::scan::{FieldSet, Scanner, Spans};
use crate::jsonl::{Chunk, LineReader, value};
use crate::record::event::{FieldMap, Role};
use crate::record::outcome::Word;
use crate::record::truth::{Expect, Truth, TruthSummary};

/// SQLite's cache, in KiB: some hundred thousand rows stay in memory.
const CACHE_KIB: u32 = 16 << 10;

/// What is joined, beside the stream itself.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// `--truth`; `-` where it stands among the lines of the input.
    pub truth: Option<PathBuf>,
    /// `--against`.
    pub against: Option<PathBuf>,
    /// `--stored`.
    pub stored: Option<PathBuf>,
}

impl Sources {
    /// Whether nothing is to be joined.
    pub fn is_none(&self) -> bool {
        self.truth.is_none() && self.against.is_none() && self.stored.is_none()
    }
}

/// An outcome as far as joins go.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The hash of its shard; 0 without one.
    pub shard: u64,
    /// Its line in psend's input.
    pub seq: u64,
    /// The hash of its id.
    pub id: Option<u64>,
    /// How it ended.
    pub word: Word,
    /// A duplicate that may be of psend's own making.
    pub own_retry: bool,
    /// Requests sent.
    pub attempts: u64,
}

/// The rows gathered so far.
pub struct Joins {
    db: Connection,
    truth: bool,
    reconcile: bool,
    failed: Option<rusqlite::Error>,
    truth_complete: Option<bool>,
    faults: BTreeMap<String, i64>,
    stored_is_verified: bool,
}

const TABLES: &str = "
    CREATE TABLE outcome(shard INTEGER, seq INTEGER, id INTEGER, word INTEGER, own INTEGER, attempts INTEGER);
    CREATE TABLE truth(shard INTEGER, seq INTEGER, id INTEGER, checked INTEGER, fault INTEGER, expect INTEGER);
    CREATE TABLE item(id INTEGER PRIMARY KEY, sent INTEGER DEFAULT 0, arrived INTEGER DEFAULT 0, words INTEGER DEFAULT 0,
        stored INTEGER DEFAULT 0);
    BEGIN;";

/// How strong an expectation is: of a line with several faults the strongest holds.
fn rank(expect: Expect) -> i64 {
    match expect {
        Expect::Accepted => 0,
        Expect::Duplicate => 1,
        Expect::Rejected => 2,
        Expect::Absent => 3,
    }
}

/// An arrival that is an event; bits 0 to 9 of `words` are the outcomes' words.
const EVENT_BIT: i64 = 1 << Word::ALL.len();
const PRESENT: i64 = 1;
const MISSING: i64 = 2;
const DIFFERS: i64 = 4;

impl Joins {
    /// An empty place for rows.
    ///
    /// # Errors
    /// Where no temporary database can be made.
    pub fn new(sources: &Sources) -> Result<Self> {
        let open = || -> rusqlite::Result<Connection> {
            let db = Connection::open("")?;
            db.execute_batch(&format!(
                "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=FILE; PRAGMA cache_size=-{CACHE_KIB};"
            ))?;
            db.execute_batch(TABLES)?;
            Ok(db)
        };
        Ok(Self {
            db: open().map_err(failed)?,
            truth: sources.truth.is_some(),
            reconcile: sources.against.is_some() || sources.stored.is_some(),
            failed: None,
            truth_complete: None,
            faults: BTreeMap::new(),
            stored_is_verified: false,
        })
    }

    fn put(&mut self, sql: &str, row: &[&dyn ToSql]) {
        if self.failed.is_none() {
            let done = self.db.prepare_cached(sql).and_then(|mut insert| insert.execute(row));
            self.failed = done.err();
        }
    }

    /// An outcome came in.
    pub fn outcome(&mut self, arrival: Arrival) {
        let id = arrival.id.map(u64::cast_signed);
        if self.truth {
            let row: [&dyn ToSql; 6] = [
                &arrival.shard.cast_signed(),
                &arrival.seq.cast_signed(),
                &id,
                &(arrival.word as i64),
                &arrival.own_retry,
                &arrival.attempts.min(1).cast_signed(),
            ];
            self.put("INSERT INTO outcome VALUES(?,?,?,?,?,?)", &row);
        }
        if let (true, Some(id)) = (self.reconcile, id) {
            self.arrived(id, 1 << arrival.word as i64);
        }
    }

    /// An event came in.
    pub fn event(&mut self, id: Option<u64>) {
        if let (true, Some(id)) = (self.reconcile, id) {
            self.arrived(id.cast_signed(), EVENT_BIT);
        }
    }

    fn arrived(&mut self, id: i64, words: i64) {
        let sql = "INSERT INTO item(id, arrived, words) VALUES(?1, 1, ?2)
            ON CONFLICT(id) DO UPDATE SET arrived = arrived + 1, words = words | ?2";
        self.put(sql, &[&id, &words]);
    }

    /// A line of truth.
    ///
    /// # Errors
    /// Where it is none.
    pub fn truth_line(&mut self, line: &[u8], id_path: &str) -> Result<(), String> {
        if let Ok(summary) = serde_json::from_slice::<TruthSummary>(line)
            && summary.fault == "summary"
        {
            self.truth_complete = Some(self.truth_complete.unwrap_or(true) && summary.complete);
            return Ok(());
        }
        let truth: Truth = serde_json::from_slice(line).map_err(|e| format!("no line of truth: {e}"))?;
        let next = i64::try_from(self.faults.len()).unwrap_or(i64::MAX);
        let fault = *self.faults.entry(truth.fault).or_insert(next);
        let id = truth.event_id.and_then(|raw| id_hash(raw.get().as_bytes())).map(u64::cast_signed);
        // A fault that touches the id, or the bytes around it, leaves nothing to check by.
        let renamed = truth.edits.is_some() || truth.changes.is_some_and(|changes| changes.contains_key(id_path));
        let row: [&dyn ToSql; 6] = [
            &shard_hash(truth.shard.as_deref()).cast_signed(),
            &truth.seq.map(u64::cast_signed),
            &id,
            &id.filter(|_| !renamed),
            &fault,
            &rank(truth.expect),
        ];
        self.put("INSERT INTO truth VALUES(?,?,?,?,?,?)", &row);
        Ok(())
    }

    /// Reads the files beside the stream, which has ended.
    ///
    /// # Errors
    /// Where one cannot be read, or a line of truth is none.
    pub fn read(&mut self, sources: &Sources, map: &FieldMap, console: &Console, max_line: usize) -> Result<()> {
        let id_path = map.path(Role::Id);
        if let Some(path) = sources.truth.as_deref().filter(|path| path.as_os_str() != "-") {
            let mut reader = open(path, console, max_line)?;
            while let Some(chunk) = reader.next_chunk()? {
                if let Chunk::Overlong { .. } = chunk {
                    return Err(Error::failed(format!("{}: a line of truth over --max-line", path.display())));
                }
                for line in chunk.lines().filter(|line| !line.is_blank()) {
                    let read = self.truth_line(line.text, id_path);
                    read.map_err(|e| Error::failed(format!("{}: line {}: {e}", path.display(), line.seq)))?;
                }
            }
        }
        if let Some(path) = &sources.against {
            let sql = "INSERT INTO item(id, sent) VALUES(?1, 1) ON CONFLICT(id) DO UPDATE SET sent = sent + 1";
            self.read_items(path, id_path, console, max_line, |joins, id, _| joins.put(sql, &[&id]))?;
        }
        if let Some(path) = &sources.stored {
            let sql = "INSERT INTO item(id, stored) VALUES(?1, ?2) ON CONFLICT(id) DO UPDATE SET stored = stored | ?2";
            self.read_items(path, id_path, console, max_line, |joins, id, word| {
                joins.stored_is_verified |= word.is_some();
                let stored = match word {
                    Some(Word::Missing) => MISSING,
                    Some(Word::Differs) => DIFFERS,
                    Some(Word::Present) | None => PRESENT,
                    Some(_) => return,
                };
                joins.put(sql, &[&id, &stored]);
            })?;
        }
        match self.failed.take() {
            Some(error) => Err(failed(error)),
            None => Ok(()),
        }
    }

    /// Reads a file of events or outcomes, and hands on each one's id, with its word where it is an outcome.
    fn read_items(
        &mut self,
        path: &Path,
        id_path: &str,
        console: &Console,
        max_line: usize,
        mut take: impl FnMut(&mut Self, i64, Option<Word>),
    ) -> Result<()> {
        let mut fields = FieldSet::new(["event_id", "outcome", "seq", "attempts"]);
        let id_of_event = fields.add(id_path);
        let mut scanner = Scanner::new(fields);
        let mut spans = Spans::default();
        let mut reader = open(path, console, max_line)?;
        let (mut unread, mut without_id) = (0u64, 0u64);
        while let Some(chunk) = reader.next_chunk()? {
            unread += u64::from(matches!(chunk, Chunk::Overlong { last: true, .. }));
            for line in chunk.lines().filter(|line| !line.is_blank()) {
                if scanner.scan(line.text, &mut spans).is_err() {
                    unread += 1;
                    continue;
                }
                let field = |place| spans.raw(line.text, place);
                let is_outcome = spans.range(2).is_some() && spans.range(3).is_some();
                let word = field(1).filter(|_| is_outcome).and_then(|raw| value::text(raw)?.parse::<Word>().ok());
                let id = field(if word.is_some() { 0 } else { id_of_event });
                match id.and_then(id_hash) {
                    Some(id) => take(self, id.cast_signed(), word),
                    None => without_id += 1,
                }
            }
        }
        if unread > 0 {
            console.warn(format_args!("{}: {unread} lines could not be read as a JSON object", path.display()));
        }
        if without_id > 0 {
            console
                .warn(format_args!("{}: {without_id} lines have no {id_path}, and cannot be joined", path.display()));
        }
        Ok(())
    }

    /// What became of each injected fault.
    ///
    /// # Errors
    /// Where truth and outcomes are not of the same run.
    pub fn truth_report(&self) -> Result<Option<TruthReport>> {
        if !self.truth {
            return Ok(None);
        }
        self.check_that_streams_line_up()?;
        let report = self.judge_faults().map_err(failed)?;
        Ok(Some(report))
    }

    fn check_that_streams_line_up(&self) -> Result<()> {
        let indexes =
            "CREATE INDEX IF NOT EXISTS o1 ON outcome(shard, seq); CREATE INDEX IF NOT EXISTS o2 ON outcome(id);
            CREATE INDEX IF NOT EXISTS t1 ON truth(shard, seq); CREATE INDEX IF NOT EXISTS t2 ON truth(id);";
        self.db.execute_batch(indexes).map_err(failed)?;
        let sql = "SELECT t.seq FROM truth t JOIN outcome o USING(shard, seq) WHERE t.checked <> o.id LIMIT 1";
        let mut query = self.db.prepare(sql).map_err(failed)?;
        let mut rows = query.query([]).map_err(failed)?;
        match rows.next().map_err(failed)? {
            None => Ok(()),
            Some(row) => Err(Error::failed(format!(
                "truth and outcomes: streams do not line up: line {} has another event_id in each",
                row.get::<_, i64>(0).map_err(failed)?
            ))),
        }
    }

    fn judge_faults(&self) -> rusqlite::Result<TruthReport> {
        let names: BTreeMap<i64, &String> = self.faults.iter().map(|(name, index)| (*index, name)).collect();
        let mut report = TruthReport::default();
        // What a right server makes of each line: the strongest expectation of its faults.
        self.db.execute_batch(
            "DROP TABLE IF EXISTS line;
             CREATE TABLE line AS SELECT shard, seq, max(expect) AS expect FROM truth WHERE seq IS NOT NULL GROUP BY shard, seq;
             CREATE INDEX l1 ON line(shard, seq);
             DROP TABLE IF EXISTS copies;
             CREATE TABLE copies AS SELECT t.id, t.fault, count(*) AS copies FROM truth t JOIN line l USING(shard, seq)
                WHERE t.expect = 1 AND l.expect = 1 AND t.id IS NOT NULL GROUP BY t.id, t.fault;
             CREATE INDEX c1 ON copies(id);",
        )?;
        let mut query = self.db.prepare(
            "SELECT t.fault, l.expect, o.word, o.attempts, count(*) FROM truth t JOIN line l USING(shard, seq)
             LEFT JOIN outcome o USING(shard, seq)
             WHERE NOT (t.expect = 1 AND l.expect = 1 AND t.id IS NOT NULL) GROUP BY 1, 2, 3, 4",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let fault = report.row(names.get(&row.get(0)?).map_or("", |name| name.as_str()));
            let (expect, word, n): (i64, Option<Word>, u64) = (row.get(1)?, word_of(row.get(2)?), whole(row, 4)?);
            fault.count += n;
            fault.refused_unsent +=
                if row.get::<_, Option<i64>>(3)? == Some(0) && word == Some(Word::Rejected) { n } else { 0 };
            *match (expect, word) {
                (2, Some(Word::Rejected)) => &mut fault.detected,
                (2, Some(Word::Accepted | Word::Duplicate | Word::Present | Word::Differs)) => &mut fault.missed,
                (0, Some(Word::Accepted | Word::Duplicate | Word::Present)) => &mut fault.detected,
                (1, Some(Word::Duplicate)) => &mut fault.detected,
                (0 | 1, Some(Word::Rejected)) => &mut fault.false_alarm,
                _ => &mut fault.undecidable,
            } += n;
        }
        let tells: bool =
            self.db
                .query_row("SELECT EXISTS(SELECT 1 FROM outcome WHERE word = 1 AND own = 0)", [], |row| row.get(0))?;
        let mut query = self.db.prepare(
            "SELECT c.fault, c.copies, sum(o.word = 0), sum(o.word = 1) FROM copies c
             LEFT JOIN outcome o ON o.id = c.id AND NOT EXISTS
                (SELECT 1 FROM line l WHERE l.shard = o.shard AND l.seq = o.seq AND l.expect = 2)
             GROUP BY c.id, c.fault",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let fault = report.row(names.get(&row.get(0)?).map_or("", |name| name.as_str()));
            let copies = whole(row, 1)?;
            let (new, repeated) = (whole(row, 2)?, whole(row, 3)?);
            let detected = copies.min(repeated);
            let taken_again = (copies - detected).min(new.saturating_sub(1));
            fault.count += copies;
            fault.detected += detected;
            fault.missed += if tells { taken_again } else { 0 };
            fault.undecidable += copies - detected - if tells { taken_again } else { 0 };
        }
        let mut query = self.db.prepare(
            "SELECT t.fault, t.id IS NULL, EXISTS(SELECT 1 FROM outcome o WHERE o.id = t.id), count(*) FROM truth t
             WHERE t.seq IS NULL GROUP BY 1, 2, 3",
        )?;
        let came = self.db.query_row("SELECT EXISTS(SELECT 1 FROM outcome)", [], |row| row.get::<_, bool>(0))?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let fault = report.row(names.get(&row.get(0)?).map_or("", |name| name.as_str()));
            let (unknown, seen, n): (bool, bool, u64) = (row.get(1)?, row.get(2)?, whole(row, 3)?);
            fault.count += n;
            *match (unknown || !came, seen) {
                (true, _) => &mut fault.undecidable,
                (false, true) => &mut fault.missed,
                (false, false) => &mut fault.detected,
            } += n;
        }
        let mut query = self.db.prepare(
            "SELECT o.word, o.own, count(*) FROM outcome o LEFT JOIN line l USING(shard, seq)
             WHERE l.expect IS NULL AND NOT EXISTS(SELECT 1 FROM copies c WHERE c.id = o.id) GROUP BY 1, 2",
        )?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let untouched = &mut report.untouched;
            let (word, own, n): (Option<Word>, bool, u64) = (word_of(row.get(0)?), row.get(1)?, whole(row, 2)?);
            untouched.count += n;
            *match (word, own) {
                (Some(Word::Accepted | Word::Present), _) => &mut untouched.detected,
                (Some(Word::Duplicate), false) | (Some(Word::Rejected), _) => &mut untouched.false_alarm,
                _ => &mut untouched.undecidable,
            } += n;
        }
        report.complete = self.truth_complete.unwrap_or(false);
        report.add_up();
        Ok(report)
    }

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

/// A count; of nothing where it is null.
fn whole(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, Option<i64>>(column)?.unwrap_or(0).cast_unsigned())
}

fn word_of(index: Option<i64>) -> Option<Word> {
    Word::ALL.get(usize::try_from(index?).ok()?).copied()
}

fn id_hash(raw: &[u8]) -> Option<u64> {
    (raw != b"null").then(|| hash_of(value::label(raw).as_bytes()))
}

/// The hash that stands for a shard; 0 without one.
pub fn shard_hash(shard: Option<&str>) -> u64 {
    shard.map_or(0, |shard| hash_of(shard.as_bytes()))
}

fn open(path: &Path, console: &Console, max_line: usize) -> Result<LineReader> {
    Ok(LineReader::new(Inputs::open(&[path.to_owned()], &Stop::never(), console)?, max_line))
}

#[allow(clippy::needless_pass_by_value)] // the shape that map_err wants
fn failed(error: rusqlite::Error) -> Error {
    Error::failed(format!("the temporary database of joins: {error}"))
}

/// Under `truth`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TruthReport {
    /// Faults injected.
    pub count: u64,
    /// Met as a right server meets them.
    pub detected: u64,
    /// Not: broken lines that were taken, copies taken as new, dropped events that were seen.
    pub missed: u64,
    /// Good lines that were refused, or said to be duplicates.
    pub false_alarm: u64,
    /// What no answer, or the server's words, cannot tell.
    pub undecidable: u64,
    /// Whether truth's summary says that it is complete.
    pub complete: bool,
    /// By fault.
    pub faults: BTreeMap<String, FaultReport>,
    /// The lines that no fault touched.
    pub untouched: FaultReport,
}

/// What became of a fault.
#[derive(Debug, Clone, Default, Serialize)]
#[allow(missing_docs)] // as above
pub struct FaultReport {
    pub count: u64,
    pub detected: u64,
    pub missed: u64,
    pub false_alarm: u64,
    pub undecidable: u64,
    /// Of the detected: refused by psend itself, so that the server never saw them.
    pub refused_unsent: u64,
}

impl TruthReport {
    fn row(&mut self, fault: &str) -> &mut FaultReport {
        self.faults.entry(fault.to_owned()).or_default()
    }

    fn add_up(&mut self) {
        self.count = self.faults.values().map(|f| f.count).sum();
        self.detected = self.faults.values().map(|f| f.detected).sum();
        self.missed = self.faults.values().map(|f| f.missed).sum();
        self.false_alarm = self.faults.values().map(|f| f.false_alarm).sum::<u64>() + self.untouched.false_alarm;
        self.undecidable = self.faults.values().map(|f| f.undecidable).sum();
    }

    /// The report on nothing, with every fault there is.
    pub fn on_nothing() -> Self {
        let faults = [
            "spike",
            "slow",
            "error",
            "recover",
            "new_id",
            "curve",
            "shift",
            "flash",
            "gap",
            "incident",
            "duplicate",
            "drop",
            "late",
            "reorder",
            "skew",
            "malformed",
            "schema",
            "encoding",
            "oversize",
            "poison",
            "label",
        ];
        let faults = faults.into_iter().map(|fault| (fault.to_owned(), FaultReport::default())).collect();
        Self { faults, ..Self::default() }
    }
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
