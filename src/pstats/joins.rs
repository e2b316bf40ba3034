//! Joins what different streams say about the same event: truth, events sent, outcomes, events stored.
//! The rows are in a temporary SQLite database that the system removes: in memory if there are few, on disk if its cache is
//! full, so that inputs larger than memory can be joined. An event is identified by 64 bits of the hash of its id.

mod chaos;
mod each_missed;
mod faults;
mod missed;
mod reconcile;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ToSql};

use super::alerts::{Alerts, AlertsReport, Watch};
use super::distinct::hash_of;
use super::parts::Parts;
use super::settle;
use super::summary::whole_runs;
use crate::cli::input::Inputs;
use crate::cli::numbers::counted;
use crate::cli::{Console, Stop};
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::jsonl::scan::{FieldSet, Scanner, Spans};
use crate::jsonl::{Chunk, LineReader, value};
use crate::record::chaos::{ChaosFault, ChaosLine};
use crate::record::event::{FieldMap, Role};
use crate::record::outcome::{RunRecord, Word};
use crate::record::truth::{Expect, TruthLine};

/// How long a file of truth that does not exist is waited for.
const TRUTH_WAIT: Duration = Duration::from_secs(1);

/// SQLite's cache, in KiB: some hundred thousand rows stay in memory.
const CACHE_KIB: u32 = 16 << 10;

/// The most shards whose names are kept for messages.
const MOST_SHARDS: usize = 1000;

pub(super) use chaos::ChaosReport;
pub(super) use faults::{FaultReport, TruthReport};
pub(super) use reconcile::{ReconciledReport, StoredReport};

/// The files to join with the stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    /// `--truth`, one per shard; `-` if its lines are in the input.
    pub truth: Vec<PathBuf>,
    /// `--against`.
    pub against: Option<PathBuf>,
    /// `--stored`.
    pub stored: Option<PathBuf>,
    /// `--chaos-truth`.
    pub chaos: Option<PathBuf>,
    /// `--alerts`, which needs truth.
    pub alerts: Option<Watch>,
}

impl Sources {
    /// Whether there is nothing to join.
    pub(super) fn is_none(&self) -> bool {
        self.truth.is_empty() && self.against.is_none() && self.stored.is_none() && self.chaos.is_none()
    }
}

/// The content of an outcome that joins need.
#[derive(Debug, Clone, Copy)]
pub(super) struct JoinedOutcome<'a> {
    /// Its shard, as it is written.
    pub shard: Option<&'a str>,
    /// Its line in psend's input.
    pub seq: u64,
    /// The hash of its id.
    pub id: Option<u64>,
    /// How it ended.
    pub word: Word,
    /// Whether it is a duplicate that a retry of psend may have caused.
    pub own_retry: bool,
    /// Requests sent.
    pub attempts: u64,
    /// The last answer's status code.
    pub status: Option<u16>,
    /// From the first request to the end.
    pub span: Option<(Micros, Micros)>,
}

/// The rows gathered so far.
pub(super) struct Joins {
    db: Connection,
    truth: bool,
    reconcile: bool,
    chaos: bool,
    failed: Option<rusqlite::Error>,
    /// The names of shards by their hash, for messages. Only some if there are very many.
    shards: BTreeMap<i64, String>,
    /// Summaries of truth that are still missing, one from each source.
    summaries_due: usize,
    truth_is_whole: bool,
    /// The parts that the files of `--truth` are.
    parts: Parts,
    /// With `--alerts`: these and the faults.
    alerts: Option<Alerts>,
    faults: BTreeMap<String, i64>,
    chaos_faults: BTreeMap<String, i64>,
    stored_is_verified: bool,
    /// Whether the run records of `--stored` say that all of its outcomes are there.
    stored_is_whole: bool,
    /// Whether `--stored` was given.
    stored_is_known: bool,
    /// Lines of `--stored` whose event is not known.
    stored_without_id: u64,
    insert_outcome: String,
}

const TABLES: &str = "
    CREATE TABLE outcome(shard INTEGER, seq INTEGER, id INTEGER, word INTEGER, own INTEGER, attempts INTEGER, status INTEGER,
        sent INTEGER, ended INTEGER, weight INTEGER, clash INTEGER DEFAULT 0, PRIMARY KEY(shard, seq));
    CREATE TABLE truth(shard INTEGER, seq INTEGER, id INTEGER, checked INTEGER, fault INTEGER, expect INTEGER,
        raw TEXT, done TEXT);
    CREATE TABLE missed_copy(id INTEGER, fault INTEGER, n INTEGER);
    CREATE TABLE item(id INTEGER PRIMARY KEY, sent INTEGER DEFAULT 0, arrived INTEGER DEFAULT 0, words INTEGER DEFAULT 0,
        stored INTEGER DEFAULT 0, held INTEGER DEFAULT 0);
    CREATE TABLE chaos(fault INTEGER, id INTEGER, stored INTEGER, times INTEGER, PRIMARY KEY(fault, id));
    BEGIN;";

/// The strength of an expectation. For a line with several faults, the strongest one applies.
fn rank(expect: Expect) -> i64 {
    match expect {
        Expect::Accepted => 0,
        Expect::Duplicate => 1,
        Expect::Rejected => 2,
        Expect::Absent => 3,
        Expect::Either => 4,
    }
}

/// How outcomes enter the table. Of several outcomes of a line (contracts §3), the one with the most weight is kept; of equal
/// ones that do not say that the server has the event, the last. Outcomes of one line for different events conflict.
fn insert_outcome() -> String {
    let better = format!("excluded.weight > weight OR excluded.weight = weight AND weight < {}", settle::SUCCESS);
    let columns = ["id", "word", "own", "attempts", "status", "sent", "ended", "weight"];
    let set = columns.map(|name| format!("{name} = CASE WHEN {better} THEN excluded.{name} ELSE {name} END"));
    format!(
        "INSERT INTO outcome(shard, seq, {}) VALUES(?,?,?,?,?,?,?,?,?,?)
            ON CONFLICT(shard, seq) DO UPDATE SET clash = clash OR excluded.id IS NOT id, {}",
        columns.join(", "),
        set.join(", ")
    )
}

/// The bit for an event that came in. Bits 0 to 9 of `words` are the words of outcomes.
const EVENT_BIT: i64 = 1 << Word::ALL.len();
/// The words that say that the server has the event.
const HELD_BITS: i64 =
    1 << Word::Accepted as i64 | 1 << Word::Duplicate as i64 | 1 << Word::Present as i64 | 1 << Word::Differs as i64;
const PRESENT: i64 = 1;
const MISSING: i64 = 2;
const DIFFERS: i64 = 4;

impl Joins {
    /// An empty database.
    ///
    /// # Errors
    /// If no temporary database can be created.
    pub(super) fn new(sources: &Sources) -> Result<Self> {
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
            truth: !sources.truth.is_empty(),
            reconcile: sources.against.is_some() || sources.stored.is_some(),
            chaos: sources.chaos.is_some(),
            failed: None,
            shards: BTreeMap::new(),
            summaries_due: sources.truth.len(),
            truth_is_whole: true,
            parts: Parts::default(),
            alerts: sources.alerts.clone().map(Alerts::new),
            faults: BTreeMap::new(),
            chaos_faults: BTreeMap::new(),
            stored_is_verified: false,
            stored_is_whole: false,
            stored_is_known: sources.stored.is_some(),
            stored_without_id: 0,
            insert_outcome: insert_outcome(),
        })
    }

    fn put(&mut self, sql: &str, row: &[&dyn ToSql]) {
        if self.failed.is_none() {
            let done = self.db.prepare_cached(sql).and_then(|mut insert| insert.execute(row));
            self.failed = done.err();
        }
    }

    /// The hash of a shard; 0 without one.
    fn shard(&mut self, shard: Option<&str>) -> i64 {
        let Some(name) = shard else { return 0 };
        let hash = hash_of(name.as_bytes()).cast_signed();
        if self.shards.len() < MOST_SHARDS {
            self.shards.entry(hash).or_insert_with(|| name.to_owned());
        }
        hash
    }

    /// Adds an outcome.
    pub(super) fn outcome(&mut self, arrival: JoinedOutcome<'_>) {
        let id = arrival.id.map(u64::cast_signed);
        if self.truth {
            let shard = self.shard(arrival.shard);
            let (sent, ended) = arrival.span.unzip();
            let row: [&dyn ToSql; 10] = [
                &shard,
                &arrival.seq.cast_signed(),
                &id,
                &(arrival.word as i64),
                &arrival.own_retry,
                &arrival.attempts.min(1).cast_signed(),
                &arrival.status,
                &sent,
                &ended,
                &(settle::weight(arrival.word) as i64),
            ];
            let sql = std::mem::take(&mut self.insert_outcome);
            self.put(&sql, &row);
            self.insert_outcome = sql;
        }
        if let (true, Some(id)) = (self.reconcile || self.chaos, id) {
            self.arrived(id, 1 << arrival.word as i64);
        }
    }

    /// Takes the parts of runs that were found in the files of `--truth`.
    pub(super) fn take_parts(&mut self) -> Parts {
        std::mem::take(&mut self.parts)
    }

    /// Adds an event.
    pub(super) fn event(&mut self, id: Option<u64>) {
        if let (true, Some(id)) = (self.reconcile, id) {
            self.arrived(id.cast_signed(), EVENT_BIT);
        }
    }

    fn arrived(&mut self, id: i64, words: i64) {
        let sql = "INSERT INTO item(id, arrived, words) VALUES(?1, ?3, ?2)
            ON CONFLICT(id) DO UPDATE SET arrived = arrived + ?3, words = words | ?2";
        self.put(sql, &[&id, &words, &(words & (HELD_BITS | EVENT_BIT) != 0)]);
    }

    /// What the alerts did, if there are logs of them. `events` are the times of the first and the last event that came in.
    pub(super) fn alerts_report(&self, events: Option<(Micros, Micros)>) -> Option<AlertsReport> {
        self.alerts.as_ref().map(|alerts| alerts.report(events))
    }

    /// What the user should know about the alerts.
    pub(super) fn doubts(&self) -> Vec<String> {
        self.alerts.as_ref().map(Alerts::doubts).unwrap_or_default()
    }

    /// Adds a line of truth.
    pub(super) fn truth_line(&mut self, line: TruthLine, id_path: &str) {
        self.alerts.iter_mut().for_each(|alerts| alerts.truth_line(&line));
        let truth = match line {
            TruthLine::Summary(summary) => {
                self.summaries_due = self.summaries_due.saturating_sub(1);
                self.truth_is_whole &= summary.complete;
                return;
            }
            TruthLine::Fault(truth) => truth,
        };
        let done = missed::done(&truth);
        let next = i64::try_from(self.faults.len()).unwrap_or(i64::MAX);
        let fault = *self.faults.entry(truth.fault).or_insert(next);
        let id = truth.event_id.as_ref().and_then(|raw| id_hash(raw.get().as_bytes())).map(u64::cast_signed);
        // If a fault changes the id or the bytes around it, the id cannot be checked.
        let renamed =
            truth.edits.is_some() || truth.changes.as_ref().is_some_and(|changes| changes.contains_key(id_path));
        let shard = self.shard(truth.shard.as_deref());
        let raw = truth.event_id.as_ref().map(|raw| raw.get());
        let row: [&dyn ToSql; 8] = [
            &shard,
            &truth.seq.map(u64::cast_signed),
            &id,
            &id.filter(|_| !renamed),
            &fault,
            &rank(truth.expect),
            &raw,
            &done,
        ];
        self.put("INSERT INTO truth VALUES(?,?,?,?,?,?,?,?)", &row);
    }

    /// Adds a line of `--chaos-truth`.
    fn chaos_line(&mut self, line: ChaosLine) {
        let ChaosLine::Fault(ChaosFault { chaos, event_id, stored, .. }) = line else { return };
        let next = i64::try_from(self.chaos_faults.len()).unwrap_or(i64::MAX);
        let fault = *self.chaos_faults.entry(chaos).or_insert(next);
        let sql = "INSERT INTO chaos VALUES(?1, ?2, ?3, 1)
            ON CONFLICT(fault, id) DO UPDATE SET stored = ?3, times = times + 1";
        self.put(sql, &[&fault, &hash_of(event_id.as_bytes()).cast_signed(), &stored]);
    }

    /// Reads the files of the flags, after the stream has ended.
    ///
    /// # Errors
    /// If one cannot be read, or a line of `--truth` is not truth.
    pub(super) fn read(
        &mut self,
        sources: &Sources,
        map: &FieldMap,
        console: &Console,
        max_line: usize,
        stop: &Stop,
    ) -> Result<()> {
        let id_path = map.path(Role::Id);
        let open = |path: &Path| -> Result<LineReader> {
            Ok(LineReader::new(Inputs::open(&[path.to_owned()], stop, console)?, max_line))
        };
        for path in sources.truth.iter().filter(|path| path.as_os_str() != "-") {
            wait_for(path, stop);
            let mut reader = open(path)?;
            while let Some(chunk) = reader.next_chunk()? {
                if let Chunk::Overlong { .. } = chunk {
                    return Err(Error::failed(format!(
                        "{}: a line of truth is longer than --max-line",
                        path.display()
                    )));
                }
                for line in chunk.lines().filter(|line| !line.is_blank()) {
                    let read = TruthLine::read(line.text).ok_or_else(|| {
                        Error::failed(format!("{}: line {}: not a line of truth", path.display(), line.seq))
                    });
                    let read = read?;
                    if let TruthLine::Summary(summary) = &read {
                        self.parts.shaped(summary);
                    }
                    self.truth_line(read, id_path);
                }
            }
        }
        if let Some(alerts) = &mut self.alerts {
            alerts.read(console, max_line, stop)?;
        }
        if let Some(path) = &sources.against {
            let sql = "INSERT INTO item(id, sent) VALUES(?1, 1) ON CONFLICT(id) DO UPDATE SET sent = sent + 1";
            self.read_items(path, open(path)?, id_path, console, |joins, id, _| joins.put(sql, &[&id]))?;
        }
        if let Some(path) = &sources.stored {
            let sql = "INSERT INTO item(id, stored, held) VALUES(?1, ?2, 1)
                ON CONFLICT(id) DO UPDATE SET stored = stored | ?2, held = held + 1";
            let (is_whole, without_id) = self.read_items(path, open(path)?, id_path, console, |joins, id, word| {
                joins.stored_is_verified |= word.is_some();
                let stored = match word {
                    Some(Word::Missing) => MISSING,
                    Some(Word::Differs) => DIFFERS,
                    Some(Word::Present) | None => PRESENT,
                    Some(_) => return,
                };
                joins.put(sql, &[&id, &stored]);
            })?;
            self.stored_is_whole = is_whole == Some(true);
            self.stored_without_id = without_id;
        }
        if let Some(path) = &sources.chaos {
            let mut reader = open(path)?;
            while let Some(chunk) = reader.next_chunk()? {
                for line in chunk.lines().filter(|line| !line.is_blank()) {
                    let read = ChaosLine::read(line.text).ok_or_else(|| {
                        Error::failed(format!(
                            "{}: line {}: not a line that pserve --chaos-truth writes",
                            path.display(),
                            line.seq
                        ))
                    });
                    self.chaos_line(read?);
                }
            }
        }
        match self.failed.take() {
            Some(error) => Err(failed(error)),
            None => Ok(()),
        }
    }

    /// Reads a file of events or outcomes, and passes on the id of each, with the word of an outcome. Returns whether all
    /// runs of its run records are complete, if it has any, and how many lines may be events without a readable id.
    fn read_items(
        &mut self,
        path: &Path,
        mut reader: LineReader,
        id_path: &str,
        console: &Console,
        mut take: impl FnMut(&mut Self, i64, Option<Word>),
    ) -> Result<(Option<bool>, u64)> {
        let mut fields = FieldSet::new(["event_id", "outcome", "seq", "attempts", "run.complete"]);
        let id_of_event = fields.add(id_path);
        let mut scanner = Scanner::new(fields);
        let mut spans = Spans::default();
        let (mut unread, mut without_id) = (0u64, 0u64);
        let mut runs = Vec::new();
        while let Some(chunk) = reader.next_chunk()? {
            unread += u64::from(matches!(chunk, Chunk::Overlong { last: true, .. }));
            for line in chunk.lines().filter(|line| !line.is_blank()) {
                if scanner.scan(line.text, &mut spans).is_err() {
                    unread += 1;
                    continue;
                }
                let field = |place| spans.raw(line.text, place);
                if let Some(run) = field(4).and_then(|_| RunRecord::read(line.text)) {
                    runs.push(run);
                    continue;
                }
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
            console.warn(format_args!(
                "{}: {} could not be read as a JSON object",
                path.display(),
                counted(unread, "line", "lines")
            ));
        }
        if without_id > 0 {
            console.warn(format_args!(
                "{}: {} no {id_path} and cannot be joined",
                path.display(),
                counted(without_id, "line has", "lines have")
            ));
        }
        let is_complete = (!runs.is_empty()).then(|| whole_runs(&runs).iter().all(|run| run.complete));
        Ok((is_complete, unread + without_id))
    }
}

/// A count; 0 if it is null.
fn whole(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, Option<i64>>(column)?.unwrap_or(0).cast_unsigned())
}

fn word_of(index: Option<i64>) -> Option<Word> {
    Word::ALL.get(usize::try_from(index?).ok()?).copied()
}

fn id_hash(raw: &[u8]) -> Option<u64> {
    (raw != b"null").then(|| hash_of(value::label(raw).as_bytes()))
}

#[allow(clippy::needless_pass_by_value)] // the shape that map_err wants
fn failed(error: rusqlite::Error) -> Error {
    Error::failed(format!("the temporary database for --truth, --against, --stored and --chaos-truth: {error}"))
}

/// Waits a moment for a file that does not exist yet. If psend ends before its input does, pshape completes its truth only after
/// psend has closed the pipe between them.
fn wait_for(path: &Path, stop: &Stop) {
    let start = Instant::now();
    while !path.exists() && start.elapsed() < TRUTH_WAIT && !stop.requested() {
        sleep(Duration::from_millis(20));
    }
}
