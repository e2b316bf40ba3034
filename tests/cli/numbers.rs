//! Every number that a flag takes, with the values that people and scripts get wrong: each is refused with a message that names flag,
//! value and form, or it is listed here with what it means. None is passed over, and none makes a tool panic or hang.

use std::process::Stdio;

use crate::every_tool::flags_with_values;
use crate::support::{end_of, feed, run, tool};

const TOOLS: [&str; 6] = ["pgen", "pshape", "psend", "pstats", "pserve", "plearn"];

const HOSTILE: [&str; 20] = [
    "1e400",
    "NaN",
    "inf",
    "-0",
    "-1",
    "+1",
    "0",
    "0x10",
    "٣",
    "½",
    "1_000",
    " 5",
    "5 k",
    "1,5k",
    "5%%",
    "1e3",
    "1/0",
    "99999999999999999999",
    "18446744073709551615",
    "",
];

/// The names in help of values that are not numbers. A flag whose value has another name is tested here.
const NO_NUMBERS: &[&str] = &[
    "TEXT",
    "KIND,…",
    "RULE,…",
    "PATH,…|auto",
    "ORIGINAL",
    "FILE",
    "FILE|URL",
    "FILES",
    "FORMAT",
    "CURVE",
    "ZONE",
    "CONDITIONS",
    "CONDITION,…",
    "ROLE=PATH,…",
    "PREFIX",
    "NAME",
    "NAME|FILE",
    "NAME|FILE.toml",
    "HEADER",
    "URL",
    "KEY",
    "HEADER|@FILE",
    "PATH",
    "HOST:PORT",
    "MODE",
    "SPREAD",
    "NAME=PATH",
    "FORM",
    "FORM=FILE",
    "FIELD,…",
    "EVENTS",
    "BASE.json",
    "EXPR",
    "COMMAND",
    "STATUS",
    "LEVEL=WORD,…",
    "ID",
];

/// Hostile values that mean something: the value, and the flags that take it.
const SENSES: [(&str, &[&str]); 6] = [
    // Nothing, none or never.
    (
        "0",
        &[
            "--count",
            "--skip",
            "--limit",
            "--seed",
            "--delay",
            "--shift",
            "--max-held",
            "--max-groups",
            "--exact-ids",
            "--expect-events",
            "--retries",
            "--retry-base",
            "--retry-cap",
            "--retry-after-max",
            "--retry-budget",
            "--wait-for-server",
            "--grace",
            "--batch-wait",
            "--keepalive-time",
            "--warm-up",
            "--spikes",
            "--errors",
            "--recover",
            "--drop",
            "--duplicates",
            "--late",
            "--reorder",
            "--malformed",
            "--schema",
            "--encoding",
            "--oversize",
        ],
    ),
    // A time may be moved on or back.
    ("-0", &["--shift"]),
    ("inf", &["--count"]),
    // Thousands are separated.
    (
        "1_000",
        &[
            "--count",
            "--min-count",
            "--skip",
            "--limit",
            "--dry-run",
            "--concurrency",
            "--retries",
            "--batch",
            "--keepalive-requests",
            "--max-groups",
            "--exact-ids",
            "--expect-events",
            "--expect-shards",
            "--poison",
        ],
    ),
    // Blanks around the options of an effect are ignored.
    (" 5", &["--slow", "--poison"]),
    // No event comes so far.
    (
        "18446744073709551615",
        &[
            "--seed",
            "--skip",
            "--limit",
            "--dry-run",
            "--max-groups",
            "--exact-ids",
            "--expect-events",
            "--expect-shards",
            "--min-count",
        ],
    ),
];

/// Runs a tool without input. Fails if it does not end.
fn ended(name: &str, args: &[&str]) -> (Option<i32>, String) {
    let mut command = tool(name);
    let mut child = command.args(args).stdout(Stdio::null()).spawn().expect("it starts");
    let status = end_of(&mut child);
    (status.code(), feed(child, Vec::new()).stderr)
}

/// Whether a message says that a value is refused: by its name, the value and the form.
fn is_refused(said: &str, name: &str, value: &str) -> bool {
    let forms =
        ["expected", "such as", "possible values", "is missing", "is above", "unknown option", "without a name"];
    said.contains(name)
        && said.contains(value.trim())
        && (value.is_empty() || forms.iter().any(|form| said.contains(form)))
}

/// The flags without which another has no meaning, or would have a tool do more than read its flags.
fn beside(name: &str, flag: &str, value: &str) -> Vec<&'static str> {
    let mut beside = match (name, flag) {
        ("pgen", "--count") if value == "inf" => vec!["--event-rate", "5"],
        ("pgen", "--count") => vec![],
        ("pgen", _) => vec!["-n", "1"],
        ("psend", _) => vec!["--url", "http://127.0.0.1:9"],
        ("plearn", _) => vec!["--format", "state"],
        ("pserve", "--seed") => {
            vec![
                "--listen",
                "127.0.0.1:0",
                "--db",
                concat!(env!("CARGO_TARGET_TMPDIR"), "/numbers.db"),
                "--exec",
                "true",
            ]
        }
        ("pserve", _) => vec!["--listen", "127.0.0.1:0", "--db", "/nowhere/db", "--exec", "true"],
        _ => vec![],
    };
    beside.extend_from_slice(match flag {
        "--event-rate" => &["-n", "inf"],
        "--max-gap" => &["--replay", "1x"],
        "--max-time" => &["--find-rate", "error_rate < 1%"],
        "--batch-wait" | "--batch-bytes" => &["--batch", "5"],
        "--hours" if name == "pshape" => &["--curve", "flat", "--start", "2026-01-05"],
        "--end" if name == "pshape" => &["--curve", "flat", "--start", "2026-01-05"],
        _ => &[],
    });
    beside
}

#[test]
fn an_invalid_number_is_refused_with_flag_value_and_form() {
    let mut asked = 0;
    for name in TOOLS {
        for (flag, called) in flags_with_values(name) {
            if NO_NUMBERS.contains(&&*called) {
                continue;
            }
            for value in HOSTILE {
                let means = SENSES.iter().any(|(sense, flags)| *sense == value && flags.contains(&&*flag));
                // An endless stream ends where nobody reads it.
                let endless = flag == "--count" && value == "inf";
                let joined = format!("{flag}={value}");
                let mut args = beside(name, &flag, value);
                if endless {
                    args.extend(["-o", "/dev/full"]);
                }
                args.push(&joined);
                let (code, said) = ended(name, &args);
                let right = if means {
                    // Nothing came, so another number than 0 is not met.
                    let is_unmet = flag.starts_with("--expect") && value != "0";
                    code == Some(if is_unmet { 99 } else { i32::from(endless) })
                } else {
                    code == Some(2) && is_refused(&said, &flag, value)
                };
                assert!(right && !said.contains("panicked"), "{name} {args:?}: {code:?} {said}");
                asked += 1;
            }
        }
    }
    assert!(asked > 1000, "{asked} answers");
}

/// The options of effects that hold numbers, each with its effect. `{}` is the number.
const OPTIONS: [&str; 33] = [
    "--spikes 5%,factor={}",
    "--spikes 5%,factor=2..{}",
    "--spikes 5%,factor=pareto:{}",
    "--spikes 5%,burst={}",
    "--slow 2,p={}",
    "--slow 2,p=5%,burst={}",
    "--slow factor={}",
    "--errors 5%,codes={}",
    "--errors 5%,codes=500:{}",
    "--errors 5%,burst={}",
    "--recover 5%,burst={}",
    "--drop 5%,burst={}",
    "--duplicates 5%,copies={}",
    "--duplicates 5%,delay={}",
    "--late 5%,by={}",
    "--late 5%,cap={}",
    "--reorder 5%,window={}",
    "--encoding {},kinds=bom",
    "--malformed {},kinds=nan",
    "--oversize 5%,to={}",
    "--poison every={}",
    "--skew service=a,by={}",
    "--flash at={}",
    "--flash at=1h,peak={}",
    "--flash at=1h,ramp={}",
    "--flash at=1h,hold={}",
    "--flash at=1h,decay={}",
    "--gap at={},for=1m",
    "--gap at=1h,for={}",
    "--incident service=a,at={},for=1m,errors=5%",
    "--incident service=a,at=1h,for={},errors=5%",
    "--incident service=a,at=1h,for=1m,errors={}",
    "--incident service=a,at=1h,for=1m,latency={}",
];

/// Hostile values that mean something there: the value, and what the options that take it end with.
const SENSES_OF_OPTIONS: [(&str, &[&str]); 4] = [
    (
        "0",
        &[
            ",p={}",
            "at={}",
            "delay={}",
            "ramp={}",
            "hold={}",
            "decay={}",
            "a,by={}",
            "errors={}",
            "--encoding",
            "--malformed",
        ],
    ),
    ("-0", &["a,by={}"]),
    ("1_000", &["copies={}", "window={}", "every={}", "500:{}"]),
    (
        " 5",
        &["factor={}", "peak={}", "latency={}", "copies={}", "window={}", "every={}", "burst={}", "500:{}", "to={}"],
    ),
];

#[test]
fn a_number_inside_the_options_of_an_effect_is_refused_likewise() {
    let help = run("pshape", &["--help"]).expect_code(0);
    for word in help.text().split(['[', ',', ' ', ':']) {
        let Some((name, value)) = word.split_once('=') else { continue };
        if value.trim_start_matches('+').starts_with(|c: char| c.is_ascii_digit()) && !name.ends_with('>') {
            assert!(OPTIONS.iter().any(|form| form.contains(&format!("{name}={{}}"))), "no test of {name}=");
        }
    }
    for form in OPTIONS {
        let (flag, options) = form.split_once(' ').expect("a flag and its options");
        for value in HOSTILE {
            let means = SENSES_OF_OPTIONS
                .iter()
                .any(|(sense, options)| *sense == value && options.iter().any(|option| form.contains(option)));
            let joined = format!("{flag}={}", options.replace("{}", value));
            let (code, said) = ended("pshape", &["--seed", "1", &joined]);
            // A comma begins another option.
            let shown = if value.contains(',') { "" } else { value };
            let right = if means { code == Some(0) } else { code == Some(2) && is_refused(&said, flag, shown) };
            assert!(right && !said.contains("panicked"), "pshape '{joined}': {code:?} {said}");
        }
    }
}

#[test]
fn a_shard_is_two_plain_numbers() {
    for name in ["pgen", "pshape", "psend"] {
        for value in
            ["+1/4", "1/+4", "0/4", "5/4", "1/", "/4", "1/4/2", " 1/4", "1e0/4", "-1/4", "1/18446744073709551616"]
        {
            let joined = format!("--shard={value}");
            let mut args = beside(name, "--shard", value);
            args.push(&joined);
            let (code, said) = ended(name, &args);
            assert!(code == Some(2) && is_refused(&said, "--shard", value), "{name} {value}: {code:?} {said}");
        }
    }
}
