//! Does what chaos planned to a request: waits, refuses, loses, and spoils the answer.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use tokio::time::sleep;

use super::app::App;
use super::cut::{Cut, cut};
use super::refusal::Refusal;
use crate::pserve::chaos::{Fault, Happened, Strike};
use crate::pserve::store::{Record, StoreError, Stored};

/// What is done to the answer of a request whose events are stored.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Spoil(Option<Fault>);

impl App {
    /// Stores the events of a request, unless chaos strikes it.
    pub(super) async fn store(&self, records: Vec<Record>) -> Result<(Vec<Stored>, Spoil), Refusal> {
        let Some(chaos) = &self.chaos else {
            let stored = if records.is_empty() { Vec::new() } else { self.committer.store(records).await? };
            return Ok((stored, Spoil::default()));
        };
        let plan = chaos.plan(&records, self.clock.elapsed());
        // A delay or an error befalls all events of a request.
        let to_all = |strike: Strike, stored| records.iter().map(move |event| Happened::to(event, strike, stored));
        let note = |happened: &mut dyn Iterator<Item = Happened<'_>>| {
            chaos.note(happened, self.clock.wall()).map_err(|e| StoreError::Failed(e.to_string()))
        };
        for strike in &plan.delays {
            note(&mut to_all(*strike, None))?;
            if let Fault::Delay(delay) = strike.fault {
                sleep(delay).await;
            }
        }
        if let Some(strike) = plan.instead {
            note(&mut to_all(strike, Some(false)))?;
            return Err(match strike.fault {
                Fault::Error(status) => Refusal::Injected(status),
                _ => Refusal::Cut(Cut::Reset),
            });
        }

        let struck = |at: usize, fault: Fault| {
            plan.events.iter().find(|(other, strike)| *other == at && strike.fault == fault).map(|(_, strike)| *strike)
        };
        let kept = (0..).zip(&records).filter(|(at, _)| struck(*at, Fault::Lose).is_none());
        let mut to_store: Vec<Record> = kept.map(|(_, record)| record.clone()).collect();
        let kept = to_store.len();
        let copied: Vec<(&Record, Strike)> =
            (0..).zip(&records).filter_map(|(at, record)| Some((record, struck(at, Fault::Duplicate)?))).collect();
        to_store.extend(copied.iter().map(|(record, _)| copy(record)));
        let stored = if to_store.is_empty() { Vec::new() } else { self.committer.store(to_store).await? };
        let (stored, copies) = stored.split_at(kept);

        let lost = (0..).zip(&records).filter_map(|(at, record)| Some((record, struck(at, Fault::Lose)?)));
        note(&mut lost.map(|(record, strike)| Happened::to(record, strike, Some(false))))?;
        let twice = copied.iter().zip(copies).filter(|(_, copy)| **copy == Stored::New).map(|(copied, _)| copied);
        note(&mut twice.map(|(record, strike)| Happened::to(record, *strike, Some(true))))?;
        if let Some(strike) = plan.after {
            let mut held = (0..).zip(&records).map(|(at, record)| (record, struck(at, Fault::Lose).is_none()));
            note(&mut held.by_ref().map(|(record, is_held)| Happened::to(record, strike, Some(is_held))))?;
        }
        // What is lost is answered like what is stored.
        let mut stored = stored.iter().copied();
        let answered = (0..records.len()).map(|at| match struck(at, Fault::Lose) {
            Some(_) => Stored::New,
            None => stored.next().expect("each event that was kept has a result"),
        });
        Ok((answered.collect(), Spoil(plan.after.map(|strike| strike.fault))))
    }
}

/// The second copy of an event, as a server without a constraint on ids would store it: the same body once more. Its row has another
/// id, which is longer than the id of any event.
fn copy(record: &Record) -> Record {
    Record {
        external_id: format!("{} (stored twice by --chaos){}", record.external_id, " ".repeat(100)),
        ..record.clone()
    }
}

impl Spoil {
    /// Spoils the answer.
    pub(super) async fn apply(self, answer: Response) -> Response {
        match self.0 {
            Some(Fault::DropAfterCommit) => cut(answer, Cut::Close),
            Some(Fault::Truncate) => in_halves(answer, None).await,
            Some(Fault::Stall(pause)) => in_halves(answer, Some(pause)).await,
            _ => answer,
        }
    }
}

/// The answer, of which the first half is sent at once, and the other after the pause, or never.
async fn in_halves(answer: Response, pause: Option<Duration>) -> Response {
    let (mut head, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let (first, rest) = (body.slice(..body.len() / 2), body.slice(body.len() / 2..));
    let first = stream::once(async { Ok::<Bytes, io::Error>(first) });
    let second = stream::once(async move {
        match pause {
            Some(pause) => {
                sleep(pause).await;
                Ok(rest)
            }
            None => {
                // The first half has to leave before the connection breaks off.
                sleep(Duration::from_millis(10)).await;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
        }
    });
    Response::from_parts(head, Body::from_stream(first.chain(second)))
}
