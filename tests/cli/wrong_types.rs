//! Files of settings with a value of a wrong type: each value of the files that the tools ship, replaced by each of some others. No tool
//! panics, and what it refuses it names with its file, its line and its key.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::thread;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::support::{run, tool};

/// A value in a file: the keys that lead to it, and its position.
struct Leaf {
    keys: Vec<String>,
    span: Range<usize>,
}

/// The values of a file. Of values that the same keys lead to, as in an array of tables, there is one.
fn leaves(text: &str) -> Vec<Leaf> {
    let table = DeTable::parse(text).expect("the shipped file is TOML");
    let mut found = Vec::new();
    walk_table(table.get_ref(), &[], &mut found);
    let mut seen = BTreeSet::new();
    found.retain(|leaf| seen.insert(leaf.keys.clone()));
    found
}

fn walk_table(table: &DeTable<'_>, keys: &[String], found: &mut Vec<Leaf>) {
    for (key, value) in table {
        walk(value, &[keys, &[key.get_ref().to_string()]].concat(), found);
    }
}

fn walk(value: &Spanned<DeValue<'_>>, keys: &[String], found: &mut Vec<Leaf>) {
    match value.get_ref() {
        DeValue::Table(table) => walk_table(table, keys, found),
        DeValue::Array(array) => {
            let has_tables = array.iter().any(|item| item.get_ref().is_table());
            array.iter().for_each(|item| walk(item, &[keys, &["[]".to_owned()]].concat(), found));
            if !has_tables {
                found.push(Leaf { keys: keys.to_vec(), span: value.span() });
            }
        }
        _ => found.push(Leaf { keys: keys.to_vec(), span: value.span() }),
    }
}

/// Values of another type than the one in a file, or of a size that nobody expects. The first are of no use anywhere.
const NEVER_RIGHT: [&str; 2] = ["{ wrong = 1 }", "[[[1]]]"];
const RARELY_RIGHT: [&str; 6] = ["17", "'x'", "''", "[]", "-1", "9223372036854775807"];

/// The error of a tool about a file of settings in which a value was replaced. `None` if it accepts the file.
fn complaint(command: &[&str], file: &Path) -> Result<(), String> {
    let ended = tool(command[0]).args(&command[1..]).arg(file).output().expect("it runs");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    match ended.status.code() {
        Some(0) => Ok(()),
        Some(2) => Err(said),
        other => panic!("{command:?} ended with {other:?}: {said}"),
    }
}

/// Replaces each value of a file by each of the others, and lets the tool read it.
fn try_all(command: &[&str], text: &str) {
    let (_folder, file) = write("right.toml", text);
    complaint(command, &file).expect("the shipped file is right");
    let leaves = leaves(text);
    assert!(leaves.len() >= 5, "{} values", leaves.len());
    let half = leaves.len().div_ceil(2);
    thread::scope(|scope| {
        for part in leaves.chunks(half) {
            scope.spawn(move || part.iter().for_each(|leaf| try_leaf(command, text, leaf)));
        }
    });
}

fn try_leaf(command: &[&str], text: &str, leaf: &Leaf) {
    let name = leaf.keys.join(".");
    let key = leaf.keys.iter().rev().find(|key| *key != "[]").expect("a key");
    let line = text[..leaf.span.start].matches('\n').count() + 1;
    let (_folder, file) = write("wrong.toml", "");
    for (value, is_never_right) in
        NEVER_RIGHT.iter().map(|value| (value, true)).chain(RARELY_RIGHT.iter().map(|value| (value, false)))
    {
        let mut wrong = text.to_owned();
        wrong.replace_range(leaf.span.clone(), value);
        std::fs::write(&file, wrong).expect("written");
        let Err(said) = complaint(command, &file) else {
            assert!(!is_never_right, "{} takes {name} = {value}", command[0]);
            continue;
        };
        assert!(said.contains("wrong.toml"), "{name} = {value}: {said}");
        let is_placed = said.contains(&format!(":{line}:")) || said.contains(&format!("line {line},"));
        assert!(is_placed || !is_never_right, "{name} = {value} in line {line}: {said}");
        // Another key may no longer go with this one.
        let is_named = said.contains(key.as_str()) || said.contains(": line ") || is_placed && said.contains(*value);
        assert!(is_named, "{name} = {value}: {said}");
    }
}

fn write(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(name);
    std::fs::write(&file, text).expect("written");
    (folder, file)
}

#[test]
fn a_dialect_with_a_value_of_a_wrong_type_is_refused_with_its_place() {
    let text = run("psend", &["--print-dialect"]).expect_code(0).text().to_owned();
    try_all(&["psend", "-q", "--url", "http://127.0.0.1:9", "--dialect"], &text);
}

#[test]
fn a_profile_with_a_value_of_a_wrong_type_is_refused_with_its_place() {
    let text = run("pgen", &["--print-profile"]).expect_code(0).text().to_owned();
    try_all(&["pgen", "-q", "-n", "1", "--seed", "1", "-o", "/dev/null", "--profile"], &text);
}

#[test]
fn a_scenario_with_a_value_of_a_wrong_type_is_refused_with_its_place() {
    for name in ["black-friday", "bad-deploy", "region-outage"] {
        let text = std::fs::read_to_string(format!("src/pshape/scenarios/{name}.toml")).expect("the scenario");
        try_all(&["pshape", "-q", "--seed", "1", "--scenario"], &text);
    }
}
