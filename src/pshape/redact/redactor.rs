//! Redacts JSON values: finds what has to be replaced, in whatever coding, and replaces it.

use std::net::IpAddr;
use std::ops::Range;

use serde::de::IgnoredAny;

use crate::clock::Micros;
use crate::jsonl::leaves::{self, Part};
use crate::jsonl::scan::{FieldSet, Scanner, Spans};
use crate::record::{moment, private};

use super::address::Addresses;
use super::coding::{self, Armour, Decoded, Edit};
use super::find::{self, Special};
use super::form::is_numbered;
use super::ids::Ids;
use super::key::Key;
use super::memo::{Look, Memo, Names};

/// How much of a value is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pshape) enum Scope {
    /// All letters and digits.
    All,
    /// What looks like personal data or a secret.
    Found,
}

/// A week, so that times keep their weekday and time of day.
const WEEK: Micros = 7 * 86_400_000_000;
/// Times move back by 1 to this many weeks, which are ten years. Back, because servers refuse times to come.
const MOST_WEEKS: u128 = 522;

/// How many texts within texts are looked into.
const DEEPEST: u32 = 8;

/// Replaces values by the stand-ins of a key.
pub(in crate::pshape) struct Redactor {
    ids: Ids,
    addresses: Addresses,
    back: Micros,
    /// The texts that were replaced and the paths of their members, if they are kept.
    replaced: Option<Vec<(String, String)>>,
    memo: Memo,
    names: Names,
}

impl Redactor {
    /// The stand-ins of this key.
    pub(in crate::pshape) fn new(key: &Key) -> Self {
        let weeks = 1 + key.function("times").at(&[]) % MOST_WEEKS;
        Self {
            ids: Ids::new(key.function("ids")),
            addresses: Addresses::new(key.function("addresses")),
            back: Micros::try_from(weeks).expect("few weeks") * WEEK,
            replaced: None,
            memo: Memo::new(),
            names: Names::default(),
        }
    }

    /// Keeps the texts that are replaced from now on.
    pub(in crate::pshape) fn keep_replaced(&mut self) {
        self.replaced = Some(Vec::new());
    }

    /// Whether texts that were replaced are kept.
    pub(in crate::pshape) fn has_replaced(&self) -> bool {
        self.replaced.is_some()
    }

    /// The texts that were kept since the last call were in the member at this path.
    pub(in crate::pshape) fn place_replaced(&mut self, path: &str) {
        for (_, place) in self.replaced.iter_mut().flatten().rev().take_while(|(_, place)| place.is_empty()) {
            path.clone_into(place);
        }
    }

    /// Takes the texts that were replaced, whole members and what identifies somebody in them, each with the path of its member.
    pub(in crate::pshape) fn take_replaced(&mut self) -> Vec<(String, String)> {
        self.replaced.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn keep(&mut self, text: &str, is_value: impl FnOnce() -> bool) {
        if let Some(replaced) = &mut self.replaced
            && is_value()
        {
            replaced.push((text.to_owned(), String::new()));
        }
    }

    /// How far times move back.
    pub(in crate::pshape) fn back(&self) -> Micros {
        self.back
    }

    /// Whether the values of a member of this name are about a person.
    pub(in crate::pshape) fn is_personal(&mut self, name: &str) -> bool {
        self.names.look(name).is_personal
    }

    /// Adds the changes of a raw scalar value that is in the member `name` and begins at `at`.
    pub(in crate::pshape) fn scalar(&mut self, raw: &str, name: &str, scope: Scope, at: usize, edits: &mut Vec<Edit>) {
        let name_says = self.names.look(name);
        let look = Look { is_key: false, is_all: scope == Scope::All, ..name_says };
        self.once(look, raw, at, edits, |redactor, edits| redactor.scalar_anew(raw, name, scope, at, edits));
    }

    /// Adds the changes of a value: those that are known, or those of `anew`.
    fn once(
        &mut self,
        look: Look,
        raw: &str,
        at: usize,
        edits: &mut Vec<Edit>,
        anew: impl FnOnce(&mut Self, &mut Vec<Edit>),
    ) {
        // What is replaced has to be kept every time.
        if self.replaced.is_some() || !Memo::may_hold(raw) {
            anew(self, edits);
            return;
        }
        if let Some(known) = self.memo.known(look, raw, at) {
            edits.extend(known);
            return;
        }
        let before = edits.len();
        anew(self, edits);
        self.memo.keep(look, raw, at, &edits[before..]);
    }

    fn scalar_anew(&mut self, raw: &str, name: &str, scope: Scope, at: usize, edits: &mut Vec<Edit>) {
        match raw.as_bytes() {
            [b'"', .., b'"'] if raw.len() > 1 => self.string(raw, name, scope, at, edits),
            [b'-' | b'0'..=b'9', ..] => self.number(raw, name, scope, at, edits),
            _ => {}
        }
    }

    /// Adds the changes of a key, in its quotes. Words of which a schema is made stay.
    pub(in crate::pshape) fn key(&mut self, raw: &str, at: usize, edits: &mut Vec<Edit>) {
        self.once(Look::KEY, raw, at, edits, |redactor, edits| redactor.key_anew(raw, at, edits));
    }

    fn key_anew(&mut self, raw: &str, at: usize, edits: &mut Vec<Edit>) {
        let inner = &raw[1..raw.len() - 1];
        let digits = |word: &str| word.bytes().filter(u8::is_ascii_digit).count();
        let is_identifier =
            |word: &str| private::is_identifier(word) && (word.len() >= 8 || digits(word) == word.len());
        let holds_some = !find::specials(inner).is_empty()
            || inner.contains(['%', '\\'])
            || private::words(inner).any(is_identifier)
            || is_numbered(inner) && digits(inner) >= 3;
        if holds_some {
            self.string(raw, "", Scope::Found, at, edits);
        }
    }

    fn string(&mut self, raw: &str, name: &str, scope: Scope, at: usize, edits: &mut Vec<Edit>) {
        let inner = &raw[1..raw.len() - 1];
        if scope == Scope::All && is_number(inner) && find::is_name_of_times(name) && self.time(raw, at, edits) {
            return;
        }
        if !inner.contains('\\') {
            self.text(inner, scope, 0, at + 1, edits);
            return;
        }
        let decoded = Decoded::json(inner);
        let mut found = Vec::new();
        self.text(&decoded.text, scope, 0, 0, &mut found);
        edits.extend(found.iter().map(|edit| decoded.encode(inner, edit).moved(at + 1)));
    }

    fn number(&mut self, raw: &str, name: &str, scope: Scope, at: usize, edits: &mut Vec<Edit>) {
        let is_replaced = match scope {
            Scope::All => !(find::is_name_of_times(name) && self.time(raw, at, edits)),
            Scope::Found => find::is_name_of_ids(name) || find::digit_group_end(raw, 0) == Some(raw.len()),
        };
        if is_replaced {
            let mantissa = raw.find(['e', 'E']).unwrap_or(raw.len());
            self.keep(raw, || !raw.trim_start_matches(['-', '0', '.']).is_empty());
            self.id(raw, 0..mantissa, at, edits);
        }
    }

    /// Moves a time. Returns `false` if the raw value is none.
    fn time(&mut self, raw: &str, at: usize, edits: &mut Vec<Edit>) -> bool {
        let Ok(time) = moment::read(raw.as_bytes()) else { return false };
        let mut new = Vec::new();
        // Times of the first ten years stay: programs write them where they have none.
        if moment::write_like(raw.as_bytes(), time - self.back, &mut new) {
            let new = String::from_utf8(new).expect("times are text");
            self.keep(raw, || true);
            edits.push(Edit { range: at..at + raw.len(), new });
        }
        true
    }

    /// Adds the changes of a text that begins at `at`. `depth` is how many texts it is within.
    fn text(&mut self, text: &str, scope: Scope, depth: u32, at: usize, edits: &mut Vec<Edit>) {
        if find::is_date(text) {
            self.date(text, scope, at, edits);
            return;
        }
        self.keep(text, || scope == Scope::All && !is_json(text));
        if depth < DEEPEST {
            if is_json(text) {
                self.json(text, scope, at, edits);
                return;
            }
            if memchr::memchr(b'%', text.as_bytes()).is_some()
                && let Some(decoded) = Decoded::percent(text)
            {
                let mut found = Vec::new();
                self.text(&decoded.text, scope, depth + 1, 0, &mut found);
                edits.extend(found.iter().map(|edit| decoded.encode(text, edit).moved(at)));
                return;
            }
        }
        self.parts(text, scope, depth, at, edits);
    }

    fn date(&mut self, text: &str, scope: Scope, at: usize, edits: &mut Vec<Edit>) {
        if scope == Scope::Found {
            return;
        }
        let mut found = Vec::new();
        self.time(&format!("\"{text}\""), 0, &mut found);
        // Without the quotes.
        edits.extend(found.into_iter().map(|edit| {
            let new = edit.new.trim_matches('"').to_owned();
            Edit { range: at..at + text.len(), new }
        }));
    }

    /// JSON within a text.
    fn json(&mut self, text: &str, scope: Scope, at: usize, edits: &mut Vec<Edit>) {
        leaves::visit(text.as_bytes(), |place, range, part| {
            let raw = &text[range.clone()];
            match part {
                Part::Key if scope == Scope::Found => self.key(raw, at + range.start, edits),
                Part::Key => {}
                Part::Scalar => {
                    let name = place.name();
                    let scope = if self.is_personal(&name) { Scope::All } else { scope };
                    self.scalar(raw, &name, scope, at + range.start, edits);
                }
            }
        });
    }

    /// The parts of a text, one by one.
    fn parts(&mut self, text: &str, scope: Scope, depth: u32, base: usize, edits: &mut Vec<Edit>) {
        let specials = find::specials(text);
        let mut specials = specials.iter().peekable();
        let mut at = 0;
        let mut in_url = text.starts_with('/');
        while let Some(character) = text[at..].chars().next() {
            while specials.next_if(|(range, _)| range.start < at).is_some() {}
            let special = specials.peek().filter(|(range, _)| range.start == at);
            if !find::is_of_word(character) && special.is_none() {
                in_url = in_url && !character.is_whitespace();
                at += character.len_utf8();
                continue;
            }
            if let Some(end) = self.armoured(text, at, scope, depth, base, edits) {
                at = end;
                continue;
            }
            if let Some((range, special)) = special {
                self.special(text, range.clone(), *special, base, edits);
                at = range.end;
                continue;
            }
            if let Some(end) = find::time_end(text, at) {
                self.date(&text[at..end], scope, base + at, edits);
                at = end;
                continue;
            }
            if let Some(end) = find::digit_group_end(text, at).or_else(|| find::opaque_end(text, at)) {
                self.id(text, at..end, base, edits);
                at = end;
                continue;
            }
            let next = specials.peek().map_or(text.len(), |(range, _)| range.start);
            let end = find::run_end(text, at, find::is_of_word).min(next);
            let word = &text[at..end];
            if text[end..].starts_with("://") {
                in_url = true;
                at = self.authority(text, end + 3, scope, base, edits);
                continue;
            }
            if let Some(value) = given_value(text, at, end) {
                self.text(&text[value.clone()], Scope::All, depth + 1, base + value.start, edits);
                at = value.end;
                continue;
            }
            let is_key = in_url && text[..at].ends_with(['?', '&']) && text[end..].starts_with('=');
            let is_replaced = match scope {
                Scope::All => !is_key,
                Scope::Found => private::words(word).any(private::is_identifier) || is_numbered(word),
            };
            if is_replaced {
                self.id(text, at..end, base, edits);
            }
            at = end;
        }
    }

    /// Base64 or hexadecimal digits that stand for a text. Returns where they end.
    fn armoured(
        &mut self,
        text: &str,
        at: usize,
        scope: Scope,
        depth: u32,
        base: usize,
        edits: &mut Vec<Edit>,
    ) -> Option<usize> {
        if depth >= DEEPEST || text[..at].ends_with(find::is_of_word) {
            return None;
        }
        let (end, inner, armour) = armoured_run(text, at)?;
        let mut found = Vec::new();
        self.text(&inner, scope, depth + 1, 0, &mut found);
        if found.is_empty() {
            // A readable text stays. One word may as well be the bytes of a key.
            return inner.contains(' ').then_some(end);
        }
        let new = armour.encode(&coding::apply(&inner, &found));
        edits.push(Edit { range: base + at..base + end, new });
        Some(end)
    }

    fn special(&mut self, text: &str, range: Range<usize>, special: Special, base: usize, edits: &mut Vec<Edit>) {
        match special {
            Special::Key => self.id(text, range, base, edits),
            Special::Address(address) => self.address(text, range, address, base, edits),
            Special::Mail => {
                self.keep(&text[range.clone()], || true);
                let sign = range.start + text[range.clone()].rfind('@').unwrap_or(0);
                self.id(text, range.start..sign, base, edits);
                self.host(text, sign + 1..range.end, Scope::All, base, edits);
            }
        }
    }

    fn address(&mut self, text: &str, range: Range<usize>, address: IpAddr, base: usize, edits: &mut Vec<Edit>) {
        let Some(other) = self.addresses.stand_in(address) else { return };
        let is_upper = text[range.clone()].bytes().any(|byte| byte.is_ascii_uppercase());
        let new = other.to_string();
        let new = if is_upper { new.to_uppercase() } else { new };
        self.keep(&text[range.clone()], || true);
        edits.push(Edit { range: base + range.start..base + range.end, new });
    }

    /// The user and the host of a URL, which begin at `at`. Returns where they end.
    fn authority(&mut self, text: &str, at: usize, scope: Scope, base: usize, edits: &mut Vec<Edit>) -> usize {
        let end = find::run_end(text, at, |c| !c.is_whitespace() && !"/?#\"'<>\\,;)}".contains(c));
        let user = text[at..end].rfind('@').map_or(at, |sign| at + sign + 1);
        if user > at {
            // Who calls, and perhaps the password.
            let mut from = at;
            for part in text[at..user - 1].split(':') {
                self.id(text, from..from + part.len(), base, edits);
                from += part.len() + 1;
            }
        }
        let bare = text[user..end].strip_prefix('[').and_then(|rest| rest.split(']').next());
        let (from, host) = match bare {
            Some(host) => (user + 1, host),
            None => (user, text[user..end].split(':').next().unwrap_or_default()),
        };
        match host.parse() {
            Ok(address) => self.address(text, from..from + host.len(), address, base, edits),
            Err(_) => self.host(text, from..from + host.len(), scope, base, edits),
        }
        end
    }

    /// A host name. What stands for a country or a kind of organisation stays.
    fn host(&mut self, text: &str, range: Range<usize>, scope: Scope, base: usize, edits: &mut Vec<Edit>) {
        const KINDS: [&str; 7] = ["ac", "co", "com", "edu", "gov", "net", "org"];
        let host = &text[range.clone()];
        let labels: Vec<&str> = host.split('.').collect();
        let mut at = range.start;
        for (nth, label) in labels.iter().enumerate() {
            let behind = labels.len() - 1 - nth;
            let stays = match behind {
                0 => labels.len() > 1 || *label == "localhost",
                1 => labels.len() > 2 && labels[nth + 1].len() == 2 && KINDS.contains(label),
                _ => false,
            };
            let is_replaced = scope == Scope::All || private::words(label).any(private::is_identifier);
            if !stays && is_replaced {
                self.id(text, at..at + label.len(), base, edits);
            }
            at += label.len() + 1;
        }
    }

    /// Letters and digits.
    fn id(&mut self, text: &str, range: Range<usize>, base: usize, edits: &mut Vec<Edit>) {
        let old = &text[range.clone()];
        let mut new = String::with_capacity(old.len());
        self.ids.stand_in(old, &mut new);
        if new != old {
            self.keep(old, || private::is_identifying(old) || is_numbered(old));
            edits.push(Edit { range: base + range.start..base + range.end, new });
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Whether a text is a JSON object or array that is not empty.
pub(super) fn is_json(text: &str) -> bool {
    let text = text.trim_ascii();
    match text.as_bytes() {
        [b'{', .., b'}'] => Scanner::new(FieldSet::default()).scan(text.as_bytes(), &mut Spans::default()).is_ok(),
        [b'[', .., b']'] => serde_json::from_str::<IgnoredAny>(text).is_ok(),
        _ => false,
    }
}

/// The text that base64 or hexadecimal digits at `at` stand for, and where they end.
pub(super) fn armoured_run(text: &str, at: usize) -> Option<(usize, String, Armour)> {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/_-".contains(c);
    let end = find::run_end(text, at, is_base64);
    let padded = end + text[end..].bytes().take(2).take_while(|byte| *byte == b'=').count();
    let slash = text[at..end].find('/').map(|length| at + length);
    for end in [Some(padded), Some(end).filter(|end| *end < padded), slash].into_iter().flatten() {
        // A dot joins the parts of a token, whose secret is none of them alone.
        if text[end..].starts_with('.') {
            continue;
        }
        let run = &text[at..end];
        if let Some((inner, armour)) = coding::base64(run).or_else(|| coding::hex(run)) {
            return Some((end, inner, armour));
        }
    }
    None
}

/// The value that belongs to the word from `at` to `end`, if the word says that it is about a person or a secret: `user=jane`,
/// `Bearer abc`, `password: abc`.
fn given_value(text: &str, at: usize, end: usize) -> Option<Range<usize>> {
    let word = &text[at..end];
    let rest = &text[end..];
    let is_scheme = word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic");
    let gap = if rest.starts_with('=') && private::is_personal(word) || rest.starts_with(' ') && is_scheme {
        1
    } else if rest.starts_with(": ") && private::is_secret(word) {
        2
    } else {
        return None;
    };
    let from = end + gap;
    let to = find::run_end(text, from, |c| !c.is_whitespace() && !"&;,\"'<>)}]".contains(c));
    let is_scheme_again = ["bearer", "basic"].iter().any(|scheme| text[from..to].eq_ignore_ascii_case(scheme));
    (to > from && !is_scheme_again).then_some(from..to)
}
