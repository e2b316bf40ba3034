//! The README's commands are run as they stand there.

use crate::support::server::Server;
use crate::support::{sample, shell_in};
use std::fs;
use std::path::Path;

fn readme() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

/// The fenced blocks of this language.
pub fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside: Option<Vec<&str>> = None;
    for line in text.lines() {
        match &mut inside {
            None if line.trim_end() == format!("```{language}") => inside = Some(Vec::new()),
            None => {}
            Some(_) if line.starts_with("```") => found.push(inside.take().unwrap().join("\n")),
            Some(lines) => lines.push(line),
        }
    }
    found
}

#[test]
fn every_command_of_the_readme_works() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    fs::copy(sample(), folder.path().join("events.jsonl")).unwrap();
    let blocks = blocks(&readme(), "sh");
    assert!(!blocks.is_empty(), "the README shows commands");
    for block in blocks {
        shell_in(folder.path(), &block, &[("PULSE_URL", server.url())]).expect_code(0);
    }
}

#[test]
fn every_recipe_works() {
    let server = Server::start(&[]);
    let recipes = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/recipes.md")).unwrap();
    for block in blocks(&recipes, "sh") {
        let needed = block.lines().find_map(|line| line.strip_prefix("# needs "));
        if let Some(program) =
            needed.filter(|program| shell_in(Path::new("."), &format!("command -v {program}"), &[]).code() != 0)
        {
            eprintln!("skipped: a recipe that needs {program}");
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        shell_in(folder.path(), &block, &[("PULSE_URL", server.url())]).expect_code(0);
    }
}

#[test]
fn the_readme_names_the_two_commands_that_set_everything_up() {
    // `scripts/check` takes its test command from here, and `pipeline.rs` runs the demo.
    assert_eq!(blocks(&readme(), "bash"), ["scripts/demo", "cargo test"]);
}

#[test]
fn the_readme_shows_each_tool() {
    let readme = readme();
    for tool in ["pgen", "pshape", "psend", "pstats", "pserve"] {
        assert!(readme.contains(&format!("| `{tool}` |")), "{tool} has no row in the table of tools");
    }
}

#[test]
fn every_link_between_the_documents_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/pgen.md", "docs/pshape.md", "docs/psend.md"];
    for page in pages.into_iter().chain(["docs/pstats.md", "docs/pserve.md", "docs/recipes.md", "docs/contracts.md"]) {
        let page = root.join(page);
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            let outside = target.is_empty() || target.contains("://");
            assert!(outside || page.parent().unwrap().join(target).exists(), "{}: {link}", page.display());
        }
    }
}
