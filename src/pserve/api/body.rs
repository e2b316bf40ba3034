//! Takes a request's body in, up to a limit, and lets a client that is refused finish sending, so that it reads the answer.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;

use super::{Caller, Refusal};

/// The largest body that is taken (contracts §9).
pub(super) const MAX_BYTES: usize = 10 << 20;

/// A body that is refused is read and dropped up to here; past it the connection is closed on the client.
const DROPPED: usize = 64 << 20;

/// Reads all of a body, once it is clear whose it is.
pub(super) async fn of(
    caller: Result<Caller, Refusal>,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Caller, Bytes), Refusal> {
    match caller {
        Ok(caller) => Ok((caller, collect(headers, body).await?)),
        Err(refusal) => {
            drain(body).await;
            Err(refusal)
        }
    }
}

async fn collect(headers: &HeaderMap, mut body: Body) -> Result<Bytes, Refusal> {
    if let Some(coding) = headers.get(header::CONTENT_ENCODING).filter(|coding| *coding != "identity") {
        let coding = String::from_utf8_lossy(coding.as_bytes()).into_owned();
        drain(body).await;
        return Err(Refusal::Encoded(coding));
    }
    if body.size_hint().lower() > MAX_BYTES as u64 {
        drain(body).await;
        return Err(Refusal::TooLarge);
    }
    let first = frame(&mut body).await?.unwrap_or_default();
    if body.is_end_stream() {
        // Nearly every event comes in one piece, which needs no copy.
        return Ok(first);
    }
    let mut whole = BytesMut::from(first);
    while let Some(more) = frame(&mut body).await? {
        if whole.len() + more.len() > MAX_BYTES {
            drain(body).await;
            return Err(Refusal::TooLarge);
        }
        whole.extend_from_slice(&more);
    }
    Ok(whole.freeze())
}

/// The next piece of data.
async fn frame(body: &mut Body) -> Result<Option<Bytes>, Refusal> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Refusal::Malformed(format!("There was an error reading the body: {e}")))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// Reads and drops a body whose request is refused.
async fn drain(mut body: Body) {
    if body.size_hint().lower() > DROPPED as u64 {
        return;
    }
    let mut dropped = 0;
    while dropped <= DROPPED
        && let Ok(Some(data)) = frame(&mut body).await
    {
        dropped += data.len();
    }
}
