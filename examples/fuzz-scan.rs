//! Holds the scanner against serde_json on lines that are damaged and rewritten at random: `scripts/fuzz scan 60s`.
//!
//! Each scanner meets many lines, so that it knows their layouts, and each line must still have the verdict and the values that
//! serde_json gives it. What the two differ in on purpose is listed in `src/jsonl/scan/oracle.rs`.
//!
//! Arguments: seconds of CPU time, and a seed to repeat a run. A disagreement ends the run with 1, the seed and the line.

#[path = "../src/jsonl/scan/oracle.rs"]
mod oracle;

use std::io::Write;
use std::ops::Range;
use std::time::{Duration, Instant};

use pulsepipe::jsonl::scan::{FieldSet, Scanner, Spans};
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// The fields of the tools, and paths that cross each other in all ways.
const PATHS: [&str; 28] = [
    "event_id",
    "timestamp",
    "seq",
    "outcome",
    "scheduled_at",
    "latency_ms",
    "error",
    "source",
    "source.service",
    "source.endpoint",
    "metrics.response_time_ms",
    "metrics.status_code",
    "metrics.cache_hit",
    "context.user_id",
    "context.tags",
    "context.tags.region",
    "http.response.status_code",
    r"http\.response.status_code",
    "resourceSpans.0.scopeSpans.0.spans.0.spanId",
    "resourceSpans.0.scopeSpans.0.spans.1",
    "a",
    "a.b",
    r"a\.b",
    "a.b.a",
    "a.0",
    "a.0.b",
    "b.1.a.0",
    "b",
];

/// Forms in addition to the sample's events.
const FORMS: [&str; 8] = [
    r#"{"seq":17,"event_id":"evt_17_a9ba527e3","outcome":"accepted","status":200,"attempts":1,"latency_ms":3.214,"end_to_end_ms":3.402,"scheduled_at":null,"sent_at":"2026-01-05T10:00:00.123456Z","request_bytes":953,"service":"payment-service","endpoint":"/api/v1/payments/capture","error":null}"#,
    r#"{"seq":18,"event_id":null,"outcome":"failed","status":null,"attempts":2,"answers":["error","no_answer"],"latency_ms":null,"end_to_end_ms":30.5,"scheduled_at":"2026-01-05T10:00:00Z","sent_at":null,"request_bytes":0,"service":null,"endpoint":null,"error":{"kind":"timeout","message":"it said \"no\""},"tags":{"region":"EU"},"shard":"3/8"}"#,
    r#"{"@timestamp":"2026-01-05T09:00:01.716Z","http.response.status_code":200,"http.response":{"body.bytes":17},"service.name":"s","labels":{}}"#,
    r#"{"@timestamp":"2026-01-05T09:00:01.716Z","http":{"response":{"status_code":503,"body":{"bytes":17}}},"service":{"name":"s"}}"#,
    r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},"scopeSpans":[{"scope":{},"spans":[{"spanId":"a1","flags":1},{"spanId":"b2","kind":false}]}]}]}"#,
    r#"{"a":{"b":{"a":1},"x":true},"a.b":{"a":false},"a":[{"b":null},7],"b":[0,{"a":["x"]}],"a.b.a":-0.5e-3}"#,
    r#"{"a":[{"b":1}],"a.0":{"b":2},"a.0.b":3,"b":{"1":{"a":[4]}},"b.1":{"a.0":5}}"#,
    r#"{ "level" : "info" , "msg" : "S\u00e3o \ud83d\ude00 \\ \" / é 😀" , "n" : [ 1 , -2.50 , 1e5 , 1E-7 , 0 ] , "ok" : true }"#,
];

/// What a value may be replaced by: JSON, and what is nearly that.
const VALUES: [&str; 44] = [
    "0",
    "7",
    "-7",
    "12345678",
    "123456789",
    "0.5",
    "87.11",
    "-0",
    "1e5",
    "1E+5",
    "1.5e-3",
    "1e999",
    "true",
    "false",
    "null",
    "\"\"",
    "\"x\"",
    "\"\\\"\"",
    "\"\\\\\"",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"\\u0000\"",
    "[]",
    "{}",
    "[[1],{}]",
    "{\"a\":{\"b\":1}}",
    "{\"a.b\":1}",
    "\"a string that is longer than one block of sixty-four bytes, which it takes to see one\"",
    "01",
    "1.",
    ".5",
    "-",
    "+1",
    "1..2",
    "0x1",
    "tru",
    "truee",
    "Null",
    "NaN",
    "\"\\x\"",
    "\"\\u00g0\"",
    "\"\t\"",
    "'x'",
    "",
];

/// Bytes that do harm.
const BYTES: [&[u8]; 24] = [
    b"\0",
    b"\0\0\0",
    b"\x01",
    b"\x1f",
    b"\x7f",
    b"\t",
    b"\r",
    b" ",
    b"\x0c",
    b"\"",
    b"\\",
    b"\\\"",
    b",",
    b":",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    "\u{feff}".as_bytes(),
    "é".as_bytes(),
];

/// How many lines a scanner meets before another takes its place, at most.
const MOST_LINES: usize = 3000;

fn main() {
    let mut args = std::env::args().skip(1);
    let seconds: u64 = args.next().map_or(60, |text| text.parse().expect("seconds as a whole number"));
    let seed: u64 = args.next().map_or_else(rand::random, |text| text.parse().expect("a seed as a whole number"));
    say(&format!("seed {seed}, {seconds} s of CPU time"));
    let mut fuzz = Fuzz { random: Xoshiro256PlusPlus::seed_from_u64(seed), seeds: seeds() };
    let (mut lines, mut objects) = (0u64, 0u64);
    while cpu_time() < Duration::from_secs(seconds) {
        let mut scanner = Scanner::new(FieldSet::new(PATHS));
        let mut spans = Spans::default();
        let family = fuzz.family();
        for _ in 0..fuzz.random.random_range(1..MOST_LINES) {
            let line = fuzz.line(&family);
            let is_object = scanner.scan(&line, &mut spans).is_ok();
            lines += 1;
            objects += u64::from(is_object);
            if let Some(wrong) = disagreement(&line, is_object, &spans) {
                say(&format!("seed {seed}, line {lines}: {wrong}\nb\"{}\"", line.escape_ascii()));
                std::process::exit(1);
            }
        }
    }
    say(&format!("{lines} lines, {objects} of them JSON objects: no disagreement"));
}

fn say(text: &str) {
    writeln!(std::io::stdout(), "{text}").expect("stdout is open");
}

/// What the scanner says otherwise than serde_json.
fn disagreement(line: &[u8], is_object: bool, spans: &Spans) -> Option<String> {
    if is_object != oracle::is_object(line) {
        return Some(format!("the scanner {} it", if is_object { "takes" } else { "refuses" }));
    }
    let text = std::str::from_utf8(line).ok().filter(|_| is_object)?;
    PATHS.iter().enumerate().find_map(|(field, path)| {
        let expected: Option<Range<usize>> = oracle::find(text, path).ok()?;
        let found = spans.range(field);
        (found != expected).then(|| format!("{path} at {found:?}, where {expected:?} is right"))
    })
}

/// The CPU time of this process; where the system does not tell, the time since the first call.
fn cpu_time() -> Duration {
    static BEGUN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let begun = BEGUN.get_or_init(Instant::now);
    let told = std::fs::read_to_string("/proc/self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| begun.elapsed(), Duration::from_nanos)
}

/// Whole lines to begin with: the sample's events, spaced as they are and compact, and other forms.
fn seeds() -> Vec<Vec<u8>> {
    let sample = include_str!("../tests/data/events_500.jsonl").lines().take(100);
    let compact = |line: &str| -> Vec<u8> { line.replace("\": ", "\":").replace(", \"", ",\"").into_bytes() };
    let events = sample.flat_map(|line| [line.as_bytes().to_vec(), compact(line)]);
    let forms = FORMS.iter().flat_map(|form| std::iter::repeat_n(form.as_bytes().to_vec(), 10));
    events.chain(forms).collect()
}

struct Fuzz<R> {
    random: R,
    seeds: Vec<Vec<u8>>,
}

impl<R: Rng> Fuzz<R> {
    /// A few lines whose layouts a scanner is to know.
    fn family(&mut self) -> Vec<Vec<u8>> {
        let count = self.random.random_range(1..6);
        (0..count)
            .map(|_| {
                let mut line = self.one_of_the_seeds();
                if self.random.random_bool(0.3) {
                    line = self.built(4);
                }
                if self.random.random_bool(0.3) {
                    self.change(&mut line);
                }
                line
            })
            .collect()
    }

    fn one_of_the_seeds(&mut self) -> Vec<u8> {
        self.seeds.choose(&mut self.random).expect("there are some").clone()
    }

    /// A line of a family, as it is or with a few changes.
    fn line(&mut self, family: &[Vec<u8>]) -> Vec<u8> {
        let mut line = family.choose(&mut self.random).expect("there are some").clone();
        for _ in 0..[0, 1, 1, 1, 2, 3, 8].choose(&mut self.random).copied().unwrap_or(0) {
            self.change(&mut line);
        }
        line
    }

    /// An object whose keys are those of the paths, often joined by dots, and often there twice.
    fn built(&mut self, depth: usize) -> Vec<u8> {
        let keys =
            ["a", "b", "0", "1", "a.b", "b.a", "a.0", "0.b", "a.b.a", "b.1", "1.a", "\\u0061", "a\\u002eb", "a.0.b"];
        let space = *["", " "].choose(&mut self.random).expect("two");
        let mut members = Vec::new();
        for _ in 0..self.random.random_range(0..5) {
            let key = *keys.choose(&mut self.random).expect("there are some");
            let value = match self.random.random_range(0..if depth == 0 { 2 } else { 5 }) {
                0 | 1 => VALUES[self.random.random_range(0..25)].as_bytes().to_vec(),
                2 => {
                    let count = self.random.random_range(0..3);
                    let elements: Vec<_> = (0..count).map(|_| self.built(depth - 1)).collect();
                    [&b"["[..], &elements.join(&b','), &b"]"[..]].concat()
                }
                _ => self.built(depth - 1),
            };
            members.push([b"\"", key.as_bytes(), b"\":", space.as_bytes(), &value].concat());
        }
        [&b"{"[..], &members.join(&b','), &b"}"[..]].concat()
    }

    /// One change, mostly where tokens begin or end.
    fn change(&mut self, line: &mut Vec<u8>) {
        let at = self.place(line);
        match self.random.random_range(0..12) {
            0 => self.insert(line, at),
            1 if at < line.len() => line[at] = self.random.random(),
            2 if at < line.len() => line[at] ^= 1 << self.random.random_range(0..8),
            3 => drop(line.drain(at..(at + self.random.random_range(1..4)).min(line.len()))),
            4 if self.random.random_bool(0.3) => line.truncate(at),
            5 | 6 => {
                // Another value in the place of one.
                let value = VALUES.choose(&mut self.random).expect("there are some").as_bytes();
                let range = value_at(line, at);
                line.splice(range, value.iter().copied());
            }
            7 => {
                // Repeats a part: members that occur twice, arrays that grow.
                let to = self.place(line);
                let piece = line[at.min(to)..at.max(to)].to_vec();
                if piece.len() < 500 {
                    let before = self.place(line);
                    line.splice(before..before, piece);
                }
            }
            8 => {
                // A character as an escape.
                if let Some(byte) = line.get(at).filter(|byte| byte.is_ascii_alphanumeric() || **byte == b'.') {
                    let escape = format!("\\u{byte:04x}");
                    line.splice(at..=at, escape.into_bytes());
                }
            }
            9 => {
                // A number of any length.
                let digits = self.random.random_range(1..40);
                let number = (0..digits).map(|_| self.random.random_range(b'0'..=b'9')).collect::<Vec<u8>>();
                let range = value_at(line, at);
                line.splice(range, number);
            }
            10 if self.random.random_bool(0.05) => {
                let depth = self.random.random_range(1..2000);
                let (open, close) = if self.random.random() { ("[", "]") } else { ("{\"a\":", "}") };
                let range = value_at(line, at);
                line.splice(range, format!("{}1{}", open.repeat(depth), close.repeat(depth)).into_bytes());
            }
            _ => {
                let spaces: &[u8] = [&b" "[..], b"\t", b"  ", b"\r", b"\n"].choose(&mut self.random).expect("some");
                line.splice(at..at, spaces.iter().copied());
            }
        }
    }

    fn insert(&mut self, line: &mut Vec<u8>, at: usize) {
        let bytes = BYTES.choose(&mut self.random).expect("there are some");
        line.splice(at..at, bytes.iter().copied());
    }

    /// A position in a line: three times out of four next to punctuation.
    fn place(&mut self, line: &[u8]) -> usize {
        let mut at = self.random.random_range(0..=line.len());
        if self.random.random_bool(0.75) {
            let is_token = |byte: &u8| matches!(byte, b'"' | b',' | b':' | b'{' | b'}' | b'[' | b']');
            at += line[at..].iter().position(is_token).unwrap_or(0);
            at += usize::from(at < line.len() && self.random.random::<bool>());
        }
        at
    }
}

/// The approximate range of a value that begins at this position: up to the next comma or bracket outside of strings.
fn value_at(line: &[u8], at: usize) -> Range<usize> {
    let mut to = at;
    let mut in_string = false;
    while let Some(byte) = line.get(to) {
        match byte {
            b'\\' if in_string => to += 1,
            b'"' => in_string = !in_string,
            b',' | b'}' | b']' if !in_string => break,
            _ => {}
        }
        to += 1;
    }
    at..to.min(line.len())
}
