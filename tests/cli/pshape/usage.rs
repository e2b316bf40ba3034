//! Scenarios, and what is said of wrong usage.

use super::*;

#[test]
fn scenarios_run_from_the_library_and_from_files_and_are_checked_strictly() {
    let input = events(20_000);
    let list = run("pshape", &["--list-scenarios"]).expect_code(0);
    for name in ["black-friday", "bad-deploy", "region-outage"] {
        assert!(list.text().contains(name));
        let shaped = shape(&["--scenario", name, "--label"], &input);
        check(&shaped, &input);
        assert!(shaped.faults.len() > 100, "{name}: {}", shaped.summary);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.toml");
    let write = |text: &str| std::fs::write(&file, text).expect("written");
    write("[[drop]]\np = 1\nwhere = 'service=user-service'\nfrom = '+10s'\nuntil = '2026-01-05T00:00:30Z'\n");
    let shaped = shape(&["--scenario", text_of(&file)], &input);
    check(&shaped, &input);
    assert_eq!(choices(&shaped, "drop"), BTreeSet::from([14, 18, 22, 26, 30]));
    for (text, says) in [
        ("[[drop]]\np = 1\nform = '+1h'\n", "mine.toml:3: drop: unknown option 'form'; did you mean 'from'?"),
        ("[[dorp]]\np = 1\n", "mine.toml:1: no effect is called 'dorp'; did you mean 'drop'?"),
        ("[[drop]]\np = 2\n", "mine.toml:2: drop: expected a probability"),
        ("[[spikes]]\np = 0.1\nfrom = '2h'\nuntil = '1h'\n", "'from' is not before 'until'"),
    ] {
        write(text);
        let run = run_with("pshape", &["--scenario", text_of(&file)], b"{}\n").expect_code(2);
        assert!(run.stderr.contains(says), "{text}: {}", run.stderr);
    }
    let run = run("pshape", &["--scenario", "blackfriday"]).expect_code(2);
    assert!(run.stderr.contains("did you mean 'black-friday'?"), "{}", run.stderr);
}

#[test]
fn wrong_usage_is_named_and_nothing_is_written() {
    for (args, says) in [
        (&["--spikes", "1.5"][..], "invalid value '1.5' for --spikes: expected a probability from 0 to 1"),
        (&["--spikes", "5%,factr=2"], "did you mean 'factor'?"),
        (&["--spikes", "5%,factor=10..2"], "'10..2' for factor in --spikes"),
        (&["--spikes", "5%,burst=0.5"], "burst"),
        (&["--spikes"], "a value is required"),
        (&["--errors", "5%,codes=200"], "'200' for codes in --errors"),
        (&["--slow", "0x"], "a factor above 0"),
        (&["--new-ids", ""], "1 to 68 characters"),
        (&["--malformed", "5%,kinds=truncated"], "no such kind; did you mean 'truncate'?"),
        (&["--late", "5%,by=2d"], "'by' is above"),
        (&["--gap", "at=1h,for=10m,mode=wait"], "drop or flush"),
        (&["--flash", "peak=10x"], "'at' is missing"),
        (&["--incident", "at=1h,for=10m,errors=5%"], "which events fail"),
        (&["--poison", "every=0"], "from 1 to"),
        (&["--curve", "busines"], "business, flat"),
        (&["--curve", "flat", "--start", "2026-01-05T00:00:00Z"], "--end or --hours"),
        (&["--from", "flat"], "--curve"),
        (&["--duplicates", "5%,copies=0"], "1 to 1,000"),
        (&["--max-held", "lots"], "--max-held"),
        (&["--where", "service", "--spikes", "1"], "'service' is not a condition"),
        (&["--where", "status_code>=high", "--spikes", "1"], "expected a number after >="),
        (&["--sipkes", "1"], "--spikes"),
        (&["--truth", "-"], "--truth"),
        (&["--seed", "x"], "--seed"),
        (&["--shard", "4/3"], "--shard"),
        (&["--fields", "colour=x"], "not a role"),
    ] {
        let run = run_with("pshape", args, b"{}\n").expect_code(2);
        assert!(run.stderr.contains(says), "{args:?}: {}", run.stderr);
        assert!(run.stdout.is_empty());
    }
    let run = run("pshape", &["no-such-file.jsonl"]).expect_code(1);
    assert!(run.stderr.contains("no-such-file.jsonl"), "{}", run.stderr);
}

#[test]
fn what_is_wrong_in_a_scenario_is_named_with_its_file_line_and_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.toml");
    for (text, says) in [
        ("[[drop]]\n# a share\np = 2\n", "invalid value '2' for p in mine.toml:3: drop: expected a probability"),
        ("[[drop]]\np = 1\n[[drop]]\nburst = 3\n", "mine.toml:3: drop: 'p' is missing"),
        ("[[spikes]]\np = 1\n\nfactor = '10..2'\n", "invalid value '10..2' for factor in mine.toml:4: spikes"),
        ("[[drop]]\np = 1\nwhere = 'service'\n", "for where in mine.toml:3: drop"),
        ("[[drop]]\np = 1\nuntil = 'soon'\n", "invalid value 'soon' for until in mine.toml:3: drop"),
        (
            "[[incident]]\nat = '1h'\nfor = '1m'\nerrors = 1\nserivce = 'x'\n",
            "mine.toml:5: incident: unknown option 'serivce'",
        ),
        ("[late]\np = 1\nkinds = ['a', {}]\n", "mine.toml:3: late: kinds: expected a string, a number or a list"),
        ("[[drop]]\np = 1\np = 1\n", "mine.toml:3: "),
    ] {
        std::fs::write(&file, text).expect("written");
        let run = shell_in(folder.path(), "pshape --scenario mine.toml < /dev/null", &[]).expect_code(2);
        assert!(run.stderr.contains(says), "{text}: {}", run.stderr);
    }
}

#[test]
fn a_filter_that_nothing_meets_is_reported_whether_or_not_a_line_was_drawn() {
    let input = events(50);
    let warned = |args: &[&str]| shape(args, &input).run.stderr;
    for args in [
        &["--spikes", "0", "--where", "service=nope"][..],
        &["--spikes", "1", "--where", "service=nope"],
        &["--drop", "1%,burst=20,where=service=nope"],
        &["--skew", "service=nope,by=1m"],
    ] {
        let said = format!("{}: none of the 50 events met its filter", args[0]);
        assert!(warned(args).contains(&said), "{args:?}: {}", warned(args));
    }
    let said = warned(&["--spikes", "0", "--where", "service=user-service", "--drop", "0,where=service=nope"]);
    assert!(said.contains("--drop: none of the 50") && !said.contains("--spikes: none"), "{said}");
    for args in [&["--scenario", "bad-deploy", "--where", "region=EU"][..], &["--where", "region=EU"]] {
        assert!(warned(args).contains("--where does nothing"), "{args:?}: {}", warned(args));
    }
    assert!(
        !warned(&["--scenario", "bad-deploy", "--where", "region=EU", "--slow", "2x"]).contains("--where does nothing")
    );
    let incident = |options: &str| warned(&["--incident", &format!("at=0s,for=1h,errors=1,{options}")]);
    assert!(incident("service=nope").contains("--incident: no event during the incident meets source.service=nope"));
    assert!(incident("service=user-service,cascade=nope:1").contains("meets source.service=nope"));
    assert!(!incident("service=user-service,cascade=auth-service:1").contains("--incident:"));
    let late = warned(&["--incident", "at=2h,for=1h,errors=1,service=user-service"]);
    assert!(late.contains("no event during the incident meets"), "{late}");
}

#[test]
fn an_effect_at_a_time_that_the_stream_does_not_reach_says_that_it_changed_nothing() {
    let input = events(50);
    let warned = |args: &[&str]| shape(args, &input).run.stderr;
    for args in
        [&["--gap", "at=20d,for=10m"][..], &["--gap", "at=20d,for=10m,mode=flush"], &["--flash", "at=+20d,peak=10x"]]
    {
        let said = format!("warning: {}: nothing was changed: the stream has 50 events, but none in its time", args[0]);
        assert!(warned(args).contains(&said), "{args:?}: {}", warned(args));
    }
    for args in
        [&["--slow", "2x,from=+10d"][..], &["--drop", "1,from=2030-01-01"], &["--duplicates", "1,until=2001-01-01"]]
    {
        let said =
            format!("warning: {}: nothing was changed: 50 events that it took lay outside of its window", args[0]);
        assert!(warned(args).contains(&said), "{args:?}: {}", warned(args));
    }
    // A share that takes nothing was asked for.
    assert!(!warned(&["--slow", "2x,p=0"]).contains("warning"), "{}", warned(&["--slow", "2x,p=0"]));
    assert!(!warned(&["--gap", "at=0s,for=10m"]).contains("nothing was changed"));
}

#[test]
fn a_scenario_that_nothing_meets_is_named_with_the_line_of_its_effect() {
    let folder = tempfile::tempdir().expect("a folder");
    let text =
        "\n[drop]\np = 1\nwhere = 'service=nope'\n[incident]\nat = '0s'\nfor = '1h'\nerrors = 1\nservice = 'no'\n";
    std::fs::write(folder.path().join("s.toml"), text).expect("written");
    std::fs::write(folder.path().join("events"), events(50)).expect("written");
    let run = shell_in(folder.path(), "pshape -q --seed 1 --scenario s.toml events", &[]).expect_code(0);
    assert!(run.stderr.contains("warning: s.toml:2: drop: none of the 50 events met its filter"), "{}", run.stderr);
    let said = "warning: s.toml:5: incident: no event during the incident meets source.service=no";
    assert!(run.stderr.contains(said) && !run.stderr.contains("--drop"), "{}", run.stderr);
}

#[test]
fn filters_compare_long_whole_numbers_exactly() {
    let input = b"{\"n\":12345678901234567890}\n{\"n\":12345678901234567891}\n{\"n\":9007199254740993}\n";
    let taken = |filter: &str| choices(&shape(&["--drop", "1", "--where", filter], input), "drop");
    assert_eq!(taken("n=12345678901234567891"), BTreeSet::from([2]));
    assert_eq!(taken("n>9007199254740992,n<12345678901234567890"), BTreeSet::from([3]));
}

#[test]
fn messages_say_what_would_be_right() {
    for (args, says) in [
        (&["--recover", "events.jsonl"][..], "invalid value 'events.jsonl' for --recover: expected a probability"),
        (&["--recover", "events.jsonl"], "put the file first, or write --recover=1 FILE"),
        (&["--recover", "-5%"], "invalid value '-5%' for --recover: expected a probability from 0 to 1"),
        (
            &["--curve", "flat", "--start", "now", "--hours", "-3h"],
            "'-3h' for '--hours <N>': expected a number of hours above 0",
        ),
        (&["--new-ids", "a=b"], "unknown option 'a'"),
        (&["--new-ids", "a=b"], "a prefix with ',' or '=' in it can be given in a scenario"),
        (&["--new-ids", "a,b"], "a prefix with ',' or '=' in it can be given in a scenario"),
        (&["--incident", "serivce=x,at=1h,for=1m,errors=1"], "unknown option 'serivce'; did you mean 'service'?"),
        (&["--incident", "region=EU,at=1h,for=1m,eros=1"], "without 'errors' or 'latency'"),
        (&["--skew", "servce=x,by=1m"], "unknown option 'servce'; did you mean 'service'?"),
        (&["--fields", "id=a,id=b"], "'id' is given twice"),
        (&["--fields", "latency=a..b"], "'a..b' is not a path"),
    ] {
        let run = run_with("pshape", args, b"{}\n").expect_code(2);
        assert!(run.stderr.contains(says), "{args:?}: {}", run.stderr);
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("s.toml"), "\u{feff}[new-ids]\nprefix = 'a=b,'\n").expect("written");
    let run =
        shell_in(folder.path(), "echo '{\"event_id\":1}' | pshape -q --seed 1 --scenario s.toml", &[]).expect_code(0);
    assert!(run.text().starts_with("{\"event_id\":\"a=b,"), "{}", run.text());
}

#[test]
fn truth_and_output_are_two_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let prepare = "echo '{}' > in; mkdir d; ln -s d e; touch f; ln -s f g";
    shell_in(folder.path(), prepare, &[]).expect_code(0);
    for (truth, output) in [("t", "t"), ("t", "./t"), ("d/t", "e/t"), ("g", "f")] {
        let script = format!("pshape --seed 1 --slow 2x --truth {truth} -o {output} in");
        let run = shell_in(folder.path(), &script, &[]).expect_code(2);
        assert!(run.stderr.contains("are the same file"), "{script}: {}", run.stderr);
    }
    for (truth, output) in [("t", "d/t"), ("/dev/null", "/dev/null"), ("t", "-")] {
        shell_in(folder.path(), &format!("pshape --seed 1 --slow 2x --truth {truth} -o {output} in"), &[])
            .expect_code(0);
    }
}

#[test]
fn the_seed_is_told_only_where_chance_took_part() {
    for (args, is_told) in [
        (&["--shift", "1h"][..], false),
        (&["--slow", "2x"], false),
        (&["--spikes", "100%,factor=2"], false),
        (&["--duplicates", "100%"], false),
        (&["--duplicates", "100%,conflict"], true),
        (&["--spikes", "100%"], true),
        (&["--slow", "2x,p=50%"], true),
        (&["--drop", "5%"], true),
    ] {
        let run = run_with("pshape", args, b"{}\n").expect_code(0);
        assert_eq!(run.stderr.contains("to repeat this run: --seed "), is_told, "{args:?}: {}", run.stderr);
    }
}
