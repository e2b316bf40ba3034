//! What holds for every script in `scripts/`: help is help, and what is not understood is refused before anything is done.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// All scripts that a user runs.
fn scripts() -> Vec<PathBuf> {
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts")).expect("a folder");
    let scripts: Vec<_> = folder.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file()).collect();
    assert!(scripts.len() >= 6, "{scripts:?}");
    scripts
}

/// Runs a script where no program but the shell's own tools is found, so that one which goes on to build cannot.
fn run(script: &PathBuf, argument: &str) -> Output {
    Command::new(script).arg(argument).env("PATH", "/usr/bin:/bin").env_remove("PGEN").output().expect("it runs")
}

#[test]
fn help_of_a_script_says_what_it_does() {
    for script in scripts() {
        for flag in ["--help", "-h"] {
            let ended = run(&script, flag);
            let said = String::from_utf8_lossy(&ended.stdout);
            let name = script.file_name().expect("a name").to_string_lossy();
            assert_eq!(ended.status.code(), Some(0), "{name} {flag}: {}", String::from_utf8_lossy(&ended.stderr));
            assert!(said.len() > 60 && !said.contains('#') && !said.contains("set -"), "{name} {flag}: {said}");
        }
    }
}

#[test]
fn an_argument_that_a_script_does_not_know_is_refused_with_the_way_to_its_help() {
    for script in scripts() {
        for argument in ["--nonsense", "-x"] {
            let ended = run(&script, argument);
            let said = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(ended.status.code(), Some(2), "{} {argument}: {said}", script.display());
            let name = script.file_name().expect("a name").to_string_lossy();
            assert!(said.contains(&*name) && said.lines().count() == 1, "{name} {argument}: {said}");
        }
    }
}
