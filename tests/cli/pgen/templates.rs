//! Worlds of any shape that users bring: what each field writes, and what is wrong in a profile, with file, line and key.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

use super::fixed;
use crate::support::{Run, run_with};

/// A run over a profile with one kind of event.
fn with(template: &str, fields: &str, args: &[&str]) -> Run {
    profile(&format!("[[events]]\nname = \"only\"\ntemplate = '{template}'\n{fields}"), args)
}

fn profile(text: &str, args: &[&str]) -> Run {
    run_with("pgen", &fixed(&[args, &["-q", "--profile", "-"]].concat()), text.as_bytes())
}

/// The events of a profile with one field, `x`.
fn values(settings: &str, count: &str) -> Vec<Value> {
    let run = with(r#"{"x":"{x}"}"#, &format!("[fields]\nx = {settings}\n"), &["-n", count]).expect_code(0);
    run.json_lines().into_iter().map(|mut event| event["x"].take()).collect()
}

/// The first text that a field writes.
fn first(settings: &str) -> String {
    let run = with(r#"{"x":"{x}"}"#, &format!("[fields]\nx = {settings}\n"), &["-n", "1", "--hours", "0.000001"])
        .expect_code(0);
    run.text().trim_end().strip_prefix("{\"x\":").and_then(|rest| rest.strip_suffix('}')).expect("a member").to_owned()
}

#[test]
fn key_order_spacing_and_nesting_are_the_templates() {
    let template =
        r#"{ "z" : 1,"a": [ 1, {"b" : "{x}" } ] , "dotted.key":"{x}","{x}": {} ,"n":null, "text":"{{literal}} {x}!" }"#;
    let run = with(template, "[fields]\nx = \"v\"\n", &["-n", "1"]).expect_code(0);
    let expected =
        r#"{ "z" : 1,"a": [ 1, {"b" : "v" } ] , "dotted.key":"v","v": {} ,"n":null, "text":"{literal} v!" }"#;
    assert_eq!(run.text().trim_end(), expected);
    let lines = "[[events]]\nname = \"x\"\ntemplate = '''\n{\n  \"a\": 1,\n  \"b\": [\n    2\n  ]\n}\n'''\n";
    assert_eq!(profile(lines, &["-n", "1"]).expect_code(0).text(), "{\"a\": 1,\"b\": [2]}\n");
}

#[test]
fn values_keep_their_type_and_spelling() {
    assert_eq!(first("1.50"), "1.50");
    assert_eq!(first("{ constant = 123456789012345678901234567890 }"), "123456789012345678901234567890");
    assert_eq!(first("{ pattern = \"9{n:39}\", quoted = false }").len(), 40);
    assert_eq!(first("{ constant = -7, quoted = true }"), "\"-7\"");
    assert_eq!(first("true"), "true");
    assert_eq!(first("{ null = 1 }"), "null");
    assert_eq!(first(r#""a \"quote\", a \\ and\na break, é""#), r#""a \"quote\", a \\ and\na break, é""#);
    assert_eq!(first(r#"{ constant = [1, "a", { k = true }] }"#), r#"[1,"a",{"k":true}]"#);
    assert_eq!(first("{ decimal = [2, 2], places = 5 }"), "2.00000");
    assert_eq!(first("{ counter = 10, step = -3 }"), "10");
    assert_eq!(first("{ concat = \"{{{event}}}\" }"), "\"{only}\"");
    assert_eq!(first("{ hash = \"event\", digits = 40 }").len(), 42);
    assert_eq!(values("{ counter = 10, step = -3 }", "3"), [json!(10), json!(7), json!(4)]);
}

#[test]
fn times_are_written_in_every_form() {
    for (settings, expected) in [
        ("{ time = \"rfc3339\", places = 0 }", "\"2026-01-05T00:00:00Z\""),
        ("{ time = \"rfc3339\", places = 0, offset = \"+05:30\" }", "\"2026-01-05T05:30:00+05:30\""),
        ("{ time = \"rfc3339\", places = 0, offset = \"-0800\" }", "\"2026-01-04T16:00:00-08:00\""),
        ("{ time = \"epoch_s\" }", "1767571200"),
        ("{ time = \"epoch_s\", quoted = true }", "\"1767571200\""),
        ("{ time = \"clf\", offset = \"+01:00\" }", "\"05/Jan/2026:01:00:00 +0100\""),
        (
            "{ time = \"%a %A %e %b %B %y %j %I%p %H%M%S %D %R %s %% %:z\" }",
            "\"Mon Monday  5 Jan January 26 005 12AM 000000 01/05/26 00:00 1767571200 % +00:00\"",
        ),
    ] {
        assert_eq!(first(settings), expected, "{settings}");
    }
    for (settings, length) in [
        ("{ time = \"rfc3339\" }", 29),
        ("{ time = \"rfc3339\", places = 9 }", 32),
        ("{ time = \"rfc3339\", places = 18 }", 41),
        ("{ time = \"epoch_ms\" }", 13),
        ("{ time = \"epoch_us\", places = 1 }", 18),
        ("{ time = \"epoch_ns\", quoted = true }", 21),
        ("{ time = \"%H:%M:%S.%3f\" }", 14),
    ] {
        assert_eq!(first(settings).len(), length, "{settings}");
    }
    let template = r#"{"a":"{a}","b":"{b}","c":"{c}","e":"{e}"}"#;
    let fields = "[fields]\na = { time = \"epoch_ns\" }\nb = { time = \"rfc3339\", places = 9 }\nc = { time = \"epoch_us\", plus = \"d\", unit = \"s\" }\nd = { constant = 1.5 }\ne = { time = \"epoch_us\", minus = \"d\" }\n";
    for event in with(template, fields, &["-n", "50"]).expect_code(0).json_lines() {
        let (a, c) = (event["a"].as_i64().expect("a number"), event["c"].as_i64().expect("a number"));
        assert_eq!(a / 1000 + 1_500_000, c);
        assert_eq!(a / 1000 - 1_500, event["e"].as_i64().expect("a number"));
        assert!(event["b"].as_str().expect("text").ends_with(&format!("{:09}Z", a % 1_000_000_000)), "{event}");
    }
    let both = fields.replace("minus = \"d\"", "minus = \"d\", plus = \"d\"");
    let refused = with(template, &both, &["-n", "1"]).expect_code(2);
    assert!(refused.stderr.contains("fields.e.minus: expected plus or minus, not both"), "{}", refused.stderr);
}

#[test]
fn times_before_1970_have_digits_that_fit_their_date() {
    let text = "[[events]]\nname = \"x\"\ntemplate = '{\"a\":\"{a}\",\"b\":\"{b}\"}'\n[fields]\na = { time = \"epoch_s\", places = 3 }\nb = { time = \"rfc3339\", places = 3 }\n";
    let args = ["-n", "20", "-q", "--seed", "1", "--start", "1969-12-31T23:00:00Z", "--hours", "1", "--profile", "-"];
    for event in run_with("pgen", &args, text.as_bytes()).expect_code(0).json_lines() {
        let seconds = event["a"].as_f64().expect("a number");
        let date = chrono::DateTime::parse_from_rfc3339(event["b"].as_str().expect("text")).expect("a time");
        assert!((seconds - date.timestamp_millis() as f64 / 1000.0).abs() < 0.0005, "{event}");
        assert!((-3600.0..0.0).contains(&seconds));
    }
}

#[test]
fn ids_have_their_standard_forms_and_do_not_repeat() {
    for (token, length, sample) in [
        ("uuid4", 36, 'x'),
        ("uuid7", 36, 'x'),
        ("ulid", 26, 'x'),
        ("hex:16", 16, 'a'),
        ("HEX:31", 31, 'A'),
        ("base62:22", 22, 'z'),
        ("lower:20", 20, 'z'),
        ("n:19", 19, '9'),
        ("base32:26", 26, 'Z'),
        ("base64:20", 20, '_'),
        ("alnum:17", 17, '0'),
        ("upper:20", 20, 'Q'),
    ] {
        let ids: Vec<String> = values(&format!("{{ pattern = \"{{{token}}}\" }}"), "2000")
            .iter()
            .map(|v| v.as_str().expect("text").to_owned())
            .collect();
        assert!(ids.iter().all(|id| id.len() == length), "{token}: {}", ids[0]);
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 2000, "{token}");
        assert!(sample == 'x' || ids.iter().any(|id| id.contains(sample)), "{token}: {}", ids[0]);
        match token {
            "uuid4" | "uuid7" => {
                let version = &token[4..];
                assert!(ids.iter().all(|id| &id[14..15] == version && "89ab".contains(&id[19..20])), "{}", ids[0]);
            }
            _ => {}
        }
        if ["uuid7", "ulid"].contains(&token) {
            let prefixes: Vec<&str> = ids.iter().map(|id| &id[..8]).collect();
            assert!(prefixes.is_sorted() && prefixes[0] < prefixes[1999], "{token} is not in order of time");
        }
    }
    for value in values("{ pattern = \"{ipv4:192.168.0.0/16} {ipv6:2001:db8::/32} {words:2}\" }", "500") {
        let parts: Vec<&str> = value.as_str().expect("text").split(' ').collect();
        let four: std::net::Ipv4Addr = parts[0].parse().expect("an address");
        let six: std::net::Ipv6Addr = parts[1].parse().expect("an address");
        assert!(
            four.octets()[..2] == [192, 168] && six.segments()[..2] == [0x2001, 0xdb8] && parts.len() == 4,
            "{value}"
        );
    }
    assert_eq!(values("{ pattern = \"#{i:3}-{n:7-7}\" }", "2"), [json!("#000-7"), json!("#001-7")]);
}

#[test]
fn a_member_that_is_absent_is_left_out_with_its_comma() {
    let template = r#"{"a":"{a}", "b": {"c":"{a}", "d":"{b}"}, "{k}": 1, "e":["{a}", "{b}", 0]}"#;
    let fields = "[fields]\na = { constant = 1, presence = 0.5 }\nb = { constant = 2, presence = 0.5, null = 0.5 }\nk = { constant = \"k\", presence = 0.5 }\n";
    let run = with(template, fields, &["-n", "200"]).expect_code(0);
    let mut seen = HashSet::new();
    for (line, event) in run.lines().into_iter().zip(run.json_lines()) {
        assert!(!line.contains(",,") && !line.contains("{,") && !line.contains("[,"), "{line}");
        let has = |key: &str| event.get(key).is_some();
        assert_eq!(has("a"), event["b"].get("c").is_some());
        seen.insert((has("a"), event["b"].get("d").map(Value::is_null), has("k")));
        assert_eq!(
            event["e"].as_array().map(Vec::len),
            Some(1 + usize::from(has("a")) + usize::from(event["b"].get("d").is_some()))
        );
    }
    // Each with and without the others: two, three and two ways.
    assert_eq!(seen.len(), 12, "{seen:?}");
    assert!(run.text().contains(r#"{"b": {}, "e":[0]}"#), "a list without items");
}

#[test]
fn shares_of_presence_null_and_choices_are_as_given() {
    let near = |count: usize, share: f64| {
        (count as f64 / 20_000.0 - share).abs() < 5.0 * (share * (1.0 - share) / 20_000.0).sqrt()
    };
    let found =
        values("{ choice = [[\"a\", 70], [\"b\", 25], [3, 5], [\"never\", 0]], presence = 0.8, null = 0.1 }", "20k");
    // An absent member reads as null here: absent, or null where it is there.
    let count = |wanted: Value| found.iter().filter(|value| **value == wanted).count();
    assert!(near(count(Value::Null), 0.2 + 0.8 * 0.1), "{}", count(Value::Null));
    assert!(
        near(count(json!("a")), 0.72 * 0.7)
            && near(count(json!("b")), 0.72 * 0.25)
            && near(count(json!(3)), 0.72 * 0.05)
    );
    assert_eq!(count(json!("never")), 0);
    let yes = values("{ boolean = 0.3 }", "20k").iter().filter(|value| **value == json!(true)).count();
    assert!(near(yes, 0.3), "{yes}");
}

#[test]
fn a_member_of_a_population_keeps_its_attributes_and_the_first_are_frequent() {
    let fields = "[populations.users]\nsize = 1000\nzipf = 1.0\n[populations.users.fields]\nid = { pattern = \"u{i:4}\" }\ncity = { one_of = [\"A\", \"B\"] }\n\
                  key = { pattern = \"{hex:8}\" }\nland = { given = \"city\", when = { A = 1, B = 2 } }\n\
                  [fields]\nfrom = { draw = \"users\" }\nto = { draw = \"users\" }\n";
    let template = r#"{"id":"{from.id}","city":"{from.city}","key":"{from.key}","land":"{from.land}","to":"{to.id}","to_key":"{to.key}"}"#;
    let (mut known, mut keys, mut counts) = (HashMap::new(), HashMap::new(), BTreeMap::<String, u32>::new());
    for event in with(template, fields, &["-n", "20k"]).expect_code(0).json_lines() {
        let id = event["id"].as_str().expect("text").to_owned();
        let rest = (event["city"].clone(), event["key"].clone(), event["land"].clone());
        assert_eq!(*known.entry(id.clone()).or_insert(rest.clone()), rest);
        assert_eq!(event["land"] == 1, event["city"] == "A");
        for (id, key) in [("id", "key"), ("to", "to_key")] {
            assert_eq!(*keys.entry(event[id].to_string()).or_insert(event[key].clone()), event[key]);
        }
        *counts.entry(id).or_default() += 1;
    }
    let of = |id: &str| f64::from(counts[id]);
    assert!((1.7..2.3).contains(&(of("u0000") / of("u0001"))), "{} {}", of("u0000"), of("u0001"));
    // 20,000 / (harmonic number of 1,000) = 2,671.
    assert!((2450.0..2900.0).contains(&of("u0000")), "{}", of("u0000"));
}

#[test]
fn sums_given_values_and_hashes_follow_their_fields() {
    let fields = "[fields]\nstatus = { choice = [[200, 1], [404, 1], [500, 1]] }\na = { integer = [1, 9] }\nb = { decimal = [0, 1], places = 3 }\n\
                  total = { sum = [\"a\", \"b\", 100] }\nh = { hash = [\"a\", \"status\"] }\n\
                  kind = { given = \"status\", when = { 200 = \"ok\", \"404|500\" = { given = \"status\", when = { 404 = \"lost\", \"200|500\" = \"broken\" } } } }\n\
                  note = { given = \"kind\", when = { ok = { presence = 0 } }, otherwise = { concat = \"{kind} {status}\" } }\n";
    let template = r#"{"s":"{status}","a":"{a}","b":"{b}","t":"{total}","h":"{h}","k":"{kind}","n":"{note}"}"#;
    let mut hashes = HashMap::new();
    for event in with(template, fields, &["-n", "500"]).expect_code(0).json_lines() {
        let number = |key: &str| event[key].as_f64().expect("a number");
        assert!((number("t") - number("a") - number("b") - 100.0).abs() < 1e-9, "{event}");
        let kind = HashMap::from([("200", "ok"), ("404", "lost"), ("500", "broken")])[event["s"].to_string().as_str()];
        assert_eq!(event["k"], kind);
        assert_eq!(event.get("n").cloned(), (kind != "ok").then(|| json!(format!("{kind} {}", event["s"]))));
        let of = (event["a"].clone(), event["s"].clone());
        assert_eq!(*hashes.entry(event["h"].clone()).or_insert(of.clone()), of);
    }
    assert_eq!(hashes.len(), 27);
}

#[test]
fn arrays_have_drawn_lengths_and_items_of_their_own() {
    let fields = "[fields]\nuser = { pattern = \"{hex:4}\" }\n[fields.items]\nlength = [0, 3]\nseparator = \", \"\n[fields.items.array]\n\
                  template = '{\"n\":\"{n}\",\"id\":\"{id}\",\"user\":\"{user}\",\"in\":\"{inner}\"}'\n[fields.items.array.fields]\n\
                  n = { counter = 1 }\nid = { pattern = \"{hex:8}\" }\ninner = { array = { integer = [0, 9] }, length = 2 }\n";
    let text =
        format!("[[events]]\nname = \"x\"\ntemplate = '{{\"u\":\"{{user}}\",\"items\":\"{{items}}\"}}'\n{fields}");
    let run = profile(&text, &["-n", "400"]).expect_code(0);
    let (mut lengths, mut ids, mut all) = (HashSet::new(), HashSet::new(), 0);
    for event in run.json_lines() {
        let items = event["items"].as_array().expect("a list");
        lengths.insert(items.len());
        for (number, item) in (1..).zip(items) {
            assert!(
                item["n"] == number && item["user"] == event["u"] && item["in"].as_array().map(Vec::len) == Some(2),
                "{event}"
            );
            ids.insert(item["id"].clone());
            all += 1;
        }
    }
    assert_eq!((lengths.len(), ids.len()), (4, all));
    assert!(run.text().contains("]}, {\"n\":2"), "the separator");
}

#[test]
fn kinds_have_their_shares_and_sessions_follow_the_chain() {
    let kinds = "[[events]]\nname = \"a\"\nweight = 3\ntemplate = '{\"k\":\"{event}\"}'\n[[events]]\nname = \"b\"\ntemplate = '{\"k\":\"{event}\"}'\n";
    let events = profile(kinds, &["-n", "20k"]).expect_code(0).json_lines();
    let share = events.iter().filter(|event| event["k"] == "a").count() as f64 / 20_000.0;
    assert!((share - 0.75).abs() < 0.016, "{share}");

    let template = "template = '{\"t\":\"{t}\",\"k\":\"{event}\",\"s\":\"{session.id}\",\"u\":\"{user.id}\"}'\n";
    let chain = format!(
        "[[events]]\nname = \"login\"\n{template}[[events]]\nname = \"view\"\nweight = 0\n{template}[[events]]\nname = \"buy\"\nweight = 0\n{template}\
         [populations.users]\nsize = 500\n[populations.users.fields]\nid = {{ pattern = \"u{{i:1}}\" }}\n[fields]\nuser = {{ draw = \"users\" }}\nt = {{ time = \"epoch_s\", places = 6 }}\n\
         [sessions]\nof = \"user\"\ngap_seconds = {{ uniform = [2, 4] }}\nidle_minutes = 1\n[sessions.next]\nlogin = {{ view = 1 }}\nview = {{ view = 6, buy = 2, end = 2 }}\n\
         [sessions.fields]\nid = {{ pattern = \"{{hex:12}}\" }}\n"
    );
    let events = profile(&chain, &["-n", "20k", "--hours", "10"]).expect_code(0).json_lines();
    let mut sessions: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for event in &events {
        sessions.entry(event["s"].to_string()).or_default().push(event);
    }
    let (mut after_view, mut ended) = (HashMap::<String, f64>::new(), 0.0);
    for run in sessions.values() {
        assert!(run[0]["k"] == "login" && run.iter().all(|event| event["u"] == run[0]["u"]), "{run:?}");
        for pair in run.windows(2) {
            let gap = pair[1]["t"].as_f64().expect("a time") - pair[0]["t"].as_f64().expect("a time");
            assert!((2.0..64.1).contains(&gap), "{gap}");
            if pair[0]["k"] == "view" {
                *after_view.entry(pair[1]["k"].to_string()).or_default() += 1.0;
            }
        }
        ended += f64::from(run.last().is_some_and(|event| event["k"] == "view"));
    }
    let all = after_view.values().sum::<f64>() + ended;
    // Sessions that a cell's end cuts off seem to end, so the ends are a little more.
    for (kind, share) in [("\"view\"", 0.6), ("\"buy\"", 0.2)] {
        assert!((after_view[kind] / all - share).abs() < 0.02, "{kind} {after_view:?} {ended}");
    }
    assert!(!after_view.contains_key("\"login\""));
}

#[test]
fn a_profile_can_have_its_own_curve_and_other_runs_can_ignore_it() {
    let quiet = format!("[{}]", ["0"; 24].join(", "));
    let noon = format!("[{}1, {}]", "0, ".repeat(12), ["0"; 11].join(", "));
    let rows = [&[noon.as_str()][..], &[quiet.as_str(); 6][..]].concat().join(",\n");
    let text = format!(
        "[[events]]\nname = \"x\"\ntemplate = '{{\"t\":\"{{t}}\"}}'\n[fields]\nt = {{ time = \"%H\" }}\n[traffic]\nweights = [\n{rows}]\n"
    );
    let hours = |args: &[&str]| -> HashSet<String> {
        profile(&text, &[&["-n", "500"], args].concat())
            .expect_code(0)
            .json_lines()
            .iter()
            .map(|e| e["t"].to_string())
            .collect()
    };
    assert_eq!(hours(&[]), HashSet::from(["\"12\"".to_owned()]));
    assert_eq!(hours(&["--curve", "flat"]).len(), 24);
}

/// Asserts that a profile is refused with the line of `faulty`, and `words`.
#[track_caller]
fn refused(text: &str, faulty: &str, words: &str) {
    let line =
        1 + text.lines().position(|line| line.contains(faulty)).unwrap_or_else(|| panic!("{faulty} is not in {text}"));
    let run = profile(text, &["-n", "1"]).expect_code(2);
    let expected = format!("pgen: error: --profile -: line {line}: {words}");
    assert!(run.stderr.starts_with(&expected), "not {expected}\nbut {}", run.stderr);
    assert!(run.stdout.is_empty());
}

#[test]
fn a_wrong_value_is_named_with_file_line_and_key() {
    for (settings, words) in [
        ("{ one_of = [] }", "fields.x.one_of: the list is empty"),
        ("{ choice = [] }", "fields.x.choice: the list is empty"),
        ("{ choice = [[1, 0], [2, 0]] }", "fields.x.choice: every weight is 0"),
        ("{ choice = [[1, -1]] }", "fields.x.choice: -1: expected a number from 0"),
        ("{ choice = [[1]] }", "fields.x.choice: expected a value and its weight"),
        ("{ choice = 5 }", "fields.x.choice: expected a list, not an integer"),
        ("{ boolean = 2 }", "fields.x.boolean: 2: expected a number from 0 to 1"),
        ("{ boolean = \"yes\" }", "fields.x.boolean: expected a number, not a string"),
        ("{ integer = [9, 1] }", "fields.x.integer: [9, 1]: expected the smaller first"),
        ("{ integer = [0.5, 1] }", "fields.x.integer: expected whole numbers"),
        ("{ integer = 5 }", "fields.x.integer: expected a table, not an integer"),
        ("{ integer = {} }", "fields.x.integer: expected exactly one of uniform, normal"),
        ("{ integer = { normal = { mean = 1 } } }", "fields.x.integer.normal: 'deviation' is missing"),
        ("{ integer = { normal = { mean = 1, deviation = 1, x = 2 } } }", "fields.x.integer.normal: unknown key 'x'"),
        (
            "{ decimal = { lognormal = { median = 0, sigma = 1 } } }",
            "fields.x.decimal.lognormal.median: 0: expected a number above 0",
        ),
        (
            "{ decimal = { exponential = { mean = nan } } }",
            "fields.x.decimal.exponential.mean: expected a finite number",
        ),
        (
            "{ decimal = { pareto = { least = 1, shape = 0 } } }",
            "fields.x.decimal.pareto.shape: 0: expected a number from 0.1",
        ),
        (
            "{ decimal = { quantiles = [[0, 1], [0.5, 0], [1, 2]] } }",
            "fields.x.decimal.quantiles: [0.5, 0]: expected probabilities and values in ascending order",
        ),
        (
            "{ decimal = { quantiles = [[0.1, 1], [1, 2]] } }",
            "fields.x.decimal.quantiles: expected probabilities from 0 to 1",
        ),
        ("{ decimal = { uniform = [1, 2], min = 5, max = 3 } }", "fields.x.decimal: min 5 is above max 3"),
        ("{ decimal = [1, 2], places = 16 }", "fields.x.places: 16: expected a whole number from 0 to 15"),
        ("{ integer = [1, 2], places = 1 }", "fields.x: unknown key 'places'"),
        ("{ counter = 1.5 }", "fields.x.counter: expected a whole number, not a float"),
        ("{ pattern = \"{n:0}\" }", "fields.x.pattern: column 1: {n:0} is not part of a pattern"),
        ("{ pattern = \"ab{hex:4\" }", "fields.x.pattern: column 3: '{' is not closed"),
        ("{ pattern = \"ab}\" }", "fields.x.pattern: column 3: '}' closes nothing"),
        ("{ pattern = \"{n:3}\", quoted = false }", "fields.x.pattern: quoted = false: expected a pattern of digits"),
        ("{ time = \"soon\" }", "fields.x.time: 'soon': expected rfc3339, epoch_s"),
        ("{ time = \"%Q\" }", "fields.x.time: '%Q' is not a strftime directive"),
        ("{ time = \"rfc3339\", offset = \"CET\" }", "fields.x.offset: 'CET': expected Z or an offset"),
        ("{ time = \"rfc3339\", places = 19 }", "fields.x.places: 19: expected a whole number from 0 to 18"),
        ("{ time = \"epoch_ns\", places = 10 }", "fields.x.time: 10 places: expected at most 9"),
        ("{ time = \"epoch_s\", offset = \"+01:00\" }", "fields.x.offset: a time since 1970 has no offset"),
        ("{ time = \"rfc3339\", unit = \"s\" }", "fields.x.unit: expected only with plus"),
        ("{ draw = \"users\" }", "fields.x.draw: there is no population 'users': expected [populations.NAME]"),
        ("{ given = \"other\", when = { 1 = 2 } }", "fields.x: given: fields.other has no list of values"),
        ("{ given = \"event\", when = { nothing = 2 } }", "fields.x.when.nothing: 'nothing' is no value of event"),
        ("{ given = \"event\", when = {} }", "fields.x: when: there is no branch for 'only'"),
        (
            "{ given = \"event\", when = { only = 1, \"only|only\" = 2 } }",
            "fields.x.when.only|only: 'only' has another branch",
        ),
        ("{ sum = [\"event\"] }", "fields.x: sum: event is not a number"),
        ("{ sum = [] }", "fields.x.sum: the list is empty"),
        ("{ concat = \"{nobody}\" }", "fields.x.concat: column 1: there is no field 'nobody'"),
        ("{ hash = \"nobody\" }", "fields.x.hash: there is no field 'nobody': expected one of other, x"),
        ("{ hash = \"other\", digits = 0 }", "fields.x.digits: 0: expected a whole number from 1 to 128"),
        ("{ array = { integer = [1, 2] } }", "fields.x: 'length' is missing"),
        ("{ array = { integer = [1, 2] }, length = -1 }", "fields.x.length: -1: expected a number from 0"),
        (
            "{ array = { integer = [1, 2] }, length = { exponential = { mean = 2 } } }",
            "fields.x.length: expected lengths from 0 to 10000",
        ),
        (
            "{ array = { integer = [1, 2] }, length = 1, separator = \";\" }",
            "fields.x.array: separator: expected a comma",
        ),
        ("{ template = '{\"a\": nope}' }", "fields.x.template: column 8: the template is not JSON: expected ident"),
        ("{ template = '[1]' }", "fields.x.template: column 1: expected an object"),
        ("{ }", "fields.x: expected one of constant, one_of"),
        ("{ constant = 1, one_of = [2] }", "fields.x: expected only one of 'constant' and 'one_of'"),
        ("{ constant = 1, colour = 2 }", "fields.x: unknown key 'colour'"),
        ("{ constant = 1, presence = 1.5 }", "fields.x.presence: 1.5: expected a number from 0 to 1"),
        ("{ constant = 1, quoted = 1 }", "fields.x.quoted: expected true or false, not an integer"),
        ("{ constant = 1, quoted = false }", "fields.x: quoted = false: expected only for a pattern of digits"),
        ("{ constant = inf }", "fields.x.constant: expected a finite number"),
    ] {
        // `other` must be used, or it would be the first fault.
        let used = format!(
            "[[events]]\nname = \"only\"\ntemplate = '{{\"x\":\"{{x}}\",\"o\":\"{{other}}\"}}'\n[fields]\nother = {{ integer = [1, 2] }}\nx = {settings}\n"
        );
        refused(&used, "x = ", words);
    }
}

#[test]
fn what_is_wrong_between_parts_of_a_profile_is_named_with_file_line_and_key() {
    let event = "[[events]]\nname = \"only\"\ntemplate = '{\"x\":\"{x}\"}'\n";
    for (rest, faulty, words) in [
        ("[fields]\nx = 1\nspare = 2\n", "spare", "fields.spare: no template uses this field"),
        ("[fields]\ny = 1\n", "template", "events.template: column 7: there is no field 'x': expected one of y"),
        (
            "[fields]\nx = { sum = [\"y\"] }\ny = { sum = [\"z\"] }\nz = { sum = [\"x\"] }\n",
            "x = ",
            "fields.x: depends on itself: x → y → z → x",
        ),
        ("[fields]\nx = 1\nevent = 1\n", "event = ", "fields.event: 'event' has a meaning of its own"),
        ("[fields]\n\"a.b\" = 1\n", "a.b", "fields.a.b: expected a name of letters"),
        ("[fields]\nx = 1\n[colour]\n", "[colour]", "unknown key 'colour': expected"),
        (
            "[fields]\nx = 1\n[[events]]\nname = \"only\" # again\ntemplate = '{}'\n",
            "# again",
            "events.name: 'only' appears twice",
        ),
        ("weight = -1\n[fields]\nx = 1\n", "weight", "events.weight: -1: expected a number from 0"),
        ("weight = 0\n[fields]\nx = 1\n", "[[events]]", "events: every weight is 0"),
        ("colour = 1\n[fields]\nx = 1\n", "colour", "events: unknown key 'colour': expected name, weight, template"),
        (
            "[fields]\nx = { draw = \"us\" }\n[populations.us]\nsize = 5\nfields = { id = 1 }\n",
            "template",
            "events.template: column 7: 'x' is a member: expected one of its fields, x.id",
        ),
        (
            "[fields]\nx = { concat = \"{u.no}\" }\nu = { draw = \"us\" }\n[populations.us]\nsize = 5\nfields = { id = 1 }\n",
            "x = ",
            "fields.x.concat: column 1: 'u' has no field 'no': expected id",
        ),
        ("[fields]\nx = { concat = \"{y.id}\" }\ny = 1\n", "x = ", "fields.x.concat: column 1: 'y' has no fields"),
        (
            "[populations.us]\nsize = 0\nfields = { id = 1 }\n",
            "size",
            "populations.us.size: 0: expected a whole number from 1",
        ),
        (
            "[populations.us]\nsize = 5\nzipf = 11\nfields = { id = 1 }\n",
            "zipf",
            "populations.us.zipf: 11: expected a number from 0 to 10",
        ),
        ("[populations.us]\nsize = 5\n", "[populations.us]", "populations.us: 'fields' is missing"),
        (
            "[populations.us]\nsize = 5\n[populations.us.fields]\nt = { time = \"clf\" }\n",
            "t = ",
            "populations.us.fields.t.time: a member of a population has no time",
        ),
        (
            "[populations.us]\nsize = 5\n[populations.us.fields]\nt = { pattern = \"{uuid7}\" }\n",
            "t = ",
            "populations.us.fields.t.pattern: uuid7 and ulid hold a time",
        ),
        (
            "[fields]\nx = 1\n[sessions]\nof = \"x\"\n",
            "of = ",
            "sessions.of: 'x': expected a field that draws from a population",
        ),
        ("[fields]\nx = 1\n[sessions]\ngap_seconds = [1, 2]\n", "[sessions]", "sessions: 'of' is missing"),
        (
            "[fields]\nx = 1\n[traffic]\nweights = [[1, 2]]\n",
            "weights",
            "traffic.weights: expected seven rows of 24 weights",
        ),
        (
            "[fields]\nx = { given = \"event\", when = { only = { draw = \"us\" } } }\n",
            "x = ",
            "fields.x.when.only: draw: expected in a field that has a name",
        ),
        (
            "[fields]\nx = { constant = 1, presence = 0.5, null = 2 }\n",
            "x = ",
            "fields.x.null: 2: expected a number from 0 to 1",
        ),
    ] {
        refused(&format!("{event}{rest}"), faulty, words);
    }
    let session = |rest: &str| {
        format!(
            "{event}[populations.us]\nsize = 5\nfields = {{ id = 1 }}\n[fields]\nx = {{ concat = \"{{u.id}}\" }}\nu = {{ draw = \"us\" }}\n[sessions]\nof = \"u\"\ngap_seconds = [1, 2]\n{rest}"
        )
    };
    refused(
        &session("next = { other = { only = 1 } }\n"),
        "next",
        "sessions.next.other: there is no kind of event 'other'",
    );
    refused(
        &session("next = { only = { other = 1 } }\n"),
        "next",
        "sessions.next.only.other: expected the name of a kind of event, or end",
    );
    refused(&session("next = { only = { end = 0 } }\n"), "next", "sessions.next.only: every weight is 0");
    refused(&session("next = {}\nidle_minutes = 0\n"), "idle", "sessions.idle_minutes: 0: expected a number above 0");
    refused(&session("next = {}\nfields = { t = 1 }\n"), "t = 1", "sessions.fields.t: no template uses this field");
}

#[test]
fn a_template_that_is_not_json_is_named_with_the_line_and_column_in_it() {
    for (line, column, words) in [
        ("  \"b\": {x},", 9, "the template is not JSON: key must be a string"),
        ("  \"b\": \"{x}\" \"c\"", 14, "the template is not JSON: expected `,` or `}`"),
        ("  \"b\": \"{x\",", 9, "'{' is not closed"),
        ("  \"b\": \"x}\",", 10, "'}' closes nothing"),
        ("  \"b\": \"{x} {}\",", 13, "there is no field ''"),
        ("  \"b\": 01,", 9, "the template is not JSON: invalid number"),
    ] {
        let text = format!(
            "[[events]]\nname = \"only\"\ntemplate = \'\'\'\n{{\n  \"a\": 1,\n{line}\n  \"z\": 2\n}}\n\'\'\'\n[fields]\nx = 1\n"
        );
        refused(&text, line.trim(), &format!("events.template: column {column}: {words}"));
    }
    refused(
        "[[events]]\nname = \"x\"\ntemplate = \"[]\"\n",
        "template",
        "events.template: column 1: expected an object",
    );
    let deep = format!(
        "[[events]]\nname = \"x\"\ntemplate = '{}{}'\n",
        "{\"a\":".repeat(1000),
        "1".to_owned() + &"}".repeat(1000)
    );
    refused(&deep, "template", "events.template: column 636: the template is not JSON: recursion limit exceeded");
    let run = profile("[[events]]\nname = \n", &["-n", "1"]).expect_code(2);
    assert!(run.stderr.contains("--profile -: TOML parse error at line 2"), "{}", run.stderr);
}

#[test]
fn an_event_that_could_be_too_long_is_refused_before_anything_is_written() {
    let run =
        with(r#"{"x":"{x}"}"#, "[fields]\nx = { array = { pattern = \"{hex:4000}\" }, length = 1000 }\n", &["-n", "1"])
            .expect_code(2);
    assert!(
        run.stderr.contains("an event could have") && run.stderr.contains("expected at most 1048576"),
        "{}",
        run.stderr
    );
}

#[test]
fn lengths_that_multiply_beyond_all_bounds_are_refused_too() {
    let nested = |inner: String| format!("{{ array = {inner}, length = 10000 }}");
    let field = (0..8).fold("1".to_owned(), |inner, _| nested(inner));
    let run = with(r#"{"x":"{x}"}"#, &format!("[fields]\nx = {field}\n"), &["-n", "1"]).expect_code(2);
    assert!(run.stderr.contains("an event could have"), "{}", run.stderr);
}

#[test]
fn a_chain_of_very_many_fields_is_refused_with_the_field_where_it_is_too_long() {
    use std::fmt::Write;

    let mut fields = String::from("[fields]\nx = { sum = [\"f0\"] }\nf20000 = 1\n");
    for number in 0..20_000 {
        writeln!(fields, "f{number} = {{ sum = [\"f{}\"] }}", number + 1).expect("a string");
    }
    let run = with(r#"{"x":"{x}"}"#, &fields, &["-n", "1"]).expect_code(2);
    assert!(run.stderr.contains(": it takes more than 200 fields, each needed by the one before"), "{}", run.stderr);
}

#[test]
fn a_session_keeps_every_digit_of_the_time_at_which_it_began() {
    let template = r#"{"t":"{t}","s":"{session.start}","id":"{session.id}","u":"{u.id}"}"#;
    let fields = "[populations.us]\nsize = 50\nfields = { id = 1 }\n[fields]\nt = { time = \"epoch_ns\" }\nu = { draw = \"us\" }\n\
                  [sessions]\nof = \"u\"\ngap_seconds = [1, 2]\nnext = { only = { only = 3, end = 1 } }\n\
                  fields = { start = { time = \"epoch_ns\" }, id = { pattern = \"{uuid7}\" } }\n";
    let (mut starts, mut later) = (HashMap::new(), 0);
    for event in with(template, fields, &["-n", "3000", "--hours", "1"]).expect_code(0).json_lines() {
        let start = starts.entry(event["id"].to_string()).or_insert_with(|| event["t"].clone()).clone();
        assert_eq!(event["s"], start);
        later += u32::from(event["t"] != start);
    }
    assert!(later > 1000, "{later}");
}

#[test]
fn adding_a_field_changes_no_other() {
    let fields = "a = { pattern = \"{hex:8}\", presence = 0.5 }\nb = { decimal = [0, 9] }\n";
    let before =
        with(r#"{"a":"{a}","b":"{b}"}"#, &format!("[fields]\n{fields}"), &["-n", "500"]).expect_code(0).json_lines();
    let template = r#"{"new":"{new}","b":"{b}","a":"{a}"}"#;
    let after =
        with(template, &format!("[fields]\nnew = {{ boolean = 0.5, presence = 0.5 }}\n{fields}"), &["-n", "500"])
            .expect_code(0)
            .json_lines();
    for (before, mut after) in before.into_iter().zip(after) {
        after.as_object_mut().expect("an object").remove("new");
        assert_eq!(before, after);
    }
}
