//! The architecture, as far as a test can hold it: what imports what, what is named where, and what must be absent.

mod imports;
mod layers;
mod packages;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const TOOLS: [&str; 6] = ["pgen", "pshape", "psend", "pstats", "pserve", "plearn"];

/// Packages that only one part of the house may name.
const OWNERS: [(&str, &[&str]); 11] = [
    ("clap::", &["args.rs", "cli.rs", "help.rs", "install.rs"]),
    ("h2::", &["psend"]),
    ("url::", &["psend"]),
    ("httparse::", &["psend"]),
    ("hyper::", &["psend", "pserve"]),
    ("hyper_util::", &["psend", "pserve"]),
    ("axum::", &["pserve"]),
    ("rusqlite::", &["pserve", "pstats"]),
    ("indicatif::", &["console.rs"]),
    ("signal_hook::", &["stop.rs"]),
    ("std::env::", &["cli", "args.rs", "pgen.rs", "pshape.rs", "psend.rs", "pstats.rs", "pserve.rs", "plearn.rs"]),
];

struct Source {
    path: PathBuf,
    /// The top-level module that it belongs to.
    module: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    files(&src, ".rs")
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(&src).unwrap();
            let module = inside.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).unwrap();
            Source { path: inside.to_owned(), module, text }
        })
        .collect()
}

/// The lines of a file that are code of the tool, without comments and tests.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(at, line)| (at + 1, line))
}

#[test]
fn each_module_has_its_own_use() {
    for source in sources() {
        for (line, text) in code(&source.text) {
            assert!(
                !text.contains("crate::{"),
                "src/{}:{line}: write one `use crate::…` for each module",
                source.path.display()
            );
        }
    }
}

/// The names of modules that only tests compile.
fn test_modules(sources: &[Source]) -> BTreeSet<String> {
    let declared = |text: &str| {
        let behind = text.split("#[cfg(test)]\nmod ").skip(1);
        behind.filter_map(|rest| rest.split_once(';').map(|(name, _)| name.to_owned())).collect::<Vec<_>>()
    };
    let names = sources.iter().flat_map(|source| declared(&source.text));
    names.filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_')).collect()
}

#[test]
fn packages_are_named_by_their_owners_alone() {
    let sources = sources();
    let test_modules = test_modules(&sources);
    let is_test =
        |path: &Path| path.iter().any(|part| test_modules.contains(part.to_string_lossy().trim_end_matches(".rs")));
    for source in sources.iter().filter(|source| !is_test(&source.path)) {
        let file = source.path.file_name().unwrap().to_string_lossy().into_owned();
        for (line, text) in code(&source.text) {
            for (package, owners) in OWNERS {
                let owned = owners.iter().any(|owner| *owner == source.module || *owner == file);
                assert!(owned || !text.contains(package), "src/{}:{line} names {package}", source.path.display());
            }
        }
    }
}

#[test]
fn only_the_console_writes_to_stderr_and_nobody_prints() {
    for source in sources() {
        let console = source.path.ends_with("cli/console.rs");
        for (line, text) in code(&source.text) {
            for print in ["println!", "eprint", "io::stderr()"] {
                assert!(console || !text.contains(print), "src/{}:{line} has {print}", source.path.display());
            }
        }
    }
}

#[test]
fn engines_are_given_the_time() {
    for source in sources().iter().filter(|s| s.module != "clock" && s.module != "cli") {
        for (line, text) in code(&source.text) {
            for clock in ["SystemTime::now", "Utc::now", "Local::now"] {
                assert!(!text.contains(clock), "src/{}:{line} reads {clock}", source.path.display());
            }
        }
    }
}

#[test]
fn every_file_says_what_it_is() {
    for path in files(&root().join("src"), ".rs").into_iter().chain(files(&root().join("tests"), ".rs")) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{} begins without a word on what it is", path.display());
    }
}

#[test]
fn no_file_is_a_catch_all() {
    for source in sources() {
        let name = source.path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            !["util", "utils", "helpers", "manager", "common", "misc"].contains(&&*name),
            "src/{}",
            source.path.display()
        );
        let lines = code(&source.text).count();
        assert!(lines <= 500, "src/{} has {lines} lines of code: two reasons to change?", source.path.display());
    }
}

#[test]
fn binaries_only_call_the_library() {
    for tool in TOOLS {
        let text = fs::read_to_string(root().join(format!("src/bin/{tool}.rs"))).unwrap();
        assert!(code(&text).count() <= 6, "src/bin/{tool}.rs does more than call the library");
    }
}

#[test]
fn docs_say_why_each_package_is_used() {
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let page = fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    let packages = ["dependencies", "dev-dependencies"].iter().flat_map(|t| manifest[*t].as_table().unwrap().keys());
    let unexplained: BTreeSet<&String> = packages.filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(unexplained.is_empty(), "docs/dependencies.md does not explain {unexplained:?}");
}

#[test]
fn every_package_is_used() {
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let code: String = ["src", "tests", "benches", "examples"]
        .iter()
        .flat_map(|folder| files(&root().join(folder), ".rs"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    for name in ["dependencies", "dev-dependencies"].iter().flat_map(|t| manifest[*t].as_table().unwrap().keys()) {
        let name = name.replace('-', "_");
        assert!(
            code.contains(&format!("{name}::")) || code.contains(&format!("use {name};")),
            "nothing uses {name}, which Cargo.toml asks for"
        );
    }
}

#[test]
fn every_shell_script_can_be_read_at_one_sitting() {
    for path in files(&root().join("scripts"), "") {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("#!"), "{} has no first line that says what runs it", path.display());
        assert!(text.lines().count() <= 150, "{} is long for a script", path.display());
    }
}
