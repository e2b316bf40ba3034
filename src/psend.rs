//! psend: events in, one outcome each out.
//!
//! A thread reads and checks lines (`intake`). A fixed number of senders on one runtime take them (`supply`) and send them
//! (`dispatch`), each over its own `transport`, which may work on another thread (`threads`). A thread writes the outcomes (`sink`). `run` starts all of these and `drive`
//! steers them. Decisions are made in pure modules: what an answer means (`dialect`), whether and when to try again (`retry`),
//! what the attempts add up to (`delivery`), who must wait (`backpressure`) and how a run ends early (`shutdown`).

mod answers;
mod args;
mod aws_v4;
mod backpressure;
mod check_dialect;
mod config;
mod control;
mod cutoff;
mod delivery;
mod dialect;
mod difference;
mod dispatch;
mod drive;
mod dry_run;
mod error_rate;
mod files;
mod find_rate;
mod flow;
mod given;
mod health;
mod intake;
mod journal;
mod key;
mod lateness;
mod load;
mod meaning;
mod message;
mod number;
mod open_files;
mod outlets;
mod outlook;
mod pacing;
mod percent;
mod process_list;
mod progress;
mod report;
mod resolve;
mod retry;
mod run;
mod secret;
mod shape;
mod shared;
mod shortage;
mod shown;
mod shutdown;
#[cfg(test)]
mod simulation;
mod sink;
mod supply;
mod tally;
mod target;
mod threads;
mod trace;
mod transport;
mod turn;
mod verify;

use std::process::ExitCode;

use crate::cli::output::Output;
use crate::cli::{self, Ending};

/// The whole tool.
pub fn main() -> ExitCode {
    cli::run("psend", |args: args::Args, console| {
        if let Some(dialect) = &args.print_dialect {
            let text = resolve::dialect_text("--print-dialect", dialect.as_ref().unwrap_or(&args.dialect))?;
            let mut out = Output::open(args.output.as_deref())?;
            out.put(text.as_bytes())?;
            return out.finish().map(|()| Ending::Done);
        }
        if let Some(file) = &args.check_dialect {
            return check_dialect::check(file, args.output.as_deref(), console);
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
