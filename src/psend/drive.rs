//! Drives the senders of a run: starts them, ends them early if there is a reason to, and gives up what is then left.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::config::Config;
use super::config::Pace;
use super::dispatch::Dispatch;
use super::find_rate::{Look, Search, words};
use super::intake::{Fields, Intake, IntakeConfig, IntakeState};
use super::journal::Resume;
use super::shared::Shared;
use super::shutdown::EndReason;
use super::sink::{DeadLetters, Sink};
use super::supply::Supply;
use super::transport::Transport;
use crate::cli::Console;
use crate::clock::Clock;
use crate::seed::Generator;

/// How often the run checks for a signal, a broken output, and whether to show progress.
const TICK: Duration = Duration::from_millis(20);

/// How the input is read.
pub(super) fn rules(config: &Config, dead_letters: Option<DeadLetters>, resume: Option<Resume>) -> IntakeConfig {
    let fields = Fields::new(&config.fields, config.sending.paths.iter().map(String::as_str));
    IntakeConfig { max_line: config.max_line, fields, limit: config.limit, dead_letters, resume }
}

/// A run's senders, and what is needed to steer them.
pub(super) struct Drive<'a> {
    /// What the senders share.
    pub(super) shared: Rc<Shared>,
    /// The senders.
    pub(super) dispatch: Rc<Dispatch>,
    /// How far reading is.
    pub(super) intake_state: &'a IntakeState,
    config: &'a Config,
    /// Whether a signal asks to stop.
    stop: &'a dyn Fn() -> bool,
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Driven {
    /// Why it ended before its input did, if it did.
    pub(super) why: Option<EndReason>,
    /// Lines that count as read.
    pub(super) lines_read: u64,
}

/// What a run is made of that lives outside of the senders.
pub(super) struct Parts<'a> {
    /// What is to be done.
    pub(super) config: &'a Config,
    /// The runtime's clock, since the start of the run.
    pub(super) clock: &'a Arc<dyn Clock>,
    /// Where news is told.
    pub(super) news: Option<Console>,
    /// Where events come from.
    pub(super) intake: Intake,
    /// Where outcomes go.
    pub(super) sink: Sink,
    /// How far reading is.
    pub(super) intake_state: &'a IntakeState,
    /// Whether a signal asks to stop.
    pub(super) stop: &'a dyn Fn() -> bool,
}

impl<'a> Drive<'a> {
    /// Makes what the senders need. Each kind of random choice has its own generator, which `draws` makes.
    pub(super) fn new(parts: Parts<'a>, draws: impl Fn() -> Generator) -> Self {
        let Parts { config, clock, news, intake, sink, intake_state, stop } = parts;
        let schedule = config.pace.schedule(&draws);
        let search = match (&config.pace, schedule.as_ref().and_then(|schedule| schedule.steps())) {
            (Pace::FindRate(goal, _), Some(steps)) => Some(Search::new(goal, steps)),
            _ => None,
        };
        let shared = Shared::new(config, clock, news, draws(), search);
        if let Some(abort) = config.abort_on {
            shared.tally.borrow_mut().keep_error_rate(abort.over);
        }
        let starts = config.start_at.map(|at| {
            let since = u64::try_from(at.since(clock.started())).unwrap_or(0);
            clock.elapsed().max(Duration::from_micros(since))
        });
        let supply = Supply::new(&shared, config.limits, intake, schedule, starts);
        let dispatch = Dispatch::new(&shared, supply, sink);
        Self { shared, dispatch, intake_state, config, stop }
    }

    /// Sends until all events have their outcome or the run is aborted. Each sender has its own transport. Calls `look` again and
    /// again meanwhile.
    pub(super) async fn drive<T: Transport + 'static>(&self, transport: impl Fn() -> T, look: impl FnMut(Duration)) {
        let dispatch = &self.dispatch;
        let all = async {
            dispatch.supply.wait_for_start().await;
            let send = |_| tokio::task::spawn_local(Rc::clone(dispatch).send(transport()));
            let senders = futures::future::try_join_all((0..self.config.limits.concurrency).map(send));
            senders.await.expect("a sender does not panic");
            dispatch.ask_last(transport()).await;
        };
        tokio::select! {
            biased;
            () = all => {}
            () = dispatch.sink.flush_when_idle() => {}
            () = self.watch(look) => {}
        }
    }

    /// Watches the run. Never returns.
    async fn watch(&self, mut look: impl FnMut(Duration)) {
        let Self { shared, dispatch, .. } = self;
        let flow = &shared.flow;
        loop {
            tokio::time::sleep(TICK).await;
            let now = shared.clock.elapsed();
            if (self.stop)() {
                flow.end(EndReason::Signal);
            }
            if dispatch.sink.is_broken() {
                flow.end(EndReason::OutputBroke);
            }
            if !self.config.pace.is_open() && dispatch.supply.ends().is_some_and(|end| now >= end) {
                flow.drain();
            }
            if let Some(abort) = self.config.abort_on
                && shared.tally.borrow_mut().fails_too_often(abort.above, now)
            {
                flow.end(EndReason::TooManyErrors);
            }
            if let Some(search) = &shared.search {
                let step = match search.borrow_mut().look(now, shared.busy.get() == 0) {
                    Look::Goes => None,
                    Look::Step(step) => Some(step),
                    Look::Over(step) => {
                        flow.drain();
                        step
                    }
                };
                if let Some(step) = step {
                    shared.tell(format_args!("{}", words::step(&step)));
                }
            }
            flow.tick(now);
            look(now);
        }
    }

    /// Gives up what was read and not sent, if the run ended early.
    pub(super) async fn drain(&self) -> Driven {
        let Self { shared, dispatch, intake_state, config, .. } = self;
        let flow = &shared.flow;
        let why = flow
            .ending()
            .or_else(|| (self.stop)().then_some(EndReason::Signal))
            // None got past the key, however few events there were.
            .or_else(|| {
                dispatch
                    .health
                    .key_refused()
                    .filter(|_| dispatch.control.doubt().is_none())
                    .map(|_| EndReason::KeyRefused)
            });
        // If there is no server for the rest of the input, it is kept as dead letters. If there is a journal, --resume reads it.
        let keep_rest = matches!(why, Some(EndReason::NoServer | EndReason::KeyRefused | EndReason::OverRate))
            && config.dead_letter.is_some()
            && config.journal.is_none();
        let more = || {
            let time_is_up = dispatch.supply.ends().is_some_and(|end| shared.clock.elapsed() >= end);
            let more = keep_rest && !dispatch.sink.is_broken() && !time_is_up;
            intake_state.enough.store(!more, Ordering::Relaxed);
            more
        };
        if let Some(why) = why {
            flow.end(why);
            dispatch.give_up_rest(more).await;
        }
        intake_state.enough.store(true, Ordering::Relaxed);
        // If time was up, lines that were read ahead do not count as read.
        let timed_out = why.is_none() && !flow.takes_events();
        let lines_read = if timed_out { dispatch.supply.taken() } else { intake_state.lines.load(Ordering::Relaxed) };
        Driven { why, lines_read }
    }
}
