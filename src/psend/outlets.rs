//! Opens what a run writes to: outcomes, dead letters, and the journal, which must belong to this run alone.

use std::rc::Rc;

use super::config::Config;
use super::journal::{Begun, Journal, JournalOwner, Resume};
use super::sink::{DeadLetters, Outlets, Written};
use crate::cli::Console;
use crate::cli::output::Output;
use crate::error::Result;

/// The journal's mark of events that may have been sent runs at most this many events ahead. More would save next to nothing.
const MOST_AHEAD: u64 = 64;

/// What a run's journal says and marks.
#[derive(Default)]
pub(super) struct Log {
    /// Which lines an earlier run is done with.
    pub(super) resume: Option<Resume>,
    /// Marks events that may have been sent.
    pub(super) begun: Option<Rc<Begun>>,
    /// The id of the run that began the journal, if it was another one.
    pub(super) resumes: Option<String>,
}

impl Log {
    /// After everything was written: what this run sent is no longer in doubt, unless the journal may lack some of it.
    pub(super) fn settle(begun: Option<Rc<Begun>>, written: &Written) {
        if let Some(begun) = begun.filter(|_| written.broke.is_none()) {
            begun.settle();
        }
    }
}

/// Opens what this run writes to. Writes nothing unless the journal belongs to this run alone. With a journal, and for dead
/// letters, files are written in place, so that they survive a crash.
///
/// # Errors
/// If something cannot be opened, or the journal is of another run.
pub(super) fn open(config: &Config, to_terminal: bool, id: &str, console: &Console) -> Result<(Outlets, Log)> {
    let is_verify = config.sending.job.is_verify();
    let this = JournalOwner {
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
            "--resume: events that are done at {other} are not sent to {}; to send them, name another journal",
            config.target
        ));
    }
    let resumes = journal.resumes().map(str::to_owned);
    let at_once = (config.limits.concurrency as u64).saturating_mul(config.limits.events as u64);
    let (resume, begun, entries) = journal.begin(at_once.clamp(1, MOST_AHEAD))?;
    outlets.journal = Some(entries);
    // Asking for an event twice does no harm.
    let begun = (!is_verify).then(|| Rc::new(begun));
    Ok((outlets, Log { resume: Some(resume), begun, resumes }))
}
