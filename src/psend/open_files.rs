//! The limit on open files. Each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::{Error, Result};

/// Files that are open beside connections: standard streams, inputs and outputs, signals and events, name look-ups.
const OTHERS: u64 = 24;

/// Raises the limit if this many connections need it.
///
/// # Errors
/// If the system does not allow it. Connections beyond the limit would fail one by one, as if there were no server.
pub(super) fn make_room(connections: usize) -> Result<()> {
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
         (ulimit -Hn); raise that limit, or use --concurrency {} or less",
        most.saturating_sub(OTHERS).max(1)
    )))
}
