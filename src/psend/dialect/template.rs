//! Texts with an event's values in braces: `{event}`, `{event_id}`, `{path.to.member:format|default}`. Compiled once; one
//! compiler for paths, queries, headers and bodies.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::value::{self, Escape, FORMATS, Format, Map, TimeFormat, Unfit};
use crate::psend::intake::Event;
use crate::record::event::{FieldMap, Role};
use crate::record::latency;
use crate::record::moment;

/// What a template is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UsedIn {
    /// A path, and the query that may follow it.
    Path,
    Query,
    Header,
    /// A body of JSON, in which quotes tell strings from the rest.
    Json,
    /// A body of anything else.
    Text,
    /// A body in the form of an HTML form (`application/x-www-form-urlencoded`).
    Form,
}

/// Which placeholders a template may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// The values of one event, the key and the parameters of the URL.
    All,
    /// Only those that are the same for all events: the key and the parameters of the URL.
    Constants,
    /// An event's id, the key and the parameters of the URL.
    Id,
}

/// A compiled text.
#[derive(Debug, Clone)]
pub(in crate::psend) struct Template {
    /// What it makes, for messages: `the path`.
    what: Arc<str>,
    pieces: Vec<Piece>,
    /// The field that has the event's id, once it is bound.
    id_field: Arc<str>,
}

#[derive(Debug, Clone)]
enum Piece {
    Text(Box<str>),
    Value(Box<Value>),
}

#[derive(Debug, Clone)]
struct Value {
    /// The text between the braces, without format and default.
    name: String,
    source: Source,
    format: Format,
    escape: Escape,
    default: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Source {
    /// The event's own bytes.
    Event,
    /// The first of these that the event has.
    Fields(Vec<Field>),
    /// The time of the event and its latency: when it ended.
    End { time: usize, latency: usize, unit: latency::Unit },
    /// The key.
    Key,
    /// A parameter of the URL.
    Url,
}

#[derive(Debug, Clone, PartialEq)]
enum Field {
    /// The one that names the event.
    Id,
    /// The one with this name, by its index among the paths that are looked for.
    At(String, usize),
}

/// What placeholders mean in this run.
pub(in crate::psend) struct Binding<'a> {
    /// Which field has which role.
    pub fields: &'a FieldMap,
    /// The paths that are looked for in events, in order.
    pub paths: Vec<String>,
    /// The parameters of the URL.
    pub url: &'a BTreeMap<String, String>,
    /// The parameters of the URL that templates use.
    pub asked: Vec<String>,
}

impl Binding<'_> {
    /// The index of the field with this name.
    pub(super) fn place(&mut self, name: &str) -> usize {
        let path = self.fields.resolve(name);
        self.paths.iter().position(|known| known == path).unwrap_or_else(|| {
            self.paths.push(path.to_owned());
            self.paths.len() - 1
        })
    }
}

impl Template {
    /// Compiles a text.
    ///
    /// # Errors
    /// Names the wrong placeholder and the expected form.
    pub(super) fn compile(
        what: &str,
        text: &str,
        place: UsedIn,
        names: Names,
        maps: &BTreeMap<String, Map>,
    ) -> Result<Self, String> {
        let mut template = Self { what: what.into(), pieces: Vec::new(), id_field: "".into() };
        let mut own = String::new();
        let mut in_string = false;
        let mut escaped = false;
        let mut in_query = place == UsedIn::Query;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("{{") {
                own.push('{');
                rest = after;
                continue;
            }
            let begins = c == '{' && rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || "_@$".contains(c));
            if begins {
                let (inside, after) = placeholder(rest)?;
                let escape = match place {
                    UsedIn::Path if in_query => Escape::Query,
                    UsedIn::Path => Escape::Segment,
                    UsedIn::Query | UsedIn::Form => Escape::Query,
                    UsedIn::Header => Escape::Header,
                    UsedIn::Text => Escape::Text,
                    UsedIn::Json if in_string => Escape::JsonString,
                    UsedIn::Json => Escape::JsonValue,
                };
                let value = Value::compile(inside, escape, names, maps)?;
                template.push_own(&own, place);
                own.clear();
                template.pieces.push(Piece::Value(Box::new(value)));
                rest = after;
                continue;
            }
            in_query |= c == '?';
            in_string ^= c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            own.push(c);
            rest = &rest[c.len_utf8()..];
        }
        if place == UsedIn::Json && in_string {
            return Err("a string begins with \" and does not end; values in braces are escaped by that".to_owned());
        }
        template.push_own(&own, place);
        Ok(template)
    }

    /// Adds the dialect's own text. In a query it is encoded; elsewhere it is taken as it is.
    fn push_own(&mut self, own: &str, place: UsedIn) {
        if place != UsedIn::Query {
            return self.push_text(own);
        }
        let mut encoded = Vec::new();
        // Every text can be encoded for a query.
        let _ = value::write_text(own, Escape::Query, &mut encoded);
        self.push_text(&String::from_utf8_lossy(&encoded));
    }

    fn push_text(&mut self, text: &str) {
        match self.pieces.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(last)) => *last = format!("{last}{text}").into(),
            _ => self.pieces.push(Piece::Text(text.into())),
        }
    }

    /// Resolves the placeholders.
    ///
    /// # Errors
    /// If the URL has no parameter of a name.
    pub(super) fn bind(&mut self, binding: &mut Binding<'_>) -> Result<(), String> {
        self.id_field = binding.fields.path(Role::Id).into();
        for piece in std::mem::take(&mut self.pieces) {
            match piece {
                Piece::Text(text) => self.push_text(&text),
                Piece::Value(mut value) => {
                    match &mut value.source {
                        Source::Fields(fields) => fields.iter_mut().for_each(|field| field.bind(binding)),
                        Source::End { time, latency, unit } => {
                            *time = binding.place("timestamp");
                            *latency = binding.place("latency");
                            *unit = binding.fields.latency_unit();
                        }
                        Source::Event | Source::Key | Source::Url => {}
                    }
                    if value.source == Source::Url {
                        let text = value.url_parameter(binding)?;
                        self.push_text(&text);
                    } else {
                        self.pieces.push(Piece::Value(value));
                    }
                }
            }
        }
        Ok(())
    }

    /// Replaces the key's placeholders by the key.
    pub(in crate::psend) fn settle_key(&mut self, key: &str) {
        for piece in std::mem::take(&mut self.pieces) {
            match piece {
                Piece::Value(value) if value.source == Source::Key => {
                    let mut text = Vec::new();
                    // A key that cannot be written is an error where keys are read.
                    let _ = value.write_constant(key, &mut text);
                    self.push_text(&String::from_utf8_lossy(&text));
                }
                Piece::Text(text) => self.push_text(&text),
                piece => self.pieces.push(piece),
            }
        }
    }

    /// Appends the text for this event with this key.
    ///
    /// # Errors
    /// Why the event's values do not fit, as text that follows "line 17: ".
    pub(in crate::psend) fn render(&self, event: &Event, key: &str, out: &mut Vec<u8>) -> Result<(), String> {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Value(value) => value.render(event, key, out).map_err(|why| self.complain(value, &why))?,
            }
        }
        Ok(())
    }

    /// Appends the text of a template without an event's values.
    pub(in crate::psend) fn render_constant(&self, key: &str, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Value(value) => drop(value.write_constant(key, out)),
            }
        }
    }

    fn complain(&self, value: &Value, why: &Unfit) -> String {
        let what = &self.what;
        let (name, id) = (&value.name, &self.id_field);
        match (why, value.is_id()) {
            (Unfit::Missing, true) => format!("no id in '{id}' for {what}"),
            (Unfit::Missing, false) => format!("no value at '{name}' for {what}"),
            (Unfit::Wrong(why), true) => format!("the id in '{id}' does not fit into {what}: {why}"),
            (Unfit::Wrong(why), false) => format!("the value at '{name}' does not fit into {what}: {why}"),
        }
    }

    /// The text with an x for each value.
    pub(super) fn sample(&self) -> String {
        self.pieces.iter().map(|piece| if let Piece::Text(text) = piece { text } else { "x" }).collect()
    }

    /// The text, if it is the same for all events and keys.
    pub(in crate::psend) fn constant(&self) -> Option<&str> {
        match &self.pieces[..] {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it is the event's own bytes and nothing else.
    pub(in crate::psend) fn is_event(&self) -> bool {
        matches!(&self.pieces[..], [Piece::Value(value)] if value.is_event())
    }

    /// Whether it has values of an event in it.
    pub(in crate::psend) fn has_event(&self) -> bool {
        self.values().any(|value| !matches!(value.source, Source::Key | Source::Url))
    }

    /// Whether it has the key in it.
    pub(in crate::psend) fn has_key(&self) -> bool {
        self.values().any(|value| value.source == Source::Key)
    }

    /// Whether it has the event's id in it.
    pub(in crate::psend) fn has_id(&self) -> bool {
        self.values().any(Value::is_id)
    }

    /// Whether it has no values of an event in it but its id.
    pub(in crate::psend) fn is_of_id(&self) -> bool {
        self.values().all(|value| value.is_id() || matches!(value.source, Source::Key | Source::Url))
    }

    /// The names of the fields in it.
    pub(super) fn field_names(&self) -> impl Iterator<Item = &str> {
        self.values().flat_map(|value| match &value.source {
            Source::Fields(fields) => fields.iter().map(Field::name).collect(),
            Source::End { .. } => vec!["timestamp", "latency"],
            Source::Event => vec!["event"],
            Source::Key | Source::Url => Vec::new(),
        })
    }

    fn values(&self) -> impl Iterator<Item = &Value> {
        self.pieces.iter().filter_map(|piece| if let Piece::Value(value) = piece { Some(&**value) } else { None })
    }
}

/// Splits off the placeholder that a text begins with.
fn placeholder(text: &str) -> Result<(&str, &str), String> {
    let end = text.find(['}', '\n']).filter(|at| text.as_bytes()[*at] == b'}');
    let Some(end) = end else {
        let begun: String = text.chars().take(20).collect();
        return Err(format!("'{begun}': no }} follows; {{{{ stands for a {{ that begins nothing"));
    };
    Ok((&text[1..end], &text[end + 1..]))
}

impl Field {
    fn of(name: &str) -> Self {
        if matches!(name, "event_id" | "id") { Self::Id } else { Self::At(name.to_owned(), 0) }
    }

    fn name(&self) -> &str {
        if let Self::At(name, _) = self { name } else { "event_id" }
    }

    fn bind(&mut self, binding: &mut Binding<'_>) {
        if let Self::At(name, place) = self {
            *place = binding.place(name);
        }
    }

    fn raw<'a>(&self, event: &'a Event) -> Option<&'a [u8]> {
        match self {
            Self::Id => event.id(),
            Self::At(_, place) => event.field(*place).filter(|raw| *raw != b"null"),
        }
    }
}

impl Value {
    fn compile(inside: &str, escape: Escape, names: Names, maps: &BTreeMap<String, Map>) -> Result<Self, String> {
        let (spec, default) = match inside.split_once('|') {
            Some((spec, default)) => (spec, Some(default.to_owned())),
            None => (inside, None),
        };
        let colon = spec.rfind(':').filter(|at| !spec[..*at].ends_with('\\'));
        let (name, format) = colon.map_or((spec, ""), |at| (&spec[..at], &spec[at + 1..]));
        let name = name.replace("\\:", ":");
        let is_name = |c: char| c.is_alphanumeric() || "_.@$/\\+?-:#,".contains(c);
        let is_path = |path: &str| !path.replace("\\.", "-").split('.').any(str::is_empty);
        if !name.chars().all(is_name) || !name.split(',').all(is_path) {
            return Err(format!(
                "{{{inside}}}: expected a name such as event_id or a path such as source.service; {{{{ stands for a {{"
            ));
        }
        let source = match name.as_str() {
            "event" => Source::Event,
            "key" => Source::Key,
            "timestamp+latency" => Source::End { time: 0, latency: 0, unit: latency::Unit::default() },
            name if name.starts_with("url?") => Source::Url,
            names => Source::Fields(names.split(',').map(Field::of).collect()),
        };
        let is_constant = matches!(source, Source::Key | Source::Url);
        let fits = match names {
            Names::All => true,
            Names::Constants => is_constant,
            Names::Id => is_constant || source == Source::Fields(vec![Field::Id]),
        };
        if !fits {
            return Err(format!("{{{inside}}} stands for nothing here"));
        }
        let format = match format {
            "" => Format::Plain,
            format => find_format(format, maps).map_err(|why| format!("{{{inside}}}: {why}"))?,
        };
        if let (Source::End { .. }, false) = (&source, matches!(format, Format::Time(_))) {
            return Err(format!("{{{inside}}}: expected a format for times, such as {{{name}:epoch_ns}}"));
        }
        if let (Escape::JsonValue, Some(default)) = (escape, &default)
            && serde_json::from_str::<serde::de::IgnoredAny>(default).is_err()
        {
            return Err(format!("{{{inside}}}: '{default}' is not JSON; a text stands in quotes there"));
        }
        Ok(Self { name, source, format, escape, default })
    }

    fn is_id(&self) -> bool {
        matches!(&self.source, Source::Fields(fields) if fields[..] == [Field::Id])
    }

    /// Whether it is the event's own bytes.
    fn is_event(&self) -> bool {
        self.source == Source::Event
            && self.format == Format::Plain
            && matches!(self.escape, Escape::JsonValue | Escape::Text)
    }

    fn url_parameter(&self, binding: &mut Binding<'_>) -> Result<String, String> {
        let name = self.name.trim_start_matches("url?");
        binding.asked.push(name.to_owned());
        let Some(text) = binding.url.get(name).or(self.default.as_ref()) else {
            return Err(format!("--url: the dialect needs {name} in it, as in http://host/?{name}=…"));
        };
        let mut out = Vec::new();
        self.write_constant(text, &mut out).map_err(|_| format!("--url: the value of {name} does not fit"))?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    /// Writes the key or a parameter of the URL. In a header it is not escaped.
    fn write_constant(&self, text: &str, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let escape = if self.escape == Escape::Header { Escape::Text } else { self.escape };
        match self.format {
            Format::Plain => value::write_text(text, escape, out),
            _ => {
                let raw = serde_json::to_vec(text).expect("a text is JSON");
                value::write(&raw, &self.format, escape, out)
            }
        }
    }

    fn render(&self, event: &Event, key: &str, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let raw = match &self.source {
            Source::Event => Some(&*event.line),
            Source::Fields(fields) => fields.iter().find_map(|field| field.raw(event)),
            Source::End { time, latency, unit } => return self.render_end(event, *time, *latency, *unit, out),
            Source::Key | Source::Url => return self.write_constant(key, out),
        };
        match raw {
            Some(line) if self.is_event() => {
                out.extend_from_slice(line);
                Ok(())
            }
            // A line that is not an object is written as text, even if it is a JSON string.
            Some(line) if self.source == Source::Event && line.starts_with(b"\"") => {
                value::write_text(&String::from_utf8_lossy(line), self.escape, out)
            }
            Some(raw) => match value::write(raw, &self.format, self.escape, out) {
                // The default also replaces values that the map does not have.
                Err(Unfit::Missing) if self.default.is_none() => {
                    Err(Unfit::Wrong("its table has no entry for it".to_owned()))
                }
                Err(Unfit::Missing) => self.render_default(out),
                done => done,
            },
            None => self.render_default(out),
        }
    }

    fn render_default(&self, out: &mut Vec<u8>) -> Result<(), Unfit> {
        match &self.default {
            Some(default) if self.escape == Escape::JsonValue => out.extend_from_slice(default.as_bytes()),
            Some(default) => value::write_text(default, self.escape, out)?,
            None if self.escape == Escape::JsonValue && self.format == Format::Plain => out.extend_from_slice(b"null"),
            None => return Err(Unfit::Missing),
        }
        Ok(())
    }

    fn render_end(
        &self,
        event: &Event,
        time: usize,
        latency: usize,
        unit: latency::Unit,
        out: &mut Vec<u8>,
    ) -> Result<(), Unfit> {
        let Some(raw) = event.field(time).filter(|raw| *raw != b"null") else { return self.render_default(out) };
        let wrong = |why: String| Unfit::Wrong(format!("{}: {why}", String::from_utf8_lossy(raw)));
        let began = moment::read(raw).map_err(|why| wrong(why.to_string()))?;
        // An event without a latency counts as instantaneous.
        let took = match event.field(latency).filter(|raw| *raw != b"null") {
            Some(raw) => latency::microseconds(raw, unit).map_err(|why| wrong(why.to_string()))?,
            None => 0,
        };
        let format = if let Format::Time(format) = self.format { format } else { TimeFormat::Rfc3339 };
        let ended = began.saturating_add(i64::try_from(took).unwrap_or(i64::MAX));
        value::write_time(ended, format, self.escape, out)
    }
}

fn find_format(name: &str, maps: &BTreeMap<String, Map>) -> Result<Format, String> {
    if let Some((_, format)) = FORMATS.iter().find(|(known, _)| *known == name) {
        return Ok(format.clone());
    }
    maps.get(name).map(|map| Format::Map(map.clone())).ok_or_else(|| {
        let known: Vec<&str> = FORMATS.iter().map(|(name, _)| *name).chain(maps.keys().map(String::as_str)).collect();
        format!("'{name}' is not a format; the formats are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::input::Inputs;

    use crate::jsonl::LineReader;
    use crate::psend::intake::{Cutter, Fields, IntakeConfig, IntakeState};

    /// Compiles a template, binds it, and renders it for an event.
    fn render(text: &str, place: UsedIn, line: &str) -> Result<String, String> {
        let maps = toml::from_str("level = { info = 9, error = 'E' }").expect("a table");
        let mut template = Template::compile("the body", text, place, Names::All, &maps)?;
        let fields = FieldMap::default();
        let url = BTreeMap::from([("table".to_owned(), "a b".to_owned())]);
        let mut binding = Binding { fields: &fields, paths: Vec::new(), url: &url, asked: Vec::new() };
        template.bind(&mut binding)?;
        let paths = binding.paths.iter().map(String::as_str);
        let rules = IntakeConfig {
            max_line: 1 << 20,
            fields: Fields::new(&fields, paths),
            limit: None,
            dead_letters: None,
            resume: None,
        };
        let reader = LineReader::new(Inputs::from_bytes(line.to_owned()), 1 << 20);
        let event =
            Cutter::new(reader, rules).next_block(&IntakeState::default()).expect("memory").expect("a line").remove(0);
        let mut out = Vec::new();
        template.render(&event, "the key", &mut out).map(|()| String::from_utf8(out).expect("UTF-8"))
    }

    const EVENT: &str = r#"{"event_id":"e/1","timestamp":"2026-01-05T12:00:00Z","severity":"info","n":1.10,"a":{"b":[1,{"c":"x \"y\""}]},"d.e":null,"metrics":{"response_time_ms":1500}}"#;

    #[test]
    fn what_stands_in_braces_is_the_events_own_escaped_for_its_place() {
        let ok = |text: &str, place, expected: &str| {
            assert_eq!(render(text, place, EVENT).as_deref(), Ok(expected), "{text}")
        };
        ok(
            "{\"index\":{\"_id\":\"{id}\"}}\n{event}\n",
            UsedIn::Json,
            &format!("{{\"index\":{{\"_id\":\"e/1\"}}}}\n{EVENT}\n"),
        );
        ok(
            r#"{"time":{timestamp:epoch_s},"n":{n},"c":{a.b.1.c},"t":"{a.b.1.c}","o":{a},"m":{missing}}"#,
            UsedIn::Json,
            r#"{"time":1767614400,"n":1.10,"c":"x \"y\"","t":"x \"y\"","o":{"b":[1,{"c":"x \"y\""}]},"m":null}"#,
        );
        ok(
            r#"{"s":{n:string},"l":{severity:level},"q":"{severity:level}","k":{key},"x":{d\.e|"none"}}"#,
            UsedIn::Json,
            r#"{"s":"1.10","l":9,"q":"9","k":"the key","x":"none"}"#,
        );
        ok(
            "/_doc/{event_id}/{a.b.0}?at={timestamp:rfc3339}",
            UsedIn::Path,
            "/_doc/e%2F1/1?at=2026-01-05T12%3A00%3A00.000000Z",
        );
        ok("INSERT INTO {url?table} & {n}", UsedIn::Query, "INSERT%20INTO%20a%20b%20%26%201.10");
        ok("Bearer {key}, {a.b.1.c}", UsedIn::Header, "Bearer the key, x%20%22y%22");
        ok("m,id={event_id} n={n} {timestamp:epoch_ns}", UsedIn::Text, "m,id=e/1 n=1.10 1767614400000000000");
        ok(
            "payload={event}",
            UsedIn::Form,
            &format!(
                "payload={}",
                url::form_urlencoded::byte_serialize(EVENT.as_bytes()).collect::<String>().replace('+', "%20")
            ),
        );
        ok("{missing,a.b.0|0}", UsedIn::Json, "1");
        ok("{timestamp+latency:epoch_ms}", UsedIn::Json, "1767614401500");
        ok("{{event} {", UsedIn::Text, "{event} {");
        ok("{severity:base64}", UsedIn::Json, "\"aW5mbw==\"");
    }

    #[test]
    fn a_value_that_does_not_fit_says_which_and_why() {
        for (text, place, why) in [
            ("{missing:epoch_s}", UsedIn::Json, "no value at 'missing' for the body"),
            ("{d\\.e}", UsedIn::Header, "no value at 'd\\.e' for the body"),
            ("{n:epoch_s}", UsedIn::Json, "the value at 'n' does not fit into the body: 1.10 is not a time"),
            ("{event_id:level}", UsedIn::Json, "its table has no entry for it"),
            ("{url?database}", UsedIn::Query, "--url: the dialect needs database in it, as in http://host/?database="),
            ("/{severity:level|}", UsedIn::Path, "/9"),
        ] {
            let told = render(text, place, EVENT).unwrap_or_else(|why| why);
            assert!(told.contains(why), "{text}: {told}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_compiler_panic_and_what_has_no_braces_stays_as_it_is(text in "[a-z{}\"\\\\:|?.\n ]{0,40}") {
            for place in [UsedIn::Json, UsedIn::Path, UsedIn::Header, UsedIn::Text] {
                let compiled = Template::compile("the body", &text, place, Names::All, &BTreeMap::new());
                if let (Ok(template), false) = (compiled, text.contains('{')) {
                    proptest::prop_assert_eq!(template.constant(), Some(text.as_str()));
                }
            }
        }
    }
}
