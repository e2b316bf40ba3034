//! Man pages and completions, as a package installs them.

use std::process::{Command, Stdio};

use crate::readme::{TOOLS, flags_of};
use crate::support::{feed, run};

#[test]
fn a_man_page_has_every_flag_of_its_tool_with_its_meaning_and_the_usual_sections() {
    for tool in TOOLS {
        let page = run(tool, &["--man"]).expect_code(0);
        let text = page.text().replace("\\-", "-");
        let sections: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
        assert!(
            sections.starts_with(&["NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES", "OPTIONS"]),
            "{tool}: {sections:?}"
        );
        assert!(sections.ends_with(&["\"EXIT STATUS\"", "VERSION", "\"SEE ALSO\""]), "{tool}: {sections:?}");
        for (flag, _) in flags_of(tool) {
            // The tag of an entry, and after it a line that tells what it means.
            let entry = text.split(".TP\n").find(|entry| entry.lines().next().is_some_and(|tag| tag.contains(&flag)));
            let meaning = entry.and_then(|entry| entry.lines().nth(1)).unwrap_or_default();
            assert!(meaning.starts_with(|c: char| c.is_ascii_uppercase()), "{tool} {flag}: '{meaning}'");
        }
    }
}

#[test]
fn groff_has_no_complaint_about_a_man_page() {
    if Command::new("groff").arg("--version").output().is_err() {
        eprintln!("skipped: groff is not installed");
        return;
    }
    for tool in TOOLS {
        let page = run(tool, &["--man"]).expect_code(0).stdout;
        let groff = Command::new("groff")
            .args(["-man", "-ww", "-z", "-Kutf8"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let checked = feed(groff, page).expect_code(0);
        assert_eq!(checked.stderr, "", "{tool}");
    }
}

#[test]
fn completions_know_every_flag_in_every_shell() {
    for tool in TOOLS {
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            let script = run(tool, &["--completions", shell]).expect_code(0);
            for (flag, _) in flags_of(tool) {
                // Fish has long names without their hyphens.
                let name = if shell == "fish" { format!("-l {}", &flag[2..]) } else { flag };
                assert!(script.text().contains(&name), "{tool} {shell}: {name}");
            }
        }
        let script = run(tool, &["--completions", "bash"]).expect_code(0).stdout;
        let bash = Command::new("bash")
            .arg("-c")
            .arg(format!(
                "source /dev/stdin && COMP_WORDS=({tool} --qui) COMP_CWORD=1 && _{tool} {tool} --qui {tool} && echo \"${{COMPREPLY[@]}}\""
            ))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        assert_eq!(feed(bash, script).expect_code(0).text(), "--quiet\n", "{tool}");
    }
}

#[test]
fn a_man_page_or_completions_are_asked_for_alone() {
    let both = run("pstats", &["--man", "--completions", "bash"]).expect_code(2);
    assert!(both.stderr.contains("--man"), "{}", both.stderr);
    let unknown = run("pstats", &["--completions", "tcsh"]).expect_code(2);
    assert!(unknown.stderr.contains("'tcsh'") && unknown.stderr.contains("bash, elvish, fish"), "{}", unknown.stderr);
}
