//! What the handlers share, and how they learn whose request it is.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;

use super::refusal::Refusal;
use super::room::Room;
use crate::clock::Clock;
use crate::pserve::chaos::Chaos;
use crate::pserve::config::Duplicates;
use crate::pserve::keys::Keys;
use crate::pserve::limit::Limiter;
use crate::pserve::store::Tenant;
use crate::pserve::store::commit::Committer;
use crate::pserve::store::readers::Readers;
use crate::pserve::store::sqlite::SqliteReader;

/// Everything that a request may need.
pub(in crate::pserve) struct App {
    /// The keys to accept.
    pub(in crate::pserve) keys: Keys,
    /// The rate limit, if there is one.
    pub(in crate::pserve) limiter: Option<Limiter>,
    /// The answer to a duplicate.
    pub(in crate::pserve) duplicates: Duplicates,
    pub(in crate::pserve) clock: Box<dyn Clock>,
    /// Writes to the store.
    pub(in crate::pserve) committer: Committer,
    /// Read from the store.
    pub(in crate::pserve) readers: Readers<SqliteReader>,
    /// Faults on purpose, if there are any.
    pub(in crate::pserve) chaos: Option<Chaos>,
    /// Memory for large bodies.
    pub(in crate::pserve) room: Room,
}

pub(super) type Shared = State<Arc<App>>;

/// The tenant whose key the request carries.
pub(super) struct Caller(pub(super) Tenant);

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let key = parts.headers.get("x-api-key").ok_or(Refusal::NoKey)?;
        app.keys.tenant(key.as_bytes()).cloned().map(Self).ok_or(Refusal::WrongKey)
    }
}
