//! pserve: an embedded event ingestion server, PulseStream's API (contracts §9) over SQLite.
//!
//! A request passes through four modules: [`api`] reads it, [`keys`] and [`limit`] let it pass, [`validate`] checks the
//! event, and [`store`] commits it together with the others that are waiting. Nothing is answered 200 before it is on disk.

mod api;
mod args;
mod chaos;
mod config;
mod connection;
mod exec;
mod keys;
mod limit;
mod resolve;
mod serve;
mod signals;
mod store;
mod validate;

use std::process::ExitCode;

use crate::cli;
use args::Args;

/// Runs pserve as a process.
pub fn main() -> ExitCode {
    cli::run("pserve", |args: Args, console| {
        let config = resolve::resolve(args, std::env::var_os("PULSE_API_KEY"))?;
        serve::run(config, console)
    })
}
