//! The packages that this project is built of are what deny.toml allows. `cargo deny` checks the same, and is not everywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::root;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn deny() -> toml::Table {
    fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap()
}

/// The packages in Cargo.lock, for all systems, but for this one: name, version, source.
fn locked() -> Vec<(String, String, String)> {
    let lock: toml::Table = fs::read_to_string(root().join("Cargo.lock")).unwrap().parse().unwrap();
    let packages = lock["package"].as_array().unwrap().iter();
    let text = |package: &toml::Value, key: &str| package.get(key).map_or("", |text| text.as_str().unwrap()).to_owned();
    packages
        .map(|package| (text(package, "name"), text(package, "version"), text(package, "source")))
        .filter(|(name, ..)| name != env!("CARGO_PKG_NAME"))
        .collect()
}

#[test]
fn every_package_comes_from_crates_io() {
    let others: Vec<_> = locked().into_iter().filter(|(.., source)| source != CRATES_IO).collect();
    assert!(others.is_empty(), "packages from elsewhere: {others:?}");
    assert_eq!(deny()["sources"]["unknown-registry"].as_str(), Some("deny"));
    assert_eq!(deny()["sources"]["unknown-git"].as_str(), Some("deny"));
}

/// Whether this licence expression (SPDX) can be met by these licences alone.
fn is_met(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = &words[..];
    let met = one_of(&mut rest, allowed);
    assert!(rest.is_empty(), "not a licence expression: {expression}");
    met
}

fn one_of(words: &mut &[&str], allowed: &BTreeSet<&str>) -> bool {
    let mut met = all_of(words, allowed);
    while let ["OR", rest @ ..] = words {
        *words = rest;
        met |= all_of(words, allowed);
    }
    met
}

fn all_of(words: &mut &[&str], allowed: &BTreeSet<&str>) -> bool {
    let mut met = licence(words, allowed);
    while let ["AND", rest @ ..] = words {
        *words = rest;
        met &= licence(words, allowed);
    }
    met
}

fn licence(words: &mut &[&str], allowed: &BTreeSet<&str>) -> bool {
    match *words {
        ["(", rest @ ..] => {
            *words = rest;
            let met = one_of(words, allowed);
            *words = words.strip_prefix(&[")"]).expect("a closing bracket");
            met
        }
        [name, "WITH", exception, rest @ ..] => {
            *words = rest;
            allowed.contains(format!("{name} WITH {exception}").as_str())
        }
        [name, rest @ ..] => {
            *words = rest;
            allowed.contains(name)
        }
        [] => false,
    }
}

#[test]
fn licence_expressions_are_read_as_spdx_defines_them() {
    let allowed = BTreeSet::from(["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]);
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0 OR MIT AND ISC", true),
        ("MIT AND GPL-3.0 OR Apache-2.0", false),
        ("(GPL-3.0 OR MIT) AND ISC", true),
        ("(GPL-3.0 OR Apache-2.0) AND ISC", false),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("Apache-2.0", false),
        ("", false),
    ] {
        assert_eq!(is_met(expression, &allowed), met, "{expression}");
    }
}

#[test]
fn every_licence_is_one_that_deny_toml_allows() {
    let deny = deny();
    let allowed = deny["licenses"]["allow"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let allowed: BTreeSet<&str> = allowed.collect();
    // Packages for other systems are not on this disk.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let arguments = ["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", &target];
    let ended = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let metadata: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100, "{} packages", packages.len());
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| !is_met(package["license"].as_str().unwrap_or_default(), &allowed))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert!(refused.is_empty(), "licences that deny.toml does not allow: {refused:#?}");
}

/// The part of a version that changes when a package is no longer compatible: `1`, `0.23`, or `0.0.3`.
fn line_of(version: &str) -> String {
    let numbers: Vec<&str> = version.split(['.', '+', '-']).take(3).collect();
    let places = numbers.iter().position(|number| *number != "0").map_or(numbers.len(), |place| place + 1);
    numbers[..places].join(".")
}

#[test]
fn a_package_is_there_once_unless_deny_toml_says_why_not() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, version, _) in locked() {
        versions.entry(name).or_default().insert(line_of(&version));
    }
    let deny = deny();
    let bans = &deny["bans"];
    assert_eq!(bans["multiple-versions"].as_str(), Some("deny"));
    let mut skipped: BTreeSet<(String, String)> = BTreeSet::new();
    for entry in bans["skip"].as_array().unwrap() {
        let (name, version) = entry["crate"].as_str().unwrap().split_once('@').expect("NAME@VERSION");
        assert!(entry["reason"].as_str().is_some_and(|reason| reason.len() > 20), "{name}: expected a reason");
        assert!(versions.contains_key(name), "deny.toml: {name} is no longer used");
        skipped.insert((name.to_owned(), line_of(version)));
    }
    for (name, versions) in &versions {
        let unexplained: Vec<_> =
            versions.iter().filter(|version| !skipped.contains(&(name.clone(), (*version).clone()))).collect();
        assert!(unexplained.len() <= 1, "{name} is there as {unexplained:?}: deny.toml gives no reason");
    }
    for (name, version) in &skipped {
        let is_needed = versions[name].len() > 1 && versions[name].contains(version);
        assert!(is_needed, "deny.toml: {name} {version} needs no exception any more");
    }
}
