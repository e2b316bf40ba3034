//! Finds fields in a raw line by their dotted paths, and checks that the line is one JSON object.
//!
//! The check covers the whole grammar of RFC 8259, including UTF-8. Values are never guessed from a substring.

mod fields;
mod layout;
mod look;
mod not_an_object;
#[cfg(test)]
mod oracle;
mod quotes;
mod routes;
mod sink;
mod spans;
mod text;
mod walk;

pub use fields::FieldSet;
use fields::NONE;
pub(crate) use fields::{keys, plain_path};
use layout::{Layouts, Lesson};
use look::Look;
pub use not_an_object::{NotAnObject, Problem};
use routes::Routes;
pub use spans::Spans;
use text::Text;
use walk::Walker;

/// Scans lines for a set of fields. Remembers the layouts of the lines it has scanned, within fixed bounds.
#[derive(Debug, Default)]
pub struct Scanner {
    fields: FieldSet,
    routes: Routes,
    look: Look,
    walker: Walker,
    layouts: Layouts,
    lesson: Lesson,
}

impl Scanner {
    /// A scanner for these fields.
    pub fn new(fields: FieldSet) -> Self {
        Self { routes: Routes::new(&fields), fields, ..Self::default() }
    }

    /// The fields that it looks for.
    pub(crate) fn fields(&self) -> &FieldSet {
        &self.fields
    }

    /// Checks that `line` is one JSON object and finds the fields in it. If a key occurs twice, the last one counts, as in jq.
    ///
    /// # Errors
    /// If the line is anything else, with the position of the first problem.
    pub fn scan(&mut self, line: &[u8], spans: &mut Spans) -> Result<(), NotAnObject> {
        spans.reset(self.fields.len());
        self.look.at(line);
        spans.escapes = self.look.has_backslash;
        if !self.look.is_ascii && simdutf8::basic::from_utf8(line).is_err() {
            let at = std::str::from_utf8(line).map_or_else(|e| e.valid_up_to(), |_| line.len());
            return Err(NotAnObject { at, problem: Problem::NotUtf8 });
        }
        let strict = self.look.has_controls;
        let quotes = self.look.quotes(line);
        let text = Text { line, at: 0, strict, quotes };
        if line.len() < NONE as usize && quotes.is_some_and(|quotes| self.layouts.recognise(text, quotes, spans)) {
            return Ok(());
        }
        spans.reset(self.fields.len());
        if !self.layouts.is_curious(line) {
            return self.walker.walk(text, &self.routes, spans);
        }
        self.lesson.begin(std::mem::take(spans));
        let walked = self.walker.walk(text, &self.routes, &mut self.lesson);
        *spans = self.lesson.take_spans();
        walked?;
        self.layouts.learn(line, &self.lesson);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn find<'a>(line: &'a str, path: &str) -> Result<Option<&'a str>, NotAnObject> {
        let fields = FieldSet::new([path]);
        let mut spans = Spans::default();
        Scanner::new(fields).scan(line.as_bytes(), &mut spans)?;
        Ok(spans.range(0).map(|range| &line[range]))
    }

    #[test]
    fn fields_are_found_under_their_path_alone() {
        let line = r#"{"meta":{"service":"a"},"source":{"parent":{"service":"b"},"service":"c"},"x":"\"service\":1"}"#;
        assert_eq!(find(line, "source.service"), Ok(Some(r#""c""#)));
        assert_eq!(find(line, "source.parent.service"), Ok(Some(r#""b""#)));
        assert_eq!(find(line, "source"), Ok(Some(r#"{"parent":{"service":"b"},"service":"c"}"#)));
        assert_eq!(find(line, "service"), Ok(None));
    }

    #[test]
    fn the_last_of_two_equal_keys_counts() {
        assert_eq!(find(r#"{"a":1,"a":2}"#, "a"), Ok(Some("2")));
        assert_eq!(find(r#"{"a":{"b":1},"a":{"c":2}}"#, "a.b"), Ok(None));
        assert_eq!(find(r#"{"a":{"b":1},"a":3}"#, "a.b"), Ok(None));
    }

    #[test]
    fn keys_may_be_escaped_and_hold_dots() {
        assert_eq!(find(r#"{"s\u0065rvice":1}"#, "service"), Ok(Some("1")));
        assert_eq!(find(r#"{"a.b":{"c":1}}"#, r"a\.b.c"), Ok(Some("1")));
    }

    #[test]
    fn a_path_finds_nested_members_or_a_key_spelt_with_the_dots() {
        for line in [
            r#"{"http":{"response":{"status_code":200}}}"#,
            r#"{"http.response":{"status_code":200}}"#,
            r#"{"http":{"response.status_code":200}}"#,
            r#"{"http.response.status_code":200}"#,
            r#"{"http":null,"http.response":{"body":1},"http.response.status_code":200}"#,
        ] {
            assert_eq!(find(line, "http.response.status_code"), Ok(Some("200")), "{line}");
        }
        assert_eq!(find(r#"{"http.response.status_code":200}"#, r"http\.response\.status_code"), Ok(Some("200")));
        assert_eq!(find(r#"{"http":{"response":{"status_code":200}}}"#, r"http\.response\.status_code"), Ok(None));
    }

    #[test]
    fn nested_members_go_before_a_key_spelt_with_the_dots_in_either_order() {
        assert_eq!(find(r#"{"a.b":1,"a":{"b":2}}"#, "a.b"), Ok(Some("2")));
        assert_eq!(find(r#"{"a":{"b":2},"a.b":1}"#, "a.b"), Ok(Some("2")));
        assert_eq!(find(r#"{"a":{"b":2},"a.b":1}"#, r"a\.b"), Ok(Some("1")));
        assert_eq!(find(r#"{"a":{"x":2},"a.b":1,"a":{}}"#, "a.b"), Ok(Some("1")));
        assert_eq!(find(r#"{"a.b":[1],"a":{"b":2},"a":{}}"#, "a.b"), Ok(Some("[1]")));
    }

    #[test]
    fn numbers_in_a_path_are_elements_of_arrays_or_keys() {
        let spans = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"a"},{"spanId":"b"}]}]}]}"#;
        assert_eq!(find(spans, "resourceSpans.0.scopeSpans.0.spans.1.spanId"), Ok(Some(r#""b""#)));
        assert_eq!(find(spans, "resourceSpans.0.scopeSpans.0.spans.2.spanId"), Ok(None));
        assert_eq!(find(r#"{"a":{"0":1}}"#, "a.0"), Ok(Some("1")));
        assert_eq!(find(r#"{"a.0.b":1}"#, "a.0.b"), Ok(Some("1")));
        assert_eq!(find(r#"{"a":[[1,2],[3,4]]}"#, "a.1.0"), Ok(Some("3")));
        assert_eq!(find(r#"{"a":[1,2]}"#, "a.01"), Ok(None));
        assert_eq!(find(r#"{"a":[1,2]}"#, "a.b"), Ok(None));
    }

    #[test]
    fn an_error_names_the_problem_and_its_position() {
        let at = |line: &str| find(line, "a").map_err(|e| e.to_string()).expect_err(line);
        assert_eq!(at(""), "expected an object at byte 1");
        assert_eq!(at("[1]"), "expected an object at byte 1");
        assert_eq!(at(r#"{"a":1,}"#), "expected a key at byte 8");
        assert_eq!(at(r#"{"a":NaN}"#), "expected a value at byte 6");
        assert_eq!(at(r#"{"a":1"#), "unexpected end of the line at byte 7");
        assert_eq!(at(r#"{"a":1} {"a":2}"#), "unexpected text after the object at byte 9");
        assert_eq!(at("{\"a\":\"\t\"}"), "unescaped control character at byte 7");
        assert_eq!(at(r#"{"a":01}"#), "expected ',' or a closing bracket at byte 7");
        assert_eq!(at(r#"{"a":"\x"}"#), "invalid escape at byte 7");
        let not_utf8 = Scanner::new(FieldSet::new(["a"])).scan(b"{\"a\":\"\xff\"}", &mut Spans::default());
        assert_eq!(not_utf8.expect_err("not UTF-8").to_string(), "invalid UTF-8 at byte 7");
    }

    #[test]
    fn spans_follow_a_change_of_their_line() {
        let mut line = br#"{"a":{"b":1,"c":"x"},"d":2}"#.to_vec();
        let mut spans = Spans::default();
        Scanner::new(FieldSet::new(["a", "a.b", "a.c", "d"])).scan(&line, &mut spans).expect("an object");
        let mut replace = |spans: &mut Spans, field: usize, by: &[u8]| {
            let range = spans.range(field).expect("the field is there");
            spans.splice(range.clone(), by.len());
            line.splice(range, by.iter().copied());
            (0..4).map(|f| spans.raw(&line, f).map(|raw| String::from_utf8_lossy(raw).into_owned())).collect::<Vec<_>>()
        };
        let some = |texts: [&str; 4]| texts.map(|t| (!t.is_empty()).then(|| t.to_owned())).to_vec();
        assert_eq!(replace(&mut spans, 1, b"1234"), some([r#"{"b":1234,"c":"x"}"#, "1234", "\"x\"", "2"]));
        assert_eq!(replace(&mut spans, 0, b"null"), some(["null", "", "", "2"]));
        assert_eq!(replace(&mut spans, 3, b"{}"), some(["null", "", "", "{}"]));
    }

    #[test]
    fn a_line_of_open_brackets_does_not_exhaust_the_stack() {
        let deep = format!("{{\"a\":{}", "[".repeat(1 << 20));
        assert!(find(&deep, "a").is_err());
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[ab\\\\\"é]{0,2}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_finds_what_serde_json_finds(value in json(), pretty in any::<bool>()) {
            let line = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let line = line.expect("a Value prints");
            let mut spans = Spans::default();
            let is_object = Scanner::new(FieldSet::new(PATHS)).scan(line.as_bytes(), &mut spans).is_ok();
            prop_assert_eq!(is_object, value.is_object());
            for (field, path) in PATHS.iter().enumerate().filter(|_| is_object) {
                prop_assert_eq!(spans.range(field), oracle::find(&line, path).expect("keys are text"), "{} in {}", path, line);
            }
        }

        #[test]
        fn it_accepts_what_serde_json_accepts(mut line in json().prop_map(|v| v.to_string().into_bytes()), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let at = at.index(line.len());
            line[at] = byte;
            let is_object = Scanner::new(FieldSet::new(["a"])).scan(&line, &mut Spans::default()).is_ok();
            prop_assert_eq!(is_object, oracle::is_object(&line));
        }

        #[test]
        fn of_several_spellings_in_a_line_it_finds_the_one_that_serde_json_finds(lines in prop::collection::vec(spelt(3), 1..8)) {
            let mut scanner = Scanner::new(FieldSet::new(PATHS));
            let mut spans = Spans::default();
            // The second time each layout was met before.
            for line in lines.iter().chain(&lines) {
                scanner.scan(line.as_bytes(), &mut spans).expect("an object");
                for (field, path) in PATHS.iter().enumerate() {
                    prop_assert_eq!(spans.range(field), oracle::find(line, path).expect("keys are text"), "{} in {}", path, line);
                }
            }
        }

        #[test]
        fn what_was_met_before_changes_no_answer(
            lines in prop::collection::vec((json(), any::<bool>()), 1..12), order in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
            damage in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let fields = || FieldSet::new(PATHS);
            let mut experienced = Scanner::new(fields());
            let (mut got, mut fresh) = (Spans::default(), Spans::default());
            for (turn, pick) in order.iter().enumerate() {
                let (value, pretty) = &lines[pick.index(lines.len())];
                let line = if *pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
                let mut line = line.expect("a Value prints").into_bytes();
                if turn % 3 == 2 {
                    let at = damage.index(line.len());
                    line[at] = byte;
                }
                let answer = experienced.scan(&line, &mut got);
                prop_assert_eq!(answer, Scanner::new(fields()).scan(&line, &mut fresh));
                if answer.is_ok() {
                    prop_assert_eq!(&got, &fresh);
                }
            }
        }

        #[test]
        fn values_in_a_layout_that_was_met_are_checked_like_those_of_a_new_one(
            lines in prop::collection::vec((prop::collection::vec(raw_value(), 4), any::<bool>()), 1..20),
        ) {
            let fields = || FieldSet::new(["a", "a.b", "c", "d.1", "d"]);
            let mut experienced = Scanner::new(fields());
            let (mut got, mut fresh) = (Spans::default(), Spans::default());
            // The first line teaches the layout.
            let plain = (vec!["1", "1", "\"\"", "1"], false);
            for (values, spaced) in std::iter::once(&plain).chain(&lines) {
                let space = if *spaced { " " } else { "" };
                let [a, b, c, d] = values[..] else { unreachable!("four values") };
                let line = format!("{{\"a\":{space}{{\"b\":{space}{a}}},{space}\"d\":[{b},{c}],\"s\\u0065\":1,\"c\":{d}}}");
                let answer = experienced.scan(line.as_bytes(), &mut got);
                prop_assert_eq!(answer, Scanner::new(fields()).scan(line.as_bytes(), &mut fresh), "{}", line);
                if answer.is_ok() {
                    prop_assert_eq!(&got, &fresh, "{}", line);
                }
            }
        }
    }

    /// Paths that cross each other in all ways.
    const PATHS: [&str; 13] =
        ["a", "a.b", r"a\.b", "b", "b.a.a", "a.b.a", r"a.b\.a", "a.b.a.b", "a.0", "a.0.b", "b.1", "b.a.0", "0"];

    /// An object whose keys are those of [`PATHS`], often joined, and often there twice.
    fn spelt(depth: u32) -> BoxedStrategy<String> {
        let leaf = prop::sample::select(vec!["1", "\"x\"", "null", "[]", "{}", "[7,[8]]"]).prop_map(str::to_owned);
        let value = if depth == 0 {
            leaf.boxed()
        } else {
            let array = prop::collection::vec(spelt(depth - 1), 0..3).prop_map(|all| format!("[{}]", all.join(",")));
            prop_oneof![2 => leaf, 3 => spelt(depth - 1), 1 => array].boxed()
        };
        let key =
            prop::sample::select(vec!["a", "b", "0", "a.b", "b.a", "a.0", "0.b", "a.b.a", "b.a.b", "a.b.a.b", "a.0.b"]);
        let member = (key, value).prop_map(|(key, value)| format!("\"{key}\":{value}"));
        prop::collection::vec(member, 0..5).prop_map(|all| format!("{{{}}}", all.join(","))).boxed()
    }

    /// What may stand where a value is expected, and what may not.
    fn raw_value() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "0",
            "7",
            "-7",
            "12",
            "87.11",
            "0.5",
            "1234567",
            "12345678",
            "123456789",
            "1e5",
            "1.5E-3",
            "true",
            "false",
            "null",
            "\"\"",
            "\"x\"",
            "\"::1\"",
            "\",\"",
            "\"}\"",
            "\"é\"",
            "\"\\u00e9\"",
            "\"\\\"\"",
            "\"\\\\\"",
            "\"a\\\\\\\"b\"",
            "\"a string that is longer than one block of sixty-four bytes, which it takes to see one\"",
            "[]",
            "{}",
            "{\"b\":1}",
            " 1",
            "1 ",
            // Not JSON.
            "",
            "00",
            "01.5",
            "1.",
            ".5",
            "-",
            "1..2",
            "1.2.3",
            "tru",
            "truee",
            "nul",
            "Null",
            "null\0",
            "null\0\0\0\0",
            "true\0",
            "true\0\0\0\0",
            "false\0",
            "false\0\0\0",
            "7\0",
            "0.5\0",
            "\0",
            "\"\"\0",
            "\"",
            "\"\\x\"",
            "\"\\u00g0\"",
            "\"\t\"",
            "\"\"\"\"",
            "1 2",
            "+1",
            "0x1",
            "1:2",
            "\u{7f}1",
        ])
    }
}
