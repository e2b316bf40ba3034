//! pserve: an embedded event ingestion server, PulseStream's API (contracts §9) over a database.
//!
//! A request passes through four modules: [`api`] reads it, [`keys`] and [`limit`] let it pass, [`validate`] checks the
//! event, and [`store`] commits it together with the others that are waiting. Nothing is answered 200 before it is on disk.
//! [`figures`] counts what is stored, for the dashboard, and [`metrics`] what is asked, for Prometheus. [`chaos`] breaks all of this on
//! purpose.

mod access_log;
mod api;
mod args;
mod chaos;
mod config;
mod connection;
mod exec;
mod figures;
mod keys;
mod limit;
mod maintain;
mod metrics;
mod resolve;
mod serve;
mod signals;
mod socket;
mod store;
mod validate;

use std::process::ExitCode;

use crate::cli;
use args::Args;
use config::Job;
use resolve::Environment;

/// Runs pserve as a process.
pub fn main() -> ExitCode {
    cli::run("pserve", |args: Args, console| {
        let environment =
            Environment { key: std::env::var_os("PULSE_API_KEY"), password: std::env::var_os("PGPASSWORD") };
        match resolve::resolve(args, environment)? {
            Job::Serve(config) => serve::run(*config, console),
            Job::Export { db, tenant } => maintain::export(&db, tenant.as_deref()),
            Job::Reset { db, is_sure, quiet } => maintain::reset(&db, is_sure, quiet, console),
        }
    })
}
