//! The figures of the dashboard, and word of each change to them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::app::{App, Caller, Shared};
use super::refusal::Refusal;
use super::{find, respond};
use crate::pserve::store::Tenant;

/// The least time between two messages.
const PAUSE: Duration = Duration::from_millis(500);

/// How often a message comes though nothing has changed, so that neither side takes the connection for dead.
const QUIET: Duration = Duration::from_secs(15);

/// `GET /figures`
pub(super) async fn figures(
    State(app): Shared,
    Caller { tenant, .. }: Caller,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Response, Refusal> {
    let (start, end) = find::range(&parameters).map_err(Refusal::Invalid)?;
    Ok(respond::json(StatusCode::OK, &app.figures.report(&tenant, start, end)))
}

/// `GET /live`: server-sent events, one whenever the caller's figures have changed.
pub(super) async fn live(State(app): Shared, Caller { tenant, .. }: Caller) -> Response {
    let follower = Follower { changes: app.figures.changes(), stopped: app.stopped.clone(), app, tenant, told: None };
    let messages = stream::unfold(follower, async |mut follower| {
        let message = follower.next().await?;
        Some((Ok::<_, std::io::Error>(Bytes::from(message)), follower))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (StatusCode::OK, headers, Body::from_stream(messages)).into_response()
}

/// A client that is told of changes.
struct Follower {
    app: Arc<App>,
    tenant: Tenant,
    changes: watch::Receiver<()>,
    stopped: watch::Receiver<bool>,
    /// The version that it was told of last.
    told: Option<u64>,
}

impl Follower {
    /// The next message; `None` once the server stops.
    async fn next(&mut self) -> Option<String> {
        if self.told.is_some() {
            tokio::select! {
                () = sleep(PAUSE) => {}
                _ = self.stopped.wait_for(|stopped| *stopped) => return None,
            }
        }
        loop {
            self.changes.mark_unchanged();
            let version = self.app.figures.version(&self.tenant);
            if self.told != Some(version) {
                self.told = Some(version);
                return Some(format!("event: changed\ndata: {{\"version\":{version}}}\n\n"));
            }
            tokio::select! {
                changed = timeout(QUIET, self.changes.changed()) => if changed.is_err() {
                    return Some(": nothing has changed\n\n".to_owned());
                },
                _ = self.stopped.wait_for(|stopped| *stopped) => return None,
            }
        }
    }
}
