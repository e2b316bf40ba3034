//! Scenarios: effects as data, built in or from a TOML file.
//!
//! ```toml
//! description = "Half of the payments fail for a quarter of an hour."
//!
//! [[errors]]              # the flag's name, its options as keys
//! p = "50%"
//! where = "service=payment-service"
//! from = "+2h"            # from the stream's start; or RFC 3339
//! until = "+2h15m"
//! ```

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::cli::input;
use crate::error::{Error, Result};
use crate::world::curve::CurveChoice;

use super::effect::KINDS;
use super::spec::{Spec, nearest};

/// The built-in scenarios.
const LIBRARY: [(&str, &str); 3] = [
    ("black-friday", include_str!("scenarios/black-friday.toml")),
    ("bad-deploy", include_str!("scenarios/bad-deploy.toml")),
    ("region-outage", include_str!("scenarios/region-outage.toml")),
];

/// The effects of a scenario: the flag of each kind, and its options.
pub(super) type Scenario = Vec<(&'static str, Spec)>;

/// The name of a scenario without its folder. The random choices of its effects are named after it.
pub(super) fn short_name(name: &Path) -> String {
    let file = name.file_name().unwrap_or(name.as_os_str()).to_string_lossy();
    file.strip_suffix(".toml").unwrap_or(&file).to_owned()
}

/// Whether there is a built-in scenario with this name.
pub(super) fn is_built_in(name: &Path) -> bool {
    LIBRARY.iter().any(|(known, _)| name == Path::new(known))
}

/// Loads the built-in scenario with this name, or the one in this file.
///
/// # Errors
/// If the file cannot be read, or is not a scenario: a usage error that names file, line and key.
pub(super) fn load(file: &Path) -> Result<Scenario> {
    if let Some((name, text)) = LIBRARY.iter().find(|(known, _)| file == Path::new(known)) {
        return parse(name, text);
    }
    let name = &*file.to_string_lossy();
    let text = input::file_text(file).map_err(|e| {
        let hint = nearest(name, LIBRARY.iter().map(|(name, _)| *name));
        let hint = hint.map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
        Error::usage(format!("--scenario {name}: {e}{hint} (--list-scenarios lists those that ship with pshape)"))
    })?;
    parse(name, &text)
}

/// The files that the effects of a scenario name, each with the place that names it.
pub(super) fn files(scenario: &Scenario) -> impl Iterator<Item = (String, PathBuf)> + '_ {
    let curves = scenario.iter().filter(|(flag, _)| *flag == "curve").map(|(_, spec)| spec);
    let named = curves.flat_map(|spec| ["name", "from"].map(|option| spec.peek(option)));
    named.flatten().filter_map(|(place, text)| match CurveChoice::of(OsStr::new(text)).ok()? {
        CurveChoice::File(path) => Some((place.to_owned(), path)),
        CurveChoice::Named(_) => None,
    })
}

/// The names and descriptions of the built-in scenarios, one per line.
pub(super) fn list() -> String {
    LIBRARY.iter().map(|(name, text)| format!("{name:<16}{}\n", description(text))).collect()
}

fn description(text: &str) -> String {
    let table = DeTable::parse(text).ok();
    let found = table.as_ref().and_then(|table| table.get_ref().get("description"));
    found.and_then(|value| value.get_ref().as_str()).unwrap_or_default().to_owned()
}

fn parse(file: &str, text: &str) -> Result<Scenario> {
    let line = |at: usize| text.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
    let wrong = |at: usize, why: String| Error::usage(format!("{file}:{}: {why}", line(at)));
    let table =
        DeTable::parse(text).map_err(|e| wrong(e.span().map_or(0, |span| span.start), e.message().to_owned()))?;
    let mut scenario = Scenario::new();
    for (key, value) in table.get_ref() {
        let (name, at) = (key.get_ref().as_ref(), key.span().start);
        if name == "description" {
            if value.get_ref().as_str().is_none() {
                return Err(wrong(at, "description: expected a string".to_owned()));
            }
            continue;
        }
        let Some(kind) = KINDS.iter().find(|kind| kind.flag == name) else {
            let near = nearest(name, KINDS.iter().map(|kind| kind.flag));
            let hint = near.map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
            return Err(wrong(at, format!("no effect is called '{name}'{hint}")));
        };
        for (at, options) in tables(value)
            .ok_or_else(|| wrong(at, format!("{name}: expected a table of options, such as [[{name}]]")))?
        {
            let place = |at: usize| format!("{file}:{}: {name}", line(at));
            let mut spec = Spec::empty(place(at), None);
            for (option, value) in options {
                let at = option.span().start;
                let text =
                    plain(value, text).ok_or_else(|| wrong(at, format!("{name}: {}: {FORM}", option.get_ref())))?;
                spec.give_at(option.get_ref(), &text, place(at))?;
            }
            scenario.push((kind.flag, spec));
        }
    }
    Ok(scenario)
}

/// The tables of an effect: one, or an array of them.
fn tables<'a, 'i>(value: &'a Spanned<DeValue<'i>>) -> Option<Vec<(usize, &'a DeTable<'i>)>> {
    let one = |value: &'a Spanned<DeValue<'i>>| Some((value.span().start, value.get_ref().as_table()?));
    match value.get_ref().as_array() {
        Some(array) => array.iter().map(one).collect(),
        None => Some(vec![one(value)?]),
    }
}

/// What the value of an option must be.
const FORM: &str = "expected a string, a number or a list of these";

/// The value of an option in the form of a flag. A list is joined with `/`.
fn plain(value: &Spanned<DeValue<'_>>, text: &str) -> Option<String> {
    match value.get_ref().as_array() {
        Some(array) => {
            array.iter().map(|item| scalar(item, text)).collect::<Option<Vec<_>>>().map(|items| items.join("/"))
        }
        None => scalar(value, text),
    }
}

fn scalar(value: &Spanned<DeValue<'_>>, text: &str) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Array(_) | DeValue::Table(_) => None,
        _ => Some(text.get(value.span())?.replace('_', "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_read_with_their_values_as_flags_have_them() {
        let text = "description = 'x'\n[[errors]]\np = 0.4\ncodes = [\"500:3\", \"503\"]\n[[errors]]\np = '5%'\n[drop]\np = 1\n";
        let scenario = parse("f", text).expect("a scenario");
        assert_eq!(scenario.iter().map(|(flag, _)| *flag).collect::<Vec<_>>(), ["drop", "errors", "errors"]);
        let mut first = scenario[1].1.clone();
        assert_eq!((first.text("p").as_deref(), first.text("codes").as_deref()), (Some("0.4"), Some("500:3/503")));
    }

    #[test]
    fn faults_in_a_file_are_placed() {
        let message = |text: &str| parse("f.toml", text).expect_err(text).to_string();
        assert_eq!(message("\n[[spiks]]\np = 1\n"), "f.toml:2: no effect is called 'spiks'; did you mean 'spikes'?");
        assert!(message("[[drop]]\np = \n").starts_with("f.toml:2: "));
        assert_eq!(message("drop = 1"), "f.toml:1: drop: expected a table of options, such as [[drop]]");
        for wrong in ["{ x = 1 }", "[[1]]"] {
            assert_eq!(message(&format!("[[drop]]\np = {wrong}")), format!("f.toml:2: drop: p: {FORM}"));
        }
        assert!(
            load(Path::new("blak-friday")).expect_err("a typo").to_string().contains("did you mean 'black-friday'?")
        );
    }

    #[test]
    fn each_option_and_each_table_has_its_own_line() {
        let text = "# a\n[[drop]]\np = 1\n\n[[drop]]\n# b\nburst = 3\n\n[late]\n\np = 2\n[[drop]]\n";
        let scenario = parse("f", text).expect("a scenario");
        let said: Vec<String> = scenario.iter().map(|(_, spec)| spec.wrong("x").to_string()).collect();
        assert_eq!(said, ["f:2: drop: x", "f:5: drop: x", "f:12: drop: x", "f:9: late: x"]);
        assert_eq!(scenario[1].1.invalid("burst", "3", "y").to_string(), "invalid value '3' for burst in f:7: drop: y");
        assert_eq!(scenario[3].1.invalid("p", "2", "y").to_string(), "invalid value '2' for p in f:11: late: y");
    }

    #[test]
    fn the_library_can_be_read_and_says_what_it_is_about() {
        for (name, text) in LIBRARY {
            assert!(!load(Path::new(name)).expect(name).is_empty());
            assert!(!description(text).is_empty(), "{name}");
        }
    }
}
