//! Worlds and curves that users bring: what is wrong in one is named with file, line and key.

use std::collections::HashSet;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use super::fixed;
use crate::support::{Run, run, run_with, shell_in};

/// The built-in profile, to be changed.
fn built_in() -> String {
    run("pgen", &["--print-profile"]).expect_code(0).text().to_owned()
}

/// A run over a profile with this text.
fn with(text: &str) -> (Run, TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, text).expect("written");
    let run = run("pgen", &fixed(&["-n", "1", "--profile", path.to_str().expect("UTF-8")]));
    (run, folder, path)
}

/// Asserts that a profile is refused, with file, line and `words`, if `new` replaces `old`. The line is the last one that reads `faulty`.
#[track_caller]
fn refused(old: &str, new: &str, faulty: &str, words: &str) {
    let text = built_in();
    assert!(text.contains(old), "{old} is not in the profile");
    let text = text.replacen(old, new, 1);
    let line = 1 + text.lines().collect::<Vec<_>>().iter().rposition(|l| *l == faulty).expect("the faulty line");
    let (run, _folder, path) = with(&text);
    let run = run.expect_code(2);
    let expected = format!("pgen: error: --profile {}: line {line}: {words}", path.display());
    assert!(run.stderr.starts_with(&expected), "not {expected}\nbut {}", run.stderr);
    assert!(run.stdout.is_empty());
}

#[test]
fn figures_that_contradict_each_other_are_named_with_file_line_and_key() {
    refused("share = 10\nmethods", "share = 900\nmethods", "share = 900", "statuses.share: 201 cannot have its share");
    refused("hits = 0.25", "hits = 0.9", "hits = 0.9", "cache.hits: 0.9 of the events exceeds");
    refused("status = 200", "status = 999", "status = 999", "cache.status: 999 is not the code of a status");
    refused("count = 90000", "count = 10", "count = 10", "users.count: 10 is too few");
    refused("count = 90000", "count = 0", "count = 0", "users.count: 0 is too few");
    refused(
        "count = 90000",
        "count = 4000000000",
        "count = 4000000000",
        "users.count: 4000000000: expected at most 10000000",
    );
    refused("first = 10000", "first = 0", "first = 0", "users.first: 0: expected a number from 1 to");
    refused("first = 10000", "first = 4294967000", "first = 4294967000", "users.first: 4294967000: expected a number");
    refused(
        "[9, 17]",
        "[9, 25]",
        "business_hours = [9, 25]",
        "traffic.business_hours: 25: expected hours from 0 to 24",
    );
    refused(
        "factor = 2.0",
        "factor = 2000",
        "business_factor = 2000",
        "traffic.business_factor: 2000: expected at most 1000",
    );
    refused(
        "factor = 0.6",
        "factor = 600",
        "weekend_factor = 600",
        "traffic.weekend_factor: 600 times a business_factor",
    );
}

#[test]
fn lists_without_a_share_are_named_with_file_line_and_key() {
    let environments = |last: u32| {
        format!(
            "share = 0.0\n[[environments]]\nname = \"staging\"\nshare = 0\n[[environments]]\nname = \"development\"\nshare = {last}"
        )
    };
    let old = environments(10).replace("share = 0.0", "share = 70").replace("share = 0\n", "share = 20\n");
    refused(&old, &environments(0), "share = 0.0", "environments.share: every share is 0");
    for methods in ["{}", "{ POST = 0 }"] {
        let login = |methods: &str| format!("  {{ route = \"/api/v1/auth/login\", methods = {methods} }},");
        let words = "services.endpoints.methods: every share is 0";
        refused(&login("{ POST = 1 }"), &login(methods), &login(methods), words);
    }
    let weights = "requests_per_action = [0, 0]";
    refused(
        "requests_per_action = [30, 25, 20, 12, 8, 5]",
        weights,
        weights,
        "sessions.requests_per_action: every share",
    );
}

#[test]
fn an_exponent_out_of_range_is_named_with_file_line_and_key() {
    let (run, ..) = with(&built_in().replace("endpoints = 1.0", "endpoints = 1000000"));
    let line = 1 + built_in().lines().position(|line| line == "endpoints = 1.0").expect("it is there");
    let run = run.expect_code(2);
    for words in [&format!("line {line},"), "endpoints = 1000000", "1000000: expected an exponent", "mine.toml"] {
        assert!(run.stderr.contains(words), "{words} is not in: {}", run.stderr);
    }
}

#[test]
fn duplicates_are_named_with_file_line_and_key() {
    for name in ["trace_id", "correlation_id"] {
        let field = format!("name = \"{name}\"");
        refused("name = \"payment_method\"", &field, &field, "payloads.fields.name: events of /api/v1/payments/create");
    }
    refused("name = \"amount\"", "name = \"currency\"", "name = \"currency\"", "payloads.fields.name: events of");
    refused("code = 502", "code = 504", "code = 504", "statuses.code: 504 appears twice");
    refused("name = \"EU\"", "name = \"NA\"", "name = \"NA\"", "regions.name: NA appears twice");
    refused("code = \"CA\"", "code = \"US\"", "code = \"US\"", "regions.countries.code: US appears twice");
    refused("type = \"bot\"", "type = \"tablet\"", "type = \"tablet\"", "devices.type: tablet appears twice");
    refused(
        "name = \"staging\"",
        "name = \"production\"",
        "name = \"production\"",
        "environments.name: production appears",
    );
    refused("name = \"PATCH\"", "name = \"PUT\"", "name = \"PUT\"", "methods.name: PUT appears twice");
    let twice = "  { route = \"/api/v1/auth/login\", methods = { POST = 1 }, stage = 11 },";
    refused(&twice.replace("login", "refresh"), twice, twice, "services.endpoints.route: /api/v1/auth/login appears");
}

#[test]
fn values_that_an_event_cannot_hold_are_named_with_file_line_and_key() {
    refused(
        "name = \"search-service\"",
        "name = \"\"",
        "name = \"\"",
        "services.name: 0 characters; expected 1 to 100",
    );
    let long = format!("name = \"{}\"", "s".repeat(101));
    refused("name = \"search-service\"", &long, &long, "services.name: 101 characters");
    refused("name = \"PATCH\"", "name = \"PATCHPATCHP\"", "name = \"PATCHPATCHP\"", "methods.name: 11 characters");
    let route = |route: &str| format!("  {{ route = \"{route}\", methods = {{ GET = 1 }} }},");
    let old = route("/api/v1/users/{id}");
    for (path, words) in [
        ("/a".repeat(150), "the title with GET has 304 characters; expected at most 200"),
        ("/{a}".repeat(40), "the title with GET has 244 characters"),
        ("/a".repeat(251), "502 characters; expected 1 to 500"),
        (String::new(), "0 characters; expected"),
    ] {
        refused(&old, &route(&path), &route(&path), &format!("services.endpoints.route: {words}"));
    }
}

#[test]
fn a_profile_or_curve_that_cannot_be_read_is_a_usage_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("UTF-8");
    for flag in ["--profile", "--curve"] {
        let run = run("pgen", &fixed(&[flag, path])).expect_code(2);
        assert!(run.stderr.contains(&format!("{flag} {path}: Is a directory")), "{}", run.stderr);
    }
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped in part: root may read every file");
        return;
    }
    let run = shell_in(folder.path(), "touch closed && chmod 0 closed && pgen --profile closed", &[]).expect_code(2);
    assert!(run.stderr.contains("--profile closed: Permission denied"), "{}", run.stderr);
}

#[test]
fn an_invalid_curve_file_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("curve.txt");
    let day = vec!["1"; 24].join(" ") + "\n";
    for (text, words) in [
        (format!("{day}{day}1 2 x\n"), "line 3: 'x': expected a weight from 0 to 1000"),
        (format!("# Monday\n{day}1 2 3\n"), "line 3: 3 weights; expected 24"),
        (day.repeat(6), "6 rows of weights; expected 7 rows of 24"),
        (day.repeat(7).replace('1', "0"), "every weight is 0"),
    ] {
        std::fs::write(&path, text).expect("written");
        let path = path.to_str().expect("UTF-8");
        let run = run("pgen", &fixed(&["--curve", path])).expect_code(2);
        assert!(run.stderr.contains(&format!("--curve {path}: {words}")), "{words} is not in: {}", run.stderr);
        assert!(run.stdout.is_empty());
    }
}

#[test]
fn profiles_and_curves_can_come_from_standard_input_and_begin_with_a_byte_order_mark() {
    let plain = run("pgen", &fixed(&["-n", "500"])).expect_code(0).stdout;
    let flat = run("pgen", &fixed(&["-n", "500", "--curve", "flat"])).expect_code(0).stdout;
    let weights = "1,1,1,1,1,1,1\n".repeat(24);
    for mark in ["", "\u{feff}"] {
        let profile =
            run_with("pgen", &fixed(&["-n", "500", "--profile", "-"]), (mark.to_owned() + &built_in()).as_bytes());
        assert!(profile.expect_code(0).stdout == plain);
        let curve = run_with("pgen", &fixed(&["-n", "500", "--curve", "-"]), (mark.to_owned() + &weights).as_bytes());
        assert!(curve.expect_code(0).stdout == flat);
    }
    let both = run("pgen", &fixed(&["--profile", "-", "--curve", "-"])).expect_code(2);
    assert!(both.stderr.contains("only one of them can read standard input"), "{}", both.stderr);
}

#[test]
fn print_profile_writes_to_the_output_file_and_conflicts_with_other_flags() {
    let folder = tempfile::tempdir().expect("a folder");
    let run_there = shell_in(folder.path(), "pgen --print-profile -o mine.toml", &[]).expect_code(0);
    assert!(run_there.stdout.is_empty());
    assert_eq!(std::fs::read_to_string(folder.path().join("mine.toml")).expect("it is there"), built_in());
    for other in [&["--count", "5"][..], &["--seed", "1"], &["--profile", "x"], &["--curve", "flat"], &["--skip", "0"]]
    {
        let run = run("pgen", &[&["--print-profile"][..], other].concat()).expect_code(2);
        assert!(run.stderr.contains("--print-profile") && run.stderr.contains(other[0]), "{}", run.stderr);
    }
}

/// The events of the built-in profile in which `new` replaces `old`.
fn events(old: &str, new: &str, args: &[&str]) -> Vec<Value> {
    let profile = built_in().replacen(old, new, 1);
    assert!(profile.contains(new), "{old}");
    run_with("pgen", &fixed(&[args, &["--profile", "-"]].concat()), profile.as_bytes()).expect_code(0).json_lines()
}

#[test]
fn each_placeholder_of_a_route_becomes_a_different_id_in_the_title() {
    let (old, new) = ("/api/v1/users/{id}", "/api/v1/users/{id}/orders/{order_id}/{}!");
    let before = run("pgen", &fixed(&["-n", "20k"])).expect_code(0).json_lines();
    let mut seen = 0;
    for (before, after) in before.iter().zip(events(old, new, &["-n", "20k"])) {
        if before["source"]["endpoint"] != old {
            assert_eq!(before, &after);
            continue;
        }
        assert_eq!(after["source"]["endpoint"], new);
        let (before, title) = (before["title"].as_str().expect("text"), after["title"].as_str().expect("text"));
        let rest = title.strip_prefix(before).expect("the first id is that of a route with one");
        let ids: Vec<&str> =
            rest.strip_prefix("/orders/").and_then(|r| r.strip_suffix('!')).expect("the route").split('/').collect();
        let first = before.rsplit('/').next().expect("an id");
        assert!(ids.len() == 2 && ids.iter().all(|id| id.len() == 5 && id.parse::<u32>().is_ok()), "{title}");
        assert!(ids[0] != ids[1] && ids[0] != first && ids[1] != first, "{title}");
        seen += 1;
    }
    assert!(seen > 200, "{seen}");
}

#[test]
fn any_number_of_payload_fields_have_independent_values() {
    use std::fmt::Write;

    let mut fields = String::from("[[payloads]]\nservice = \"search-service\"\nshare = 1.0\n");
    for number in 0..200 {
        write!(fields, "[[payloads.fields]]\nname = \"f{number}\"\ninteger = [0, 1000000000]\n").expect("a string");
    }
    let places = "# --- Places";
    let (mut seen, mut drawn) = (HashSet::new(), 0);
    for event in events(places, &format!("{fields}\n{places}"), &["-n", "500"]) {
        for (_, value) in
            event["payload"].as_object().expect("an object").iter().filter(|(key, _)| key.starts_with('f'))
        {
            seen.insert(value.as_u64().expect("a number"));
            drawn += 1;
        }
    }
    // Of ten thousand numbers from a thousand million, a twentieth of a pair is equal by chance.
    assert!(drawn > 8000 && drawn - seen.len() < 3, "{} of {drawn} values are repeated", drawn - seen.len());
}
