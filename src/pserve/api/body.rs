//! Takes a request's body in, within bounds of size, memory and patience, and lets a client that is refused finish sending,
//! so that it reads the answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::{Caller, Refusal};

/// The largest body that is taken (contracts §9).
pub(super) const MAX_BYTES: usize = 10 << 20;

/// A body that is refused is read and dropped up to here; past it the connection is closed on the client.
const DROPPED: usize = 64 << 20;

/// How long a client may pause within a body.
const PATIENCE: Duration = Duration::from_secs(30);

/// A body up to this size needs no room set aside: a connection's own buffers are as large.
const SMALL: usize = 64 << 10;

/// The room for all larger bodies together, in KiB. Requests that find none left wait for it.
const ROOM: u32 = 256 << 10;

/// The room that large bodies share while they are read and stored.
pub struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM as usize)))
    }
}

impl Room {
    async fn take(&self, headers: &HeaderMap, least: u64) -> Option<OwnedSemaphorePermit> {
        // Without a length it may become as long as any.
        let length = if headers.contains_key(header::CONTENT_LENGTH) { least } else { MAX_BYTES as u64 };
        if length <= SMALL as u64 {
            return None;
        }
        let kib = u32::try_from(length.div_ceil(1024)).unwrap_or(ROOM).min(ROOM);
        Arc::clone(&self.0).acquire_many_owned(kib).await.ok()
    }
}

/// A request that was let in: whose it is, its body, and the room that this takes until it is dropped.
pub(super) struct Taken {
    pub(super) caller: Caller,
    pub(super) body: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// Reads all of a body, once it is clear whose it is.
pub(super) async fn take(
    caller: Result<Caller, Refusal>,
    headers: &HeaderMap,
    body: Body,
    room: &Room,
) -> Result<Taken, Refusal> {
    let caller = match caller {
        Ok(caller) => caller,
        Err(refusal) => return refuse(body, refusal).await,
    };
    if let Some(coding) = headers.get(header::CONTENT_ENCODING).filter(|coding| *coding != "identity") {
        let coding = String::from_utf8_lossy(coding.as_bytes()).into_owned();
        return refuse(body, Refusal::Encoded(coding)).await;
    }
    let least = body.size_hint().lower();
    if least > MAX_BYTES as u64 {
        return refuse(body, Refusal::TooLarge).await;
    }
    let room = room.take(headers, least).await;
    Ok(Taken { caller, body: collect(body).await?, _room: room })
}

async fn collect(mut body: Body) -> Result<Bytes, Refusal> {
    let first = frame(&mut body).await?.unwrap_or_default();
    if body.is_end_stream() {
        // Nearly every event comes in one piece, which needs no copy.
        return Ok(first);
    }
    let mut whole = BytesMut::from(first);
    while let Some(more) = frame(&mut body).await? {
        if whole.len() + more.len() > MAX_BYTES {
            return refuse(body, Refusal::TooLarge).await;
        }
        whole.extend_from_slice(&more);
    }
    Ok(whole.freeze())
}

/// The next piece of data.
async fn frame(body: &mut Body) -> Result<Option<Bytes>, Refusal> {
    loop {
        let next = timeout(PATIENCE, body.frame()).await.map_err(|_| Refusal::TooSlow)?;
        let Some(frame) = next else { return Ok(None) };
        let frame = frame.map_err(|e| Refusal::Malformed(format!("There was an error reading the body: {e}")))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
}

/// Reads and drops the rest of a body, then refuses its request.
async fn refuse<T>(mut body: Body, refusal: Refusal) -> Result<T, Refusal> {
    let mut dropped = 0;
    while dropped + usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) <= DROPPED
        && let Ok(Some(data)) = frame(&mut body).await
    {
        dropped += data.len();
    }
    Err(refusal)
}
