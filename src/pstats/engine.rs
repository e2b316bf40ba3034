//! Keeps a summary of the lines that come in: counts raw lines, and adds states once they are complete.

use std::path::Path;

use super::compare::RunPart;
use super::config::Attempts;
use super::doubts::doubts;
use super::intake::{Intake, Taken};
use super::joins::{Joins, Sources};
use super::layout::Layout;
use super::parts::{Counts, Expected, Fate, Overlap, Parts, judge};
use super::report::{Report, RunInfo, seconds};
use super::settings::Settings;
use super::sketch::{Fine, LatencySketch};
use super::state::{self, Admission, Complete, StateReader, Step};
use super::summary::Summary;
use crate::cli::output::Output;
use crate::cli::part_of_run::PartOfRun;
use crate::cli::{Console, Stop};
use crate::error::{Error, Result};
use crate::jsonl::Chunk;
use crate::record::outcome::RunRecord;

/// Counts what comes in.
pub(super) struct Engine {
    settings: Settings,
    /// Whether the settings of a state may replace ours: none were given, and nothing was counted yet.
    adopts: bool,
    intake: Intake,
    summary: Summary,
    states: StateReader,
    sources: Sources,
    state_lines: u64,
    /// The names of the files that are counted.
    origin: String,
    /// For a comparison: the parts of the input, each counted apart.
    apart: Option<Apart>,
    /// How many lines the states held.
    lines_in_states: u64,
    /// What is expected of the parts of runs.
    expected: Expected,
    /// Whether `--attempts first` is given.
    first_attempts: bool,
}

/// The parts of the input: each state, and the lines that are in none.
#[derive(Default)]
struct Apart {
    /// Groupings that requirements name.
    required: Vec<String>,
    parts: Vec<RunPart>,
    /// How many lines these hold.
    lines: u64,
}

impl Engine {
    /// An engine with these settings. `given` says whether they were asked for or are only the defaults; `origin` names what
    /// is counted.
    ///
    /// # Errors
    /// If the settings contradict each other.
    pub(super) fn new(settings: Settings, given: bool, sources: Sources, origin: String) -> Result<Self> {
        let joins = if sources.is_none() { None } else { Some(Joins::new(&sources)?) };
        let layout = Layout::new(&settings)?;
        let summary = Summary::new(&settings, &layout);
        let states = StateReader::default();
        Ok(Self {
            intake: Intake::new(settings.clone(), layout, joins),
            settings,
            adopts: !given,
            summary,
            states,
            sources,
            state_lines: 0,
            origin,
            apart: None,
            lines_in_states: 0,
            expected: Expected::default(),
            first_attempts: false,
        })
    }

    /// Holds the parts of runs to this.
    pub(super) fn expecting(self, expected: Expected, attempts: Option<Attempts>) -> Self {
        Self { expected, first_attempts: attempts == Some(Attempts::First), ..self }
    }

    /// Adds parts that came and were left out before anything was read.
    pub(super) fn note_parts(&mut self, parts: Parts) {
        self.summary.parts.merge(parts);
    }

    /// Also keeps each part of the input for a comparison, with the first grouping of `--by` and these.
    pub(super) fn keeping_parts(self, required: &[String]) -> Self {
        Self { apart: Some(Apart { required: required.to_vec(), ..Apart::default() }), ..self }
    }

    /// Counts a part of the input. Returns how many complete lines it had.
    ///
    /// # Errors
    /// If a state in it is invalid, of another version, or of other settings.
    pub(super) fn take(&mut self, chunk: &Chunk<'_>) -> Result<u64> {
        let mut lines = 0;
        match chunk {
            Chunk::ByteOrderMark(_) => {}
            Chunk::Lines { .. } => {
                for line in chunk.lines() {
                    lines += 1;
                    if let Taken::State = self.intake.take(line, &mut self.summary) {
                        self.take_state(line.seq, line.text)?;
                    }
                }
                self.summary.settle();
            }
            Chunk::Overlong { length, last: true, .. } => self.summary.input.kinds.too_long.add(*length),
            Chunk::Overlong { .. } => {}
        }
        Ok(lines)
    }

    fn take_state(&mut self, seq: u64, line: &[u8]) -> Result<()> {
        self.state_lines += 1;
        if self.intake.joins().is_some() {
            return Err(Error::failed(format!(
                "line {seq}: a state holds counts, not lines: --truth, --against, --stored and --chaos-truth need the streams themselves"
            )));
        }
        match self.states.take(seq, line, self.intake.layout())? {
            Step::Begins(settings) => {
                if self.adopts && self.lines() == 0 && self.state_lines == 1 {
                    let layout = Layout::new(&settings)?;
                    let settings = Box::new(self.settings.adopted(*settings));
                    let parts = std::mem::take(&mut self.summary.parts);
                    self.summary = Summary { parts, ..Summary::new(&settings, &layout) };
                    self.intake = Intake::new((*settings).clone(), layout, None);
                    self.settings = *settings;
                } else if let Some(what) = self.settings.differs_from(&settings) {
                    return Err(Error::failed(format!(
                        "line {seq}: this state was made with other settings ({what}): states and \
                         lines can be added only if their --by, --window, --where and --fields are the same"
                    )));
                }
                self.states.begin(&self.settings, self.intake.layout());
            }
            Step::Goes => {}
            Step::Whole(state) => {
                let admission = self.states.admit(seq, &state, &self.summary.parts)?;
                let Complete { mut summary, .. } = *state;
                let known = &mut self.summary.parts;
                let fate = if self.first_attempts { Fate::PassedOver } else { Fate::Refused };
                match admission {
                    Admission::Adds => {}
                    Admission::CameAgain if summary.parts.is_unnamed() => {
                        known.state_again();
                        return Ok(());
                    }
                    Admission::CameAgain => {
                        known.leave_out(&summary.parts, None);
                        return Ok(());
                    }
                    Admission::IsOther => {
                        known.leave_out(&summary.parts, Some(fate));
                        return Ok(());
                    }
                }
                self.lines_in_states += summary.input.total().lines;
                let ours = &self.summary.outcomes.runs;
                let is_divided = |theirs: &&RunRecord| ours.iter().any(|ours| ours.root() == theirs.root());
                summary.outcomes.apart += summary.outcomes.runs.iter().filter(is_divided).count() as u64;
                if let Some(apart) = &mut self.apart {
                    let name = if apart.parts.is_empty() {
                        self.origin.clone()
                    } else {
                        format!("{}: line {seq}", self.origin)
                    };
                    apart.add(name, &summary, self.intake.layout(), &self.settings);
                }
                self.summary.merge(summary);
            }
        }
        Ok(())
    }

    /// Adds the number of JSON arrays in the input without an end.
    pub(super) fn note_arrays_cut_off(&mut self, arrays: u64) {
        self.summary.input.arrays_cut_off += arrays;
    }

    /// Adds the counts of another engine, whose lines came after ours.
    ///
    /// # Errors
    /// If the two have the settings of different states.
    pub(super) fn append(&mut self, mut next: Self) -> Result<()> {
        next.states.finish()?;
        next.end_outcomes()?;
        next.end_parts()?;
        if self.adopts && self.lines() == 0 && self.state_lines == 0 {
            let (expected, first_attempts) = (std::mem::take(&mut self.expected), self.first_attempts);
            *self = Self { expected, first_attempts, ..next };
            return Ok(());
        }
        if let Some(what) = self.settings.differs_from(&next.settings) {
            return Err(Error::failed(format!("states and lines with different settings ({what}) cannot be added")));
        }
        self.states.append(&next.states)?;
        self.state_lines += next.state_lines;
        self.lines_in_states += next.lines_in_states;
        if let (Some(ours), Some(theirs)) = (&mut self.apart, next.apart) {
            ours.parts.extend(theirs.parts);
            ours.lines += theirs.lines;
        }
        self.summary.merge(next.summary);
        Ok(())
    }

    /// Whether another engine, whose lines came after ours, may have outcomes of the same lines or parts of the same names.
    pub(super) fn may_share_lines(&self, next: &Self) -> bool {
        self.intake.settle().may_share_lines(next.intake.settle())
            || self.states.added().shares(next.states.added())
            || self.summary.parts.overlap(&next.summary.parts) != Overlap::Nothing
    }

    /// Adds the outcomes that waited until their lines were settled.
    fn end_outcomes(&mut self) -> Result<()> {
        self.intake.end(&mut self.summary)?;
        let settle = self.intake.settle();
        self.summary.outcomes.apart += settle.counted_twice() + settle.forgotten();
        Ok(())
    }

    /// Enters the lines that are in no state as a part of their own.
    ///
    /// # Errors
    /// If there are states beside them: then there is no telling what is a run.
    fn end_parts(&mut self) -> Result<()> {
        let Some(apart) = &mut self.apart else { return Ok(()) };
        if lines_of(&self.summary) == apart.lines {
            return Ok(());
        }
        if !apart.parts.is_empty() {
            return Err(Error::failed(format!(
                "{} has states and other lines, so pstats cannot tell which lines are a run; put them in separate files",
                self.origin
            )));
        }
        apart.add(self.origin.clone(), &self.summary, self.intake.layout(), &self.settings);
        Ok(())
    }

    /// The parts of the input, after its end.
    ///
    /// # Errors
    /// If it cannot be told what is a run.
    pub(super) fn take_parts(&mut self) -> Result<Vec<RunPart>> {
        self.end_parts()?;
        Ok(self.apart.take().map(|apart| apart.parts).unwrap_or_default())
    }

    /// The settings by which it counts.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Ends the input, and reads the files to join with it.
    ///
    /// # Errors
    /// If the input ended within a state, or one of these files cannot be read.
    pub(super) fn read_beside(&mut self, console: &Console, max_line: usize, stop: &Stop) -> Result<()> {
        if !stop.requested() {
            self.states.finish()?;
        }
        self.end_outcomes()?;
        if let Some(joins) = self.intake.joins() {
            joins.read(&self.sources, &self.settings.fields, console, max_line, stop)?;
            self.summary.parts.merge(joins.take_parts());
        }
        Ok(())
    }

    /// The final report, with the verdicts of the joined files.
    ///
    /// # Errors
    /// If truth and outcomes are not of the same run.
    pub(super) fn final_report(&mut self, run: RunInfo) -> Result<Report> {
        let mut report = self.report(run);
        let events = self.summary.events.stream.order.range();
        if let Some(joins) = self.intake.joins() {
            report.truth = joins.truth_report()?;
            report.reconciled = joins.reconciled_report(&self.sources)?;
            report.chaos = joins.chaos_report()?;
            report.alerts = joins.alerts_report(events);
            if let Some(alerts) = &report.alerts {
                report
                    .not_known
                    .extend(alerts.not_known().into_iter().map(|(figure, why)| (format!("alerts.{figure}"), why)));
            }
            if let Some(reconciled) = &report.reconciled {
                report.not_known.extend(reconciled.not_known.iter().cloned());
            }
        }
        Ok(report)
    }

    /// Writes the injected faults that the server missed, after the final report.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn write_missed(&mut self, path: &Path) -> Result<()> {
        let mut output = Output::open(Some(path))?;
        if let Some(joins) = self.intake.joins() {
            joins.each_missed(|missed| {
                let mut line = serde_json::to_vec(&missed).expect("names and numbers are JSON");
                line.push(b'\n');
                output.put(&line)
            })?;
        }
        output.finish()
    }

    /// How many lines were counted so far.
    pub(super) fn lines(&self) -> u64 {
        let of = |summary: &Summary| summary.input.total().lines;
        of(&self.summary) + self.intake.waiting().map_or(0, of)
    }

    /// The groupings that were asked for.
    pub(super) fn groupings(&self) -> &[Vec<String>] {
        &self.settings.by
    }

    /// Warnings about doubtful figures, after the input has ended.
    pub(super) fn doubts(&self) -> Vec<String> {
        let of_joins = self.intake.joined().map(Joins::doubts).unwrap_or_default();
        doubts(&self.summary, &self.settings).into_iter().chain(of_joins).collect()
    }

    /// How many lines of state came in.
    pub(super) fn state_lines(&self) -> u64 {
        self.state_lines
    }

    /// Whether a state has begun and not ended yet.
    pub(super) fn is_amid_state(&self) -> bool {
        self.states.is_amid()
    }

    /// The report on what was counted so far.
    pub(super) fn report(&mut self, run: RunInfo) -> Report {
        let by = self.settings.groupings().collect();
        let run = RunInfo { window_s: self.settings.window.map(seconds), by, ..run };
        let files = run.files.len() as u64;
        let own = self.own_part().cloned();
        let mut with_waiting = None;
        let summary = so_far(&mut self.summary, &self.intake, &mut with_waiting);
        let mut report = Report::new(summary, self.intake.layout(), run);
        let states = self.states.added().count();
        let counts = Counts {
            inputs: if states > 0 { states } else { files.max(1) },
            events: report.events.as_ref().map(|events| events.figures.count + summary.input.kinds.left_out.lines),
            outcomes: report.outcomes.as_ref().map(|outcomes| outcomes.came),
        };
        report.parts = match own {
            None => judge(&summary.parts, &self.expected, counts),
            Some(own) => {
                let mut parts = summary.parts.clone();
                parts.counted(&own, 0);
                judge(&parts, &self.expected, counts)
            }
        };
        report
    }

    /// The part of a run that the lines are which came in no state.
    fn own_part(&self) -> Option<&PartOfRun> {
        let has_own = self.lines() > self.lines_in_states || self.state_lines == 0;
        Some(&self.expected.part).filter(|part| part.shard.is_some() && has_own)
    }

    /// The latencies by which a run is judged: of outcomes, end to end in an open loop, or else of events.
    pub(super) fn latencies(&mut self) -> LatencySketch<Fine> {
        let mut with_waiting = None;
        let Summary { events, outcomes, .. } = so_far(&mut self.summary, &self.intake, &mut with_waiting);
        match () {
            () if outcomes.stream.figures.count() == 0 => events.stream.figures.latency().clone(),
            () if outcomes.runs.iter().any(RunRecord::is_open_loop) => outcomes.end_to_end.clone(),
            () => outcomes.stream.figures.latency().clone(),
        }
    }

    /// The state of what was counted so far.
    pub(super) fn state(&mut self) -> Vec<u8> {
        let own = self.own_part().cloned();
        let mut with_waiting = None;
        let summary = so_far(&mut self.summary, &self.intake, &mut with_waiting);
        let of = (&*self.origin, own.as_ref());
        state::write(summary, &self.settings, self.intake.layout(), of, self.states.added())
    }
}

impl Apart {
    fn add(&mut self, name: String, summary: &Summary, layout: &Layout, settings: &Settings) {
        self.lines += lines_of(summary);
        self.parts.push(RunPart::of(name, summary, layout, &RunPart::groupings(settings, &self.required)));
    }
}

/// The lines of a summary that a comparison goes by.
fn lines_of(summary: &Summary) -> u64 {
    let kinds = &summary.input.kinds;
    kinds.events.lines + kinds.outcomes.lines + kinds.run_records.lines
}

/// The summary so far, including the outcomes that wait. `with_waiting` is room for it.
fn so_far<'a>(summary: &'a mut Summary, intake: &Intake, with_waiting: &'a mut Option<Summary>) -> &'a mut Summary {
    let Some(waiting) = intake.waiting() else { return summary };
    let mut both = summary.clone();
    both.merge(waiting.clone());
    with_waiting.insert(both)
}
