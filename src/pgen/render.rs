//! From a planned event to its bytes (contracts §2).
//!
//! All that does not change from event to event is put together once, for each kind and each class of callers; an event is a
//! dozen pieces with its numbers between them. Every number is drawn from a stream of its own at the event's place, so that any
//! event can be written without another.

mod calendar;
mod template;

use self::calendar::Calendar;
use self::template::{ErrorPieces, FRACTION, KindPieces, PayloadPieces, Value, json};
use super::line::{Line, Piece, Pieces, SLACK};
use super::plan::{Plan, Planned, Planner};
use crate::cli::values::Probability;
use crate::seed::{Choice, Seed};
use crate::world::latency::Latency;
use crate::world::profile::Profile;
use crate::world::value::Interval;

/// Writes the events of a run.
#[derive(Debug)]
pub(super) struct Renderer {
    pieces: Pieces,
    kinds: Vec<KindPieces>,
    /// Of the kinds with ids in their titles, what stands before each id.
    titles: Vec<Piece>,
    /// Between event id and timestamp.
    event_type: Piece,
    environments: Vec<Piece>,
    /// By the agent number of a caller: from its user agent to the end of its tags.
    agents: Vec<Piece>,
    laws: Vec<Latency>,
    errors: Vec<ErrorPieces>,
    payloads: Vec<PayloadPieces>,
    /// For each kind with extra payloads, which.
    payload_of: Vec<u16>,
    cache: [Piece; 2],
    spikes: Spikes,
    draws: Draws,
    longest: usize,
}

#[derive(Debug)]
struct Spikes {
    /// Below which draw an event is a spike; `None` is always.
    threshold: Option<u64>,
    /// The smallest factor and the width of the others, in 2^-16.
    low: u64,
    width: u64,
}

/// The streams that decide the bytes of an event, each by the event's number or the number of what it is part of.
#[derive(Debug)]
struct Draws {
    event_id: Choice,
    /// One for each id of a path.
    path_ids: Vec<Choice>,
    latency: Choice,
    spike: Choice,
    spike_factor: Choice,
    size: Choice,
    request_id: Choice,
    session_id: Choice,
    error: Choice,
    correlation_id: Choice,
    trace_id: Choice,
    /// One for each 64 draws of an event's payload.
    payload: Vec<Choice>,
}

/// What is kept from event to event, for speed alone.
#[derive(Debug, Default)]
pub(super) struct Memory {
    calendar: Calendar,
    sessions: Vec<SessionText>,
}

/// What is the same in all events of a session.
#[derive(Debug, Clone)]
struct SessionText {
    /// `"user_10000","session_id":"sess_0123456789abcdef","request_id":"req_`: at most 73 bytes.
    text: [u8; 96],
    text_len: u8,
    /// `255.255.255.254`: at most 15 bytes.
    address: [u8; 32],
    address_len: u8,
    environment: u8,
    agent: u32,
}

impl Renderer {
    /// Prepares to write the events of these kinds and callers.
    pub(super) fn new(profile: &Profile, planner: &Planner<'_>, spikes: Probability, seed: Seed) -> Self {
        let mut pieces = Pieces::default();
        let payloads: Vec<PayloadPieces> = profile.payloads.iter().map(|p| PayloadPieces::of(p, &mut pieces)).collect();
        let (mut titles, mut errors, mut payload_of) = (Vec::new(), Vec::new(), Vec::new());
        let kinds: Vec<KindPieces> = planner
            .kinds
            .all
            .iter()
            .map(|kind| KindPieces::of(kind, profile, &mut pieces, &mut titles, &mut errors, &mut payload_of))
            .collect();
        let agents: Vec<Piece> = planner
            .population
            .classes
            .iter()
            .flat_map(|class| class.device.agents.iter().map(move |agent| (class, agent)))
            .map(|(class, agent)| {
                let place = class.place;
                pieces.add(&format!(
                    r#"","user_agent":{},"tags":{{"country":{},"city":{},"region":{},"device_type":{}}}}}"#,
                    json(agent),
                    json(&place.country.code),
                    json(&place.city.name),
                    json(&place.region.name),
                    json(&class.device.name)
                ))
            })
            .collect();
        let environments: Vec<Piece> = profile
            .environments
            .iter()
            .map(|e| pieces.add(&format!(r#"{}}},"metrics":{{"response_time_ms":"#, json(&e.name))))
            .collect();
        let cache = [false, true].map(|hit| pieces.add(&format!(r#","cache_hit":{hit}}},"context":{{"user_id":"#)));
        let longest = |list: &mut dyn Iterator<Item = usize>| list.max().unwrap_or(0);
        let ids = kinds.iter().map(|k| usize::from(k.titles.1)).max().unwrap_or(0);
        let fields = payloads.iter().map(|p| 1 + p.fields.len()).sum();
        let mut renderer = Self {
            longest: 0,
            laws: profile.services.iter().map(|s| Latency::new(s.mean_ms.get(), s.shape.get())).collect(),
            event_type: pieces.add(&format!(r#"","event_type":{},"timestamp":""#, json(&profile.event.kind))),
            titles,
            payload_of,
            payloads,
            spikes: Spikes::of(profile, spikes),
            draws: Draws::of(seed, ids, fields),
            pieces,
            kinds,
            environments,
            agents,
            errors,
            cache,
        };
        // Besides the pieces, numbers, ids and the words between them stay far below 1024 bytes.
        renderer.longest = 1024
            + longest(&mut renderer.kinds.iter().map(|k| k.source.len() + k.status.len()))
            + longest(&mut renderer.kinds.iter().map(|k| renderer.titles_of(k).iter().map(|p| p.len()).sum()))
            + longest(&mut renderer.agents.iter().map(|p| p.len()))
            + longest(&mut renderer.environments.iter().map(|p| p.len()))
            + longest(&mut renderer.errors.iter().map(|e| e.code.len() + e.message.len()))
            + renderer.payloads.iter().map(PayloadPieces::longest).sum::<usize>();
        renderer
    }

    /// Puts together what is the same in all events of each of a plan's sessions.
    pub(super) fn prepare(&self, plan: &Plan, memory: &mut Memory) {
        memory.sessions.clear();
        memory.sessions.extend(plan.sessions.iter().map(|session| {
            let mut text = SessionText {
                text: [0; 96],
                text_len: 0,
                address: [0; 32],
                address_len: 0,
                environment: session.environment,
                agent: session.caller.agent,
            };
            let mut line = Line::new(&mut text.text, 0);
            if session.caller.user == 0 {
                line.text(b"null");
            } else {
                line.text(br#""user_"#);
                line.number(session.caller.user.into());
                line.text(b"\"");
            }
            line.text(br#","session_id":"sess_"#);
            line.hex16(self.draws.session_id.at(plan.first + u64::from(session.first)));
            line.text(br#"","request_id":"req_"#);
            text.text_len = length(line.end());
            let mut line = Line::new(&mut text.address, 0);
            let [a, b, c, d] = session.caller.address.to_be_bytes();
            line.short(a.into());
            for octet in [b, c, d] {
                line.text(b".");
                line.short(octet.into());
            }
            text.address_len = length(line.end());
            text
        }));
    }

    /// How much room [`Self::write`] needs for an event.
    pub(super) fn room(&self) -> usize {
        self.longest + SLACK
    }

    /// Writes the event at `index` of a plan, for which the memory was prepared, to `out` from `at` on, and returns where it ends.
    #[inline]
    pub(super) fn write(&self, plan: &Plan, index: usize, memory: &mut Memory, out: &mut [u8], at: usize) -> usize {
        let Planned { kind, session, trace } = plan.events[index];
        let kind = &self.kinds[usize::from(kind)];
        let session = &memory.sessions[session as usize];
        let number = plan.first + index as u64;
        let (pieces, draws) = (&self.pieces, &self.draws);
        let mut line = Line::new(out, at);

        line.text(br#"{"event_id":"evt_"#);
        line.number(number + 1);
        line.text(b"_");
        line.hex12(draws.event_id.at(number));
        line.piece(pieces, self.event_type);
        memory.calendar.write(plan.times[index], &mut line);
        if kind.titles.1 > 0 {
            self.write_path_ids(kind, number, &mut line);
        }
        line.piece(pieces, kind.source);
        line.piece(pieces, self.environments[usize::from(session.environment)]);
        line.hundredths(self.response_time(kind, number));
        line.piece(pieces, kind.status);
        let sizes = draws.size.at(number);
        #[allow(clippy::cast_possible_truncation)] // the two halves of a draw
        let (request, response) = ((sizes >> 32) as u32, sizes as u32);
        line.number(kind.request.pick(request));
        line.text(br#","response_size_bytes":"#);
        line.number(kind.response.pick(response));
        line.piece(pieces, self.cache[usize::from(kind.cache_hit)]);

        line.part(&session.text, session.text_len.into());
        line.hex16(draws.request_id.at(2 * number));
        line.hex16(draws.request_id.at(2 * number + 1));
        line.text(br#"","ip_address":""#);
        line.part(&session.address, session.address_len.into());
        line.piece(pieces, self.agents[session.agent as usize]);

        if kind.errors.1 > 0 {
            self.write_error(kind, number, &mut line);
        }
        line.text(br#","payload":{"correlation_id":"corr_"#);
        line.hex16(draws.correlation_id.at(number));
        line.text(br#"","trace_id":"trace_"#);
        let trace = plan.first + u64::from(trace);
        line.hex16(draws.trace_id.at(2 * trace));
        line.hex16(draws.trace_id.at(2 * trace + 1));
        line.text(b"\"");
        if kind.payloads.1 > 0 {
            self.write_payload(kind, number, &mut line);
        }
        line.text(b"}}");
        line.end()
    }

    fn titles_of(&self, kind: &KindPieces) -> &[Piece] {
        let (from, count) = kind.titles;
        &self.titles[from as usize..from as usize + usize::from(count)]
    }

    #[inline]
    fn write_path_ids(&self, kind: &KindPieces, number: u64, line: &mut Line<'_>) {
        for (title, ids) in self.titles_of(kind).iter().zip(&self.draws.path_ids) {
            line.piece(&self.pieces, *title);
            line.short(10_000 + (((ids.at(number) >> 32) * 90_000) >> 32));
        }
    }

    /// In hundredths of a millisecond.
    #[inline]
    fn response_time(&self, kind: &KindPieces, number: u64) -> u64 {
        let base = u64::from(self.laws[usize::from(kind.law)].hundredths(self.draws.latency.at(number)));
        let time = (base * kind.latency + (1 << (FRACTION - 1))) >> FRACTION;
        if self.spikes.threshold.is_some_and(|threshold| self.draws.spike.at(number) >= threshold) {
            return time;
        }
        let spread = (u128::from(self.draws.spike_factor.at(number)) * u128::from(self.spikes.width)) >> 64;
        let factor = u128::from(self.spikes.low) + spread;
        u64::try_from((u128::from(time) * factor + (1 << (FRACTION - 1))) >> FRACTION).unwrap_or(u64::MAX)
    }

    #[cold]
    fn write_error(&self, kind: &KindPieces, number: u64, line: &mut Line<'_>) {
        let draw = self.draws.error.at(number);
        let (from, count) = kind.errors;
        let error = &self.errors[from as usize + pick(draw, usize::from(count))];
        line.piece(&self.pieces, error.code);
        let digits = 100 + (((draw & 0xffff_ffff) * 900) >> 32);
        line.short(digits);
        line.piece(&self.pieces, error.message);
    }

    fn write_payload(&self, kind: &KindPieces, number: u64, line: &mut Line<'_>) {
        let (from, count) = kind.payloads;
        let mut drawn = 0;
        let mut draw = || {
            let (stream, place) = (drawn / 64, drawn % 64);
            drawn += 1;
            self.draws.payload[stream].at(number.wrapping_mul(64).wrapping_add(1 + place as u64))
        };
        for payload in &self.payload_of[from as usize..from as usize + usize::from(count)] {
            let payload = &self.payloads[usize::from(*payload)];
            if payload.threshold.is_some_and(|threshold| draw() >= threshold) {
                continue;
            }
            for field in &payload.fields {
                line.piece(&self.pieces, field.name);
                let draw = draw();
                #[allow(clippy::cast_possible_truncation)] // the upper half
                let upper = (draw >> 32) as u32;
                match &field.value {
                    Value::OneOf(words) => line.piece(&self.pieces, words[pick(draw, words.len())]),
                    Value::Integer(span) => line.number(span.pick(upper)),
                    Value::Decimal(span) => line.hundredths(span.pick(upper)),
                }
            }
        }
    }
}

impl Spikes {
    fn of(profile: &Profile, chance: Probability) -> Self {
        let Interval { low, high } = profile.spikes.factor;
        // Factors of at most a hundred thousand.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let fixed = |factor: f64| (factor * f64::from(1 << FRACTION)).round() as u64;
        Self { threshold: chance.threshold(), low: fixed(low), width: fixed(high) - fixed(low) + 1 }
    }
}

impl Draws {
    /// For so many ids in a path and so many draws for an event's payloads.
    fn of(seed: Seed, ids: usize, fields: usize) -> Self {
        // The first is named without a number: its bytes were there before there could be others.
        let several = |name: &str, count: usize| -> Vec<Choice> {
            (0..count).map(|n| if n == 0 { seed.choice(name) } else { seed.choice(&format!("{name} {n}")) }).collect()
        };
        Self {
            event_id: seed.choice("event id"),
            path_ids: several("path id", ids),
            latency: seed.choice("response time"),
            spike: seed.choice("spike"),
            spike_factor: seed.choice("spike factor"),
            size: seed.choice("sizes"),
            request_id: seed.choice("request id"),
            session_id: seed.choice("session id"),
            error: seed.choice("error"),
            correlation_id: seed.choice("correlation id"),
            trace_id: seed.choice("trace id"),
            payload: several("payload", fields.div_ceil(64)),
        }
    }
}

fn length(bytes: usize) -> u8 {
    u8::try_from(bytes).expect("a session's texts are below 96 bytes")
}

/// An index below `len`, by a draw's upper half.
#[inline]
fn pick(draw: u64, len: usize) -> usize {
    #[allow(clippy::cast_possible_truncation)] // below len
    let index = (((draw >> 32) * len as u64) >> 32) as usize;
    index
}
