//! Every error with exit status 1 and every warning of the source has its line in docs/questions/messages.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a message begins with in the source, and whether all of the texts in the call are messages or only the first.
const CALLS: [(&str, bool); 3] = [("Error::failed(", false), (".warn(", false), ("console.error(", true)];

/// The shortest text that tells messages apart.
const TELLING: usize = 8;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            sources(&path, found);
        } else if !["tests", "simulation"].contains(&&*name) {
            found.push(path);
        }
    }
}

/// The string literals of a call, whose text begins behind its opening bracket.
fn literals(text: &str) -> Vec<String> {
    let (mut depth, mut found, mut inside) = (1, Vec::new(), None::<String>);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (&mut inside, c) {
            (Some(literal), '"') => {
                found.push(std::mem::take(literal));
                inside = None;
            }
            (Some(literal), '\\') => match chars.next() {
                // A line that goes on below begins behind its blanks.
                Some('\n') => {
                    let rest = chars.as_str().trim_start();
                    chars = rest.chars();
                }
                Some(escaped) => literal.push(escaped),
                None => break,
            },
            (Some(literal), c) => literal.push(c),
            (None, '"') => inside = Some(String::new()),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, _) => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

/// The longest piece of a format without its placeholders.
fn fixed_part(format: &str) -> String {
    let pieces = format.split(['{', '}']).enumerate().filter(|(at, _)| at % 2 == 0).map(|(_, piece)| piece.trim());
    pieces.max_by_key(|piece| piece.len()).unwrap_or_default().to_owned()
}

#[test]
fn every_error_that_ends_a_run_and_every_warning_is_explained() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/questions/messages.md")).expect("a page").replace("\\|", "|");
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let mut known = BTreeSet::new();
    let mut missing = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source");
        let code = text.split("\n#[cfg(test)]").next().expect("a beginning");
        for (call, all) in CALLS {
            for behind in code.split(call).skip(1) {
                let texts = literals(behind);
                for text in texts.iter().take(if all { texts.len() } else { 1 }) {
                    let part = fixed_part(text);
                    if part.len() < TELLING || !known.insert(part.clone()) {
                        continue;
                    }
                    if !page.contains(&part) {
                        missing.push(format!("{}: {text}", file.display()));
                    }
                }
            }
        }
    }
    assert!(known.len() > 60, "{} messages were found", known.len());
    assert!(missing.is_empty(), "docs/questions/messages.md does not have: {missing:#?}");
}

#[test]
fn a_message_is_found_by_the_part_of_it_that_never_differs() {
    assert_eq!(literals("format!(\"a {b} \\\"c\\\"\"), \"d\") \"e\""), ["a {b} \"c\"", "d"]);
    assert_eq!(literals("\"one \\\n     line\")"), ["one line"]);
    assert_eq!(fixed_part("{place}: line {n}: not a line of truth"), ": not a line of truth");
}
