//! Builds requests and reads their answers, depending on the job of the run: send one event, send a batch, ask for one event.

use std::io::Write;

use bytes::Bytes;
use flate2::write::GzEncoder;

use super::config::{Job, SendConfig};
use super::delivery::Delivery;
use super::dialect::{Classification, Compression};
use super::intake::Event;
use super::key::Current;
use super::meaning::Meaning;
use super::transport::{Reply, Request};
use super::verify;
use crate::clock::Micros;

/// Makes an event ready to be sent: writes what it is in a body, or notes why it cannot be sent.
pub(super) fn prepare(sending: &SendConfig, delivery: &mut Delivery) {
    if sending.send_malformed && delivery.is_malformed() {
        delivery.send_all_the_same();
    }
    if let Some(why) = obstacle(sending, &delivery.event) {
        delivery.cannot_be_sent(&why);
    }
    if delivery.is_no_event() || sending.job.is_verify() {
        return;
    }
    match in_body(sending, &delivery.event) {
        // A batch is compressed when it is put together.
        Ok(body) if sending.job.batch().is_some() => delivery.body = body,
        Ok(body) => delivery.body = compressed(sending.compression, body),
        Err(why) => delivery.cannot_be_sent(&why),
    }
}

/// What this event is in a body: the line's own bytes where nothing stands around them.
fn in_body(sending: &SendConfig, event: &Event) -> Result<Bytes, String> {
    if sending.body.is_event() {
        return Ok(event.line.clone());
    }
    /// What dialects put around events is rarely longer.
    const AROUND: usize = 256;
    let mut body = Vec::with_capacity(event.line.len() + AROUND);
    sending.body.render(event, sending.key.current().key.reveal(), &mut body)?;
    Ok(body.into())
}

/// The body of the request for these events, as it is before it is compressed.
pub(super) fn body_of_all(sending: &SendConfig, group: &[Delivery], key: &Current) -> Vec<u8> {
    match &sending.job {
        Job::Send => in_body(sending, &group[0].event).map(|body| body.to_vec()).unwrap_or_default(),
        Job::Batch(batch) => batch.form.frame.body(&framed(group), key.key.reveal()),
        Job::Verify(_) => Vec::new(),
    }
}

fn framed(group: &[Delivery]) -> Vec<(&Event, &[u8])> {
    group.iter().map(|delivery| (&delivery.event, &*delivery.body)).collect()
}

/// The request for these events, which are one but in a batch.
pub(super) fn request(sending: &SendConfig, group: &[Delivery], key: &Current) -> Request {
    let (first, key) = (&group[0], key.key.reveal());
    let request = match &sending.job {
        Job::Send => sending.shape.request(&first.event, key, first.body.clone()),
        Job::Batch(batch) => {
            let body = compressed(sending.compression, batch.form.frame.body(&framed(group), key).into());
            batch.shape.request(&first.event, key, body)
        }
        Job::Verify(question) => question.request(&first.event, key, Bytes::new()),
    };
    request.expect("others were set aside")
}

/// Whether these events make a body that is larger than a batch may be, so that they have to go out in parts. Events are counted by
/// their lines when they are taken; what a dialect puts around them is known only now.
pub(super) fn is_too_large(sending: &SendConfig, group: &[Delivery]) -> bool {
    let Job::Batch(batch) = &sending.job else { return false };
    if group.len() < 2 || batch.form.frame.is_plain() {
        return false;
    }
    let events: usize = group.iter().map(|delivery| delivery.body.len()).sum();
    let around = batch.form.frame.around(group.iter().map(|delivery| &delivery.event), "");
    events + around > batch.bytes
}

/// Reads an answer, for the one event or for the batch as a whole.
pub(super) fn read(sending: &SendConfig, reply: &Reply, event: &Event, now: Micros) -> Classification {
    if let Some(why) = reply.body.unread()
        && sending.dialect.reads_bodies(reply.status, sending.job.is_verify())
    {
        let complaint = Some(sending.secrets.blank(format!("HTTP {}: {why}", reply.status)));
        return Classification { meaning: Meaning::NoAnswer, rule: None, wait: None, complaint };
    }
    match &sending.job {
        Job::Send => sending.dialect.read_one(reply.status, &reply.body, now, &sending.secrets),
        Job::Batch(_) => sending.dialect.read(reply.status, &reply.body, now, &sending.secrets),
        Job::Verify(_) => verify::read(sending, reply, event, now),
    }
}

/// Why no request can be made for this event, if so.
fn obstacle(sending: &SendConfig, event: &Event) -> Option<String> {
    match &sending.job {
        Job::Send => sending.shape.obstacle(event, sending.key.current().key.reveal()),
        Job::Batch(batch) => batch.form.frame.obstacle(event, sending.key.current().key.reveal()),
        Job::Verify(question) if event.id().is_none() && question.made_from_event().is_none() => {
            Some(format!("no id in '{}' to ask the server for", sending.id_field))
        }
        Job::Verify(question) => question.obstacle(event, sending.key.current().key.reveal()),
    }
}

fn compressed(compression: Option<Compression>, body: Bytes) -> Bytes {
    match compression {
        None => body,
        Some(Compression::Gzip) => {
            let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(&body).and_then(|()| gzip.finish()).expect("writing to memory does not fail").into()
        }
        Some(Compression::Zstd) => {
            ruzstd::encoding::compress_to_vec(&*body, ruzstd::encoding::CompressionLevel::Fastest).into()
        }
    }
}
