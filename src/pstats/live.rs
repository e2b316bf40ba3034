//! `--live`: the report as a screen while data arrives.

mod ink;
mod panels;
mod trend;
mod view;

use std::time::Duration;

use ratatui::termion::event::Key;
use rustix::process::{Signal, kill_current_process_group};

use super::config::Config;
use super::engine::Engine;
use super::report::{Report, RunInfo};
use super::require::Beside;
use crate::cli::screen::Screen;
use crate::cli::{Console, Signals};
use crate::clock::Clock;
use view::{Board, View};

/// The shortest time between two drawings.
const REDRAW: Duration = Duration::from_millis(100);

/// A report is made after so many times what the last one took: its share of the time stays below a tenth.
const REST: u32 = 10;

/// The screen of a run.
pub(super) struct Live<'a> {
    config: &'a Config,
    console: &'a Console,
    clock: &'a dyn Clock,
    screen: Screen,
    in_color: bool,
    view: View,
    paused: bool,
    report: Option<Report>,
    /// Requirements that cannot be judged before the end.
    later: usize,
    /// When the screen was last looked after, and when another report may be made.
    looked: Duration,
    next_report: Duration,
}

impl<'a> Live<'a> {
    /// How long the input may pause before [`Live::show`] must be called anyway.
    pub(super) const TICK: Duration = REDRAW;

    /// Takes over the terminal. Returns `None` if it cannot be drawn on. `signals` that end the process give it back.
    pub(super) fn open(
        config: &'a Config,
        console: &'a Console,
        clock: &'a dyn Clock,
        in_color: bool,
        signals: &Signals,
    ) -> Option<Self> {
        // First, so that no message gets onto the screen.
        console.hold();
        let Some(screen) = Screen::open() else {
            console.release();
            return None;
        };
        let taken = screen.taken();
        let last = console.clone();
        signals.set_last_words(move || {
            taken.give_back();
            last.release();
        });
        let view = View::Overview;
        let (looked, next_report) = (Duration::ZERO, Duration::ZERO);
        Some(Self {
            config,
            console,
            clock,
            screen,
            in_color,
            view,
            paused: false,
            report: None,
            later: 0,
            looked,
            next_report,
        })
    }

    /// Reads the keys and draws, if it is time to. Calling it often is cheap.
    ///
    /// # Errors
    /// If the terminal cannot be written.
    pub(super) fn show(
        &mut self,
        elapsed: Duration,
        engine: &mut Engine,
        run: impl Fn(&Engine) -> RunInfo,
    ) -> std::io::Result<()> {
        if elapsed - self.looked < REDRAW && self.looked > Duration::ZERO {
            return Ok(());
        }
        self.looked = elapsed;
        let keys = self.screen.keys();
        keys.iter().for_each(|key| self.press(*key));
        let is_due = !self.paused && elapsed >= self.next_report;
        if is_due {
            self.count(engine.report(RunInfo { running: true, ..run(engine) }));
        }
        if is_due || !keys.is_empty() || self.screen.is_resized() {
            self.draw()?;
        }
        if is_due {
            let took = self.clock.elapsed().saturating_sub(elapsed);
            self.next_report = elapsed + (took * REST).max(REDRAW);
        }
        Ok(())
    }

    /// Keeps a report to draw, judged as far as it can be now.
    fn count(&mut self, mut report: Report) {
        let beside = Beside { allow_empty: self.config.allow.empty, ..Beside::default() };
        // What is wrong with a requirement is said at the end.
        let _ = report.judge(&self.config.requirements, beside, true);
        let all = report.requirements.len();
        report.requirements.retain(|verdict| verdict.met || verdict.value.is_some());
        report.requirements.sort_by_key(|verdict| verdict.met);
        self.later = all - report.requirements.len();
        self.report = (report.input.lines > 0).then_some(report);
    }

    fn press(&mut self, key: Key) {
        match key {
            Key::Char('p' | ' ') => self.paused = !self.paused,
            // As Ctrl-C: it ends the tools before us in the pipe, and then the report comes.
            Key::Char('q') => drop(kill_current_process_group(Signal::INT)),
            Key::Char('\t') | Key::Right => self.view = self.view.further(1),
            Key::BackTab | Key::Left => self.view = self.view.further(View::ALL.len() - 1),
            Key::Char(digit @ '1'..='9') => {
                let at = digit as usize - '1' as usize;
                self.view = View::ALL.get(at).copied().unwrap_or(self.view);
            }
            _ => {}
        }
    }

    fn draw(&mut self) -> std::io::Result<()> {
        let Self { view, paused, later, in_color, .. } = *self;
        let warning = self.console.latest_warning();
        let board = Board { view, report: self.report.as_ref(), paused, later, warning, in_color };
        self.screen.draw(|buffer| board.draw(buffer))
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        self.screen.taken().give_back();
        self.console.release();
    }
}
