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
use tokio::time::{Instant, timeout_at};

use super::{Caller, Refusal};

/// The largest body that is taken (contracts §9).
pub(super) const MAX_BYTES: usize = 10 << 20;

/// A body that is refused is read and dropped up to here; past it the connection is closed on the client.
const DROPPED: usize = 64 << 20;

/// How long a client may pause within a body.
const PATIENCE: Duration = Duration::from_secs(30);

/// A body has to come at this rate at least, in bytes a second, once [`PATIENCE`] is over.
const LEAST_RATE: usize = 16 << 10;

/// A body up to this size needs no room set aside: a connection's own buffers are as large.
const SMALL: usize = 64 << 10;

/// The room for all larger bodies together, in pieces of [`SMALL`] bytes.
const ROOM: usize = 4096;

/// The room that large bodies share while they are read and stored. It is given as bytes arrive, so that who announces much and
/// sends little holds up nobody.
pub struct Room {
    free: Arc<Semaphore>,
    /// Lets one body at a time go beyond the room: else bodies that each have a part could wait for each other for ever.
    beyond: Arc<Semaphore>,
}

impl Default for Room {
    fn default() -> Self {
        Self { free: Arc::new(Semaphore::new(ROOM)), beyond: Arc::new(Semaphore::new(1)) }
    }
}

/// What one body takes of the room, until it is dropped.
#[derive(Default)]
struct Share {
    /// How many bytes it is enough for, beside [`SMALL`].
    bytes: usize,
    pieces: Option<OwnedSemaphorePermit>,
    beyond: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Waits until a body of this length has room.
    async fn grow(&mut self, length: usize, room: &Room) {
        let missing = length.saturating_sub(SMALL + self.bytes).div_ceil(SMALL);
        if missing == 0 || self.beyond.is_some() {
            return;
        }
        let pieces = u32::try_from(missing).unwrap_or(u32::MAX);
        tokio::select! {
            biased;
            Ok(more) = Arc::clone(&room.free).acquire_many_owned(pieces) => {
                self.bytes += missing * SMALL;
                match &mut self.pieces {
                    Some(pieces) => pieces.merge(more),
                    none => *none = Some(more),
                }
            }
            Ok(beyond) = Arc::clone(&room.beyond).acquire_owned() => self.beyond = Some(beyond),
        }
    }
}

/// A request that was let in: whose it is, its body, and the room that this takes until it is dropped.
pub(super) struct Taken {
    pub(super) caller: Caller,
    pub(super) body: Bytes,
    _share: Share,
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
    let (body, share) = collect(body, room).await?;
    Ok(Taken { caller, body, _share: share })
}

async fn collect(mut body: Body, room: &Room) -> Result<(Bytes, Share), Refusal> {
    let mut share = Share::default();
    let begun = Instant::now();
    // Waiting for room is none of the client's time.
    let mut waited = Duration::ZERO;
    let first = frame(&mut body, begun + PATIENCE).await?.unwrap_or_default();
    if body.is_end_stream() && first.len() <= SMALL {
        // Nearly every event comes in one piece, which needs no copy.
        return Ok((first, share));
    }
    let mut whole = BytesMut::from(first);
    loop {
        let asked = Instant::now();
        share.grow(whole.len(), room).await;
        waited += asked.elapsed();
        let due = begun + waited + PATIENCE + Duration::from_secs((whole.len() / LEAST_RATE) as u64);
        let Some(more) = frame(&mut body, due).await? else { return Ok((whole.freeze(), share)) };
        if whole.len() + more.len() > MAX_BYTES {
            return refuse(body, Refusal::TooLarge).await;
        }
        whole.extend_from_slice(&more);
    }
}

/// The next piece of data, which has to come by a certain time.
async fn frame(body: &mut Body, due: Instant) -> Result<Option<Bytes>, Refusal> {
    let due = due.min(Instant::now() + PATIENCE);
    loop {
        let next = timeout_at(due, body.frame()).await.map_err(|_| Refusal::TooSlow)?;
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
    let begun = Instant::now();
    while dropped + usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) <= DROPPED
        && let Ok(Some(data)) = frame(&mut body, begun + 2 * PATIENCE).await
    {
        dropped += data.len();
    }
    Err(refusal)
}
