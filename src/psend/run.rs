//! One run: start, drive, drain, record.

use std::io::{self, IsTerminal};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rand::SeedableRng;

use super::config::{Config, Network};
use super::drive::{self, Drive, Driven, Parts};
use super::intake::{self, Cutter, IntakeState};
use super::journal::Begun;
use super::load::{Load, Used};
use super::outlets::{self, Log};
use super::report::{self, End};
use super::sink::{self, Outlets, Written};
use super::threads::Threads;
use super::transport::dial::{Dial, Protocol};
use super::transport::http1::{Http1, Means, Shared};
use super::transport::http2::Http2;
use super::transport::kept::Limit;
use super::transport::remote::Far;
use super::{dry_run, files, open_files, progress};
use crate::cli::input::Inputs;
use crate::cli::{Console, Ending, Signals, Stop};
use crate::clock::{Clock, RuntimeClock};
use crate::error::{Error, Result};
use crate::jsonl::LineReader;
use crate::record::outcome::{RunLine, RunRecord};
use crate::seed;
use crate::time;

/// Lines that wait or are in flight keep the block that they were read in. The more senders, the smaller the blocks.
const HELD_BYTES: usize = 16 << 20;

/// Runs psend to its end.
pub(super) fn run(config: &Config, console: &Console) -> Result<Ending> {
    if let Some(requests) = config.dry_run {
        return dry_run::run(config, requests, console);
    }
    let clock: Arc<dyn Clock> = Arc::new(RuntimeClock::start());
    let way = Way::to(config, &clock)?;
    open_files::make_room(way.connections(config.limits.concurrency), config.threads)?;
    let signals = Signals::listen(1).map_err(|e| Error::failed(format!("cannot listen for signals: {e}")))?;
    let stop = signals.stop_at(1);
    let inputs = Inputs::open(&config.files, &stop, console)?;
    let to_terminal = config.output.is_none() && std::io::stdout().is_terminal();
    files::check(config)?;
    let id = format!("{:012x}{:06x}", clock.now(), seed::draw() & 0xff_ffff);
    let (outlets, log) = outlets::open(config, to_terminal, &id, console)?;
    if let Some(outcomes) = &outlets.outcomes
        && let Some(beside) = outcomes.beside()
    {
        let words = format!(
            "ended at once: {} is not written; the outcomes so far are in {}",
            outcomes.place(),
            beside.display()
        );
        let console = console.clone();
        signals.set_last_words(move || console.warn(words));
    }
    report::before(config, clock.started(), console);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::failed(format!("cannot start: {e}")))?;
    config.sending.trace.as_ref().map_or(Ok(()), |trace| trace.open())?;
    runtime.block_on(config.sending.key.begin()).map_err(Error::failed)?;
    let run = Run { config, console, clock, way, stop, signals, id };
    runtime.block_on(tokio::task::LocalSet::new().run_until(run.all(inputs, outlets, log)))
}

/// The transport that a run uses.
enum Way {
    /// Each sender has its own connection.
    Http1(Box<Means>),
    /// All senders share one connection.
    Http2(Http2),
}

impl Way {
    fn to(config: &Config, clock: &Arc<dyn Clock>) -> Result<Self> {
        let Network { route, trust, proxy, http2, connect_timeout, kept_body, keep_alive } = &config.network;
        let target = &config.target;
        let protocol = if *http2 { Protocol::Http2 } else { Protocol::Http1 };
        let dial = Dial::to(target, route.clone(), proxy.as_ref(), trust, protocol, *connect_timeout)?;
        let (clock, limit) = (Arc::clone(clock), Limit::with_heads(*kept_body, config.sending.trace.is_some()));
        if *http2 {
            return Ok(Self::Http2(Http2::new(dial, target.scheme(), &target.authority(), clock, limit)?));
        }
        let base = format!("{}://{}", target.scheme(), target.authority());
        Ok(Self::Http1(Box::new(Means { dial, clock, limit, keep_alive: *keep_alive, base })))
    }

    /// The most connections that this many senders have.
    fn connections(&self, senders: usize) -> usize {
        if let Self::Http2(_) = self { 1 } else { senders }
    }
}

/// Starts a thread that reads and writes for senders of this one. It tells its load at its end.
fn spawn(far: Far, means: Means) -> io::Result<JoinHandle<Load>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("psend-sender".to_owned()).spawn(move || {
        let clock = Arc::clone(&means.clock);
        let before = Used::until(clock.elapsed());
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let shared = Shared::spawn(means);
            far.work(|| Http1::new(Rc::clone(&shared))).await;
        });
        Used::until(clock.elapsed()).since(&before)
    })
}

/// What a run needs from beginning to end.
struct Run<'a> {
    config: &'a Config,
    console: &'a Console,
    clock: Arc<dyn Clock>,
    way: Way,
    stop: Stop,
    signals: Signals,
    id: String,
}

/// The threads beside the senders, and what ends with the run.
struct Beside {
    intake_state: Arc<IntakeState>,
    writer: JoinHandle<Written>,
    begun: Option<Rc<Begun>>,
    resumes: Option<String>,
    started_at: String,
    used_at_start: Used,
}

impl Run<'_> {
    async fn all(self, inputs: Inputs, outlets: Outlets, log: Log) -> Result<Ending> {
        let (intake, sink, beside) = self.start(inputs, outlets, log);
        let stop = || self.stop.requested();
        let parts = Parts {
            config: self.config,
            clock: &self.clock,
            news: (!self.config.quiet).then(|| self.console.clone()),
            intake,
            sink,
            intake_state: &beside.intake_state,
            stop: &stop,
        };
        let drive = Drive::new(parts, || seed::Generator::seed_from_u64(seed::draw()));
        let others = self.drive(&drive).await;
        let driven = drive.drain().await;
        let (elapsed, broke) = (self.clock.elapsed(), beside.intake_state.broke());
        self.record(&drive, &driven, broke.is_none(), &beside, others).await;
        let written = beside.writer.join().expect("writing does not panic");
        Log::settle(beside.begun, &written);
        self.signals.clear_last_words();
        if let Some(Err(e)) = self.config.sending.trace.as_ref().map(|trace| trace.finish()) {
            self.console.warn(format_args!("--trace: {e}; not all requests are in it"));
        }
        let end = End { why: driven.why, elapsed, broke, written, signal: self.signals.first() };
        report::after(self.config, self.console, &drive, end)
    }

    /// Starts the threads that read lines and write outcomes.
    fn start(&self, inputs: Inputs, outlets: Outlets, log: Log) -> (intake::Intake, sink::Sink, Beside) {
        let config = self.config;
        let Log { resume, begun, resumes } = log;
        let started_at = time::format(self.clock.now());
        let used_at_start = Used::until(self.clock.elapsed());
        let intake_state = Arc::new(IntakeState::new(self.stop.clone()));
        let block = (HELD_BYTES / config.limits.concurrency).clamp(8 << 10, 64 << 10);
        let reader = LineReader::with_capacity(inputs, config.max_line, block);
        let cutter = Cutter::new(reader, drive::rules(config, outlets.dead_letters.clone(), resume));
        let intake = intake::read(cutter, Arc::clone(&intake_state), begun.clone());
        let (sink, writer) = sink::open(outlets);
        let writer = writer.spawn();
        (intake, sink, Beside { intake_state, writer, begun, resumes, started_at, used_at_start })
    }

    /// Sends events over this run's transport, and shows progress meanwhile. Returns the load of the busiest thread beside this one.
    async fn drive(&self, drive: &Drive<'_>) -> Option<Load> {
        let mut show = progress::show(self.config, self.console, drive);
        let mut look = move |now| {
            report::gaps(self.config, self.console, drive);
            show(now);
        };
        match &self.way {
            Way::Http1(means) => {
                let shared = Shared::spawn((**means).clone());
                let http1 = || Http1::new(Rc::clone(&shared));
                if self.config.threads == 1 {
                    drive.drive(http1, look).await;
                    return None;
                }
                let threads = Threads::new(self.config.limits.concurrency, self.config.threads);
                let look = |now| {
                    self.let_join_in(&threads, means, now);
                    look(now);
                };
                drive.drive(|| threads.next(http1()), look).await;
                threads.end().into_iter().reduce(Load::beside)
            }
            Way::Http2(http2) => {
                drive.drive(|| http2.clone(), look).await;
                None
            }
        }
    }

    /// Lets another thread read and write for the senders if this one is busy.
    fn let_join_in(&self, threads: &Threads, means: &Means, now: Duration) {
        let busy = tokio::runtime::Handle::current().metrics().worker_total_busy_duration(0);
        let started = threads.look(now, busy, |far| spawn(far, means.clone()).map(|thread| threads.keep(thread)));
        if let Err(e) = started {
            self.console.warn(format_args!(
                "--threads: another thread cannot be started ({e}); its senders stay where they are"
            ));
        }
    }

    /// Writes the run record, and lets the writer end.
    async fn record(
        &self,
        drive: &Drive<'_>,
        driven: &Driven,
        is_all_read: bool,
        beside: &Beside,
        others: Option<Load>,
    ) {
        let config = self.config;
        let Drive { shared, dispatch, .. } = drive;
        let is_verify = config.sending.job.is_verify();
        let load = Used::until(self.clock.elapsed()).since(&beside.used_at_start);
        let load = others.map_or(load, |others| load.beside(others));
        let record = RunRecord {
            id: self.id.clone(),
            complete: driven.why.is_none() && is_all_read && dispatch.control.doubt().is_none(),
            lines_read: driven.lines_read,
            target: config.target.to_string(),
            mode: config.pace.name().to_owned(),
            rate: config.pace.rate(),
            concurrency: config.limits.concurrency as u64,
            batch: config.sending.job.batch().map(|_| config.limits.events as u64),
            retries: config.sending.retry.retries,
            started_at: beside.started_at.clone(),
            ended_at: time::format(self.clock.now()),
            shard: config.sending.shard.clone(),
            run_id: config.part.run_id.clone(),
            attempt: config.part.attempt,
            resumes: beside.resumes.clone(),
            not_compared: is_verify.then(|| shared.tally.borrow().count_not_shown()),
            aborted: report::aborted(config, &shared.tally.borrow()),
            capacity: shared.search.as_ref().map(|search| search.borrow().capacity(driven.why)),
            generator: Some(shared.tally.borrow().generator(config.pace.is_open(), load)),
        };
        let mut line = serde_json::to_vec(&RunLine { run: record }).expect("a run record is JSON");
        line.push(b'\n');
        dispatch.sink.close(line).await;
    }
}
