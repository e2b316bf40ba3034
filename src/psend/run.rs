//! One run: puts the parts together, watches over them, and tells how it went.

use std::io::IsTerminal;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::SeedableRng;

use super::config::{Config, Network, Pace};
use super::dispatch::Dispatch;
use super::drive::{self, Drive, Driven};
use super::files;
use super::gate::Why;
use super::intake::{self, Cutter, Reading};
use super::journal::{Begun, Journal, Origin, Resume};
use super::open_files;
use super::outlook::{Outlook, Stage};
use super::pacing;
use super::sink::{self, DeadLetters, Outlets, Written};
use super::tally::{ms, rate};
use super::transport::cork::Cork;
use super::transport::dial::{Dial, Protocol};
use super::transport::http1::{self, Http1};
use super::transport::http2::Http2;
use super::transport::kept::Limit;
use super::transport::{Failure, Fate};
use crate::cli::input::Inputs;
use crate::cli::output::Output;
use crate::cli::values::Span;
use crate::cli::{Console, Ending, Signals, Stop};
use crate::clock::{Clock, RuntimeClock};
use crate::error::{Error, Place, Result};
use crate::jsonl::LineReader;
use crate::record::event::Role;
use crate::record::outcome::{RunLine, RunRecord};
use crate::seed;
use crate::time;

/// How far the journal's mark of what was begun may run ahead of it, in events: more saves next to nothing.
const MOST_AHEAD: u64 = 64;

/// Lines that wait or are in flight keep the block that they were read in: with many senders, blocks are smaller.
const HELD_BYTES: usize = 16 << 20;

/// Runs psend to its end.
pub fn run(config: &Config, console: &Console) -> Result<Ending> {
    let clock: Arc<dyn Clock> = Arc::new(RuntimeClock::start());
    let way = Way::to(config, &clock)?;
    open_files::make_room(way.connections(config.limits.concurrency))?;
    let signals = Signals::listen(1).map_err(|e| Error::failed(format!("cannot listen for signals: {e}")))?;
    let stop = signals.stop_at(1);
    let inputs = Inputs::open(&config.files, &stop, console)?;
    let to_terminal = config.output.is_none() && std::io::stdout().is_terminal();
    files::check(config)?;
    let id = format!("{:012x}{:06x}", clock.now(), seed::draw() & 0xff_ffff);
    let (outlets, log) = open_outlets(config, to_terminal, &id, console)?;
    if let Some(outcomes) = &outlets.outcomes
        && let Some(beside) = outcomes.beside()
    {
        let words = format!(
            "ended at once: {} is not written; the outcomes so far are in {}",
            outcomes.place(),
            beside.display()
        );
        signals.set_last_words(Some((console.clone(), words)));
    }
    if !config.quiet {
        console.note(introduction(config));
    }
    if config.plan.job.batch().is_some()
        && let Some(header) = config.plan.id_headers.first()
    {
        console.warn(format_args!(
            "--batch: the dialect's header {} is made from one event's id, and does not go with a batch",
            header.name
        ));
    }
    if config.network.trust.anyone {
        console
            .warn("--insecure: any certificate is taken, so that anyone on the way can read and change what is sent");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::failed(format!("cannot start: {e}")))?;
    runtime.block_on(
        tokio::task::LocalSet::new()
            .run_until(Run { config, console, stop, signals, id }.all(clock, way, inputs, outlets, log)),
    )
}

/// The transport that a run uses.
enum Way {
    /// A connection of its own for each sender.
    Http1(Rc<http1::Shared>),
    /// One connection that they share.
    Http2(Http2),
}

impl Way {
    fn to(config: &Config, clock: &Arc<dyn Clock>) -> Result<Self> {
        let Network { route, trust, proxy, http2, connect_timeout, kept_body, keep_alive } = &config.network;
        let target = &config.target;
        let protocol = if *http2 { Protocol::Http2 } else { Protocol::Http1 };
        let dial = Dial::to(target, route.clone(), proxy.as_ref(), trust, protocol, *connect_timeout)?;
        let (clock, limit) = (Arc::clone(clock), Limit::new(*kept_body));
        if *http2 {
            return Ok(Self::Http2(Http2::new(dial, target.scheme(), &target.authority(), clock, limit)?));
        }
        let base = format!("{}://{}", target.scheme(), target.authority());
        let cork = Rc::<Cork<_>>::default();
        Ok(Self::Http1(Rc::new(http1::Shared { dial, cork, clock, limit, keep_alive: *keep_alive, base })))
    }

    /// How many connections so many senders have, at most.
    fn connections(&self, senders: usize) -> usize {
        if let Self::Http2(_) = self { 1 } else { senders }
    }
}

/// What the journal of a run says.
#[derive(Default)]
pub(super) struct Log {
    /// Which lines a run before has dealt with.
    pub(super) resume: Option<Resume>,
    pub(super) begun: Option<Rc<Begun>>,
    /// The id of the run that began the journal, where that is not this one.
    resumes: Option<String>,
}

/// Opens what is written to. Nothing is written before the journal is this run's alone. With a journal, and for dead letters,
/// files are written in place: they are there for a crash.
pub(super) fn open_outlets(config: &Config, to_terminal: bool, id: &str, console: &Console) -> Result<(Outlets, Log)> {
    let is_verify = config.plan.job.is_verify();
    let this = Origin {
        run: id.to_owned(),
        job: if is_verify { "verify" } else { "send" }.to_owned(),
        target: config.target.to_string(),
    };
    let journal = config.journal.as_ref().map(|path| Journal::open(path, config.resume, this)).transpose()?;
    let dead_letters = config.dead_letter.as_ref().map(|path| Output::in_place(path, config.resume)).transpose()?;
    let outcomes = match &config.output {
        None if to_terminal => None,
        Some(path) if journal.is_some() && path.as_os_str() != "-" => Some(Output::in_place(path, config.resume)?),
        path => Some(Output::open(path.as_deref())?),
    };
    let mut outlets = Outlets { outcomes, dead_letters: dead_letters.map(DeadLetters::new), journal: None };
    let Some(journal) = journal else { return Ok((outlets, Log::default())) };
    if let Some(other) = journal.other_target() {
        console.warn(format_args!(
            "--resume: what was done at {other} is not done again at {}; for that, name another journal",
            config.target
        ));
    }
    let resumes = journal.resumes().map(str::to_owned);
    let at_once = (config.limits.concurrency as u64).saturating_mul(config.limits.events as u64);
    let (resume, begun, entries) = journal.begin(at_once.clamp(1, MOST_AHEAD))?;
    outlets.journal = Some(entries);
    // To ask for an event twice does no harm.
    let begun = (!is_verify).then(|| Rc::new(begun));
    Ok((outlets, Log { resume: Some(resume), begun, resumes }))
}

/// What is about to happen, in one line.
fn introduction(config: &Config) -> String {
    let mut limit = config.limit.map_or_else(|| "all events".to_owned(), |n| format!("at most {n} events"));
    if let Some(duration) = config.limits.duration {
        limit.push_str(&format!(" for {}", Span(duration)));
    }
    let doing = if config.plan.job.is_verify() { "asking" } else { "sending to" };
    let mut target = config.target.to_string();
    if config.network.route != config.target.route() {
        target.push_str(&format!(" at {}", config.network.route));
    }
    if let Some(proxy) = &config.network.proxy {
        target.push_str(&format!(" by proxy {proxy}"));
    }
    format!(
        "{doing} {}, {} with {} in flight, {limit}; key: {}",
        target,
        pace(config),
        config.limits.concurrency,
        config.key_source
    )
}

fn pace(config: &Config) -> String {
    match (&config.pace, config.rate) {
        (None, _) => config.mode.to_owned(),
        (Some(_), Some(rate)) => format!("{rate} events/s whatever the server does"),
        (Some(Pace::Replay(speed, _)), _) => format!("replaying at {speed}x"),
        (Some(_), None) => format!("by {}", config.mode),
    }
}

/// What a run came to.
struct End {
    /// Why it ended before its input did, where it did.
    why: Option<Why>,
    elapsed: Duration,
    /// What ended reading early.
    broke: Option<Error>,
    written: Written,
}

struct Run<'a> {
    config: &'a Config,
    console: &'a Console,
    stop: Stop,
    signals: Signals,
    id: String,
}

impl Run<'_> {
    async fn all(self, clock: Arc<dyn Clock>, way: Way, inputs: Inputs, outlets: Outlets, log: Log) -> Result<Ending> {
        let config = self.config;
        let Log { resume, begun, resumes } = log;
        let started_at = clock.now();
        let reading = Arc::new(Reading::new(self.stop.clone()));
        let block = (HELD_BYTES / config.limits.concurrency).clamp(8 << 10, 64 << 10);
        let reader = LineReader::with_capacity(inputs, config.max_line, block);
        let cutter = Cutter::new(reader, drive::rules(config, outlets.dead_letters.clone(), resume));
        let intake = intake::read(cutter, Arc::clone(&reading), begun.clone());
        let (sink, writer) = sink::open(outlets);
        let writer = writer.spawn();
        let news = (!config.quiet).then(|| self.console.clone());
        let draws = || seed::Generator::seed_from_u64(seed::draw());
        let dispatch = drive::assemble(config, &clock, news, intake, sink, draws);
        let drive = Drive {
            config,
            clock: clock.as_ref(),
            dispatch: Rc::clone(&dispatch),
            reading: &reading,
            stop: &|| self.stop.requested(),
        };
        let show = self.show(&dispatch, &reading);
        if let Way::Http1(shared) = &way {
            let cork = Rc::clone(&shared.cork);
            tokio::task::spawn_local(async move { cork.pull().await });
        }
        let Driven { why, lines_read } = match &way {
            Way::Http1(shared) => drive.run(|| Http1::new(Rc::clone(shared)), show).await,
            Way::Http2(http2) => drive.run(|| http2.clone(), show).await,
        };
        let elapsed = clock.elapsed();
        let broke = reading.broke();
        let record = RunRecord {
            id: self.id.clone(),
            complete: why.is_none() && broke.is_none() && dispatch.control.doubt().is_none(),
            lines_read,
            target: config.target.to_string(),
            mode: config.mode.to_owned(),
            rate: config.rate,
            concurrency: config.limits.concurrency as u64,
            batch: config.plan.job.batch().map(|_| config.limits.events as u64),
            retries: config.plan.retry.retries,
            started_at: time::format(started_at),
            ended_at: time::format(clock.now()),
            shard: config.plan.shard.clone(),
            resumes,
            not_compared: config.plan.job.is_verify().then(|| dispatch.tally.borrow().count_not_shown()),
        };
        let mut line = serde_json::to_vec(&RunLine { run: record }).expect("a run record is JSON");
        line.push(b'\n');
        dispatch.sink.close(line).await;
        let written = writer.join().expect("writing does not panic");
        if let Some(begun) = begun.filter(|_| written.broke.is_none()) {
            begun.settle();
        }
        self.signals.set_last_words(None);
        self.tell_the_end(&dispatch, &reading, End { why, elapsed, broke, written })
    }

    /// Says at once that a replay will not wait as long as the events' times ask for.
    fn tell_of_gaps(&self, dispatch: &Dispatch) {
        let Some(Pace::Replay(_, max_gap)) = self.config.pace else { return };
        for gap in dispatch.tally.borrow_mut().gaps_to_tell() {
            self.console.warn(format_args!("--replay: {gap}; this gap is shortened to {} (--max-gap)", Span(max_gap)));
        }
    }

    /// Says how it went, and what came in between.
    fn tell_the_end(&self, dispatch: &Dispatch, reading: &Reading, end: End) -> Result<Ending> {
        let config = self.config;
        let End { why, elapsed, broke, written } = end;
        let untimed = dispatch.tally.borrow().without_timestamp();
        if untimed > 0 {
            let example = reading.untimed().map_or_else(String::new, |why| format!(" ({why})"));
            self.console.warn(format_args!(
                "--replay: {untimed} events have no '{}' that can be read as a time{example}, and were due with the event \
                 before; --fields timestamp=PATH names another field",
                config.fields.path(Role::Timestamp)
            ));
        }
        self.tell_of_gaps(dispatch);
        let gaps = dispatch.tally.borrow().gaps().count;
        if gaps > 0 {
            let wait = dispatch.tally.borrow().gaps().wait;
            self.console.warn(format_args!(
                "--replay: {gaps} gaps between events were shortened to --max-gap; together they would have taken {}",
                pacing::in_round_figures(wait)
            ));
        }
        if reading.unclosed_arrays.load(Ordering::Relaxed) > 0 && why.is_none() {
            self.console.warn("the input is a JSON array without its end: it may have been cut off");
        }
        if !config.quiet {
            let done_before = reading.done_before.load(Ordering::Relaxed);
            if done_before > 0 && broke.is_none() {
                self.console.note(format_args!("{done_before} events were done before, and not sent again"));
            }
            let unsent = if config.plan.job.is_verify() {
                "no JSON object, too long, or without an id to ask for"
            } else if !config.plan.id_headers.is_empty() {
                "no JSON object, too long, or without an id for a header"
            } else {
                "no JSON object or too long"
            };
            self.console.block(dispatch.tally.borrow().summary(elapsed, dispatch.gate.held_back(elapsed), unsent));
        }
        if let Some(error) = broke {
            return Err(error);
        }
        if let Some(error) = written.broke {
            let closed = error.is_closed_stdout();
            let why = if closed { format!("{} was closed", Place::Stdout) } else { error.to_string() };
            let done = match written.lost {
                0 => format!("{} events have their outcome", dispatch.tally.borrow().done()),
                lost => format!("{lost} outcomes could not be written"),
            };
            let kept = written.kept.map(|path| format!("; those before are in {}", path.display()));
            self.console.error(format_args!("{why}; {done}{}", kept.unwrap_or_default()));
            return Ok(Ending::Unfinished);
        }
        let doubt = dispatch.control.doubt().filter(|_| matches!(why, None | Some(Why::NoVerdict)));
        if let Some(doubt) = doubt {
            self.console.error(format_args!(
                "--verify: {doubt}: the answers of {} do not tell which events it holds, so the {} outcomes mean nothing",
                config.target,
                dispatch.tally.borrow().done()
            ));
            return Ok(Ending::Unfinished);
        }
        Ok(match why {
            None => Ending::Done,
            Some(Why::Signal) => Ending::Signalled(self.signals.first().unwrap_or(2)),
            Some(why) => {
                let done = dispatch.tally.borrow().done();
                let target = &config.target;
                self.console.error(match (why, dispatch.no_server.borrow().clone()) {
                    (Why::KeyRefused, _) => format!(
                        "{target} refused the key ({}) in every answer so far ({}, all 401 or 403); {done} events have their outcome",
                        config.key_source,
                        dispatch.key_refused().unwrap_or_default()
                    ),
                    (Why::NoServer, Some(Failure { message, fate: Fate::Short, .. })) => {
                        format!("cannot connect to {target}: {message}; {done} events have their outcome")
                    }
                    (Why::NoServer, Some(Failure { message, .. })) => {
                        format!("no server at {target}: {message}; {done} events have their outcome")
                    }
                    (Why::OverRate, _) => format!(
                        "{target} refused everything for rate for {}; {done} events have their outcome",
                        Span(Duration::from_secs(dispatch.over_rate_for(elapsed).as_secs()))
                    ),
                    _ => "outcomes can no longer be written".to_owned(),
                });
                Ending::Unfinished
            }
        })
    }

    /// Shows how far the run is, each time it is called.
    fn show<'b>(&'b self, dispatch: &'b Dispatch, reading: &'b Reading) -> impl FnMut(Duration) + 'b {
        let config = self.config;
        let mut progress = self.console.progress(config.quiet, config.every);
        let mut momentum = Momentum::default();
        let outlook = Outlook { limit: config.limit, bytes: files::input_bytes(&config.files) };
        move |now| {
            self.tell_of_gaps(dispatch);
            let tally = dispatch.tally.borrow();
            momentum.look(tally.sent(), now);
            progress.show(|| {
                let stage = Stage {
                    done: tally.done(),
                    lines: reading.lines.load(Ordering::Relaxed),
                    bytes: reading.bytes.load(Ordering::Relaxed),
                    before: reading.done_before.load(Ordering::Relaxed),
                    elapsed: now,
                    ends: dispatch.supply.known_end(),
                };
                let overall = rate(tally.sent(), now);
                let p95 = tally.p95().map(|p95| format!(", P95 {}", ms(p95))).unwrap_or_default();
                format!(
                    "{}{} events, {:.0}/s now, {overall:.0}/s overall, {} in flight, {} lines read: {}{p95}{}",
                    stage.done,
                    outlook.of_total(&stage),
                    momentum.now.unwrap_or(overall),
                    dispatch.in_flight(),
                    stage.lines,
                    tally.outcomes(),
                    outlook.time_left(&stage),
                )
            });
        }
    }
}

/// Events a second over the last second.
#[derive(Debug, Default)]
struct Momentum {
    since: Duration,
    done: u64,
    /// None before the first second is over.
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
