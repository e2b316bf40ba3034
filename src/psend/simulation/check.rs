//! Checks the results of simulated runs against the contract (contracts §3).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::scenario::{Full, Scenario};
use super::server::Server;
use crate::psend::config::Config;
use crate::psend::drive::Driven;
use crate::psend::sink::Written;
use crate::record::outcome::Word;

/// The result of one run.
pub(super) struct Run {
    /// `None` if it was ended at once: killed, or by a second signal.
    pub(super) ended: Option<(Driven, Written)>,
    /// Whether no error ended reading early.
    pub(super) read_all: bool,
    /// The events that its summary counts as done.
    pub(super) counted: u64,
}

/// The rank of outcomes that say that the server has the event.
const HELD: u8 = 3;

/// What is checked of an outcome.
#[derive(Debug, Clone, Deserialize)]
struct Seen {
    seq: u64,
    outcome: Word,
    /// The line as it was written.
    #[serde(skip)]
    text: String,
}

/// All runs of a scenario so far.
pub(super) struct Log<'a> {
    scenario: &'a Scenario,
    outcomes: PathBuf,
    dead_letters: Option<PathBuf>,
    journal: Option<PathBuf>,
    is_limited: bool,
    /// Lines of outcomes that were checked.
    seen: usize,
    all: Vec<Seen>,
    runs: Vec<Run>,
}

/// Fails with `what` unless it holds.
fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// The whole lines of a file.
fn lines(path: &PathBuf) -> Vec<String> {
    let text = String::from_utf8(std::fs::read(path).unwrap_or_default()).expect("only text is written");
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    text[..whole].lines().map(str::to_owned).collect()
}

/// Whether the server's event equals the one in this line.
fn is_same_event(held: &Value, line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|event| event == *held)
}

impl<'a> Log<'a> {
    pub(super) fn of(scenario: &'a Scenario, config: &Config) -> Self {
        Self {
            scenario,
            outcomes: config.output.clone().expect("each scenario has an output"),
            dead_letters: config.dead_letter.clone(),
            journal: config.journal.clone(),
            is_limited: config.limit.is_some() || config.limits.duration.is_some() || config.pace.is_open(),
            seen: 0,
            all: Vec::new(),
            runs: Vec::new(),
        }
    }

    /// Checks what a run added.
    pub(super) fn add(&mut self, run: Run, server: &Server) -> Result<(), String> {
        let nth = self.runs.len() + 1;
        let faults = server.faults.borrow().join("\n");
        ensure(faults.is_empty(), || format!("run {nth}: {faults}"))?;
        let lines = lines(&self.outcomes);
        let added: Vec<Seen> = lines[self.seen..]
            .iter()
            .filter(|line| !line.starts_with("{\"run\""))
            .map(|line| {
                let seen: Seen = serde_json::from_str(line).map_err(|e| format!("run {nth}: {line}: {e}"))?;
                Ok(Seen { text: line.clone(), ..seen })
            })
            .collect::<Result<_, String>>()?;
        self.seen = lines.len();
        let mut seqs = BTreeSet::new();
        for Seen { seq, .. } in &added {
            ensure(seqs.insert(*seq), || format!("run {nth}: line {seq} has two outcomes"))?;
        }
        if let Some((driven, written)) = &run.ended {
            let written_or_lost = added.len() as u64 + written.lost;
            ensure(run.counted == written_or_lost, || {
                format!("run {nth}: {} counted, {} written and {} lost", run.counted, added.len(), written.lost)
            })?;
            if written.broke.is_none() {
                self.every_line_has_an_outcome(nth, &run, driven, &seqs)?;
            }
        }
        ensure(run.counted >= added.len() as u64, || {
            format!("run {nth}: {} counted, and {} written", run.counted, added.len())
        })?;
        let went_well = run.ended.as_ref().is_some_and(|(_, written)| written.broke.is_none());
        if went_well && self.journal.is_some() {
            self.journal_has_what_is_held(nth, &added)?;
        }
        self.all.extend(added);
        self.journal_follows_outcomes(nth)?;
        self.runs.push(run);
        Ok(())
    }

    /// Every line that was read has its outcome, in this run or in one before.
    fn every_line_has_an_outcome(
        &self,
        nth: usize,
        run: &Run,
        driven: &Driven,
        seqs: &BTreeSet<u64>,
    ) -> Result<(), String> {
        if driven.why.is_none() && run.read_all && !self.is_limited {
            let total = self.scenario.lines.len() as u64;
            ensure(driven.lines_read == total, || format!("run {nth}: {} of {total} lines read", driven.lines_read))?;
        }
        let before: BTreeSet<u64> = self.all.iter().map(|seen| seen.seq).collect();
        for (seq, line) in (1..).zip(&self.scenario.lines).take_while(|(seq, _)| *seq <= driven.lines_read) {
            let is_there = seqs.contains(&seq) || before.contains(&seq);
            ensure(line.text.is_empty() || is_there, || {
                format!("run {nth}: line {seq} has no outcome ({} lines read)", driven.lines_read)
            })?;
        }
        Ok(())
    }

    /// Lines that the journal calls done have an outcome.
    fn journal_follows_outcomes(&self, nth: usize) -> Result<(), String> {
        for seq in self.journaled() {
            let is_there = self.all.iter().any(|seen| seen.seq == seq);
            ensure(is_there, || format!("run {nth}: the journal has line {seq}, which has no outcome"))?;
        }
        Ok(())
    }

    /// After a run that wrote everything, the journal has the events that the server said it has.
    fn journal_has_what_is_held(&self, nth: usize, added: &[Seen]) -> Result<(), String> {
        let journaled = self.journaled();
        let is_held = |seen: &&Seen| matches!(seen.outcome, Word::Accepted | Word::Duplicate | Word::Present);
        for Seen { seq, outcome, .. } in added.iter().filter(is_held) {
            ensure(journaled.contains(seq), || format!("run {nth}: line {seq} is {outcome}, and not in the journal"))?;
        }
        Ok(())
    }

    fn journaled(&self) -> BTreeSet<u64> {
        let Some(journal) = &self.journal else { return BTreeSet::new() };
        let number = |line: &String| line.split(' ').next().and_then(|seq| seq.parse().ok());
        lines(journal).iter().skip(1).filter_map(number).collect()
    }

    /// Checks all runs together.
    pub(super) fn check_all(&self, server: &Server) -> Result<(), String> {
        let all_lines_kept = self.runs.iter().all(|run| run.ended.as_ref().is_some_and(|(_, w)| w.broke.is_none()));
        let by_line = self.outcome_that_counts();
        let stored = server.copies.borrow();
        for (seq, count) in stored.iter() {
            ensure(*count == 1, || format!("line {seq} is stored {count} times"))?;
        }
        for (seq, word) in &by_line {
            let line = &self.scenario.lines[usize::try_from(*seq).expect("it is a line") - 1];
            let is_stored = stored.contains_key(seq);
            let is_held = line.id.as_ref().is_some_and(|id| server.holds(id));
            let is_doubted = server.doubted.borrow().contains(seq);
            let asked_for = line.id.as_ref().and_then(|id| server.prepared(id));
            let is_same = asked_for.as_ref().is_some_and(|held| is_same_event(held, &line.text));
            let is_true = match word {
                Word::Accepted => is_stored,
                Word::Duplicate => is_held,
                Word::Unknown => is_doubted || self.scenario.is_verify || self.runs.len() > 1,
                Word::Rejected | Word::RateLimited | Word::Failed | Word::NotSent => !is_stored,
                Word::Present => is_same || (asked_for.is_some() && !server.shows_events()),
                Word::Missing => self.scenario.is_verify && asked_for.is_none(),
                Word::Differs => asked_for.is_some() && !is_same && server.shows_events(),
            };
            ensure(is_true, || {
                let held = if is_held { "held" } else { "not held" };
                let outcomes: Vec<&str> =
                    self.all.iter().filter(|seen| seen.seq == *seq).map(|seen| &*seen.text).collect();
                format!(
                    "line {seq} is called {word}; stored: {is_stored}, its id is {held}, in doubt: {is_doubted}\n{}",
                    outcomes.join("\n")
                )
            })?;
            ensure(line.is_event || *word != Word::Accepted, || format!("line {seq} is no event, and {word}"))?;
        }
        if all_lines_kept {
            for seq in stored.keys() {
                ensure(by_line.contains_key(seq), || format!("line {seq} is stored, and has no outcome"))?;
            }
            self.dead_letters_are_what_is_left(&by_line)?;
        }
        if self.runs.len() > 1 {
            self.nothing_is_left(&by_line)?;
        }
        Ok(())
    }

    /// The outcome that counts for each line (contracts §3): the first that says that the server has the event, or else the last of
    /// those that say most.
    fn outcome_that_counts(&self) -> BTreeMap<u64, Word> {
        let rank = |seen: &Seen| match seen.outcome {
            Word::NotSent => 0,
            Word::Rejected | Word::RateLimited | Word::Failed => 1,
            Word::Unknown => 2,
            Word::Missing | Word::Differs => 2,
            _ => HELD,
        };
        let mut by_line: BTreeMap<u64, &Seen> = BTreeMap::new();
        for seen in &self.all {
            let known = by_line.entry(seen.seq).or_insert(seen);
            if rank(seen) >= rank(known) && rank(known) < HELD {
                *known = seen;
            }
        }
        by_line.into_iter().map(|(seq, seen)| (seq, seen.outcome)).collect()
    }

    /// Each event that was not delivered is kept once, and no other.
    fn dead_letters_are_what_is_left(&self, by_line: &BTreeMap<u64, Word>) -> Result<(), String> {
        let Some(path) = &self.dead_letters else { return Ok(()) };
        if matches!(self.scenario.full, Some((Full::DeadLetters, _))) || self.runs.len() > 1 {
            return Ok(());
        }
        let letters = lines(path);
        for (seq, word) in by_line {
            let text = &self.scenario.lines[usize::try_from(*seq).expect("it is a line") - 1].text;
            let kept = letters.iter().filter(|letter| *letter == text).count();
            let expected = usize::from(!matches!(word, Word::Accepted | Word::Duplicate | Word::Present));
            ensure(kept == expected, || format!("line {seq} is {word}, and {kept} times among the dead letters"))?;
        }
        Ok(())
    }

    /// After a run that reached the end of its input, the journal has every line.
    fn nothing_is_left(&self, by_line: &BTreeMap<u64, Word>) -> Result<(), String> {
        let Some(Run { ended: Some((driven, _)), .. }) = self.runs.last() else { return Ok(()) };
        if driven.why.is_some() || self.is_limited {
            return Ok(());
        }
        let journaled = self.journaled();
        for (seq, line) in (1..).zip(&self.scenario.lines).filter(|(_, line)| !line.text.is_empty()) {
            let word = by_line.get(&seq);
            ensure(journaled.contains(&seq) && word.is_some(), || {
                format!("after all runs, line {seq} ({}) is {word:?} and not in the journal", line.text)
            })?;
        }
        Ok(())
    }
}
