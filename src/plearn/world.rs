//! Writes what was learnt as a profile for pgen, for people to read, sign off and change.

mod fields;
mod names;
mod role;
mod template;
mod toml;
mod values;

use std::collections::BTreeSet;

use self::fields::{Writer, notes};
use self::names::names;
use self::role::{Role, roles};
use self::template::constant;
use self::toml::comment;
use self::values::Around;
use super::learn::model::Learnt;
use crate::cli::numbers::{count, counted};
use crate::time;

/// The world as TOML.
pub(super) fn write(learnt: &Learnt) -> String {
    let paths: Vec<&str> = learnt.members.iter().map(|member| &*member.path).collect();
    let names = names(&paths);
    let roles = roles(&learnt.members);
    let mut out = head(learnt);
    let all: u64 = learnt.kinds.iter().map(|kind| kind.count).sum();
    for kind in &learnt.kinds {
        out.push_str("\n[[events]]\n");
        out.push_str(&format!("name = {}\n", toml::text(&kind.name)));
        if learnt.kinds.len() > 1 {
            #[allow(clippy::cast_precision_loss)] // counts far below 2^53
            let part = kind.count as f64 / all.max(1) as f64;
            out.push_str(&format!("weight = {}\n", toml::number(values::share(part, 100.0))));
        }
        out.push_str(&format!("template = {}\n", template::write(&kind.shape, &learnt.members, &names)));
    }
    // A member of layouts that were left out is nowhere.
    let mut used: BTreeSet<usize> = learnt.kinds.iter().flat_map(|kind| template::members(&kind.shape)).collect();
    let mut texts: Vec<usize> = used.iter().copied().collect();
    while let Some(place) = texts.pop() {
        texts.extend(learnt.members[place].refers_to().filter(|other| used.insert(*other)));
    }
    let constants = used
        .iter()
        .map(|place| &learnt.members[*place])
        .filter_map(|member| constant(member).map(|value| (member, value)));
    let constants: Vec<String> = constants
        .map(|(member, _)| {
            let how =
                member.notes.first().map_or("kept", |note| if note.contains("made up") { "made up" } else { "kept" });
            format!("{} ({how})", member.path)
        })
        .collect();
    if !constants.is_empty() {
        out.push('\n');
        comment(&mut out, &format!("The same in all events that have them: {}.", constants.join(", ")));
    }
    let around = Around { members: &learnt.members, names: &names, roles: &roles };
    let writer = Writer { within: "fields".to_owned(), kinds: &learnt.kinds, around };
    for (place, member) in learnt.members.iter().enumerate() {
        if roles[place] == Role::Constant || !used.contains(&place) {
            continue;
        }
        out.push('\n');
        comment(&mut out, &format!("{}: {}.", member.path, notes(&member.notes)));
        writer.write(place, &mut out);
    }
    if let Some(weights) = &learnt.traffic {
        out.push('\n');
        comment(&mut out, "Events by hour of the week in UTC, Monday first; 100 is the mean.");
        out.push_str("[traffic]\nweights = [\n");
        for day in weights.chunks(24) {
            let day: Vec<String> = day.iter().map(|weight| toml::number(*weight)).collect();
            out.push_str(&format!("  [{}],\n", day.join(", ")));
        }
        out.push_str("]\n");
    }
    out
}

fn head(learnt: &Learnt) -> String {
    let about = &learnt.about;
    let mut out = String::new();
    let span = about.span.map_or_else(String::new, |(first, last)| {
        format!(
            ", from {} to {}",
            time::format(first - first.rem_euclid(1_000_000)),
            time::format(last - last.rem_euclid(1_000_000))
        )
    });
    comment(&mut out, &format!("Learnt by plearn from {}{span}.", counted(about.events, "event", "events")));
    comment(
        &mut out,
        &format!(
            "A value stands here only if at least {} events hold it and it does not look like an identifier, an address, a key or a \
             token. The comment of each member says what was kept and what was made up.",
            count(about.min_count)
        ),
    );
    about.notes.iter().for_each(|note| comment(&mut out, &format!("{note}.")));
    out
}
