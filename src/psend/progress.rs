//! The progress line: how far a run is, how fast, and how long it will still take.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::config::Config;
use super::drive::Drive;
use super::files;
use super::outlook::{Outlook, Stage};
use super::tally::rate;
use crate::cli::Console;
use crate::cli::numbers;

/// Returns what shows the progress of a run each time it is called.
pub(super) fn show<'a>(config: &Config, console: &'a Console, drive: &'a Drive<'_>) -> impl FnMut(Duration) + 'a {
    let mut progress = console.progress(config.quiet, config.every);
    let mut momentum = Momentum::default();
    let outlook = Outlook { limit: config.limit, bytes: files::input_bytes(&config.files) };
    move |now| {
        let Drive { shared, dispatch, intake_state, .. } = drive;
        let tally = shared.tally.borrow();
        momentum.look(tally.sent(), now);
        progress.show(|| {
            let stage = Stage {
                done: tally.done(),
                lines: intake_state.lines.load(Ordering::Relaxed),
                bytes: intake_state.bytes.load(Ordering::Relaxed),
                before: intake_state.done_before.load(Ordering::Relaxed),
                elapsed: now,
                ends: dispatch.supply.known_end(),
            };
            let overall = rate(tally.sent(), now);
            let p95 = tally.p95().map(|p95| format!(", P95 {}", numbers::milliseconds(p95.as_secs_f64() * 1e3)));
            format!(
                "{}{} events, {}/s now, {}/s overall, {} in flight, {} read: {}{}{}",
                numbers::count(stage.done),
                outlook.of_total(&stage),
                numbers::number(momentum.now.unwrap_or(overall)),
                numbers::number(overall),
                numbers::count(dispatch.in_flight() as u64),
                numbers::counted(stage.lines, "line", "lines"),
                tally.outcomes(),
                p95.unwrap_or_default(),
                outlook.time_left(&stage),
            )
        });
    }
}

/// Events per second over the last second.
#[derive(Debug, Default)]
struct Momentum {
    since: Duration,
    done: u64,
    /// `None` until the first second is over.
    now: Option<f64>,
}

impl Momentum {
    fn look(&mut self, done: u64, now: Duration) {
        let passed = now.saturating_sub(self.since);
        if passed >= Duration::from_secs(1) {
            self.now = Some(rate(done - self.done, passed));
            (self.since, self.done) = (now, done);
        }
    }
}
