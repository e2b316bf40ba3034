//! pserve: an embedded event ingestion server, PulseStream's API (contracts §9) over SQLite.
//!
//! A request goes one way: [`api`] reads it, [`keys`] and [`limit`] let it pass, [`validate`] checks the event, [`store`]
//! commits it together with the others that wait. Nothing is answered 200 before it is on disk.

pub mod api;
pub mod args;
mod connection;
mod exec;
pub mod keys;
pub mod limit;
mod serve;
pub mod store;
pub mod validate;

use std::process::ExitCode;

use crate::cli;
use args::Args;

/// Runs pserve as a process.
pub fn main() -> ExitCode {
    cli::run("pserve", |args: Args, console| {
        let config = args.resolve(std::env::var_os("PULSE_API_KEY"))?;
        serve::run(config, console)
    })
}
