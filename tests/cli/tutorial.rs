//! The tutorial and the pages of questions, followed line by line: commands work, and print what the pages show.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::page::{Reader, Running, Step, steps};

const TUTORIAL: &str = "docs/tutorial";
const QUESTIONS: &str = "docs/questions";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Follows a page in a folder of its own, in which `scripts` and `examples` are those of the project.
fn follow(path: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    for shared in ["scripts", "examples"] {
        std::os::unix::fs::symlink(root().join(shared), folder.path().join(shared)).expect("a link can be made");
    }
    let bin = crate::support::path("pgen");
    let bin = bin.parent().and_then(Path::to_str).expect("a folder");
    let mut reader = Reader::new();
    let mut server = None;
    let mut url = String::from("http://127.0.0.1:9");
    let mut commands = 0;
    for step in steps(&read(path)) {
        match step {
            Step::Server(command) => {
                drop(server.take());
                let started = Running::pserve(&command, folder.path());
                (server, url) = (Some(started.0), started.1);
            }
            Step::Command(command, expected) => {
                let environment = [("PULSE_URL", url.as_str()), ("PULSEPIPE_BIN", bin)];
                reader.follow(folder.path(), &command, expected.as_deref(), &environment);
                commands += 1;
            }
        }
    }
    assert!(commands > 0, "{path} has no command");
}

macro_rules! pages {
    ($($test:ident follows $page:literal;)*) => {
        $(#[test] fn $test() { follow($page); })*

        const FOLLOWED: &[&str] = &[$($page),*];
    };
}

pages! {
    performance_is_tested_as_the_tutorial_says follows "docs/tutorial/performance.md";
    the_rate_limit_is_met_as_the_tutorial_says follows "docs/tutorial/rate-limit.md";
    duplicates_are_found_as_the_tutorial_says follows "docs/tutorial/duplicates.md";
    searches_find_what_the_tutorial_says follows "docs/tutorial/search.md";
    the_dashboard_shows_what_the_tutorial_says follows "docs/tutorial/dashboard.md";
    stress_is_withstood_as_the_tutorial_says follows "docs/tutorial/stress.md";
    the_demo_goes_as_the_tutorial_says follows "docs/tutorial/demo.md";
    the_checklist_is_ticked_as_the_tutorial_says follows "docs/tutorial/checklist.md";
    the_queries_of_the_tutorial_find_what_it_shows follows "docs/tutorial/queries.md";
    best_practices_can_be_followed follows "docs/tutorial/best-practices.md";
    the_guides_troubles_end_as_the_tutorial_says follows "docs/tutorial/troubleshooting.md";
    a_gate_in_ci_works follows "docs/questions/ci-gate.md";
    ones_own_logs_can_be_used follows "docs/questions/my-logs.md";
    the_limit_can_be_found follows "docs/questions/find-the-limit.md";
    two_versions_can_be_compared follows "docs/questions/is-b-slower.md";
    alerts_can_be_tested follows "docs/questions/test-my-alerts.md";
}

fn pages_in(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".md")).map(|name| format!("{folder}/{name}")).collect()
}

#[test]
fn every_page_is_followed_and_every_folder_of_pages_has_an_index_that_names_each() {
    for folder in [TUTORIAL, QUESTIONS] {
        let index = read(&format!("{folder}/README.md"));
        for page in pages_in(folder) {
            let name = page.rsplit('/').next().expect("a name");
            if !["README.md", "messages.md"].contains(&name) {
                assert!(FOLLOWED.contains(&page.as_str()), "no test follows {page}");
            }
            assert!(name == "README.md" || index.contains(&format!("]({name})")), "{folder}/README.md: {name}");
        }
    }
}

#[test]
fn the_table_of_scripts_has_every_flag_that_the_guide_gives_them_and_the_tools_have_it_too() {
    let table = read("docs/tutorial/README.md");
    let guide = read("docs/guide.md");
    let text: String = guide.lines().filter(|line| !line.contains("psql")).map(|line| format!("{line} ")).collect();
    let mut flags = BTreeSet::new();
    for word in text.split(|c: char| c.is_whitespace() || c == '"') {
        if word.strip_prefix("--").is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic())) {
            flags.insert(word.to_owned());
        }
    }
    assert!(flags.len() >= 9, "{flags:?}");
    for flag in flags {
        assert!(table.contains(&format!("`{flag}")), "docs/tutorial/README.md does not have {flag}");
    }
}
