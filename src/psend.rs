//! psend: events in, one outcome each out.
//!
//! A thread reads and checks lines (`intake`); a fixed number of senders on one current-thread runtime take them to the
//! server, each over its own `transport` (`dispatch`); a thread writes the outcomes (`sink`); `drive` starts and ends them. What to do after an attempt
//! is decided in pure modules: `dialect` (what an answer means), `retry` (whether and when again), `delivery` (what it all
//! comes to), `gate` (who must wait).

pub mod args;
pub mod config;
pub mod control;
pub mod cutoff;
pub mod delivery;
pub mod dialect;
pub mod difference;
pub mod dispatch;
pub mod drive;
pub mod files;
pub mod gate;
pub mod given;
pub mod intake;
pub mod journal;
pub mod meaning;
pub mod message;
pub mod number;
pub mod open_files;
pub mod outlook;
pub mod pacing;
pub mod process_list;
pub mod resolve;
pub mod retry;
pub mod run;
pub mod secret;
pub mod shortage;
#[cfg(test)]
mod simulation;
pub mod sink;
pub mod supply;
pub mod tally;
pub mod target;
pub mod transport;
pub mod turn;
pub mod verify;

use std::process::ExitCode;

use crate::cli;

/// The whole tool.
pub fn main() -> ExitCode {
    cli::run("psend", |args: args::Args, console| {
        if args.print_dialect {
            let mut out = cli::output::Output::open(None)?;
            out.put(resolve::dialect_text(&args.dialect)?.as_bytes())?;
            return Ok(cli::Ending::Done);
        }
        if let Some(key) = &args.api_key
            && let Err(e) = process_list::blank(key)
        {
            console
                .warn(format_args!("--api-key: the key stays in the process list ({e}); --api-key-file keeps it out"));
        }
        let config = resolve::resolve(args, &|name| std::env::var_os(name))?;
        run::run(&config, console)
    })
}
