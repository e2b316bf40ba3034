//! Where reports go: the main one, further files, the screen while data arrives. With `--tee`, also where the input goes.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::termios::Winsize;

use super::config::{Config, ReportFile, ReportFormat};
use super::engine::Engine;
use super::live::Live;
use super::report::text::Style;
use super::report::{Report, RunInfo, hgrm, html, junit, markdown, prometheus, text};

use crate::cli::color::{Color, obeys_escapes};
use crate::cli::console::{EVERY, is_pipe};
use crate::cli::output::Output;
use crate::cli::{Console, Signals};
use crate::clock::Clock;
use crate::error::{Place, Result};
use crate::jsonl::Chunk;

/// How long the input may pause before a report that is due is written.
const TICK: Duration = Duration::from_millis(500);

/// How wide a text report is where no terminal says.
const UNKNOWN_WIDTH: usize = 100;

/// The shortest time between two checks of the clock while the input pauses.
const LEAST_TICK: Duration = Duration::from_millis(10);

/// The outputs of a run.
pub(super) struct Sinks<'a> {
    config: &'a Config,
    console: &'a Console,
    /// Where the main report goes; `None` is stderr, because stdout has the input.
    report: Option<Output>,
    tee: Option<Output>,
    /// Whether the last line that was copied lacks its line end, as the last line of a file may. `None` before the first
    /// line.
    is_open: Option<bool>,
    /// Whether the main report goes to a terminal.
    is_terminal: bool,
    color: bool,
    /// Whether `--live` was asked for, and the terminal can be drawn on.
    may_draw: bool,
    live: Option<Live<'a>>,
    /// Whether there was a screen.
    was_live: bool,
    rewritten: Duration,
}

impl<'a> Sinks<'a> {
    /// Opens the outputs.
    ///
    /// # Errors
    /// If an output cannot be written.
    pub(super) fn open(config: &'a Config, console: &'a Console) -> Result<Self> {
        let to_stderr = config.tee && config.output.is_none();
        let tee = if config.tee { Some(Output::open(None)?) } else { None };
        let report = if to_stderr { None } else { Some(Output::open(config.output.as_deref())?) };
        let to_stdout = matches!(report.as_ref().map(Output::place), Some(Place::Stdout));
        let stdout = std::io::stdout();
        let color = match &report {
            None => Console::shows_colors(config.color),
            Some(output) if matches!(output.place(), Place::Stdout) => config.color.shows_on(&stdout),
            // A file is coloured only if the flag says so.
            Some(_) => config.color == Color::Always,
        };
        // A reader at the end of a pipe may draw itself, as less does.
        let has_reader = to_stdout && is_pipe(stdout.as_fd());
        let may_draw = config.live && !has_reader && (obeys_escapes(&stdout) || Console::can_redraw());
        Ok(Self {
            config,
            console,
            report,
            tee,
            is_open: None,
            is_terminal: to_stderr && Console::is_terminal() || to_stdout && stdout.is_terminal(),
            color,
            may_draw,
            live: None,
            was_live: false,
            rewritten: Duration::ZERO,
        })
    }

    /// Shows the report on the terminal from now on, if that was asked for and can be.
    pub(super) fn go_live(&mut self, clock: &'a dyn Clock, signals: &Signals) {
        let in_color = self.color || Console::shows_colors(self.config.color);
        let open = || Live::open(self.config, self.console, clock, in_color, signals);
        self.live = self.may_draw.then(open).flatten();
        self.was_live = self.live.is_some();
    }

    /// Puts the terminal back.
    pub(super) fn end_live(&mut self) {
        self.live = None;
    }

    /// Whether the screen shows the report while data arrives.
    pub(super) fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// How long the input may pause before [`Sinks::show`] must be called anyway.
    pub(super) fn tick(&self) -> Duration {
        let tick = if self.is_live() { Live::TICK } else { TICK };
        tick.min(self.every()).max(LEAST_TICK)
    }

    /// How often further reports are rewritten.
    fn every(&self) -> Duration {
        self.config.every.unwrap_or(EVERY)
    }

    /// Copies the input if `--tee` is given, unchanged except that every line but the last gets a line end. If its reader
    /// went away, the rest is only counted, provided that there is a file or a verdict.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn pass(&mut self, chunk: &Chunk<'_>) -> Result<()> {
        let Some(tee) = &mut self.tee else { return Ok(()) };
        let (bytes, is_mark, begins_line) = match chunk {
            // Anywhere but at the start it would be part of a line.
            Chunk::ByteOrderMark(_) if self.is_open.is_some() => return Ok(()),
            Chunk::ByteOrderMark(mark) => (*mark, true, false),
            Chunk::Lines { bytes, .. } => (*bytes, false, true),
            Chunk::Overlong { piece, length, .. } => (*piece, false, *length == piece.len() as u64),
        };
        let Some(last) = bytes.last() else { return Ok(()) };
        let was_open = self.is_open.replace(*last != b'\n' && !is_mark);
        let passed = if begins_line && was_open == Some(true) { tee.put(b"\n") } else { Ok(()) };
        match passed.and_then(|()| tee.put(bytes)) {
            Err(e) if e.is_closed_stdout() && self.config.is_more_than_a_filter() => {
                self.tee = None;
                Ok(())
            }
            passed => passed,
        }
    }

    /// Shows what was counted so far, if it is time to. Calling it often is cheap.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(super) fn show(
        &mut self,
        elapsed: Duration,
        engine: &mut Engine,
        run: impl Fn(&Engine) -> RunInfo,
    ) -> Result<()> {
        if let Some(live) = &mut self.live
            && live.show(elapsed, engine, &run).is_err()
        {
            self.end_live();
        }
        if !self.config.reports.is_empty() && elapsed - self.rewritten >= self.every() {
            self.rewritten = elapsed;
            let run = run(engine);
            let report = engine.report(run);
            self.write_files(&report, engine, false)?;
        }
        Ok(())
    }

    /// The columns of the terminal that the report goes to.
    fn columns(&self) -> usize {
        let size = match &self.report {
            Some(_) => rustix::termios::tcgetwinsize(std::io::stdout()).ok(),
            None => Console::size(),
        };
        // Some terminals, such as that of script(1), do not know their size.
        size.map(|size: Winsize| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(80)
    }

    /// How the main report is drawn.
    fn style(&self) -> Style {
        let width = if self.is_terminal { self.columns() } else { UNKNOWN_WIDTH };
        Style { color: self.color, width, full: self.config.full }
    }

    /// Writes the main report, and the further ones.
    ///
    /// # Errors
    /// If one cannot be written.
    pub(super) fn finish(mut self, report: &Report, engine: &mut Engine) -> Result<()> {
        self.write_files(report, engine, false)?;
        let rendered = rendered(self.config.form, report, engine, self.style());
        if self.was_live && !(self.is_terminal && self.config.form == ReportFormat::Text) {
            // What the screen showed stays on the terminal, also if the report goes elsewhere.
            let width = Console::size().map_or(UNKNOWN_WIDTH, |size| usize::from(size.ws_col));
            let style = Style { color: Console::shows_colors(self.config.color), width, full: false };
            self.console.block(text::write(report, style).trim_end());
        }
        match self.report.take() {
            Some(mut output) => {
                output.put(&rendered)?;
                output.finish()?;
            }
            None => self.console.block(String::from_utf8_lossy(rendered.trim_ascii_end())),
        }
        self.tee.take().map_or(Ok(()), Output::finish)?;
        // This comes last: its reader may have gone, and the files must be written anyway.
        self.write_files(report, engine, true)
    }

    /// Replaces each file as a whole, so that a reader never sees half of one. Or writes those that go `to_stdout`.
    fn write_files(&self, report: &Report, engine: &mut Engine, to_stdout: bool) -> Result<()> {
        for ReportFile { form, path } in self.config.reports.iter().filter(|file| file.is_stdout() == to_stdout) {
            let mut output = Output::open(Some(path))?;
            let style = Style { color: false, width: UNKNOWN_WIDTH, full: self.config.full };
            output.put(&rendered(*form, report, engine, style))?;
            output.finish()?;
        }
        Ok(())
    }
}

fn rendered(form: ReportFormat, report: &Report, engine: &mut Engine, style: Style) -> Vec<u8> {
    match form {
        ReportFormat::Text => text::write(report, style).into_bytes(),
        ReportFormat::Json => report.to_json(),
        ReportFormat::Markdown => markdown::write(report).into_bytes(),
        ReportFormat::Html => html::write(report).into_bytes(),
        ReportFormat::Junit => junit::write(report).into_bytes(),
        ReportFormat::Prometheus => prometheus::write(report).into_bytes(),
        ReportFormat::OpenMetrics => prometheus::open_metrics(report).into_bytes(),
        ReportFormat::Hgrm => hgrm::write(&engine.latencies()).into_bytes(),
        ReportFormat::State => engine.state(),
    }
}
