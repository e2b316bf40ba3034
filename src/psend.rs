//! psend: events in, one outcome each out.
//!
//! A thread reads and checks lines (`intake`); a fixed number of senders on one current-thread runtime take them to the
//! server, each over its own `transport` (`dispatch`); a thread writes the outcomes (`sink`). What to do after an attempt
//! is decided in pure modules: `dialect` (what an answer means), `retry` (whether and when again), `delivery` (what it all
//! comes to), `gate` (who must wait).

pub mod args;
pub mod config;
pub mod delivery;
pub mod dialect;
pub mod dispatch;
pub mod gate;
pub mod intake;
pub mod meaning;
pub mod pacing;
pub mod retry;
pub mod run;
pub mod secret;
pub mod sink;
pub mod tally;
pub mod target;
pub mod transport;
pub mod turn;

use std::process::ExitCode;

use crate::cli;

/// The whole tool.
pub fn main() -> ExitCode {
    cli::run("psend", |args: args::Args, console| {
        if let Some(text) = args.dialect_to_print()? {
            let mut out = cli::output::Output::open(None)?;
            out.put(text.as_bytes())?;
            return Ok(cli::Ending::Done);
        }
        run::run(&args.resolve(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))?, console)
    })
}
