//! The access log: one line for each request, in the form of an event (contracts §2), so that pstats and psend read it.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use crate::cli::output::Output;
use crate::clock::Micros;
use crate::error::Result;
use crate::time;

/// A file to which lines are added.
pub(super) struct AccessLog(Mutex<Output>);

/// A request that was answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered<'a> {
    /// When its head had arrived.
    pub(super) at: Micros,
    /// From then to the head of the answer.
    pub(super) took: Duration,
    pub(super) method: &'a str,
    /// The path as called, without the query, which may name users.
    pub(super) path: &'a str,
    /// The path with placeholders.
    pub(super) route: &'a str,
    pub(super) status: u16,
    /// The tenant, if the key is accepted.
    pub(super) tenant: Option<&'a str>,
    pub(super) user_agent: Option<&'a str>,
    /// The length of the request's body in bytes, if its head says so.
    pub(super) request_bytes: Option<u64>,
    /// The length of the answer's body in bytes, if it is known.
    pub(super) response_bytes: Option<u64>,
}

impl AccessLog {
    /// Opens the file and keeps what is in it.
    ///
    /// # Errors
    /// If it cannot be written, or another process has it open in this way.
    pub(super) fn open(path: &Path) -> Result<Self> {
        Ok(Self(Mutex::new(Output::in_place(path, true)?)))
    }

    /// Adds a line.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn write(&self, answered: &Answered<'_>) -> Result<()> {
        let Answered { at, took, method, path, route, status, tenant, user_agent, .. } = answered;
        let severity = match status {
            500.. => "error",
            300.. => "warning",
            _ => "info",
        };
        let mut line = json!({
            "event_id": format!("req_{:032x}", rand::random::<u128>()),
            "event_type": "api_call",
            "timestamp": time::format(*at),
            "title": format!("{method} {path}").chars().take(200).collect::<String>(),
            "severity": severity,
            "source": {"service": "pserve", "endpoint": route, "method": method},
            "metrics": {
                "response_time_ms": (took.as_secs_f64() * 1e6).round() / 1e3,
                "status_code": status,
                "request_size_bytes": answered.request_bytes,
                "response_size_bytes": answered.response_bytes,
            },
            "context": {"user_id": tenant, "user_agent": user_agent},
        })
        .to_string();
        line.push('\n');
        self.0.lock().expect("no holder of this lock can panic").put(line.as_bytes())
    }
}
