//! What a request says and what its answer means, by the job of the run: send one, send many, ask for one.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::uri::InvalidUri;
use hyper::{Method, Uri};

use super::config::{Job, Plan};
use super::delivery::Delivery;
use super::dialect::Reading;
use super::intake::Event;
use super::meaning::Meaning;
use super::transport::{Reply, Request};
use super::verify;
use crate::clock::Micros;
use crate::jsonl::value;

/// The body of the request that carries this event alone: the line's own bytes, as they are or compressed. A batch is put
/// together when it is sent.
pub fn body(plan: &Plan, event: &Event) -> Bytes {
    match plan.job {
        Job::Send if plan.gzip => gzip(&[&event.line]),
        Job::Send | Job::Batch(_) => event.line.clone(),
        Job::Verify(_) => Bytes::new(),
    }
}

/// The request for these events, which are one but in a batch.
pub fn request(plan: &Plan, group: &[Delivery]) -> Request {
    let first = &group[0];
    let mut headers = Arc::clone(&plan.headers);
    if !plan.id_headers.is_empty() && !matches!(plan.job, Job::Batch(_)) {
        let id = id(&first.event);
        for (name, before, after) in &plan.id_headers {
            if let Ok(value) = HeaderValue::from_str(&format!("{before}{id}{after}")) {
                Arc::make_mut(&mut headers).insert(HeaderName::clone(name), value);
            }
        }
    }
    let (method, uri, body) = match &plan.job {
        Job::Send => (plan.method.clone(), plan.uri.clone(), first.body.clone()),
        Job::Batch(batch) => {
            let mut parts: Vec<&[u8]> = Vec::with_capacity(group.len() * 2 + 1);
            parts.push(batch.form.before.as_bytes());
            for delivery in group {
                parts.extend([&*delivery.event.line, b","]);
            }
            parts.pop();
            parts.push(batch.form.after.as_bytes());
            let body = if plan.gzip { gzip(&parts) } else { parts.concat().into() };
            (plan.method.clone(), batch.uri.clone(), body)
        }
        Job::Verify(path) => (Method::GET, event_uri(path, &first.event).expect("others are set aside"), Bytes::new()),
    };
    Request { method, uri, headers, body }
}

/// What an answer says, of the one event or of the batch as a whole.
pub fn read(plan: &Plan, reply: &Reply, event: &Event, now: Micros) -> Reading {
    if let Some(why) = reply.body.unread()
        && plan.dialect.reads_bodies(reply.status, plan.job.is_verify())
    {
        let complaint = Some(plan.secrets.blank(format!("HTTP {}: {why}", reply.status)));
        return Reading { meaning: Meaning::NoAnswer, wait: None, complaint };
    }
    match &plan.job {
        Job::Send | Job::Batch(_) => plan.dialect.read(reply.status, &reply.body, now, &plan.secrets),
        Job::Verify(_) => verify::read(plan, reply, event, now),
    }
}

/// The path of an event, with what a path cannot hold written as %XX (RFC 3986, 2.3).
///
/// # Errors
/// Where it names no event, or is longer than a path can be.
pub fn event_uri(path: &str, event: &Event) -> Result<Uri, String> {
    let mut encoded = String::new();
    let id = id(event);
    if id.is_empty() {
        return Err("it is empty".to_owned());
    }
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    let path = path.replace("{event_id}", &encoded).replace("{id}", &encoded);
    path.parse().map_err(|e: InvalidUri| e.to_string())
}

fn id(event: &Event) -> String {
    event.id().map(|raw| value::label(raw).into_owned()).unwrap_or_default()
}

fn gzip(parts: &[&[u8]]) -> Bytes {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let done = parts.iter().try_for_each(|part| gzip.write_all(part)).and_then(|()| gzip.finish());
    done.expect("writing to memory does not fail").into()
}
