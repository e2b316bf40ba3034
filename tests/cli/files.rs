//! No tool writes over what it reads, whatever the two are called and whichever flag names them; names are bytes, not text.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::support::{run, sample, shell_in, tool};

/// The content of every file in a test. No run may change it.
const TEXT: &str = "{\"event_id\":\"e1\"}\n";

/// The flags of a tool whose value is, or may be, the name of a file that is read, by its help.
fn flags_that_name_files(name: &str) -> Vec<String> {
    let help = run(name, &["--help"]).expect_code(0);
    let flag = |line: &str| {
        let (flag, rest) = line.trim_start().split_once(" <")?;
        let flag = flag.rsplit(' ').next().unwrap_or(flag);
        let value = rest.split('>').next().unwrap_or(rest);
        let is_file = ["FILE", "EVENTS", "BASE", "CURVE", "NAME|FILE.toml"].iter().any(|word| value.contains(word));
        (flag.starts_with("--") && is_file && flag != "--output").then(|| flag.to_owned())
    };
    help.lines().into_iter().filter_map(flag).collect()
}

#[test]
fn no_flag_of_any_tool_names_a_file_that_the_output_is_written_over() {
    let mut asked = 0;
    for name in ["pgen", "pshape", "psend", "pstats"] {
        for flag in flags_that_name_files(name) {
            let folder = tempfile::tempdir().expect("a folder");
            fs::write(folder.path().join("f.toml"), TEXT).expect("written");
            let value = match &*flag {
                "--report" => "json=f.toml",
                "--header" => "@f.toml",
                _ => "f.toml",
            };
            let beside: &[&str] = match &*flag {
                "--from" => &["--curve", "flat"],
                "--alerts" | "--missed" => &["--truth", "t"],
                "--cert" => &["--key", "k"],
                "--key" => &["--cert", "c"],
                _ => &[],
            };
            let mut command = tool(name);
            command.args([&flag, value, "-o", "f.toml"]).args(beside).current_dir(folder.path());
            let ended = command.output().expect("it runs");
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert_eq!(ended.status.code(), Some(2), "{name} {flag}: {said}");
            assert!(said.contains(&flag) && said.contains("the same file"), "{name} {flag}: {said}");
            assert_eq!(fs::read_to_string(folder.path().join("f.toml")).expect("it is there"), TEXT, "{name} {flag}");
            asked += 1;
        }
    }
    assert!(asked >= 18, "{asked} flags");
}

#[test]
fn an_input_is_not_written_over_by_any_name_that_it_has() {
    for (redirected, is_left) in [
        ("e -o e", true),
        ("e -o ./e", true),
        ("e -o hard", true),
        ("e -o soft", true),
        ("hard -o soft", true),
        ("< e -o e", true),
        ("/dev/stdin -o e < e", true),
        ("e > e", false),
        ("< e > e", false),
        ("e >> e", true),
        ("< e >> hard", true),
        ("e -o /dev/stdout >> e", true),
        ("<> e >&0", true),
        ("e -o /dev/fd/3 3>> e", true),
        ("e -o other 2> e", false),
        ("e -o other >> e", true),
    ] {
        for name in ["pshape --seed 1", "psend --url http://127.0.0.1:9", "pstats"] {
            let folder = tempfile::tempdir().expect("a folder");
            let links = "ln e hard; ln -s e soft";
            fs::write(folder.path().join("e"), TEXT).expect("written");
            let run = shell_in(folder.path(), &format!("{links}; {name} {redirected}"), &[]).expect_code(2);
            let left = fs::read_to_string(folder.path().join("e")).expect("it is there");
            assert!(
                redirected.contains("2>") || run.stderr.contains("the same file"),
                "{name} {redirected}: {}",
                run.stderr
            );
            assert!(!is_left || left == TEXT, "{name} {redirected} left {left:?}");
            assert!(!folder.path().join("other").exists());
        }
    }
}

#[test]
fn truth_is_not_written_over_the_events() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("e"), TEXT).expect("written");
    for redirected in
        ["--truth e e > out", "--truth out e > out", "--truth new -o new e", "--truth /dev/stdout e | cat"]
    {
        let run = shell_in(folder.path(), &format!("pshape --seed 1 --drop 1 {redirected}"), &[]).expect_code(2);
        assert!(run.stderr.contains("the same file"), "{redirected}: {}", run.stderr);
        assert_eq!(fs::read_to_string(folder.path().join("e")).expect("it is there"), TEXT);
    }
}

#[test]
fn a_curve_that_a_scenario_names_is_not_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let weeks = vec![vec!["1"; 24].join(" "); 7].join("\n");
    fs::write(folder.path().join("week"), &weeks).expect("written");
    fs::write(folder.path().join("e"), TEXT).expect("written");
    for (option, flags) in [("name", "-o week"), ("name", "--truth week"), ("from", "-o week"), ("name", "> week")] {
        let curve = if option == "name" { "name = 'week'" } else { "name = 'flat'\nfrom = 'week'" };
        fs::write(folder.path().join("s.toml"), format!("[[curve]]\n{curve}\n")).expect("written");
        let run = shell_in(folder.path(), &format!("pshape --seed 1 --scenario s.toml e {flags}"), &[]).expect_code(2);
        let says = format!("s.toml:{}: curve week are the same file", if option == "name" { 2 } else { 3 });
        assert!(run.stderr.contains(&says), "{flags}: {}", run.stderr);
        // The shell has emptied it in the last case.
        let left = fs::read_to_string(folder.path().join("week")).expect("it is there");
        assert_eq!(left, if flags.starts_with('>') { "" } else { &weeks }, "{flags}");
    }
    fs::write(folder.path().join("s.toml"), "[[curve]]\nname = 'flat'\n").expect("written");
    shell_in(folder.path(), "pshape --seed 1 --scenario s.toml e -o flat", &[]).expect_code(0);
}

#[test]
fn two_outputs_that_a_dangling_link_makes_one_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("e"), TEXT).expect("written");
    let run = shell_in(folder.path(), "ln -s new link; pshape --seed 1 --truth new -o link e", &[]).expect_code(2);
    assert!(run.stderr.contains("the same file"), "{}", run.stderr);
}

#[test]
fn keys_and_events_of_pserve_are_two_files() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("keys"), "k1 acme\n").expect("written");
    for flags in ["--keys keys --db keys", "--api-key-file keys --db keys", "--db new.db > new.db"] {
        let run = shell_in(folder.path(), &format!("pserve --listen 127.0.0.1:0 {flags}"), &[]).expect_code(2);
        assert!(run.stderr.contains("the same file"), "{flags}: {}", run.stderr);
    }
    assert_eq!(fs::read_to_string(folder.path().join("keys")).expect("it is there"), "k1 acme\n");
}

#[test]
fn what_a_shell_has_opened_to_be_appended_to_keeps_what_it_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let pgen = "pgen -q -n 2 --seed 1 --start 2026-01-05T00:00:00Z";
    for script in ["-o /dev/stdout >> log", "-o /dev/fd/3 3>> log", "-o /proc/self/fd/3 3>> log"] {
        let run = shell_in(folder.path(), &format!("echo before > log; {pgen} {script}; cat log"), &[]).expect_code(0);
        assert_eq!((run.lines().len(), run.lines()[0]), (3, "before"), "{script}");
    }
}

#[test]
fn devices_and_pipes_are_read_and_written_by_one_name() {
    let folder = tempfile::tempdir().expect("a folder");
    for script in [
        "pshape -q --seed 1 --slow 2x --truth /dev/null -o /dev/null < /dev/null > /dev/null",
        "pstats -q /dev/null --truth /dev/null --report json=/dev/null -o /dev/null",
        "mkfifo p; pgen -q -n 3 -o p & pshape -q --seed 1 p | cat > out; wait; test $(wc -l < out) = 3",
        "pgen -q -n 3 --seed 1 --start 2026-01-05T00:00:00Z > log 2>&1; test $(wc -l < log) = 3",
    ] {
        shell_in(folder.path(), script, &[]).expect_code(0);
    }
}

#[test]
fn a_name_in_latin_1_serves_in_every_flag_of_every_tool() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&folder).expect("made");
    fs::copy(sample(), folder.join("in")).expect("copied");
    let weights = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24\n".repeat(7);
    fs::write(folder.join("curve"), weights).expect("written");
    fs::write(folder.join("s.toml"), "[slow]\nfactor = 2\n").expect("written");
    fs::write(folder.join("require"), "count >= 1\n").expect("written");
    fs::write(folder.join("key"), "k\n").expect("written");
    fs::write(folder.join("keys"), "k a\n").expect("written");
    fs::write(folder.join("headers"), "X-Test: 1\n").expect("written");
    let d = "d=$(pwd)";
    for script in [
        "pgen --print-profile -o $d/p.toml",
        "pgen -q -n 2 --profile $d/p.toml --curve $d/curve -o $d/out",
        "pshape -q --seed 1 --curve $d/curve --from $d/curve --scenario $d/s.toml --truth $d/truth $d/in -o $d/out",
        "pshape -q --seed 1 --curve name=$d/curve,from=$d/curve $d/in > out",
        "pstats -q --report json=$d/r.json --against $d/in --require-file $d/require $d/in -o $d/o",
        "pstats -q --base $d/r.json --truth $d/truth --stored $d/in $d/in -o $d/o",
        "psend --print-dialect > d.toml; psend --print-dialect --dialect $d/d.toml > /dev/null",
        "pserve -q --listen 127.0.0.1:0 --db $d/db --keys $d/keys --exec \"cat '$d/in'\" > out; cmp out in",
        "pserve -q --listen 127.0.0.1:0 --db $d/db --api-key-file $d/key --exec \"psend -q --dialect '$d/d.toml' \
         --api-key-file '$d/key' -H '@$d/headers' --dead-letter '$d/dl' --journal '$d/j' -o '$d/outcomes' '$d/in'\"",
    ] {
        let run = shell_in(&folder, &format!("{d}; {script}"), &[]);
        assert_eq!(run.code(), 0, "{script}: {}", run.stderr);
    }
}

#[test]
fn a_value_that_is_text_and_not_utf8_is_named_by_its_flag_and_a_key_is_not_shown() {
    for (name, flag) in [
        ("pgen", "--seed"),
        ("pgen", "--tz"),
        ("pshape", "--where"),
        ("pshape", "--slow"),
        ("psend", "--url"),
        ("psend", "--api-key"),
        ("psend", "--rate"),
        ("pstats", "--by"),
        ("pstats", "--require"),
        ("pserve", "--listen"),
    ] {
        for joined in [false, true] {
            let mut command = tool(name);
            let value = std::ffi::OsStr::from_bytes(b"canary\xe9");
            if joined {
                let mut both = std::ffi::OsString::from(format!("{flag}="));
                both.push(value);
                command.arg(both);
            } else {
                command.arg(flag).arg(value);
            }
            let ended = command.output().expect("it runs");
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert_eq!(ended.status.code(), Some(2), "{name} {flag}: {said}");
            assert!(said.contains(&format!("{flag}: the value is not valid UTF-8")), "{name} {flag}: {said}");
            assert!(!said.contains("canary"), "{said}");
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_named_with_its_flag() {
    for (name, args) in [
        ("pgen", &["--profile", "none"][..]),
        ("pshape", &["--scenario", "none"]),
        ("psend", &["--dialect", "./none"]),
        ("psend", &["--api-key-file", "none"]),
        ("psend", &["--header", "@none"]),
        ("psend", &["--cacert", "none", "--url", "https://localhost:9"]),
        ("psend", &["--cacert", "none", "--url", "http://localhost:9"]),
        ("psend", &["--cert", "none", "--key", "none", "--url", "http://localhost:9"]),
        ("pstats", &["--require-file", "none"]),
        ("pstats", &["--base", "none"]),
        ("pserve", &["--keys", "none"]),
        ("pserve", &["--api-key-file", "none"]),
    ] {
        let said = run(name, args).expect_code(2).stderr;
        let flag = if args[0] == "--header" { "-H" } else { args[0] };
        assert!(said.contains(flag) && said.contains("none: No such file"), "{name} {args:?}: {said}");
    }
}

#[test]
fn a_byte_order_mark_is_ignored_in_every_file_that_a_flag_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let file =
        |name: &str, text: &str| fs::write(folder.path().join(name), format!("\u{feff}{text}")).expect("written");
    file("p.toml", include_str!("../../src/world/pulsestream.toml"));
    file("s.toml", "[slow]\nfactor = 2\n");
    file("require", "count >= 0\n");
    fs::copy(sample(), folder.path().join("in")).expect("copied");
    for script in [
        "pgen -q -n 2 --profile p.toml > /dev/null",
        "pshape -q --seed 1 --scenario s.toml in > /dev/null",
        "pstats -q --require-file require in > /dev/null",
        "pstats -q --format json in > r; (printf '\\xef\\xbb\\xbf'; cat r) > b; pstats -q --base b in > /dev/null",
    ] {
        shell_in(folder.path(), script, &[]).expect_code(0);
    }
    assert!(Path::new(&folder.path().join("b")).exists());
}
