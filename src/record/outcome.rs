//! The outcome (contracts §3) of a line of psend's input, and the run record that ends a stream of outcomes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::capacity::Capacity;
use crate::clock::Micros;
use crate::time;

/// Declares an enum whose values are words in the JSON.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub(crate) enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// All of them, in the contract's order.
            #[allow(dead_code)] // nothing lists the kinds of errors
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word in the JSON.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(word: &str) -> Result<Self, ()> {
                match word { $($word => Ok(Self::$variant),)* _ => Err(()) }
            }
        }
    };
}

words! {
    /// How it ended for an event.
    Word {
        /// The server said that it took the event.
        Accepted = "accepted",
        /// The server said that it already had the event.
        Duplicate = "duplicate",
        /// The server refused it for good, or psend did not send it because it is not an event.
        Rejected = "rejected",
        /// Still refused by a rate limit when the retries were used up.
        RateLimited = "rate_limited",
        /// Every attempt was refused.
        Failed = "failed",
        /// It may or may not have been taken.
        Unknown = "unknown",
        /// Read, but given up before sending.
        NotSent = "not_sent",
        /// `--verify`: the server holds the event.
        Present = "present",
        /// `--verify`: the server does not hold it.
        Missing = "missing",
        /// `--verify`: the server holds another body under its id.
        Differs = "differs",
    }
}

impl Word {
    /// Whether an outcome with this word is a success: delivered, or found by --verify (contracts §5).
    pub(crate) fn is_success(self) -> bool {
        matches!(self, Self::Accepted | Self::Duplicate | Self::Present)
    }
}

words! {
    /// The result of an attempt: the word of an outcome, or one of two more.
    AttemptResult {
        /// Taken.
        Accepted = "accepted",
        /// Held already.
        Duplicate = "duplicate",
        /// Refused for good.
        Rejected = "rejected",
        /// Refused by a rate limit.
        RateLimited = "rate_limited",
        /// Refused with an error that will not pass.
        Failed = "failed",
        /// `--verify`: held.
        Present = "present",
        /// `--verify`: not held.
        Missing = "missing",
        /// `--verify`: another body is held.
        Differs = "differs",
        /// A retryable error answer.
        Error = "error",
        /// The request was sent, and no complete answer arrived.
        NoAnswer = "no_answer",
    }
}

words! {
    /// The kind of an error.
    ErrorKind {
        /// No connection.
        Connect = "connect",
        /// The name has no address.
        Dns = "dns",
        /// The TLS handshake failed.
        Tls = "tls",
        /// No whole answer in time.
        Timeout = "timeout",
        /// The connection broke.
        Reset = "reset",
        /// The answer's status says so.
        Http = "http",
        /// The line is not a JSON object, or the answer is not HTTP.
        Malformed = "malformed",
        /// The line is over `--max-line`.
        TooLong = "too_long",
        /// The server sent us elsewhere.
        Redirect = "redirect",
        /// A signal, or the end of `--grace`.
        Interrupted = "interrupted",
    }
}

words! {
    /// Why an event of an open loop was sent after it was due.
    LateCause {
        /// psend itself was not fast enough, or had no CPU.
        Psend = "psend",
        /// It had not been read yet.
        Input = "input",
        /// All senders had events: `--concurrency` was reached.
        Concurrency = "concurrency",
        /// The server asked to wait, was away, or took long to connect to.
        Server = "server",
    }
}

words! {
    /// What the sending computer can run short of.
    Resource {
        /// Local ports for connections.
        Ports = "ports",
        /// Open files.
        Files = "files",
        /// Memory for connections.
        Memory = "memory",
        /// CPU cores.
        Cores = "cores",
    }
}

/// How well the sending side kept up (contracts §3): whether figures may be psend's own, not the server's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct GeneratorRecord {
    /// Events that a schedule sent. `None` in a closed loop, which has no schedule.
    pub scheduled: Option<u64>,
    /// How many of them were sent late, by cause.
    pub late: BTreeMap<LateCause, u64>,
    /// The longest delay among these, in milliseconds.
    pub latest_ms: f64,
    /// CPU time of the process, in seconds. `None` if the system does not tell.
    pub cpu_s: Option<f64>,
    /// How much of the run the sending thread ran, from 0 to 1.
    pub sender_cpu_share: Option<f64>,
    /// How much of the run the sending thread was ready to run and had no core, from 0 to 1.
    pub sender_wait_share: Option<f64>,
    /// What the computer was short of.
    pub short_of: Vec<Resource>,
}

/// Shorter waits for the first attempt are not written.
const LEAST_WAIT: Duration = Duration::from_millis(1);

/// The outcome of one line, as psend writes it. Raw values are JSON as it was in the event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome<'a> {
    /// The line's number in the whole input, from 1.
    pub seq: u64,
    /// The raw value of the event's id.
    pub event_id: Option<&'a [u8]>,
    /// How it ended.
    pub outcome: Word,
    /// With `duplicate`: an earlier attempt of ours got no answer, so the first copy may be our own.
    pub own_retry: bool,
    /// It belongs to the warm-up, and to no figure.
    pub warm_up: bool,
    /// The last answer's status code.
    pub status: Option<u16>,
    /// Requests sent.
    pub attempts: u32,
    /// The result of each attempt. Written if there was more than one.
    pub answers: &'a [AttemptResult],
    /// The last attempt, first byte out to last byte in.
    pub latency: Option<Duration>,
    /// From when it was due or taken up to the end.
    pub end_to_end: Option<Duration>,
    /// How long it waited for its first attempt after it was taken (closed loop). Written if it is at least [`LEAST_WAIT`].
    pub waited: Option<Duration>,
    /// When it was due (open loop).
    pub scheduled_at: Option<Micros>,
    /// The step of a search for the highest rate that it belongs to. Written if there is one.
    pub step: Option<u32>,
    /// When the first attempt was sent.
    pub sent_at: Option<Micros>,
    /// The size of the request's body.
    pub request_bytes: u64,
    /// The raw value of the event's service.
    pub service: Option<&'a [u8]>,
    /// The raw value of the event's endpoint.
    pub endpoint: Option<&'a [u8]>,
    /// What went wrong, in words without any secret.
    pub error: Option<(ErrorKind, &'a str)>,
    /// Fields copied by `--tag`: name and raw value.
    pub tags: &'a [(&'a str, Option<&'a [u8]>)],
    /// `--shard`, as written: `3/8`.
    pub shard: Option<&'a str>,
}

impl Outcome<'_> {
    /// Appends the outcome as one line.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut number = itoa::Buffer::new();
        out.extend_from_slice(b"{\"seq\":");
        out.extend_from_slice(number.format(self.seq).as_bytes());
        raw(out, b",\"event_id\":", self.event_id);
        out.extend_from_slice(b",\"outcome\":\"");
        out.extend_from_slice(self.outcome.as_str().as_bytes());
        out.push(b'"');
        if self.own_retry {
            out.extend_from_slice(b",\"own_retry\":true");
        }
        if self.warm_up {
            out.extend_from_slice(b",\"warm_up\":true");
        }
        if let Some(step) = self.step {
            raw(out, b",\"step\":", Some(number.format(step).as_bytes()));
        }
        raw(out, b",\"status\":", self.status.map(|status| number.format(status).as_bytes()));
        raw(out, b",\"attempts\":", Some(itoa::Buffer::new().format(self.attempts).as_bytes()));
        if self.answers.len() > 1 {
            let words: Vec<&str> = self.answers.iter().map(|a| a.as_str()).collect();
            out.extend_from_slice(format!(",\"answers\":[\"{}\"]", words.join("\",\"")).as_bytes());
        }
        milliseconds(out, b",\"latency_ms\":", self.latency);
        milliseconds(out, b",\"end_to_end_ms\":", self.end_to_end);
        if let Some(waited) = self.waited.filter(|waited| *waited >= LEAST_WAIT) {
            milliseconds(out, b",\"waited_ms\":", Some(waited));
        }
        moment(out, b",\"scheduled_at\":", self.scheduled_at);
        moment(out, b",\"sent_at\":", self.sent_at);
        raw(out, b",\"request_bytes\":", Some(itoa::Buffer::new().format(self.request_bytes).as_bytes()));
        raw(out, b",\"service\":", self.service);
        raw(out, b",\"endpoint\":", self.endpoint);
        match self.error {
            None => out.extend_from_slice(b",\"error\":null"),
            Some((kind, message)) => {
                let message = serde_json::to_string(message).expect("a string is JSON");
                out.extend_from_slice(format!(",\"error\":{{\"kind\":\"{kind}\",\"message\":{message}}}").as_bytes());
            }
        }
        if !self.tags.is_empty() {
            out.extend_from_slice(b",\"tags\":{");
            for (place, (name, value)) in self.tags.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(serde_json::to_string(name).expect("a string is JSON").as_bytes());
                out.push(b':');
                out.extend_from_slice(value.unwrap_or(b"null"));
            }
            out.push(b'}');
        }
        if let Some(shard) = self.shard {
            out.extend_from_slice(format!(",\"shard\":\"{shard}\"").as_bytes());
        }
        out.extend_from_slice(b"}\n");
    }
}

/// Appends a key, with the comma before it, and its value.
fn raw(out: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) {
    out.extend_from_slice(key);
    out.extend_from_slice(value.unwrap_or(b"null"));
}

/// Milliseconds with three decimals, exact to the microsecond.
fn milliseconds(out: &mut Vec<u8>, key: &[u8], value: Option<Duration>) {
    out.extend_from_slice(key);
    let Some(value) = value else {
        out.extend_from_slice(b"null");
        return;
    };
    let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
    out.extend_from_slice(itoa::Buffer::new().format(micros / 1000).as_bytes());
    let digit = |n: u64| b'0' + u8::try_from(n % 10).expect("a digit");
    out.extend_from_slice(&[b'.', digit(micros / 100), digit(micros / 10), digit(micros)]);
}

fn moment(out: &mut Vec<u8>, key: &[u8], value: Option<Micros>) {
    out.extend_from_slice(key);
    match value {
        None => out.extend_from_slice(b"null"),
        Some(at) => {
            out.push(b'"');
            time::write(at, out);
            out.push(b'"');
        }
    }
}

/// The last line of a stream of outcomes. It holds no secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    /// The run's name, unlike any other's.
    pub id: String,
    /// Whether all input was read and every line has its outcome.
    pub complete: bool,
    /// Physical lines read, blank ones too.
    pub lines_read: u64,
    /// The URL that events were sent to.
    pub target: String,
    /// concurrent or sequential, or the open loop's kind.
    pub mode: String,
    /// Events a second asked for.
    pub rate: Option<f64>,
    /// Requests in flight at most.
    pub concurrency: u64,
    /// The most events in a request, with the batch endpoint.
    pub batch: Option<u64>,
    /// Retries of an event at most.
    pub retries: u32,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339.
    pub ended_at: String,
    /// `3/8`.
    pub shard: Option<String>,
    /// The id that all shards of the run share. `id` is this process's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// How often this shard was begun, from 1, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u64>,
    /// The id of the run that this one continues, which began the journal. That run may have left no record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<String>,
    /// With `--verify`: the number of `present` events that the server did not show, so that they could not be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_compared: Option<u64>,
    /// Why `--abort-on` ended the run early, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborted: Option<String>,
    /// How well the sending side kept up. Older records do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<GeneratorRecord>,
    /// With `--find-rate`: the highest rate that the server holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
}

/// The line of a run record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunLine {
    /// The record.
    pub run: RunRecord,
}

impl RunRecord {
    /// Reads the record on a line. Returns `None` for any other line, including an event with a field named `run`.
    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice::<RunLine>(line).ok().map(|line| line.run)
    }

    /// Whether events were sent when they were due, whatever happened to those before.
    pub(crate) fn is_open_loop(&self) -> bool {
        !matches!(self.mode.as_str(), "concurrent" | "sequential")
    }

    /// The id of the run that this one continues, or its own. Records with the same root belong to one run.
    pub(crate) fn root(&self) -> &str {
        self.resumes.as_deref().unwrap_or(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_written_as_the_contract_shows_it() {
        let outcome = Outcome {
            seq: 17,
            event_id: Some(b"\"evt_17_ab\""),
            outcome: Word::Accepted,
            own_retry: false,
            warm_up: false,
            status: Some(200),
            attempts: 1,
            answers: &[AttemptResult::Accepted],
            latency: Some(Duration::from_micros(3214)),
            end_to_end: Some(Duration::from_micros(3402)),
            waited: Some(Duration::from_micros(188)),
            scheduled_at: None,
            step: None,
            sent_at: Some(1_767_607_200_123_456),
            request_bytes: 953,
            service: Some(b"\"payment-service\""),
            endpoint: Some(b"\"/api/v1/payments/capture\""),
            error: None,
            tags: &[],
            shard: None,
        };
        let mut line = Vec::new();
        outcome.write(&mut line);
        let expected = concat!(
            r#"{"seq":17,"event_id":"evt_17_ab","outcome":"accepted","status":200,"attempts":1,"latency_ms":3.214,"#,
            r#""end_to_end_ms":3.402,"scheduled_at":null,"sent_at":"2026-01-05T10:00:00.123456Z","request_bytes":953,"#,
            r#""service":"payment-service","endpoint":"/api/v1/payments/capture","error":null}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(line).expect("UTF-8"), expected);
    }

    #[test]
    fn what_an_outcome_has_beside_the_usual_is_written_where_it_is() {
        let outcome = Outcome {
            seq: 1,
            event_id: None,
            outcome: Word::Duplicate,
            own_retry: true,
            warm_up: true,
            status: Some(409),
            attempts: 2,
            answers: &[AttemptResult::NoAnswer, AttemptResult::Duplicate],
            latency: None,
            end_to_end: Some(Duration::ZERO),
            waited: Some(Duration::from_millis(20)),
            scheduled_at: Some(0),
            step: Some(2),
            sent_at: None,
            request_bytes: 0,
            service: None,
            endpoint: None,
            error: Some((ErrorKind::Http, "it said \"no\"")),
            tags: &[("region", Some(b"\"EU\"")), ("x", None)],
            shard: Some("3/8"),
        };
        let mut line = Vec::new();
        outcome.write(&mut line);
        let value: serde_json::Value = serde_json::from_slice(&line).expect("an outcome is JSON");
        assert_eq!(value["answers"], serde_json::json!(["no_answer", "duplicate"]));
        assert_eq!((&value["own_retry"], &value["warm_up"]), (&true.into(), &true.into()));
        assert_eq!(value["error"], serde_json::json!({"kind": "http", "message": "it said \"no\""}));
        assert_eq!(value["tags"], serde_json::json!({"region": "EU", "x": null}));
        assert_eq!(value["shard"], "3/8");
        assert_eq!((&value["step"], &value["end_to_end_ms"]), (&2.into(), &0.0.into()));
        assert_eq!(value["waited_ms"], 20.0);
    }
}
