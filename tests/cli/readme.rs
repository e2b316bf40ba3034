//! Runs the commands of the documents unchanged, and checks that what they name exists.

use crate::support::server::Server;
use crate::support::{run, sample, shell, shell_in};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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

/// Runs the blocks of a page one after the other in a folder that holds `events.jsonl`, against a server of their own.
fn run_commands_of(page: &str) {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    fs::copy(sample(), folder.path().join("events.jsonl")).unwrap();
    let blocks = blocks(page, "sh");
    assert!(!blocks.is_empty(), "the page shows commands");
    for block in blocks {
        shell_in(folder.path(), &block, &[("PULSE_URL", server.url())]).expect_code(0);
    }
}

#[test]
fn every_command_of_the_readme_works() {
    run_commands_of(&readme());
}

#[test]
fn every_command_of_psends_page_works() {
    run_commands_of(&fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/psend.md")).unwrap());
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
    for tool in ["pgen", "pshape", "psend", "pstats", "pserve", "plearn"] {
        assert!(readme.contains(&format!("| `{tool}` |")), "{tool} has no row in the table of tools");
    }
}

/// What `--help` lists of a tool: long names, short ones.
pub fn flags_of(tool: &str) -> Vec<(String, Option<String>)> {
    let help = run(tool, &["--help"]).expect_code(0);
    // Text about a flag is indented further than the flag.
    let is_flag = |line: &&str| line.len() - line.trim_start().len() <= 6;
    let flag = |line: &str| {
        let (short, long) = match line.trim_start().split_once(", --") {
            Some((short, long)) if short.starts_with('-') => (Some(short.to_owned()), long),
            _ => (None, line.trim_start().strip_prefix("--")?),
        };
        Some((format!("--{}", name(long)), short))
    };
    help.lines().into_iter().filter(is_flag).filter_map(flag).collect()
}

/// The letters, digits and hyphens that a text begins with.
fn name(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(text.len())]
}

/// The flags that a text names: of all programs, long and short.
fn flags_in(text: &str) -> BTreeSet<String> {
    let begins = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '-');
    let flags = text.match_indices('-').filter(|(at, _)| begins(*at)).map(|(at, _)| name(&text[at..]).to_owned());
    flags.filter(|flag| flag.trim_start_matches('-').starts_with(|c: char| c.is_ascii_alphabetic())).collect()
}

pub const TOOLS: [&str; 6] = ["pgen", "pshape", "psend", "pstats", "pserve", "plearn"];

#[test]
fn every_flag_of_a_tool_is_on_its_page() {
    for tool in TOOLS {
        let page = |name: &str| fs::read_to_string(format!("{}/docs/{name}.md", env!("CARGO_MANIFEST_DIR"))).unwrap();
        // What all tools have for their installation stands on one page.
        let named = &flags_in(&page(tool)) | &flags_in(&page("install"));
        let flags = flags_of(tool);
        assert!(flags.len() > 10, "{tool}: {flags:?}");
        for (long, short) in flags {
            let is_named = named.contains(&long) || short.is_some_and(|short| named.contains(&short));
            assert!(is_named || ["--help", "--version"].contains(&&*long), "docs/{tool}.md does not name {long}");
        }
    }
}

#[test]
fn no_document_names_a_flag_that_does_not_exist() {
    /// Flags of cargo, curl, GNU Parallel and scripts/demo.
    const OF_OTHERS: &[&str] = &[
        "--http2-prior-knowledge",
        "--serve",
        "--lib",
        "--data-urlencode",
        "--pipepart",
        "--block",
        "--path",
        "--twice",
        "--profile",
    ];
    let mut known: BTreeSet<String> = TOOLS.iter().flat_map(|tool| flags_of(tool)).map(|(long, _)| long).collect();
    known.extend(flags_in(shell("scripts/durability --help").expect_code(0).text()));
    let pages = ["README", "CONTRIBUTING", "CHANGELOG", "docs/install", "docs/recipes"].map(str::to_owned);
    for page in pages.into_iter().chain(TOOLS.map(|tool| format!("docs/{tool}"))) {
        let text = fs::read_to_string(format!("{}/{page}.md", env!("CARGO_MANIFEST_DIR"))).unwrap();
        for flag in flags_in(&text).iter().filter(|flag| flag.starts_with("--")) {
            assert!(known.contains(flag) || OF_OTHERS.contains(&&**flag), "{page}.md: no tool has {flag}");
        }
    }
}

/// The documents in a folder and in those within it.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            documents(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
}

/// The heading as links name it: `How alike?` is `how-alike`.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_between_the_documents_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(|page| root.join(page)).to_vec();
    for folder in ["docs", "deploy", "action"] {
        documents(&root.join(folder), &mut pages);
    }
    for page in &pages {
        for link in fs::read_to_string(page).unwrap().split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (target, place) = link.split_once('#').unwrap_or((link, ""));
            if target.contains("://") {
                continue;
            }
            let target = if target.is_empty() { page.clone() } else { page.parent().unwrap().join(target) };
            assert!(target.exists(), "{}: {link}", page.display());
            let has_place = || {
                let text = fs::read_to_string(&target).unwrap();
                let headings = text.lines().filter(|line| line.starts_with('#'));
                headings.map(|line| anchor(line.trim_start_matches('#'))).any(|heading| heading == place)
            };
            assert!(place.is_empty() || has_place(), "{}: {link}", page.display());
        }
    }
}
