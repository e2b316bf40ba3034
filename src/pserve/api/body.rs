//! Reads the body of a request, within limits on size, memory and time. Lets a client that is refused finish sending, so that it
//! reads the answer.

use std::io::Read;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::time::{Instant, timeout_at};

use super::app::Caller;
use super::refusal::Refusal;
use super::room::{Room, SMALL, Share};

/// The largest body that is accepted (contracts §9).
const MAX_BYTES: usize = 10 << 20;

/// Up to this many bytes of a refused body are read and dropped. After them the connection is closed.
const DROPPED: usize = 64 << 20;

/// How long a client may pause within a body.
const PATIENCE: Duration = Duration::from_secs(30);

/// The lowest rate at which a body may arrive, in bytes per second, once [`PATIENCE`] is over.
const LEAST_RATE: usize = 16 << 10;

/// A request that was accepted: its tenant, its body, and the room for it.
pub(super) struct Taken {
    pub(super) caller: Caller,
    pub(super) body: Bytes,
    _share: Share,
}

/// Reads all of a body if the caller is known.
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
    let coding = headers.get(header::CONTENT_ENCODING).filter(|coding| *coding != "identity");
    let is_gzip = coding.is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"gzip"));
    if let Some(coding) = coding.filter(|_| !is_gzip) {
        let coding = String::from_utf8_lossy(coding.as_bytes()).into_owned();
        return refuse(body, Refusal::Encoded(coding)).await;
    }
    let least = body.size_hint().lower();
    if least > MAX_BYTES as u64 {
        return refuse(body, Refusal::TooLarge(MAX_BYTES)).await;
    }
    let (mut body, mut share) = collect(body, room).await?;
    if is_gzip {
        body = unpack(&body)?;
        share.grow(body.len(), room).await;
    }
    Ok(Taken { caller, body, _share: share })
}

/// The content of a body that gzip compressed, up to [`MAX_BYTES`].
fn unpack(body: &[u8]) -> Result<Bytes, Refusal> {
    let mut content = Vec::new();
    let most = MAX_BYTES as u64 + 1;
    let read = MultiGzDecoder::new(body).take(most).read_to_end(&mut content);
    read.map_err(|e| Refusal::Malformed(format!("The body cannot be unpacked with gzip: {e}")))?;
    if content.len() > MAX_BYTES { Err(Refusal::TooLarge(MAX_BYTES)) } else { Ok(content.into()) }
}

async fn collect(mut body: Body, room: &Room) -> Result<(Bytes, Share), Refusal> {
    let mut share = Share::default();
    let begun = Instant::now();
    // The time spent waiting for room does not count against the client.
    let mut waited = Duration::ZERO;
    let first = frame(&mut body, begun + PATIENCE).await?.unwrap_or_default();
    if body.is_end_stream() && first.len() <= SMALL {
        // Nearly every event arrives in one piece, which needs no copy.
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
            return refuse(body, Refusal::TooLarge(MAX_BYTES)).await;
        }
        whole.extend_from_slice(&more);
    }
}

/// The next piece of data, which must arrive by `due`.
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

/// Reads and drops the rest of a body, then refuses the request.
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream;
    use tokio::time::sleep;

    use super::*;

    /// A body that arrives in these pieces, each after a pause. The clock only moves during the pauses.
    fn arriving(pieces: impl IntoIterator<Item = (Duration, usize), IntoIter: Send + 'static>) -> Body {
        Body::from_stream(stream::unfold(pieces.into_iter(), async |mut pieces| {
            let (pause, length) = pieces.next()?;
            sleep(pause).await;
            Some((Ok::<_, Infallible>(Bytes::from(vec![b'x'; length])), pieces))
        }))
    }

    /// What becomes of a body, and how many seconds that takes.
    async fn fate(body: Body) -> (Result<usize, Refusal>, u64) {
        let begun = Instant::now();
        let fate = collect(body, &Room::default()).await.map(|(body, _)| body.len());
        (fate, begun.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_refused_when_it_has_fallen_behind_the_least_rate() {
        let each_second = |bytes: usize| arriving((0..).map(move |_| (Duration::from_secs(1), bytes)).take(600));
        let (fast, took) = fate(each_second(LEAST_RATE + 100)).await;
        assert_eq!((fast.ok(), took), (Some(600 * (LEAST_RATE + 100)), 600));
        // One byte in sixteen too few: the 30 s are used up after 16 times as long.
        let (slow, took) = fate(each_second(LEAST_RATE / 16 * 15)).await;
        assert!(matches!(slow, Err(Refusal::TooSlow)) && (460..=480).contains(&took), "{took} s");
        let (drip, took) = fate(each_second(1)).await;
        assert!(matches!(drip, Err(Refusal::TooSlow)) && took == 30, "{took} s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_pause_for_thirty_seconds_and_no_longer() {
        let pausing = |seconds: u64| {
            arriving([(Duration::ZERO, 1 << 20), (Duration::from_secs(seconds), 10), (Duration::from_secs(1), 10)])
        };
        assert_eq!(fate(pausing(29)).await.0.ok(), Some((1 << 20) + 20));
        let (fate, took) = fate(pausing(31)).await;
        assert!(matches!(fate, Err(Refusal::TooSlow)) && took == 30, "{took} s");
    }
}
