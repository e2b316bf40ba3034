//! What the senders of a run share: one value, made once, before the first of them starts.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;

use super::backpressure::Backpressure;
use super::config::{Config, SendConfig};
use super::find_rate::Search;
use super::flow::Flow;
use super::shutdown::Shutdown;
use super::tally::Tally;
use crate::cli::Console;
use crate::clock::Clock;
use crate::seed::Generator;

/// Timers have a resolution of a millisecond, and computers do other work: an event that is sent at most this long after it was
/// due is not late.
pub(super) const LEAST_DELAY: Duration = Duration::from_millis(10);

/// What the senders of a run share.
pub(super) struct Shared {
    /// What is done with each event.
    pub(super) sending: SendConfig,
    /// The runtime's clock, since the start of the run.
    pub(super) clock: Arc<dyn Clock>,
    /// Who must wait, and when the run ends.
    pub(super) flow: Rc<Flow>,
    /// The run in figures.
    pub(super) tally: RefCell<Tally>,
    /// The search for the highest rate, if there is one.
    pub(super) search: Option<RefCell<Search>>,
    /// Senders that have events: in flight, or waiting to be sent again.
    pub(super) busy: Cell<usize>,
    /// Spreads retries, and makes up ids that no event has.
    pub(super) draws: RefCell<Generator>,
    /// How long after it was due an event may be sent without being late: a batch takes its time to fill.
    pub(super) allowed_delay: Duration,
    /// Where news is told during the run.
    news: Option<Console>,
}

impl Shared {
    pub(super) fn new(
        config: &Config,
        clock: &Arc<dyn Clock>,
        news: Option<Console>,
        draws: Generator,
        search: Option<Search>,
    ) -> Rc<Self> {
        let in_flight = config.limits.concurrency.saturating_mul(config.limits.events);
        let backpressure = Backpressure::new(config.sending.wait_for_server, in_flight as u64);
        let flow = Flow::new(Arc::clone(clock), backpressure, Shutdown::new(config.grace));
        Rc::new(Self {
            sending: config.sending.clone(),
            clock: Arc::clone(clock),
            flow: Rc::new(flow),
            tally: RefCell::default(),
            search: search.map(RefCell::new),
            busy: Cell::default(),
            draws: RefCell::new(draws),
            allowed_delay: if config.limits.events > 1 { LEAST_DELAY + config.limits.wait } else { LEAST_DELAY },
            news,
        })
    }

    /// Tells news on stderr, unless `--quiet` was given.
    pub(super) fn tell(&self, news: fmt::Arguments<'_>) {
        if let Some(console) = &self.news {
            console.note(news);
        }
    }

    /// How long to wait before the nth retry.
    pub(super) fn backoff(&self, nth: u32) -> Duration {
        self.sending.retry.backoff(nth, self.draws.borrow_mut().next_u64())
    }
}
