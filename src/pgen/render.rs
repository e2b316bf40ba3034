//! Renders planned events as bytes (contracts §2).
//!
//! Everything that does not change from event to event is built once for each kind and each class of callers. An event is a dozen
//! such pieces with numbers between them. Each number has its own random stream, entered at the event's number, so that any event
//! can be written without the others.

mod calendar;
mod template;

use self::calendar::Calendar;
use self::template::{ErrorPieces, FRACTION, KindPieces, PayloadPieces, Value, json};
use super::arrivals::{Arrivals, Cell};
use super::emit::EventFormat;
use super::line::{LineBuffer, Piece, Pieces, SLACK};
use super::plan::{CellPlan, Planned, Planner};
use crate::cli::values::Probability;
use crate::error::Result;
use crate::seed::{Choice, Seed};
use crate::world::latency::Latency;
use crate::world::profile::Profile;
use crate::world::value::Interval;

/// Plans and writes events of the services of a profile.
#[derive(Debug)]
pub(super) struct Services<'a> {
    planner: Planner<'a>,
    renderer: Renderer,
}

/// A cell's events, and what is kept from event to event for speed.
#[derive(Debug, Default)]
pub(super) struct PlannedCell {
    plan: CellPlan,
    memory: Memory,
}

impl<'a> Services<'a> {
    /// Prepares to write.
    ///
    /// # Errors
    /// A usage error if the profile's figures contradict each other.
    pub(super) fn new(profile: &'a Profile, spikes: Probability, seed: Seed) -> Result<Self> {
        let planner = Planner::new(profile, seed)?;
        let renderer = Renderer::new(profile, &planner, spikes, seed);
        Ok(Self { planner, renderer })
    }
}

impl EventFormat for Services<'_> {
    type Cell = PlannedCell;

    fn plan(&self, arrivals: &Arrivals, cell: Cell, planned: &mut PlannedCell) {
        self.planner.plan(arrivals, cell, &mut planned.plan);
        self.renderer.prepare(&planned.plan, &mut planned.memory);
    }

    fn first(&self, planned: &PlannedCell) -> u64 {
        planned.plan.first
    }

    fn events(&self, planned: &PlannedCell) -> usize {
        planned.plan.events.len()
    }

    fn room(&self) -> usize {
        self.renderer.room()
    }

    #[inline]
    fn write(&self, planned: &mut PlannedCell, index: usize, out: &mut [u8], at: usize) -> usize {
        self.renderer.write(&planned.plan, index, &mut planned.memory, out, at)
    }
}

/// Writes the events of a run.
#[derive(Debug)]
struct Renderer {
    pieces: Pieces,
    kinds: Vec<KindPieces>,
    /// The parts of titles before each id, for kinds with ids in their titles.
    titles: Vec<Piece>,
    /// From the event id to the timestamp.
    event_type: Piece,
    environments: Vec<Piece>,
    /// From the user agent to the end of the tags, by [`Caller::agent`](super::population::Caller::agent).
    agents: Vec<Piece>,
    latencies: Vec<Latency>,
    errors: Vec<ErrorPieces>,
    payloads: Vec<PayloadPieces>,
    /// Indices into `payloads`, for kinds with extra payloads.
    payload_of: Vec<u16>,
    cache: [Piece; 2],
    spikes: Spikes,
    draws: Draws,
    longest: usize,
}

#[derive(Debug)]
struct Spikes {
    /// An event is a spike if its draw is below this; `None` means always.
    threshold: Option<u64>,
    /// The smallest factor and the width of the interval, in 2^-16.
    low: u64,
    width: u64,
}

/// Random streams, entered at the number of the event, or of the session or trace that it is part of.
#[derive(Debug)]
struct Draws {
    event_id: Choice,
    /// One stream for each id of a path.
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
    /// One stream for each 64 draws of an event's payload.
    payload: Vec<Choice>,
}

/// Kept from event to event, only for speed.
#[derive(Debug, Default)]
struct Memory {
    calendar: Calendar,
    sessions: Vec<SessionText>,
}

/// What all events of a session share.
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
    /// Builds the pieces for all kinds and callers of a planner.
    fn new(profile: &Profile, planner: &Planner<'_>, spikes: Probability, seed: Seed) -> Self {
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
                let location = class.location;
                pieces.add(&format!(
                    r#"","user_agent":{},"tags":{{"country":{},"city":{},"region":{},"device_type":{}}}}}"#,
                    json(agent),
                    json(&location.country.code),
                    json(&location.city.name),
                    json(&location.region.name),
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
            latencies: profile.services.iter().map(|s| Latency::new(s.mean_ms.get(), s.shape.get())).collect(),
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
        // Numbers, ids and the text between them stay far below 1024 bytes.
        renderer.longest = 1024
            + longest(&mut renderer.kinds.iter().map(|k| k.source.len() + k.status.len()))
            + longest(&mut renderer.kinds.iter().map(|k| renderer.titles_of(k).iter().map(|p| p.len()).sum()))
            + longest(&mut renderer.agents.iter().map(|p| p.len()))
            + longest(&mut renderer.environments.iter().map(|p| p.len()))
            + longest(&mut renderer.errors.iter().map(|e| e.code.len() + e.message.len()))
            + renderer.payloads.iter().map(PayloadPieces::longest).sum::<usize>();
        renderer
    }

    /// Builds what the events of each session of a plan share.
    fn prepare(&self, plan: &CellPlan, memory: &mut Memory) {
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
            let mut line = LineBuffer::new(&mut text.text, 0);
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
            let mut line = LineBuffer::new(&mut text.address, 0);
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

    /// How many bytes [`Self::write`] needs for an event.
    fn room(&self) -> usize {
        self.longest + SLACK
    }

    /// Writes the event at `index` of a plan, for which the memory was prepared, to `out`, starting at `at`. Returns its end.
    #[inline]
    fn write(&self, plan: &CellPlan, index: usize, memory: &mut Memory, out: &mut [u8], at: usize) -> usize {
        let Planned { kind, session, trace } = plan.events[index];
        let kind = &self.kinds[usize::from(kind)];
        let session = &memory.sessions[session as usize];
        let number = plan.first + index as u64;
        let (pieces, draws) = (&self.pieces, &self.draws);
        let mut line = LineBuffer::new(out, at);

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
    fn write_path_ids(&self, kind: &KindPieces, number: u64, line: &mut LineBuffer<'_>) {
        for (title, ids) in self.titles_of(kind).iter().zip(&self.draws.path_ids) {
            line.piece(&self.pieces, *title);
            line.short(10_000 + (((ids.at(number) >> 32) * 90_000) >> 32));
        }
    }

    /// In hundredths of a millisecond.
    #[inline]
    fn response_time(&self, kind: &KindPieces, number: u64) -> u64 {
        let base = u64::from(self.latencies[usize::from(kind.latency)].hundredths(self.draws.latency.at(number)));
        let time = (base * kind.slowdown + (1 << (FRACTION - 1))) >> FRACTION;
        if self.spikes.threshold.is_some_and(|threshold| self.draws.spike.at(number) >= threshold) {
            return time;
        }
        let spread = (u128::from(self.draws.spike_factor.at(number)) * u128::from(self.spikes.width)) >> 64;
        let factor = u128::from(self.spikes.low) + spread;
        u64::try_from((u128::from(time) * factor + (1 << (FRACTION - 1))) >> FRACTION).unwrap_or(u64::MAX)
    }

    #[cold]
    fn write_error(&self, kind: &KindPieces, number: u64, line: &mut LineBuffer<'_>) {
        let draw = self.draws.error.at(number);
        let (from, count) = kind.errors;
        let error = &self.errors[from as usize + pick(draw, usize::from(count))];
        line.piece(&self.pieces, error.code);
        let digits = 100 + (((draw & 0xffff_ffff) * 900) >> 32);
        line.short(digits);
        line.piece(&self.pieces, error.message);
    }

    fn write_payload(&self, kind: &KindPieces, number: u64, line: &mut LineBuffer<'_>) {
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
        // Factors are at most 100,000.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let fixed = |factor: f64| (factor * f64::from(1 << FRACTION)).round() as u64;
        Self { threshold: chance.threshold(), low: fixed(low), width: fixed(high) - fixed(low) + 1 }
    }
}

impl Draws {
    /// Streams for up to `ids` ids in a path and `fields` draws for an event's payloads.
    fn of(seed: Seed, ids: usize, fields: usize) -> Self {
        // The first has no number in its name, because its bytes date from when there was only one.
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
    u8::try_from(bytes).expect("a session's texts are shorter than 96 bytes")
}

/// A uniform index below `len`, from the upper half of a draw.
#[inline]
fn pick(draw: u64, len: usize) -> usize {
    #[allow(clippy::cast_possible_truncation)] // below len
    let index = (((draw >> 32) * len as u64) >> 32) as usize;
    index
}
