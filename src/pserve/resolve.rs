//! From the command line to a [`Job`]: finds the address, reads the keys, refuses what would lose events.

use std::ffi::OsString;
use std::fmt::Display;
use std::net::{SocketAddr, ToSocketAddrs};

use super::args::Args;
use super::config::{ChaosConfig, Config, Job, Until};
use super::keys::Keys;
use super::limit::Allowance;
use super::store::open::Db;
use crate::cli::api_key::key_in;
use crate::cli::input;
use crate::error::{Error, Result};
use crate::seed;

/// What the environment says.
pub(super) struct Environment {
    /// PULSE_API_KEY
    pub(super) key: Option<OsString>,
    /// PGPASSWORD
    pub(super) password: Option<OsString>,
}

/// Resolves the flags.
///
/// # Errors
/// A usage error that names the flag, or the file that cannot be read.
pub(super) fn resolve(args: Args, environment: Environment) -> Result<Job> {
    let text = |name: &str, value: Option<OsString>| {
        let text = value.map(OsString::into_string).transpose();
        text.map_err(|_| Error::usage(format!("{name}: the value is not valid UTF-8")))
    };
    let db = Db::named(&args.db)?.or_password(text("PGPASSWORD", environment.password)?.as_deref());
    if args.export {
        return Ok(Job::Export { db, tenant: args.tenant });
    }
    if args.reset {
        return Ok(Job::Reset { db, is_sure: args.yes, quiet: args.quiet });
    }
    let environment_key = text("PULSE_API_KEY", environment.key)?;
    let listen = addresses(&args.listen)?;
    let keys = match keys(&args, environment_key.as_deref())? {
        Some(keys) => keys,
        None if listen.iter().all(|address| address.ip().is_loopback()) => Keys::test(),
        None => {
            return Err(Error::usage(format!(
                "--listen {}: other machines can reach this address, and the guide's test key is public: set a key with \
                 --api-key-file, --keys or PULSE_API_KEY",
                args.listen
            )));
        }
    };
    let until = match args.exec {
        Some(command) => {
            let key = keys.for_client(environment_key.as_deref()).ok_or_else(|| {
                Error::usage(
                    "--exec: the command needs a key, and --keys has only the hash of its first; set PULSE_API_KEY",
                )
            })?;
            Until::Exit { command, key: key.to_owned() }
        }
        None => Until::Signal,
    };
    let rate = args.rate_limit.map(|rate| {
        Allowance::new("", rate).map_err(|_| {
            Error::usage(format!("--rate-limit {rate}: expected a whole number of events, such as 300/1m"))
        })
    });
    let chaos = (!args.chaos.is_empty()).then(|| ChaosConfig {
        rules: args.chaos,
        seed: args.seed.unwrap_or_else(seed::draw),
        is_drawn: args.seed.is_none(),
        truth: args.chaos_truth,
    });
    Ok(Job::Serve(Box::new(Config {
        listen,
        unix_socket: args.unix_socket,
        db,
        until,
        keys,
        duplicates: args.duplicates,
        rate: rate.transpose()?,
        access_log: args.access_log,
        chaos,
        page: args.page,
        quiet: args.quiet,
    })))
}

/// The keys that were given. A flag takes precedence over the environment.
fn keys(args: &Args, environment_key: Option<&str>) -> Result<Option<Keys>> {
    let usage = |of: &dyn Display| {
        let of = of.to_string();
        move |e: String| Error::usage(format!("{of}: {e}"))
    };
    let keys = if let Some(file) = &args.keys {
        let text = input::named_text("--keys", file)?;
        Keys::parse(&text).map_err(usage(&format_args!("--keys {}", file.display())))
    } else if let Some(file) = &args.api_key_file {
        let text = input::named_text("--api-key-file", file)?;
        let key = key_in(&text).map_err(|e| format!("{e}; --keys accepts several")).and_then(Keys::single);
        key.map_err(usage(&format_args!("--api-key-file {}", file.display())))
    } else if let Some(key) = &args.api_key {
        Keys::single(key).map_err(usage(&"--api-key"))
    } else if let Some(key) = environment_key {
        Keys::single(key).map_err(usage(&"PULSE_API_KEY"))
    } else {
        return Ok(None);
    };
    keys.map(Some)
}

fn addresses(listen: &str) -> Result<Vec<SocketAddr>> {
    let wrong = |why: &dyn Display| {
        Error::usage(format!("--listen {listen}: {why}; expected a host and a port, such as 127.0.0.1:8000"))
    };
    let found: Vec<_> = listen.to_socket_addrs().map_err(|e| wrong(&e))?.collect();
    if found.is_empty() { Err(wrong(&"no such host")) } else { Ok(found) }
}
