//! Keeps the record of what was done on purpose (`--chaos-truth`). Each line is written before the client can notice what it says, so
//! the file lacks nothing even if the server is killed.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use super::fault::{Fault, Strike};
use super::rule::Rules;
use crate::cli::output::Output;
use crate::clock::Micros;
use crate::error::Result;
use crate::pserve::store::Record;
use crate::record::chaos::{ChaosBegun, ChaosFault, ChaosLine};
use crate::time;

/// The file, open for the time of the run.
pub(in crate::pserve) struct Truth(Mutex<Output>);

/// A fault that happened to an event.
pub(in crate::pserve) struct Happened<'a> {
    /// The tenant and the id of the event.
    pub(in crate::pserve) event: (&'a str, &'a str),
    /// The fault.
    pub(in crate::pserve) strike: Strike,
    /// Whether the server holds the event afterwards, if the fault decides it.
    pub(in crate::pserve) stored: Option<bool>,
}

impl Truth {
    /// Begins the file anew.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(in crate::pserve) fn begin(path: &Path, seed: u64, rules: &[Rules], now: Micros) -> Result<Self> {
        let mut file = Output::in_place(path, false)?;
        let rules = rules.iter().map(ToString::to_string).collect();
        let mut line = Vec::new();
        ChaosLine::Begun(ChaosBegun::new(seed, rules, time::format(now))).write(&mut line);
        file.put(&line)?;
        Ok(Self(Mutex::new(file)))
    }

    /// Writes down what happened at this time.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(in crate::pserve) fn write<'a>(&self, happened: impl Iterator<Item = Happened<'a>>, now: Micros) -> Result<()> {
        let at = time::format(now);
        let mut lines = Vec::new();
        for Happened { event: (tenant, id), strike, stored } in happened {
            let (status, delay) = match strike.fault {
                Fault::Error(status) => (Some(status), None),
                Fault::Delay(delay) | Fault::Stall(delay) => (None, Some(delay)),
                _ => (None, None),
            };
            let line = ChaosFault {
                chaos: strike.fault.name().to_owned(),
                event_id: id.to_owned(),
                tenant: tenant.to_owned(),
                at: at.clone(),
                nth: strike.nth,
                status,
                delay_ms: delay.map(milliseconds),
                stored,
            };
            ChaosLine::Fault(line).write(&mut lines);
        }
        if lines.is_empty() {
            return Ok(());
        }
        self.0.lock().expect("no holder of this lock can panic").put(&lines)
    }
}

/// Milliseconds, to the microsecond.
fn milliseconds(delay: Duration) -> f64 {
    (delay.as_secs_f64() * 1e6).round() / 1e3
}

impl<'a> Happened<'a> {
    /// A fault that happened to this event.
    pub(in crate::pserve) fn to(event: &'a Record, strike: Strike, stored: Option<bool>) -> Self {
        Self { event: (&event.tenant, &event.external_id), strike, stored }
    }
}
