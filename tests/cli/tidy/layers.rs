//! The map of layers, and the rule that no files or modules need each other in a circle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use super::imports::{Arrow, File, arrows, parent};
use super::{Source, TOOLS, sources};

/// The layers of `src`, ground first. An import goes down, to a layer further up in this list.
/// It does not go sideways, to another module of the same layer: tools in particular never import each other. Only in the
/// ground may a module import those to its left.
const LAYERS: [&[&str]; 7] = [
    &["error", "clock", "seed", "statistics", "time"],
    &["cli", "page"],
    &["jsonl"],
    &["record"],
    &["world"],
    &TOOLS,
    &["bin"],
];

/// Arrows that break a rule and are still to go. An entry that is no longer needed fails the test, so the list only shrinks.
const KNOWN: [(&str, &str); 0] = [];

/// What breaks a rule, without the arrows in `known`.
fn faults(files: &[File], known: &[(&str, &str)]) -> Vec<String> {
    let arrows = arrows(files);
    let judged: Vec<&Arrow> = arrows.iter().filter(|arrow| !known.contains(&(&*arrow.from, &*arrow.to))).collect();
    let modules = files.iter().map(|file| top(&file.module));
    let unplaced = modules.filter(|module| !module.is_empty() && place(module).is_none());
    let mut faults: Vec<String> = unplaced.map(|module| format!("{module} stands in no layer")).collect();
    faults.extend(judged.iter().filter_map(|arrow| not_down(arrow)));
    faults.extend(circles(&judged));
    faults
}

/// What is wrong with an arrow between two layers.
fn not_down(arrow: &Arrow) -> Option<String> {
    let (from, to) = (top(&arrow.from), top(&arrow.to));
    let (above, below) = (place(from)?, place(to)?);
    let is_allowed = from == to || above.0 > below.0 || above.0 == 0 && above > below;
    (!is_allowed).then(|| format!("{}: {from} must not import {to}", shown(arrow)))
}

/// A module's layer, and its place in it.
fn place(module: &str) -> Option<(usize, usize)> {
    let found = |(nth, layer): (usize, &&[&str])| Some((nth, layer.iter().position(|other| *other == module)?));
    LAYERS.iter().enumerate().find_map(found)
}

fn top(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

/// `src/cli/values.rs:336 needs jsonl::scan`.
fn shown(arrow: &Arrow) -> String {
    format!("src/{}.rs:{} needs {}", arrow.from.replace("::", "/"), arrow.line, arrow.to)
}

/// One circle for each group of files or modules that need each other.
///
/// Within each module, its own file and each of its children with all below it are looked at as one thing each. A circle of
/// files is a circle of such things too, in the module that holds all of its files.
fn circles(arrows: &[&Arrow]) -> Vec<String> {
    let modules = arrows.iter().flat_map(|arrow| [&*arrow.from, &*arrow.to]);
    let wholes: BTreeSet<&str> =
        modules.flat_map(|module| std::iter::successors(Some(module), |m| parent(m))).collect();
    wholes.into_iter().flat_map(|whole| circles_within(whole, arrows)).collect()
}

fn circles_within(whole: &str, arrows: &[&Arrow]) -> Vec<String> {
    let mut needs: BTreeMap<&str, BTreeMap<&str, &Arrow>> = BTreeMap::new();
    for arrow in arrows {
        if let (Some(from), Some(to)) = (part(whole, &arrow.from), part(whole, &arrow.to))
            && from != to
        {
            needs.entry(from).or_default().entry(to).or_insert(arrow);
        }
    }
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for start in needs.keys() {
        let Some(circle) = shortest_circle(start, &needs).filter(|_| !told.contains(start)) else { continue };
        told.extend(circle.iter().map(|arrow| part(whole, &arrow.from).expect("it was put in by its part")));
        let steps: Vec<String> = circle.iter().map(|arrow| shown(arrow)).collect();
        found.push(format!("a circle: {}", steps.join(", ")));
    }
    found
}

/// The child of `whole` that holds a module, or `whole` for its own file. `None` if the module lies elsewhere.
fn part<'a>(whole: &'a str, module: &'a str) -> Option<&'a str> {
    if module == whole {
        return Some(whole);
    }
    let start =
        if whole.is_empty() { 0 } else { module.strip_prefix(whole)?.strip_prefix("::").map(|_| whole.len() + 2)? };
    Some(module[start..].find("::").map_or(module, |end| &module[..start + end]))
}

/// The arrows of a shortest way from `start` back to it.
fn shortest_circle<'a>(start: &str, needs: &BTreeMap<&'a str, BTreeMap<&'a str, &'a Arrow>>) -> Option<Vec<&'a Arrow>> {
    let mut ways = VecDeque::from([(start, Vec::new())]);
    let mut seen = BTreeSet::new();
    while let Some((at, way)) = ways.pop_front() {
        for (next, arrow) in needs.get(at).into_iter().flatten() {
            let mut way: Vec<&Arrow> = way.clone();
            way.push(arrow);
            if *next == start {
                return Some(way);
            }
            if seen.insert(*next) {
                ways.push_back((next, way));
            }
        }
    }
    None
}

fn files(sources: &[Source]) -> Vec<File> {
    sources.iter().map(|source| File::read(&source.path, &source.text)).collect()
}

#[test]
fn imports_go_down_and_never_in_a_circle() {
    let faults = faults(&files(&sources()), &KNOWN);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_known_exception_is_still_needed() {
    let files = files(&sources());
    for exception in KNOWN {
        let others: Vec<(&str, &str)> = KNOWN.into_iter().filter(|other| *other != exception).collect();
        assert!(!faults(&files, &others).is_empty(), "{exception:?} breaks no rule any more: take it off the list");
    }
}

#[test]
fn a_planted_fault_is_found() {
    let (sources, files) = (sources(), files(&sources()));
    let faults = |planted: &[(&str, &str)]| {
        let mut files = files.clone();
        for (path, code) in planted {
            let path = Path::new(path);
            match sources.iter().position(|source| source.path == path) {
                Some(at) => files[at] = File::read(path, &format!("{}{code}", sources[at].text)),
                None => files.push(File::read(path, code)),
            }
        }
        faults(&files, &KNOWN)
    };
    for (path, code, fault) in [
        // Up, from each layer to the next, and in each way to write it.
        ("error.rs", "use crate::cli::Stop;", "error must not import cli"),
        ("page.rs", "use crate::jsonl::LineReader;", "page must not import jsonl"),
        ("cli/stop.rs", "use crate::jsonl::{LineReader, lines as all};", "cli must not import jsonl"),
        ("jsonl/value.rs", "fn f() { super::super::record::outcome::write() }", "jsonl must not import record"),
        ("record/truth.rs", "fn f() { print!(\"{}\", crate::world::places()) }", "record must not import world"),
        ("world/latency.rs", "use super::super::pgen as tool; use tool::alias::Alias;", "world must not import pgen"),
        // Sideways.
        ("pgen/alias.rs", "use crate::psend::retry::Policy;", "pgen must not import psend"),
        ("cli/stop.rs", "use crate::page::escape;", "cli must not import page"),
        ("error.rs", "use crate::clock::Micros;", "error must not import clock"),
        ("drawer.rs", "use crate::error::Error;", "drawer stands in no layer"),
    ] {
        let faults = faults(&[(path, code)]).join("\n");
        assert!(faults.contains(fault), "{path}: {code}: {faults}");
    }
    let circles: [(&[(&str, &str)], &str); 6] = [
        // Two files, and three.
        (
            &[("pgen/one.rs", "use super::two::Two;"), ("pgen/two.rs", "use super::one::One;")],
            "a circle: src/pgen/one.rs:1 needs pgen::two, src/pgen/two.rs:1 needs pgen::one",
        ),
        (
            &[
                ("pgen/one.rs", "use super::two::Two;"),
                ("pgen/two.rs", "use super::three::Three;"),
                ("pgen/three.rs", "fn f() { super::one::g() }"),
            ],
            "a circle: src/pgen/one.rs:1 needs pgen::two, src/pgen/two.rs:1 needs pgen::three, src/pgen/three.rs:1 needs pgen::one",
        ),
        // Modules that need each other, though none of their files does.
        (
            &[
                ("pgen/one.rs", "use super::two::inner::Two;"),
                ("pgen/two/inner.rs", ""),
                ("pgen/two/other.rs", "use crate::pgen::one::One;"),
                ("pgen/two.rs", "mod inner; mod other;"),
            ],
            "a circle: src/pgen/one.rs:1 needs pgen::two::inner, src/pgen/two/other.rs:1 needs pgen::one",
        ),
        // A parent and its child.
        (
            &[("pgen/one.rs", "mod two; use self::two::Two;"), ("pgen/one/two.rs", "use super::One;")],
            "a circle: src/pgen/one.rs:1 needs pgen::one::two, src/pgen/one/two.rs:1 needs pgen::one",
        ),
        (
            &[("pgen/one.rs", "mod two; pub use two::Two; struct One(Two);"), ("pgen/one/two.rs", "use super::One;")],
            "a circle: src/pgen/one.rs:1 needs pgen::one::two, src/pgen/one/two.rs:1 needs pgen::one",
        ),
        (
            &[
                ("pgen/one.rs", "mod two; struct One; fn f(one: One) { one.check() }"),
                ("pgen/one/two.rs", "use super::One; impl One { fn check(&self) {} }"),
            ],
            "a circle: src/pgen/one.rs:1 needs pgen::one::two, src/pgen/one/two.rs:1 needs pgen::one",
        ),
    ];
    for (planted, fault) in circles {
        assert_eq!(faults(planted), [fault], "{planted:?}");
    }
    let allowed: [&[(&str, &str)]; 3] = [
        &[("clock.rs", "fn f() -> crate::error::Result<()> {}")],
        &[("pgen/one.rs", "mod two; pub use two::Two;"), ("pgen/one/two.rs", "use super::One;")],
        &[("pgen/one.rs", "#[cfg(test)]\nmod tests { use crate::psend::retry::Policy; }")],
    ];
    for planted in allowed {
        assert_eq!(faults(planted), [""; 0], "{planted:?}");
    }
}
