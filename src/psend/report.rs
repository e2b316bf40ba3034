//! What a run tells a person on stderr: what it is about to do, and how it went.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::config::{Config, Pace};
use super::drive::Drive;
use super::find_rate::words;
use super::pacing;
use super::shutdown::EndReason;
use super::sink::Written;
use super::tally::Tally;
use super::transport::{Failure, Fate};
use crate::cli::numbers;
use crate::cli::values::Span;
use crate::cli::{Console, Ending};
use crate::clock::Micros;
use crate::error::{Error, Place, Result};
use crate::record::event::{FieldMap, Role};

/// How a run ended.
pub(super) struct End {
    /// Why it ended before its input did, if it did.
    pub(super) why: Option<EndReason>,
    /// Time since the start.
    pub(super) elapsed: Duration,
    /// What ended reading early.
    pub(super) broke: Option<Error>,
    /// What became of the outcomes.
    pub(super) written: Written,
    /// The first signal, if one came.
    pub(super) signal: Option<i32>,
}

/// Says what is about to happen, and warns of what may not be meant.
pub(super) fn before(config: &Config, now: Micros, console: &Console) {
    if !config.quiet {
        console.note(introduction(config));
    }
    if let Some(start) = config.start_at {
        let micros = start.since(now);
        let duration = numbers::duration(micros.unsigned_abs() as f64 / 1e6);
        match micros {
            0.. if !config.quiet => console.note(format_args!("the first event is sent in {duration} (--start-at)")),
            0.. => {}
            _ => console.warn(format_args!("--start-at: that was {duration} ago; the run begins at once")),
        }
    }
    if let Some(batch) = config.sending.job.batch()
        && batch.frame.is_plain()
        && let Some(header) = config.sending.shape.made_from_event()
    {
        console.warn(format_args!(
            "--batch: the dialect's header {header} is made from one event, so batches are sent without it"
        ));
    }
    if config.network.trust.anyone {
        console.warn("--insecure: certificates are not checked, so anyone on the way can read and change what is sent");
    }
}

/// What is about to happen, in one line.
fn introduction(config: &Config) -> String {
    let mut limit = config
        .limit
        .map_or_else(|| "all events".to_owned(), |n| format!("at most {}", numbers::counted(n, "event", "events")));
    if let Some(duration) = config.limits.duration {
        limit.push_str(&format!(" for {}", Span(duration)));
    }
    let doing = if config.sending.job.is_verify() { "asking" } else { "sending to" };
    let mut target = config.target.to_string();
    if config.network.route != config.target.route() {
        target.push_str(&format!(" at {}", config.network.route));
    }
    if let Some(proxy) = &config.network.proxy {
        target.push_str(&format!(" by proxy {proxy}"));
    }
    format!(
        "{doing} {target}, {}, at most {} in flight, {limit}; key: {}",
        pace(config),
        numbers::count(config.limits.concurrency as u64),
        config.key_source
    )
}

fn pace(config: &Config) -> String {
    match &config.pace {
        closed @ (Pace::Concurrent | Pace::Sequential) => closed.name().to_owned(),
        Pace::Rate(rate, _) => format!("open loop: {} events/s", numbers::exact(*rate)),
        Pace::Stages(..) => "open loop: stages".to_owned(),
        Pace::Replay(speed, _) => format!("open loop: replay at {speed}x"),
        Pace::FindRate(goal, _) => {
            format!("open loop: searching for the highest rate for at most {}", Span(goal.max_time))
        }
    }
}

/// Reports a replay's long gaps as they are met: the run will not wait as long as the events' times ask for.
pub(super) fn gaps(config: &Config, console: &Console, drive: &Drive<'_>) {
    let Pace::Replay(_, max_gap) = config.pace else { return };
    for gap in drive.shared.tally.borrow_mut().gaps_to_tell() {
        console.warn(format_args!("--replay: {gap}; this gap is shortened to {} (--max-gap)", Span(max_gap)));
    }
}

/// Why `--abort-on` ended the run, if it did.
pub(super) fn aborted(config: &Config, tally: &Tally) -> Option<String> {
    let (rate, abort) = (tally.aborted_at()?, config.abort_on?);
    Some(format!("--abort-on '{abort}': the error rate was {}", numbers::percent(rate)))
}

/// Says how the run went, and how the process ends.
///
/// # Errors
/// If the input could not be read.
pub(super) fn after(config: &Config, console: &Console, drive: &Drive<'_>, end: End) -> Result<Ending> {
    let Drive { shared, intake_state, .. } = drive;
    let End { why, elapsed, broke, written, signal } = end;
    gaps(config, console, drive);
    let tally = shared.tally.borrow();
    if tally.without_timestamp() > 0 {
        let example = intake_state.untimed().map_or_else(String::new, |why| format!(" ({why})"));
        console.warn(format_args!(
            "--replay: {} no time in '{}'{example}, so each was due with the event before it; --fields timestamp=PATH names \
             another field",
            numbers::counted(tally.without_timestamp(), "event has", "events have"),
            config.fields.path(Role::Timestamp)
        ));
    }
    if tally.gaps().count > 0 {
        console.warn(format_args!(
            "--replay: {} shortened to --max-gap; together they would have taken {}",
            numbers::counted(tally.gaps().count, "gap between events was", "gaps between events were"),
            pacing::in_round_figures(tally.gaps().wait)
        ));
    }
    let (found, usual) = (intake_state.found(), FieldMap::default());
    for (name, role) in found.missing_roles() {
        let path = config.fields.path(role);
        if path != usual.path(role) {
            console.warn(format_args!("--fields {name}={path}: no event has this field"));
        }
    }
    for (place, (name, path)) in config.sending.tags.iter().enumerate() {
        if found.lacks_tag(place) {
            console.warn(format_args!("--tag {name}={path}: no event has this field"));
        }
    }
    if intake_state.unclosed_arrays.load(Ordering::Relaxed) > 0 && why.is_none() {
        console.warn("the input is a JSON array without its end: it may have been cut off");
    }
    if !config.quiet {
        let done_before = intake_state.done_before.load(Ordering::Relaxed);
        if done_before > 0 && broke.is_none() {
            console.note(format_args!(
                "{} done before, and not sent again",
                numbers::counted(done_before, "event was", "events were")
            ));
        }
        let unsent = if config.sending.job.is_verify() {
            "not a JSON object, too long, or without an id to ask for"
        } else if config.sending.shape.made_from_event().is_some() || !config.sending.body.is_event() {
            "not a JSON object, too long, or without a value that the request needs"
        } else {
            "not a JSON object, or too long"
        };
        console.block(tally.summary(elapsed, shared.flow.held_back(elapsed), unsent));
        if let Some(search) = &shared.search {
            console.block(words::summary(&search.borrow().capacity(why)));
        }
    }
    if let Some(error) = broke {
        return Err(error);
    }
    let done = numbers::counted(tally.done(), "event has an outcome", "events have an outcome");
    if let Some(error) = written.broke {
        let why = if error.is_closed_stdout() { format!("{} was closed", Place::Stdout) } else { error.to_string() };
        let done = match written.lost {
            0 => done,
            lost => numbers::counted(lost, "outcome could not be written", "outcomes could not be written"),
        };
        let kept = written.kept.map(|path| format!("; earlier ones are in {}", path.display()));
        console.error(format_args!("{why}; {done}{}", kept.unwrap_or_default()));
        return Ok(Ending::Unfinished);
    }
    let Some(cause) = cause(why, signal, drive) else { return Ok(Ending::Done) };
    let target = &config.target;
    console.error(match cause {
        Cause::Signal(signal) => return Ok(Ending::Signalled(signal)),
        Cause::OutputBroke => "outcomes can no longer be written".to_owned(),
        Cause::NotBelieved(why) => format!(
            "--verify: {why}: the answers of {target} do not tell which events it holds, so the {} mean nothing",
            numbers::counted(tally.done(), "outcome", "outcomes")
        ),
        Cause::KeyRefused(answers) => format!(
            "{target} refused the key ({}) in every answer so far ({}, all 401 or 403); {done}",
            config.key_source,
            numbers::count(answers.into())
        ),
        Cause::CannotConnect(why) => format!("cannot connect to {target}: {why}; {done}"),
        Cause::NoServer(why) => format!("no server at {target}: {why}; {done}"),
        Cause::OverRate(lasted) => {
            format!("{target} refused everything for rate for {}; {done}", Span(Duration::from_secs(lasted.as_secs())))
        }
        Cause::TooManyErrors => format!("{}; {done}", aborted(config, &tally).unwrap_or_default()),
    });
    Ok(Ending::Unfinished)
}

/// What kept a run from being done, with what a message says about it.
enum Cause {
    Signal(i32),
    OutputBroke,
    /// `--verify`: why the server's answers cannot be believed.
    NotBelieved(String),
    /// After this many answers.
    KeyRefused(u32),
    /// This computer lacks something.
    CannotConnect(String),
    NoServer(String),
    /// For this long.
    OverRate(Duration),
    TooManyErrors,
}

/// What kept the run from being done. Returns `None` if it is done.
fn cause(why: Option<EndReason>, signal: Option<i32>, drive: &Drive<'_>) -> Option<Cause> {
    let (health, control) = (&drive.dispatch.health, &drive.dispatch.control);
    let Some(why) = why else { return control.doubt().map(Cause::NotBelieved) };
    Some(match why {
        EndReason::Signal => Cause::Signal(signal.unwrap_or(2)),
        EndReason::OutputBroke => Cause::OutputBroke,
        EndReason::NoVerdict => Cause::NotBelieved(control.doubt().unwrap_or_default()),
        EndReason::KeyRefused => Cause::KeyRefused(health.key_refused().unwrap_or_default()),
        EndReason::NoServer => match health.no_server() {
            Some(Failure { message, fate: Fate::Short(_), .. }) => Cause::CannotConnect(message),
            Some(Failure { message, .. }) => Cause::NoServer(message),
            None => Cause::NoServer("it did not answer".to_owned()),
        },
        EndReason::OverRate => Cause::OverRate(drive.shared.flow.barren().1),
        EndReason::TooManyErrors => Cause::TooManyErrors,
    })
}
