//! Which lines are taken: shares, runs, seeds, and that no effect moves the choices of another.

use super::*;

#[test]
fn spikes_multiply_that_share_of_response_times_by_2_to_10() {
    const EVENTS: usize = 100_000;
    let input = events(EVENTS);
    let shaped = shape(&["--spikes", "0.05"], &input);
    check(&shaped, &input);
    let mut factors: Vec<f64> = shaped
        .faults
        .iter()
        .map(|fault| {
            assert_eq!(fault["fault"], "spike");
            assert_eq!(fault["expect"], "accepted");
            assert_eq!(fault["event_id"], format!("evt_{}", fault["source_seq"]));
            let change = &fault["changes"]["metrics.response_time_ms"];
            change[1].as_f64().expect("a number") / change[0].as_f64().expect("a number")
        })
        .collect();
    within_5_standard_errors(factors.len(), EVENTS, 0.05);
    uniform_2_to_10(&mut factors);
}

#[test]
fn where_narrows_what_the_share_is_taken_of() {
    let input = events(100_000);
    let shaped = shape(&["--spikes", "0.05", "--where", "service=payment-service,status_code<500"], &input);
    check(&shaped, &input);
    within_5_standard_errors(shaped.faults.len(), 20_000, 0.05);
    let nothing = shape(&["--spikes", "0.05", "--where", "service=no-such"], &input);
    assert!(nothing.faults.is_empty());
    assert!(nothing.run.stderr.contains("--spikes: none of the"), "{}", nothing.run.stderr);
    assert!(nothing.run.stdout == input);
}

#[test]
fn each_effect_takes_its_share_of_the_lines_that_it_can_apply_to() {
    const EVENTS: usize = 100_000;
    let input = events(EVENTS);
    for (flag, options, of) in [
        ("--spikes", "", EVENTS),
        ("--slow", "2x,p=", EVENTS),
        ("--errors", "", EVENTS / 10 * 9),
        ("--recover", "", EVENTS / 10),
        ("--drop", "", EVENTS),
        ("--duplicates", "", EVENTS),
        ("--late", "", EVENTS),
        ("--reorder", "", EVENTS),
        ("--schema", "", EVENTS),
        ("--oversize", "to=600,p=", EVENTS),
        ("--encoding", "", EVENTS),
        ("--malformed", "", EVENTS),
    ] {
        let shaped = shape(&[flag, &format!("{options}0.05")], &input);
        let (fault, count) = shaped.summary["totals"].as_object().expect("totals").iter().next().expect("one effect");
        // The first line gets no byte order mark.
        let count = usize::try_from(count.as_u64().expect("a count")).expect("small");
        assert_eq!(count, shaped.faults.len(), "{fault}");
        within_5_standard_errors(count, of, 0.05);
    }
}

#[test]
fn bursts_come_in_runs_of_the_length_asked_for() {
    let shaped = shape(&["--drop", "5%,burst=20"], &events(200_000));
    let lost = choices(&shaped, "drop");
    let runs = lost.iter().filter(|seq| !lost.contains(&(*seq - 1))).count();
    let mean = lost.len() as f64 / runs as f64;
    // The lengths are geometric: their deviation is about their mean.
    assert!((mean - 20.0).abs() < 5.0 * 20.0 / (runs as f64).sqrt(), "runs of {mean}");
    let error = (200_000.0 * 0.05 * 0.95 * 39.0_f64).sqrt();
    assert!((lost.len() as f64 - 10_000.0).abs() < 5.0 * error, "{} lost", lost.len());
}

#[test]
fn codes_come_in_the_shares_asked_for() {
    let shaped = shape(&["--errors", "1,codes=500:3/503:2"], &events(20_000));
    let of = shaped.faults.len();
    let count = shaped.faults.iter().filter(|f| f["changes"]["metrics.status_code"][1] == 503).count();
    within_5_standard_errors(count, of, 0.4);
}

#[test]
fn a_method_gets_the_codes_that_it_can_meet_in_their_shares() {
    let input = String::from_utf8(events(20_000)).expect("text");
    let posts = input.replace("\"GET\"", "\"POST\"").into_bytes();
    let nameless = input.replace("\"method\":\"GET\"", "\"method\":null").into_bytes();
    let gets = input.into_bytes();
    let incident =
        "service=payment-service,at=0s,for=9h,errors=1,cascade=order-service:1/user-service:1/auth-service:1";
    for args in [["--errors", "1"], ["--incident", incident]] {
        let codes = |input: &[u8]| -> Vec<(u64, u64)> {
            let shaped = shape(&args, input);
            check(&shaped, input);
            let of = |f: &Value, field: &str| f["changes"][field][1].as_u64().expect("a number");
            shaped.faults.iter().map(|f| (of(f, "metrics.status_code"), of(f, "metrics.response_size_bytes"))).collect()
        };
        let (get, post) = (codes(&gets), codes(&posts));
        let count = |codes: &[(u64, u64)], of: &[u64]| codes.iter().filter(|(code, _)| of.contains(code)).count();
        assert_eq!(count(&get, &[409, 422]), 0);
        within_5_standard_errors(count(&post, &[409, 422]), post.len(), 0.13);
        for (code, share) in [(400, 15.0), (401, 10.0), (404, 20.0), (500, 10.0), (504, 5.0)] {
            within_5_standard_errors(count(&get, &[code]), get.len(), share / 87.0);
            within_5_standard_errors(count(&post, &[code]), post.len(), share / 100.0);
        }
        // What fits both is drawn for both, and all else too.
        assert!(get.iter().zip(&post).all(|(g, p)| g.1 == p.1 && (g.0 == p.0 || p.0 == 409 || p.0 == 422)));
        assert!(codes(&nameless) == post, "without a method nothing is left out");
    }
    let asked = shape(&["--errors", "1,codes=422"], &gets);
    assert_eq!(asked.summary["totals"]["error"], 18_000, "codes that are asked for are given");
}

#[test]
fn the_same_seed_and_input_give_the_same_bytes_at_any_read_size() {
    let input = events(3000);
    let whole = run_with("pshape", &["--seed", "3", "--spikes", "5%,burst=4"], &input).expect_code(0);
    let mut child = tool("pshape")
        .args(["--seed", "3", "--spikes", "5%,burst=4"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("pshape starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let feeder = std::thread::spawn(move || {
        for piece in input.chunks(7919) {
            stdin.write_all(piece).expect("pshape reads");
            stdin.flush().expect("a pipe");
        }
    });
    let mut pieces = Vec::new();
    child.stdout.take().expect("a pipe").read_to_end(&mut pieces).expect("pshape writes");
    feeder.join().expect("fed");
    assert!(child.wait().expect("it ends").success());
    assert!(pieces == whole.stdout);
    let other = run_with("pshape", &["--seed", "4", "--spikes", "5%,burst=4"], &events(3000)).expect_code(0);
    assert!(other.stdout != whole.stdout);
}

#[test]
fn a_drawn_seed_is_shown_as_a_flag_to_paste() {
    let input = events(200);
    let first = run_with("pshape", &["--spikes", "50%"], &input).expect_code(0);
    let seed = first.stderr.split("--seed ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a seed");
    let second = run_with("pshape", &["--spikes", "50%", "--seed", seed], &input).expect_code(0);
    assert!(first.stdout == second.stdout);
}

/// The test of Kolmogorov and Smirnov against the uniform law from 2 to 10, at the level of 10^-6.
#[track_caller]
fn uniform_2_to_10(factors: &mut [f64]) {
    factors.sort_by(f64::total_cmp);
    let n = factors.len() as f64;
    let distance = factors
        .iter()
        .enumerate()
        .map(|(i, f)| {
            let expected = (f - 2.0) / 8.0;
            (expected - i as f64 / n).abs().max((expected - (i + 1) as f64 / n).abs())
        })
        .fold(0.0, f64::max);
    assert!(distance * n.sqrt() < 2.7, "D = {distance} for {n} factors");
}

/// What an effect drew for a line, as far as its truth shows it and no other effect's work does.
fn drawn(fault: &Value) -> Vec<f64> {
    let after = |path: &str| {
        let value = &fault["changes"][path][1];
        value.as_f64().unwrap_or_else(|| xxh3(value.to_string().as_bytes()))
    };
    match fault["fault"].as_str().expect("a name") {
        "spike" | "slow" => {
            let change = &fault["changes"]["metrics.response_time_ms"];
            vec![after("metrics.response_time_ms") / change[0].as_f64().expect("a number")]
        }
        "error" => vec![after("metrics.status_code"), after("metrics.response_size_bytes"), after("error_details")],
        "recover" => vec![after("metrics.response_size_bytes")],
        "new_id" => vec![after("event_id")],
        "schema" => vec![xxh3(fault["changes"].to_string().as_bytes())],
        "encoding" => vec![xxh3(fault["edits"][0][2].to_string().as_bytes())],
        "malformed" => {
            let edit = &fault["edits"][0];
            let inserted =
                base64::engine::general_purpose::STANDARD.decode(edit[2].as_str().expect("base64")).expect("base64");
            let (at, deleted) = (edit[0].as_f64().expect("a place"), edit[1].as_f64().expect("a number"));
            match inserted.as_slice() {
                // A cut: the share of the line that is left.
                [] => vec![0.0, at / (at + deleted)],
                [b','] => vec![1.0],
                [b'"', ..] => vec![2.0],
                text if text.windows(3).any(|window| window == b"NaN") => vec![3.0],
                _ => vec![4.0],
            }
        }
        _ => Vec::new(),
    }
}

/// Bytes as a number.
fn xxh3(bytes: &[u8]) -> f64 {
    bytes.iter().fold(7u64, |hash, byte| (hash * 31 + u64::from(*byte)) % 1_000_000_007) as f64
}

/// The faults of this name, by the lines that they were done to.
fn faults<'a>(shaped: &'a Shaped, name: &str) -> HashMap<u64, Vec<&'a Value>> {
    let mut found: HashMap<u64, Vec<&Value>> = HashMap::new();
    for fault in shaped.faults.iter().filter(|fault| fault["fault"] == name) {
        found.entry(fault["source_seq"].as_u64().expect("a source")).or_default().push(fault);
    }
    found
}

#[test]
fn switching_one_effect_on_changes_no_choice_of_another() {
    let input = events(900);
    let alone: Vec<Shaped> = EFFECTS.iter().map(|args| shape(args, &input)).collect();
    let fault = |at: usize| -> &str { alone[at].faults[0]["fault"].as_str().expect("a name") };
    // What moves time moves events into windows and out of them; what makes errors and successes leaves others to be made.
    let windowed = ["gap", "incident", "flash", "curve"];
    let retimes = ["gap", "flash", "curve", "shift"];
    let ends = ["error", "recover", "incident"];
    for (a, b) in (0..EFFECTS.len()).flat_map(|a| (0..a).map(move |b| (a, b))) {
        let flags = [EFFECTS[a][0], EFFECTS[b][0]];
        if flags[0] == flags[1] || flags.contains(&"--start") && flags.contains(&"--curve") {
            continue;
        }
        let both = shape(&[EFFECTS[a], EFFECTS[b]].concat(), &input);
        let gone: HashSet<u64> =
            both.faults.iter().filter(|f| f["seq"].is_null()).filter_map(|f| f["source_seq"].as_u64()).collect();
        for (one, other) in [(a, b), (b, a)] {
            let (name, beside) = (fault(one), fault(other));
            if windowed.contains(&name) && retimes.contains(&beside) {
                continue;
            }
            let (before, after) = (faults(&alone[one], name), faults(&both, name));
            let touched = faults(&both, beside);
            let is_excused = |seq: &u64| {
                gone.contains(seq) || ends.contains(&name) && ends.contains(&beside) && touched.contains_key(seq)
            };
            let lines: BTreeSet<u64> =
                before.keys().chain(after.keys()).copied().filter(|seq| !is_excused(seq)).collect();
            for seq in lines {
                let of = |faults: &HashMap<u64, Vec<&Value>>| -> Vec<Vec<f64>> {
                    faults.get(&seq).map(|faults| faults.iter().map(|fault| drawn(fault)).collect()).unwrap_or_default()
                };
                let (before, after) = (of(&before), of(&after));
                let near = |a: &f64, b: &f64| (a - b).abs() <= 0.01 * a.abs().max(1.0);
                let same = before.len() == after.len()
                    && before.iter().flatten().zip(after.iter().flatten()).all(|(a, b)| near(a, b));
                assert!(same, "{:?} with {:?}, line {seq}: {before:?}, {after:?}", EFFECTS[one], EFFECTS[other]);
            }
        }
    }
}

#[test]
fn a_scenarios_choices_are_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("written");
        file.to_str().expect("a UTF-8 path").to_owned()
    };
    let input = events(2000);
    let one = write("one.toml", "[[drop]]\np = 0.3\n");
    let other = write("other.toml", "[[drop]]\np = 0\n[[late]]\np = 0.5\n[[spikes]]\np = 0.5\n");
    let dropped = |args: &[&str]| choices(&shape(args, &input), "drop");
    let alone = dropped(&["--scenario", &one]);
    assert!((500..700).contains(&alone.len()), "{}", alone.len());
    assert_eq!(dropped(&["--scenario", &one, "--drop", "0"]), alone);
    assert_eq!(dropped(&["--scenario", &one, "--spikes", "1", "--late", "20%"]), alone);
    assert_eq!(dropped(&["--scenario", &other, "--scenario", &one]), alone);
    assert_ne!(dropped(&["--drop", "0.3"]), alone);
    // The same scenario twice draws twice.
    let twice = dropped(&["--scenario", &one, "--scenario", &one]);
    assert!(twice.is_superset(&alone) && (900..1120).contains(&twice.len()), "{}", twice.len());
}

#[test]
fn a_shard_makes_different_choices_and_marks_its_truth() {
    let input = events(2000);
    let args = ["--spikes", "30%", "--drop", "10%", "--late", "10%,by=1m"];
    let shards: Vec<Shaped> =
        ["1/2", "2/2"].iter().map(|shard| shape(&[&args[..], &["--shard", shard]].concat(), &input)).collect();
    for (shaped, name) in shards.iter().zip(["1/2", "2/2"]) {
        check(shaped, &input);
        assert!(shaped.faults.iter().all(|fault| fault["shard"] == name));
    }
    for fault in ["spike", "drop", "late"] {
        assert_ne!(choices(&shards[0], fault), choices(&shards[1], fault));
    }
    assert!(shape(&args, &input).faults.iter().all(|fault| fault.get("shard").is_none()));
}

#[test]
fn each_effects_share_of_a_million_events_is_within_5_standard_errors() {
    const EVENTS: usize = 1_000_000;
    let mut input = Vec::with_capacity(EVENTS * 140);
    for n in 0..EVENTS {
        let status = if n % 10 == 0 { 500 } else { 200 };
        writeln!(
            input,
            r#"{{"event_id":{n},"timestamp":"2026-01-05T00:00:{:02}Z","title":"t","message":"m","metrics":{{"response_time_ms":99.25,"status_code":{status}}}}}"#,
            n % 60
        )
        .expect("memory takes it");
    }
    let args = "--seed 11 -o /dev/null --spikes 5% --slow 2x,p=5% --errors 5% --recover 5% --drop 5% --duplicates 5% --late 5% \
                --reorder 5% --schema 5% --oversize 5%,to=400 --encoding 5% --malformed 5%";
    let run = run_with("pshape", &args.split_whitespace().collect::<Vec<_>>(), &input).expect_code(0);
    let count = |fault: &str| -> usize {
        let row = run.stderr.lines().find_map(|line| line.trim_start().strip_prefix(fault));
        row.and_then(|row| row.split_whitespace().next()?.replace(',', "").parse().ok())
            .unwrap_or_else(|| panic!("{fault}: {}", run.stderr))
    };
    let (errors, dropped) = (count("error"), count("drop"));
    for (fault, of) in [
        ("spike", EVENTS),
        ("slow", EVENTS),
        ("error", EVENTS / 10 * 9),
        ("recover", EVENTS / 10 + errors),
        ("drop", EVENTS),
        ("duplicate", EVENTS - dropped),
        ("late", EVENTS - dropped),
        ("reorder", EVENTS - dropped),
        ("schema", EVENTS - dropped),
        ("oversize", EVENTS - dropped),
        ("encoding", EVENTS - dropped),
        ("malformed", EVENTS - dropped),
    ] {
        within_5_standard_errors(count(fault), of, 0.05);
    }
}

/// Whether an effect can apply to the line of this number.
type CanApply<'a> = &'a dyn Fn(u64) -> bool;

#[test]
fn runs_have_their_mean_length_over_the_events_that_an_effect_can_apply_to() {
    let input = events(200_000);
    let source = split(&input);
    let is = |seq: u64, text: &[u8]| memchr::memmem::find(source[seq as usize - 1], text).is_some();
    let payment: &[u8] = b"payment-service";
    let cases: [(&[&str], &str, CanApply<'_>); 6] = [
        (&["--spikes", "10%,burst=20"], "spike", &|_| true),
        (&["--spikes", "10%,burst=20", "--where", "service=payment-service"], "spike", &|seq| is(seq, payment)),
        (&["--drop", "10%,burst=50,where=region=EU"], "drop", &|seq| is(seq, b"\"EU\"")),
        (&["--errors", "10%,burst=20,where=service=payment-service"], "error", &|seq| {
            is(seq, payment) && !is(seq, b"\"status_code\":500")
        }),
        (&["--recover", "10%,burst=10"], "recover", &|seq| is(seq, b"\"status_code\":500")),
        (&["--skew", "service=payment-service,by=1m,p=10%,burst=20"], "skew", &|seq| is(seq, payment)),
    ];
    for (args, fault, can_apply) in cases {
        let shaped = shape(args, &input);
        check(&shaped, &input);
        let taken = choices(&shaped, fault);
        let lines: Vec<u64> = (1..=200_000).filter(|seq| can_apply(*seq)).collect();
        assert!(taken.iter().all(|seq| can_apply(*seq)), "{args:?}");
        let burst: f64 = args[1]
            .split("burst=")
            .nth(1)
            .expect("a burst")
            .split(',')
            .next()
            .expect("a number")
            .parse()
            .expect("a number");
        let runs = lines.iter().filter(|seq| taken.contains(seq)).count();
        let starts = lines.windows(2).filter(|pair| !taken.contains(&pair[0]) && taken.contains(&pair[1])).count();
        let mean = runs as f64 / starts as f64;
        assert!((mean / burst - 1.0).abs() < 5.0 / (starts as f64).sqrt(), "{args:?}: runs of {mean}");
        let error = (lines.len() as f64 * 0.1 * 0.9 * (2.0 * burst)).sqrt();
        assert!((taken.len() as f64 - lines.len() as f64 * 0.1).abs() < 5.0 * error, "{args:?}: {}", taken.len());
    }
}

#[test]
fn all_effects_together_give_the_same_bytes_and_the_same_truth_at_any_read_size() {
    let mut input = events(1500);
    input.extend(b"not json\n\n[1]\n{\"x\":\"");
    input.extend(std::iter::repeat_n(b'y', 1_500_000));
    input.extend(b"\"}\r\n");
    input.extend(events(200));
    input.pop();
    let folder = tempfile::tempdir().expect("a folder");
    let truth = folder.path().join("truth");
    let args = [&["--seed", "3", "-q", "--label", "--truth", text_of(&truth)][..], &all_together()].concat();
    let shaped = |piece: usize| {
        let mut child = tool("pshape").args(&args).stdin(Stdio::piped()).spawn().expect("pshape starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = input.clone();
        let feeder = std::thread::spawn(move || {
            for piece in input.chunks(piece) {
                stdin.write_all(piece).expect("pshape reads");
            }
        });
        let out = child.wait_with_output().expect("it ends");
        feeder.join().expect("fed");
        assert!(out.status.success());
        (out.stdout, std::fs::read(&truth).expect("the truth is there"))
    };
    let whole = shaped(usize::MAX);
    for piece in [613, 65_537, 1_048_577] {
        assert!(shaped(piece) == whole, "pieces of {piece}");
    }
}
