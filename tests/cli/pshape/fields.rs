//! Fields in the forms that other producers write them in: they are changed, and keep their form.

use super::*;

/// One event whose field `f` has this raw value.
fn with(raw: &str) -> Vec<u8> {
    format!("{{\"id\": 1,\"f\": {raw} ,\"z\":1.10}}\n").into_bytes()
}

/// What these flags make of `f`.
fn changed(args: &[&str], raw: &str) -> String {
    let run = run_with("pshape", &[&["--seed", "1", "-q"], args].concat(), &with(raw)).expect_code(0);
    let text = run.text();
    let value = text.strip_prefix("{\"id\": 1,\"f\": ").and_then(|text| text.strip_suffix(" ,\"z\":1.10}\n"));
    value.unwrap_or_else(|| panic!("all else stays: {text}")).to_owned()
}

#[test]
fn a_time_moves_and_keeps_its_form() {
    for (before, after) in [
        ("1767603600", "1767607200"),
        ("1767603600.1234567", "1767607200.1234567"),
        ("\"1767603600.716\"", "\"1767607200.716\""),
        ("1767603600123", "1767607200123"),
        ("1767603600123456789", "1767607200123456789"),
        ("1.7676036e9", "1.7676072e9"),
        ("\"05/Jan/2026:23:30:00 +0100\"", "\"06/Jan/2026:00:30:00 +0100\""),
        ("\"2026-01-05T09:00:00.5-0730\"", "\"2026-01-05T10:00:00.5-0730\""),
        ("\"2026-01-05T09:00:00\\u002B00:00\"", "\"2026-01-05T10:00:00\\u002B00:00\""),
        ("\"2026-01-05 09:00:00,123\"", "\"2026-01-05 10:00:00,123\""),
        ("20260105090000", "20260105100000"),
        ("\"20260105T090000Z\"", "\"20260105T100000Z\""),
    ] {
        let fields = ["--fields", "timestamp=f"];
        for effect in [&["--shift", "1h"][..], &["--skew", "by=1h"]] {
            assert_eq!(changed(&[effect, &fields].concat(), before), after, "{effect:?}");
        }
        // The first event goes to the start, in its form.
        let started = changed(&[&["--start", "2026-01-06"][..], &fields].concat(), before);
        let found = run_with("pstats", &["--format", "json", "-q", "--fields", "timestamp=f"], &with(&started)).json();
        assert_eq!(
            found["events"]["time"]["first"].as_str().map(|at| &at[..19]),
            Some("2026-01-06T00:00:00"),
            "{before}"
        );
    }
}

#[test]
fn every_effect_that_goes_by_time_reads_counts_and_access_logs() {
    let months = ["1767603600", "05/Jan/2026:09:00:00 +0000"];
    for first in months {
        let stamp = |n: u64| match first.parse::<u64>() {
            Ok(start) => (start + n).to_string(),
            Err(_) => format!("\"05/Jan/2026:09:{:02}:{:02} +0000\"", n / 60, n % 60),
        };
        let input: String = (0..600)
            .map(|n| format!("{{\"id\":{n},\"ts\":{},\"svc\":\"a\",\"ms\":10.5,\"code\":200}}\n", stamp(n)))
            .collect();
        for (effect, fault) in [
            (&["--gap", "at=1m,for=1m"][..], "gap"),
            (&["--gap", "at=1m,for=1m,mode=flush"], "gap"),
            (&["--flash", "at=4m,hold=20s,ramp=5s,decay=5s"], "flash"),
            (&["--incident", "service=a,at=+1m,for=1m,latency=3x"], "incident"),
            (&["--late", "50%,by=20s"], "late"),
            (&["--duplicates", "20%,delay=10s"], "duplicate"),
            (&["--curve", "business"], "curve"),
            (&["--drop", "100%,from=+1m,until=+2m"], "drop"),
            (&["--drop", "100%,from=2026-01-05T09:01:00Z"], "drop"),
            (&["--stretch", "2x"], "shift"),
        ] {
            let fields = ["--fields", "timestamp=ts,service=svc,latency=ms,status=code,id=id"];
            let shaped = shape(&[effect, &fields].concat(), input.as_bytes());
            assert!(
                shaped.summary["totals"][fault].as_u64().is_some_and(|n| n > 50),
                "{first} {effect:?}: {}",
                shaped.summary
            );
            assert_eq!(replay(input.as_bytes(), &shaped.raw), shaped.run.stdout, "{effect:?}");
        }
    }
}

#[test]
fn a_response_time_keeps_its_unit_and_its_quotes() {
    for (before, after) in [
        ("0.057624", "0.172872"),
        ("\"0.058\"", "\"0.174\""),
        ("\"12.3ms\"", "\"36.90ms\""),
        ("\"1m2.5s\"", "\"3m7.5s\""),
        ("57624000", "172872000"),
    ] {
        for effect in [&["--slow", "3x"][..], &["--spikes", "1,factor=3"]] {
            assert_eq!(changed(&[effect, &["--fields", "latency=f:s"]].concat(), before), after, "{effect:?}");
        }
    }
}

#[test]
fn statuses_and_sizes_in_quotes_stay_in_quotes() {
    let args = ["--seed", "1", "-q", "--errors", "1,codes=503", "--fields", "status=s,response_size=b,severity=l"];
    let levels = |levels| [&args[..], &["--levels", levels]].concat();
    let input = "{\"s\":\"200\",\"b\":\"2940\",\"l\":\"INFO\"}\n";
    let run = run_with("pshape", &levels("info=INFO,error=ERROR"), input.as_bytes()).expect_code(0);
    let made = &run.json_lines()[0];
    assert_eq!((&made["s"], &made["l"]), (&json!("503"), &json!("ERROR")));
    assert!(made["b"].as_str().is_some_and(|b| b.parse::<u64>().is_ok()), "{made}");
    // A level that is a number, as bunyan and pino write it.
    let run = run_with("pshape", &levels("info=30,warning=40,error=50"), b"{\"s\":200,\"l\":30}\n").expect_code(0);
    assert_eq!(run.text(), "{\"s\":503,\"l\":50}\n");
    let usage = run_with("pshape", &levels("fatal=60"), b"").expect_code(2);
    assert!(usage.stderr.contains("'fatal' is not a level: the levels are info, warning, error"), "{}", usage.stderr);
    // Without an answer there is no success to turn into an error.
    let run = run_with("pshape", &args, b"{\"s\":0}\n").expect_code(0);
    assert_eq!(run.text(), "{\"s\":0}\n");
}

#[test]
fn schema_breaks_the_fields_that_required_names() {
    let input = "{\"user\":{\"id\":1},\"amount\":2,\"ts\":3}\n".repeat(200);
    let args = ["--schema", "1,kinds=missing,required=user.id/amount", "--fields", "timestamp=ts"];
    let shaped = shape(&args, input.as_bytes());
    let gone: BTreeSet<String> =
        shaped.faults.iter().flat_map(|fault| fault["changes"].as_object().expect("changes").keys().cloned()).collect();
    assert_eq!(gone.into_iter().collect::<Vec<_>>(), ["amount", "user.id"]);
    run_with("pshape", &["--schema", "1,required=a//b"], b"").expect_code(2);
}

#[test]
fn an_effect_that_changed_nothing_says_why_even_with_quiet() {
    let said = |args: &[&str], raw: &str| {
        run_with("pshape", &[&["-q", "--seed", "1"], args].concat(), &with(raw)).expect_code(0).stderr
    };
    let time = ["--fields", "timestamp=f"];
    for effect in [
        ["--shift", "1h"],
        ["--late", "1"],
        ["--curve", "business"],
        ["--gap", "at=1h,for=1h"],
        ["--drop", "1,from=+1h"],
    ] {
        let said = said(&[effect, time].concat(), "\"05/01/2026 09:00\"");
        assert!(said.contains(effect[0]), "{said}");
        assert!(said.contains("nothing was changed: 1 event "), "{said}");
        assert!(
            said.contains("such as line 1: 'f' is \"05/01/2026 09:00\": the day and the month are ambiguous"),
            "{said}"
        );
    }
    let slow = said(&["--slow", "3x", "--fields", "latency=f"], "\"soon\"");
    assert!(slow.contains("'f' is \"soon\": it is not a number or a duration such as 12.3ms"), "{slow}");
    let gone = said(&["--shift", "1h"], "1");
    assert!(gone.contains("'timestamp' is not there"), "{gone}");
    let coarse = said(&["--shift", "1h", "--fields", "timestamp=f"], "\"2026-01-05\"");
    assert!(coarse.contains("no other value fits the form of 1 event"), "{coarse}");
    assert_eq!(said(&["--shift", "1h", "--fields", "timestamp=f"], "1767603600"), "");
}
