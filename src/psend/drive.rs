//! Drives the senders from the first event to the last outcome: starts them, ends them early where there is a reason to, and
//! gives up what is then left.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::config::Config;
use super::dispatch::Dispatch;
use super::gate::{Gate, Why};
use super::intake::{Fields, Intake, Reading, Rules};
use super::journal::Resume;
use super::sink::{DeadLetters, Sink};
use super::supply::Supply;
use super::tally::Tally;
use super::transport::Transport;
use crate::cli::Console;
use crate::clock::Clock;
use crate::seed::Generator;

/// How often the run looks for a signal, a broken output and the time to show progress.
const TICK: Duration = Duration::from_millis(20);

/// How the input is read.
pub fn rules(config: &Config, dead_letters: Option<DeadLetters>, resume: Option<Resume>) -> Rules {
    let fields = Fields::new(&config.fields, config.plan.tags.iter().map(|(_, path)| path.as_str()));
    Rules { max_line: config.max_line, fields, limit: config.limit, dead_letters, resume }
}

/// Puts together what the senders of a run share. Each kind of choice has its own `draws`.
pub fn assemble(
    config: &Config,
    clock: &Arc<dyn Clock>,
    news: Option<Console>,
    intake: Intake,
    sink: Sink,
    draws: impl Fn() -> Generator,
) -> Rc<Dispatch> {
    let in_flight = config.limits.concurrency.saturating_mul(config.limits.events);
    let gate = Rc::new(Gate::new(config.plan.wait_for_server, in_flight));
    let tally = Rc::<RefCell<Tally>>::default();
    let busy = Rc::<Cell<usize>>::default();
    let schedule = config.pace.as_ref().map(|pace| pace.schedule(draws()));
    let (clock, jitter) = (Arc::clone(clock), draws());
    let supply = Supply::new(
        config.limits,
        intake,
        schedule,
        Arc::clone(&clock),
        Rc::clone(&gate),
        Rc::clone(&tally),
        Rc::clone(&busy),
    );
    Rc::new(Dispatch::new(config.plan.clone(), clock, news, supply, sink, gate, tally, busy, jitter))
}

/// What drives a run.
pub struct Drive<'a> {
    /// What is to be done.
    pub config: &'a Config,
    /// Runs since the run's start.
    pub clock: &'a dyn Clock,
    /// What the senders share.
    pub dispatch: Rc<Dispatch>,
    /// How far reading is.
    pub reading: &'a Reading,
    /// Whether a signal asks to stop.
    pub stop: &'a dyn Fn() -> bool,
}

/// What a run came to.
#[derive(Debug)]
pub struct Driven {
    /// Why it ended before its input did, if it did.
    pub why: Option<Why>,
    /// Lines that count as read.
    pub lines_read: u64,
}

impl Drive<'_> {
    /// Runs to the end. Each sender has a transport of its own; `look` is called again and again meanwhile.
    pub async fn run<T: Transport + 'static>(&self, transport: impl Fn() -> T, look: impl FnMut(Duration)) -> Driven {
        let dispatch = &self.dispatch;
        let all = async {
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
        self.drain().await
    }

    /// Looks after the run; never ends by itself.
    async fn watch(&self, mut look: impl FnMut(Duration)) {
        let Self { config, dispatch, .. } = self;
        let mut give_up_at = None;
        loop {
            tokio::time::sleep(TICK).await;
            let now = self.clock.elapsed();
            if (self.stop)() {
                dispatch.gate.end(Why::Signal);
            }
            if dispatch.sink.is_broken() {
                dispatch.gate.end(Why::OutputBroke);
            }
            if config.pace.is_none() && dispatch.supply.ends().is_some_and(|end| now >= end) {
                dispatch.gate.close();
            }
            if dispatch.gate.ending().is_some() && now >= *give_up_at.get_or_insert(now + config.grace) {
                dispatch.gate.abort();
            }
            look(now);
        }
    }

    /// Gives up what was read and not sent, where the run ended early.
    async fn drain(&self) -> Driven {
        let Self { config, dispatch, reading, .. } = self;
        let why = dispatch
            .gate
            .ending()
            .or_else(|| (self.stop)().then_some(Why::Signal))
            // However few events there are: none got past the key.
            .or_else(|| dispatch.key_refused().filter(|_| dispatch.control.doubt().is_none()).map(|_| Why::KeyRefused));
        // The rest of the input is kept as dead letters where there is no server for it; where there is a journal, --resume
        // takes it.
        let keep_rest = matches!(why, Some(Why::NoServer | Why::KeyRefused | Why::OverRate))
            && config.dead_letter.is_some()
            && config.journal.is_none();
        let more = || {
            let time_is_up = dispatch.supply.ends().is_some_and(|end| self.clock.elapsed() >= end);
            let more = keep_rest && !dispatch.sink.is_broken() && !time_is_up;
            reading.enough.store(!more, Ordering::Relaxed);
            more
        };
        if let Some(why) = why {
            dispatch.gate.end(why);
            dispatch.give_up_rest(more).await;
        }
        reading.enough.store(true, Ordering::Relaxed);
        // Where time was up, what was read further counts as not read.
        let timed_out = why.is_none() && dispatch.gate.is_closed();
        let lines_read = if timed_out { dispatch.supply.taken() } else { reading.lines.load(Ordering::Relaxed) };
        Driven { why, lines_read }
    }
}
