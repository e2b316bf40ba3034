//! The limit on open files. Each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::{Error, Result};

/// Files that are open beside connections: standard streams, inputs and outputs, signals and events, name look-ups.
const OTHERS: u64 = 24;

/// Files that each thread opens for its events.
const PER_THREAD: u64 = 4;

/// Raises the limit if this many connections on this many threads need it.
///
/// # Errors
/// If the system does not allow it. Connections beyond the limit would fail one by one, as if there were no server.
pub(super) fn make_room(connections: usize, threads: usize) -> Result<()> {
    let needed = connections as u64 + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    let is_enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
    // A thread that cannot open its files does not join in, and its connections stay where they are.
    let wanted = needed + (threads as u64 - 1) * PER_THREAD;
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let raised = Rlimit { current: Some(limit.maximum.unwrap_or(wanted).min(wanted)), maximum: limit.maximum };
    if is_enough(limit.current) || is_enough(limit.maximum) {
        let is_raised = setrlimit(Resource::Nofile, raised).is_ok();
        if is_raised || is_enough(limit.current) {
            return Ok(());
        }
    }
    let most = limit.maximum.or(limit.current).unwrap_or_default();
    Err(Error::usage(format!(
        "--concurrency {connections}: that many connections need {needed} open files, and this process may have {most} \
         (ulimit -Hn); raise that limit, or use --concurrency {} or less",
        most.saturating_sub(OTHERS).max(1)
    )))
}
