//! Rules that classify answers by status and body, and the part of an answer that messages quote.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::cli::values::Span;
use crate::clock::Micros;
use crate::jsonl::{Lookup, value};
use crate::psend::meaning::Meaning;
use crate::psend::secret::Secrets;

/// A longer rate window is taken to be this long.
const LONGEST_WINDOW: Duration = Duration::from_secs(86_400);

/// How many bytes of an answer's body a message quotes.
const QUOTED: usize = 200;

/// The classification of an answer: what it says about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::psend) struct Classification {
    /// Its outcome.
    pub meaning: Meaning,
    /// The rule that decided; `None` if the status did.
    pub rule: Option<RuleName>,
    /// How long the body asks to wait.
    pub wait: Option<Duration>,
    /// Why the event was not taken, if the answer says so.
    pub complaint: Option<String>,
}

/// The place of a rule in a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::psend) struct RuleName {
    /// `rules`, `batch.rules` or `verify.rules`.
    pub section: &'static str,
    /// Its number in this section, from 1.
    pub number: usize,
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, number {}", self.section, self.number)
    }
}

/// The rules of one section of a dialect, and where an answer gives reasons.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    pub(super) section: &'static str,
    pub(super) rules: Vec<Rule>,
    /// The paths of reasons. If an answer has values there, messages quote these instead of the body.
    pub(super) error: Vec<Lookup>,
}

/// A rule: conditions on an answer, and what it means then.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// The statuses it applies to; `None` for all.
    pub(super) status: Option<Codes>,
    pub(super) path: Option<Lookup>,
    /// Text that the value, or the body if there is no path, must contain.
    pub(super) text: Option<Words>,
    /// What the value must be.
    pub(super) is: Option<OneOf>,
    pub(super) outcome: Meaning,
    #[serde(default)]
    pub(super) window_text: Option<String>,
    #[serde(default, deserialize_with = "span")]
    pub(super) window: Option<Duration>,
}

/// Texts of which an answer must contain one. The searchers are built once.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "WordsAsWritten")]
pub(super) struct Words(Vec<memchr::memmem::Finder<'static>>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
enum WordsAsWritten {
    One(String),
    Many(Vec<String>),
}

impl From<WordsAsWritten> for Words {
    fn from(written: WordsAsWritten) -> Self {
        let texts = match written {
            WordsAsWritten::One(text) => vec![text],
            WordsAsWritten::Many(texts) => texts,
        };
        Self(texts.iter().map(|text| memchr::memmem::Finder::new(text).into_owned()).collect())
    }
}

impl Words {
    fn are_in(&self, text: &[u8]) -> bool {
        self.0.iter().any(|words| words.find(text).is_some())
    }

    /// Whether there are none, or one is in every text.
    pub(super) fn say_nothing(&self) -> bool {
        self.0.is_empty() || self.0.iter().any(|words| words.needle().is_empty())
    }
}

/// A text in which words are looked for, as it is written and as its escapes read: many servers write `é` as `\u00e9`.
struct Said<'a> {
    written: &'a [u8],
    /// Made once, if any words need it; `None` if the text has no escapes.
    read: OnceCell<Option<String>>,
}

impl<'a> Said<'a> {
    fn new(written: &'a [u8]) -> Self {
        Self { written, read: OnceCell::new() }
    }

    fn read(&self) -> Option<&[u8]> {
        self.read.get_or_init(|| value::unescaped(self.written)).as_deref().map(str::as_bytes)
    }

    /// Whether one of these is in it.
    fn has(&self, words: &Words) -> bool {
        words.are_in(self.written) || self.read().is_some_and(|read| words.are_in(read))
    }
}

/// What a value may be.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected a value such as \"conflict\" or 3, or a list of these")]
pub(super) enum OneOf {
    One(Scalar),
    Many(Vec<Scalar>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected a value such as \"conflict\" or 3, or a list of these")]
pub(super) enum Scalar {
    Flag(bool),
    Number(i64),
    Text(String),
}

impl OneOf {
    fn is(&self, value: &str) -> bool {
        let is = |scalar: &Scalar| match scalar {
            Scalar::Flag(flag) => value == if *flag { "true" } else { "false" },
            Scalar::Number(number) => value.parse() == Ok(*number),
            Scalar::Text(text) => value == text,
        };
        match self {
            Self::One(scalar) => is(scalar),
            Self::Many(scalars) => scalars.iter().any(is),
        }
    }
}

/// A set of status codes: ranges, both ends included.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "CodesAsWritten")]
pub(super) struct Codes(Vec<(u16, u16)>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a code such as 409, a class such as \"4xx\", or a list of these")]
enum CodesAsWritten {
    One(CodeAsWritten),
    Many(Vec<CodeAsWritten>),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a code such as 409, a class such as \"4xx\", or a list of these")]
enum CodeAsWritten {
    Number(u16),
    Text(String),
}

impl TryFrom<CodesAsWritten> for Codes {
    type Error = String;

    fn try_from(written: CodesAsWritten) -> Result<Self, String> {
        let list = match written {
            CodesAsWritten::One(code) => vec![code],
            CodesAsWritten::Many(codes) => codes,
        };
        let range = |code| match code {
            CodeAsWritten::Number(n) if (100..600).contains(&n) => Ok((n, n)),
            CodeAsWritten::Number(n) => Err(format!("status {n}: expected a code from 100 to 599")),
            CodeAsWritten::Text(text) => {
                let class = text.strip_suffix("xx").and_then(|c| c.parse::<u16>().ok()).filter(|c| (1..6).contains(c));
                let one = text.parse::<u16>().ok().filter(|n| (100..600).contains(n));
                match (class, one) {
                    (Some(c), _) => Ok((c * 100, c * 100 + 99)),
                    (_, Some(n)) => Ok((n, n)),
                    _ => Err(format!("status \"{text}\": expected a code such as 409 or a class such as \"4xx\"")),
                }
            }
        };
        list.into_iter().map(range).collect::<Result<_, _>>().map(Self)
    }
}

impl Codes {
    /// Whether no status is among them.
    pub(super) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|&(from, to)| (from..=to).contains(&status))
    }
}

fn span<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    text.parse::<Span>().map(|span| Some(span.0)).map_err(serde::de::Error::custom)
}

impl Rule {
    /// Whether it applies to some answer with this status.
    #[inline]
    pub(super) fn is_about(&self, status: u16) -> bool {
        self.status.as_ref().is_none_or(|codes| codes.contain(status))
    }

    fn fits_body(&self, body: &Said<'_>) -> bool {
        // Nearly every answer is ruled out here, without reading it as JSON.
        if self.text.as_ref().is_some_and(|words| !body.has(words)) {
            return false;
        }
        let Some(path) = &self.path else { return true };
        path.find(body.written).map(value::label).is_some_and(|value| {
            self.text.as_ref().is_none_or(|words| Said::new(value.as_bytes()).has(words))
                && self.is.as_ref().is_none_or(|one_of| one_of.is(&value))
        })
    }

    /// Whether it looks at more than the status.
    pub(super) fn reads_body(&self) -> bool {
        self.text.is_some() || self.path.is_some()
    }

    /// How long until the server's next window begins.
    fn wait(&self, body: &Said<'_>, now: Micros) -> Option<Duration> {
        let told = self
            .window_text
            .as_ref()
            .and_then(|pattern| seconds_in(body.written, pattern).or_else(|| seconds_in(body.read()?, pattern)));
        let window = told.filter(|w| !w.is_zero()).or(self.window)?.min(LONGEST_WINDOW);
        let length = Micros::try_from(window.as_micros()).ok().filter(|l| *l > 0)?;
        let left = length - now.rem_euclid(length);
        Some(Duration::from_micros(u64::try_from(left).unwrap_or(0)))
    }
}

/// The first number of seconds in a body that is surrounded by the text before and after the `{}` of a pattern.
pub(super) fn seconds_in(body: &[u8], pattern: &str) -> Option<Duration> {
    let (before, after) = pattern.split_once("{}")?;
    let is_of_number = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    let mut at = 0;
    // Each turn skips a whole number, so the time is linear in the length of the text.
    while let Some(from) = body[at..].iter().position(u8::is_ascii_digit).map(|digit| at + digit) {
        at = body[from..].iter().position(|byte| !is_of_number(*byte)).map_or(body.len(), |length| from + length);
        let number = body[from..at].strip_suffix(b".").unwrap_or(&body[from..at]);
        if body[..from].ends_with(before.as_bytes()) && body[from + number.len()..].starts_with(after.as_bytes()) {
            let seconds = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
            if let Some(window) = seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)) {
                return Some(window);
            }
        }
    }
    None
}

impl Rules {
    /// Where the first rule is that applies to an answer.
    #[inline]
    fn first(&self, status: u16, body: &Said<'_>) -> Option<usize> {
        self.rules.iter().position(|rule| rule.is_about(status) && rule.fits_body(body))
    }

    /// What the first rule that applies to an answer says; `None` if there is none.
    pub(super) fn meaning(&self, status: u16, body: &[u8]) -> Option<Meaning> {
        self.first(status, &Said::new(body)).map(|at| self.rules[at].outcome)
    }

    /// Classifies an answer by the first rule that fits, or else as `otherwise`. `from` precedes what is quoted of it.
    pub(super) fn read(
        &self,
        status: u16,
        body: &[u8],
        now: Micros,
        secrets: &Secrets,
        from: impl FnOnce() -> String,
        otherwise: Meaning,
    ) -> Classification {
        let text = Said::new(body);
        let found = self.first(status, &text);
        let rule = found.map(|at| &self.rules[at]);
        let meaning = rule.map_or(otherwise, |rule| rule.outcome);
        let wait = rule.filter(|_| meaning == Meaning::RateLimited).and_then(|rule| rule.wait(&text, now));
        let complaint = (!meaning.is_good()).then(|| quote(&from(), &self.said(body), secrets));
        let rule = found.map(|at| RuleName { section: self.section, number: at + 1 });
        Classification { meaning, rule, wait, complaint }
    }

    /// What is quoted of an answer: the values at the paths of reasons, or else the body.
    pub(super) fn said<'a>(&self, body: &'a [u8]) -> Cow<'a, [u8]> {
        let values: Vec<Cow<'_, str>> = self
            .error
            .iter()
            .filter_map(|path| path.find(body))
            .filter(|raw| !matches!(*raw, b"null" | b"\"\"" | b"[]" | b"{}"))
            .map(value::label)
            .collect();
        if values.is_empty() { Cow::Borrowed(body) } else { Cow::Owned(values.join(": ").into_bytes()) }
    }
}

/// The meaning of a status code if no rule fits (contracts §3). Those of the 5xx that no RFC has are Cloudflare's, and
/// those of proxies whose connection to the server timed out (598, 599).
pub(super) fn by_status(status: u16) -> Meaning {
    match status {
        200..=299 => Meaning::Accepted,
        429 => Meaning::RateLimited,
        // 521 to 523: the gateway made no connection to the server.
        408 | 500 | 503 | 521..=523 => Meaning::Retry,
        502 | 504 | 520 | 524 | 598 | 599 => Meaning::Gateway,
        300..=499 => Meaning::Rejected,
        _ => Meaning::Failed,
    }
}

/// Whether a body is the beginning of a JSON object or array.
pub(super) fn is_cut_off(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    if !matches!(body.first(), Some(b'{' | b'[')) {
        return false;
    }
    // Nearly every answer is whole. To count is much faster than to parse.
    let count = |byte| memchr::memchr_iter(byte, body).count();
    let is_balanced = count(b'{') == count(b'}') && count(b'[') == count(b']') && count(b'"') % 2 == 0;
    let seems_whole = matches!(body.last(), Some(b'}' | b']')) && is_balanced;
    !seems_whole && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err_and(|error| error.is_eof())
}

/// The beginning of an answer, for a message.
pub(super) fn quote(from: &str, body: &[u8], secrets: &Secrets) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    text.retain(|c| !c.is_control());
    let text = secrets.blank(text);
    let text = text.trim();
    let end = (0..=text.len().min(QUOTED)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let begun = &text[..end];
    let more = if text.len() > begun.len() { "…" } else { "" };
    if text.is_empty() { from.to_owned() } else { format!("{from}: {begun}{more}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::psend::secret::Secret;

    #[test]
    fn the_beginning_of_json_is_cut_off_and_other_text_is_not() {
        let whole = r#" {"success":true,"message":"a } in \" a text","errors":[{"a":[1]}]} "#;
        let end = whole.trim_end().len();
        for length in 2..end {
            assert!(is_cut_off(&whole.as_bytes()[..length]), "{}", &whole[..length]);
        }
        for body in [whole, "", "OK", "[INFO] queued", "{success}", "true", "\"a", "{}", "[]", r#"{"a":"{"}"#] {
            assert!(!is_cut_off(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn a_window_may_be_said_in_any_words() {
        for (body, pattern, seconds) in [
            ("Rate limit: try in 1 seconds", "{} seconds", Some(1.0)),
            ("60 seconds", "{} seconds", Some(60.0)),
            ("5 of 10, retry in 2.5s", "retry in {}s", Some(2.5)),
            ("5 of 10, retry in 2.", "retry in {}", Some(2.0)),
            ("version 1.2.3 seconds, 4 seconds", "{} seconds", Some(4.0)),
            ("window: 30", ": {}", Some(30.0)),
            ("no number of seconds", "{} seconds", None),
            ("", "{} seconds", None),
        ] {
            let read = seconds_in(body.as_bytes(), pattern).map(|window| window.as_secs_f64());
            assert_eq!(read, seconds, "{body} {pattern}");
        }
    }

    #[test]
    fn a_secret_that_an_answer_repeats_is_blanked_before_the_answer_is_cut() {
        let secrets = Secrets::default();
        secrets.add(&Secret::new("canary-key"));
        for before in 180..200 {
            let said = quote("HTTP 401", format!("{}canary-key or so", "x".repeat(before)).as_bytes(), &secrets);
            assert!(said.contains("xx") && !said.contains('c'), "{said}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_of_an_answer_makes_the_search_for_a_window_spin(
            body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            digits in "[0-9.]{0,400}",
            before in "[a-z0-9. ]{0,3}",
            after in "[a-z0-9. ]{0,3}",
        ) {
            let body = [body, digits.into_bytes()].concat();
            if let Some(window) = seconds_in(&body, &format!("{before}{{}}{after}")) {
                proptest::prop_assert!(body.iter().any(u8::is_ascii_digit), "{window:?}");
            }
        }
    }
}
