//! What holds for every tool: values that look like flags.

use crate::support::run;

/// Flags whose value may be any text or file name, so that a hyphen in front of it can be one of theirs, or the next flag.
const TEXTS: [&str; 29] = [
    "--output",
    "--profile",
    "--truth",
    "--scenario",
    "--new-ids",
    "--recover",
    "--url",
    "--api-key",
    "--api-key-file",
    "--dialect",
    "--header",
    "--cacert",
    "--cert",
    "--key",
    "--unix-socket",
    "--dead-letter",
    "--journal",
    "--id-path",
    "--against",
    "--stored",
    "--compare",
    "--require-file",
    "--by",
    "--listen",
    "--db",
    "--exec",
    "--keys",
    // A curve wants --curve beside it, and time may be moved back.
    "--from",
    "--shift",
];

/// The flags of a tool that take a value, by its help.
fn flags_with_values(name: &str) -> Vec<String> {
    let help = run(name, &["--help"]).expect_code(0);
    let flag = |line: &str| {
        let (flag, rest) = line.trim_start().split_once(' ')?;
        let (flag, rest) = if flag.ends_with(',') { rest.split_once(' ')? } else { (flag, rest) };
        // A list of OPTIONS says which of its options is wrong or missing, rather than the whole of it.
        (flag.starts_with("--") && rest.starts_with('<') && rest.trim() != "<OPTIONS>").then(|| flag.to_owned())
    };
    help.lines().into_iter().filter_map(flag).collect()
}

#[test]
fn a_value_that_begins_with_a_hyphen_is_answered_with_flag_value_and_form() {
    let mut asked = 0;
    for name in ["pgen", "pshape", "psend", "pstats", "pserve"] {
        for flag in flags_with_values(name) {
            if TEXTS.contains(&&*flag) {
                continue;
            }
            for value in ["-5%", "-5k", "-5/s", "-3h", "-1/3", "-abc"] {
                let run = run(name, &[&flag, value]).expect_code(2);
                let said = &run.stderr;
                assert!(
                    said.contains(&flag)
                        && said.contains(&format!("'{value}'"))
                        && !said.contains("unexpected argument"),
                    "{name} {flag} {value}: {said}"
                );
                asked += 1;
            }
        }
    }
    assert!(asked > 300, "{asked} answers");
}
