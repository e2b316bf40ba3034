//! How many files the process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::{Error, Result};

/// What is open beside connections: standard streams, inputs and outputs, what waits for signals and events, name look-ups.
const OTHERS: u64 = 24;

/// Makes room for so many connections, as far as the system lets us.
///
/// # Errors
/// Where it does not: connections beyond the limit would fail one by one, as if there were no server.
pub fn make_room(connections: usize) -> Result<()> {
    let needed = connections as u64 + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    let is_enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
    if is_enough(limit.current) {
        return Ok(());
    }
    if is_enough(limit.maximum)
        && setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum: limit.maximum }).is_ok()
    {
        return Ok(());
    }
    let most = limit.maximum.or(limit.current).unwrap_or_default();
    Err(Error::usage(format!(
        "--concurrency {connections}: that many connections need {needed} open files, and this process may have {most} \
         (ulimit -Hn): raise that limit, or give --concurrency {} or less",
        most.saturating_sub(OTHERS).max(1)
    )))
}
