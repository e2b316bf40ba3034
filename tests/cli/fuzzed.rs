//! `scripts/fuzz`: damaged input of every form does not harm the tools, and a tool that it harms is found.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::missing::lacks;
use crate::support::{path, shell};

/// Each target for this time, over the tools in this folder.
fn fuzz(arguments: &[&str], bin: &Path) -> Output {
    let mut script = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/fuzz"));
    script.args(arguments).env("PULSEPIPE_BIN", bin).output().expect("it runs")
}

#[allow(clippy::print_stderr)] // a test that cannot run says why
fn lacks_python() -> bool {
    if lacks("scripts/fuzz", &["python3"]) {
        return true;
    }
    let is_old = shell("python3 -c 'import sys; assert sys.version_info >= (3, 11)'").code() != 0;
    if is_old {
        eprintln!("skipped: scripts/fuzz needs Python 3.11");
    }
    is_old
}

#[test]
fn no_damaged_input_harms_a_tool() {
    if lacks_python() {
        return;
    }
    let built = path("pgen");
    let ended = fuzz(&["3s"], built.parent().expect("a folder"));
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{said}{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(said.matches(" runs, no finding").count(), 13, "{said}");
}

#[test]
fn a_tool_that_panics_or_miscounts_is_found_with_the_seed_that_repeats_it() {
    if lacks_python() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let built = path("pgen");
    std::os::unix::fs::symlink(&built, folder.path().join("pgen")).expect("a link can be made");
    let pstats = folder.path().join("pstats");
    for (script, found) in [
        ("exit 101", "ended with 101"),
        ("echo '{\"input\":{\"lines\":0,\"unreadable\":0}}'", "are no objects"),
        ("kill -9 $$", "ended with -9"),
    ] {
        fs::write(&pstats, format!("#!/bin/sh\n{script}\n")).expect("it is written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&pstats, mode).expect("it can be run");
        let ended = fuzz(&["lines", "9s", "7"], folder.path());
        let said = String::from_utf8_lossy(&ended.stdout);
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains("seed 7, lines, input in ") && said.contains(found), "{said}");
    }
}
