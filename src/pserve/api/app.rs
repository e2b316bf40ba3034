//! What the handlers share, and how they learn whose request it is.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use tokio::sync::watch;

use super::refusal::Refusal;
use super::room::Room;
use crate::clock::{Clock, Micros};
use crate::pserve::access_log::AccessLog;
use crate::pserve::chaos::Chaos;
use crate::pserve::config::Duplicates;
use crate::pserve::figures::Figures;
use crate::pserve::keys::{Accepted, Keys};
use crate::pserve::limit::{Allowance, Limiter};
use crate::pserve::metrics::Metrics;
use crate::pserve::store::commit::Committer;
use crate::pserve::store::readers::Readers;
use crate::pserve::store::{Tally, TallyName, Tenant, hour_of};

/// Everything that a request may need.
pub(in crate::pserve) struct App {
    /// The keys to accept.
    pub(in crate::pserve) keys: Keys,
    /// Whether the dashboard fills in the guide's test key: it is the only one, and only this machine reaches the server.
    pub(in crate::pserve) shows_key: bool,
    /// The rate of each tenant whose key has none of its own.
    pub(in crate::pserve) rate: Option<Allowance>,
    /// What is used up of all rates.
    pub(in crate::pserve) limiter: Limiter,
    /// The answer to a duplicate.
    pub(in crate::pserve) duplicates: Duplicates,
    /// The file of the page at `/report`, if there is one.
    pub(in crate::pserve) page: Option<PathBuf>,
    pub(in crate::pserve) clock: Box<dyn Clock>,
    /// Read from the store. They are closed before the writer, which folds the log if it is the last.
    pub(in crate::pserve) readers: Readers,
    /// Writes to the store.
    pub(in crate::pserve) committer: Committer,
    /// What the dashboard shows.
    pub(in crate::pserve) figures: Arc<Figures>,
    /// What Prometheus gets.
    pub(in crate::pserve) metrics: Metrics,
    /// Writes down each request, if that is asked for.
    pub(in crate::pserve) access_log: Option<AccessLog>,
    /// Faults on purpose, if there are any.
    pub(in crate::pserve) chaos: Option<Chaos>,
    /// Memory for large bodies.
    pub(in crate::pserve) room: Room,
    /// Whether the server stops.
    pub(in crate::pserve) stopped: watch::Receiver<bool>,
}

pub(super) type Shared = State<Arc<App>>;

impl App {
    /// The rate that holds for a caller.
    pub(super) fn allowance(&self, caller: &Caller) -> Option<Allowance> {
        let own = caller.allowance.as_deref().cloned();
        own.or_else(|| self.rate.as_ref().map(|rate| rate.of(&caller.tenant)))
    }

    /// Counts events that are refused for their rate.
    pub(super) fn refused_for_rate(&self, tenant: &Tenant, count: u64, now: Micros) {
        if count > 0 {
            let tally = Tally { tenant: Arc::clone(tenant), name: TallyName::RateLimited, hour: hour_of(now), count };
            self.figures.tally(&tally);
            self.committer.tally(tally);
            self.metrics.events("rate_limited", count);
        }
    }
}

/// Who sent the request.
pub(super) struct Caller {
    /// The tenant whose key the request carries.
    pub(super) tenant: Tenant,
    /// The key's own rate, if it has one.
    allowance: Option<Arc<Allowance>>,
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let key = parts.headers.get("x-api-key").ok_or(Refusal::NoKey)?;
        let Accepted { tenant, allowance, .. } = app.keys.find(key.as_bytes()).ok_or(Refusal::WrongKey)?;
        Ok(Self { tenant: Arc::clone(tenant), allowance: allowance.clone() })
    }
}
