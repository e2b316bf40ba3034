//! `--dry-run`: the first requests as they would go out, on standard output. Nothing is sent.

use std::sync::Arc;
use std::time::Duration;

use super::config::{Config, SendConfig};
use super::delivery::Delivery;
use super::drive;
use super::intake::{Cutter, Event, IntakeState};
use super::key::Current;
use super::secret::Secret;
use super::{message, shown};
use crate::cli::input::Inputs;
use crate::cli::output::Output;
use crate::cli::{Console, Ending, Stop, numbers};
use crate::clock::{Clock, RuntimeClock};
use crate::error::Result;
use crate::jsonl::LineReader;

/// Prints the first requests of a run.
///
/// # Errors
/// If the input cannot be read, or standard output not written.
pub(super) fn run(config: &Config, requests: u64, console: &Console) -> Result<Ending> {
    let inputs = Inputs::open(&config.files, &Stop::never(), console)?;
    let intake_state = IntakeState::default();
    let cutter = Cutter::new(LineReader::new(inputs, config.max_line), drive::rules(config, None, None));
    let mut supply =
        Supply { config, cutter, intake_state: Arc::new(intake_state), events: Vec::new().into_iter(), held: None };
    let mut out = Output::open(None)?;
    let mut parts: Vec<Vec<Delivery>> = Vec::new();
    let mut printed = 0;
    while printed < requests {
        let mut group = match parts.pop() {
            Some(part) => part,
            None => supply.group(console),
        };
        if group.is_empty() {
            break;
        }
        if message::is_too_large(&config.sending, &group) {
            parts.push(group.split_off(group.len() / 2));
            parts.push(group);
            continue;
        }
        out.put(&text(&config.sending, &group))?;
        printed += 1;
    }
    if let Some(error) = supply.intake_state.broke() {
        return Err(error);
    }
    let shown = numbers::counted(printed, "request", "requests");
    let compressed =
        if config.sending.compression.is_some() { "; bodies are shown before they are compressed" } else { "" };
    console.note(format_args!("dry run: {shown} to {} shown, nothing was sent{compressed}", config.target));
    Ok(Ending::Done)
}

/// The request for these events.
fn text(sending: &SendConfig, group: &[Delivery]) -> Vec<u8> {
    // What a key command would print is not asked for: nothing is sent.
    let key = Current { key: Secret::new("***"), generation: 0 };
    let mut request = message::request(sending, group, &key);
    if let Some(signer) = &sending.signer {
        signer.sign(&mut request, RuntimeClock::start().wall());
    }
    let head = shown::head(&request, &sending.secrets).replace("\r\n", "\n");
    let mut body = message::body_of_all(sending, group, &key);
    if !body.is_empty() && !body.ends_with(b"\n") {
        body.push(b'\n');
    }
    let has_key = sending.body.has_key() || sending.job.batch().is_some_and(|batch| batch.frame.has_key());
    if has_key {
        body = sending.secrets.blank(String::from_utf8_lossy(&body).into_owned()).into_bytes();
    }
    [head.as_bytes(), &body, b"\n"].concat()
}

/// Events in groups as a sender takes them, all at once.
struct Supply<'a> {
    config: &'a Config,
    cutter: Cutter,
    intake_state: Arc<IntakeState>,
    events: std::vec::IntoIter<Event>,
    held: Option<Event>,
}

impl Supply<'_> {
    fn next(&mut self) -> Option<Event> {
        if let Some(held) = self.held.take() {
            return Some(held);
        }
        loop {
            if let Some(event) = self.events.next() {
                return Some(event);
            }
            self.events = self.intake_state.next_block(&mut self.cutter)?.into_iter();
        }
    }

    /// The next events of one request; none at the end of the input. What cannot be sent is told.
    fn group(&mut self, console: &Console) -> Vec<Delivery> {
        let limits = &self.config.limits;
        let mut group = Vec::new();
        let mut bytes = 0;
        while group.len() < limits.events {
            let Some(event) = self.next() else { break };
            bytes += 1 + event.length;
            if bytes > limits.bytes && !group.is_empty() {
                self.held = Some(event);
                break;
            }
            let mut delivery = Delivery::new(event, Duration::ZERO);
            message::prepare(&self.config.sending, &mut delivery);
            if delivery.is_no_event() {
                console.note(format_args!("not sent: {}", delivery.answer()));
            } else {
                group.push(delivery);
            }
        }
        group
    }
}
