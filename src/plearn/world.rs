//! Writes what was learnt as a profile for pgen, for people to read, sign off and change.

mod fields;
mod names;
mod role;
mod toml;
mod values;

use std::collections::BTreeSet;

use self::fields::{Writer, constant, in_template};
use self::names::names;
use self::role::{Role, roles};
use self::values::Around;
use super::braces;
use super::learn::model::{Learnt, Node};
use crate::cli::numbers::{count, counted};
use crate::time;

/// The width of a comment or template that is broken into lines.
const WIDTH: usize = 120;

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
        let mut lines = Lines { done: String::new(), line: String::new() };
        template(&kind.shape, learnt, &names, &mut lines);
        out.push_str(&format!("template = {}\n", toml::long_text(&lines.end())));
    }
    // A member of layouts that were left out is nowhere.
    let mut used: BTreeSet<usize> = learnt.kinds.iter().flat_map(|kind| members(&kind.shape)).collect();
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
    let writer = Writer { kinds: &learnt.kinds, around };
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

/// The members of a shape.
fn members(node: &Node) -> Vec<usize> {
    match node {
        Node::Member(member) => vec![*member],
        Node::Object { items, .. } => items.iter().flat_map(|item| members(&item.node)).collect(),
    }
}

fn notes(notes: &[String]) -> String {
    if notes.is_empty() { "its form is kept, its values are made up".to_owned() } else { notes.join("; ") }
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

/// A comment, broken into lines.
fn comment(out: &mut String, text: &str) {
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width == 0 {
            out.push_str("# ");
            width = 1;
        } else if width + length + 1 > WIDTH {
            out.push_str("\n# ");
            width = 1;
        } else {
            out.push(' ');
        }
        out.extend(word.chars().map(|c| if c.is_control() { '?' } else { c }));
        width += length + 1;
    }
    out.push('\n');
}

/// The lines of a template, which may be broken where pgen leaves a line break out.
struct Lines {
    done: String,
    line: String,
}

impl Lines {
    fn push(&mut self, text: &str) {
        self.line.push_str(text);
    }

    /// Breaks the line if it is long.
    fn may_break(&mut self) {
        if self.line.chars().count() > WIDTH - 30 {
            self.done.push_str(&self.line);
            self.done.push('\n');
            self.line.clear();
        }
    }

    fn end(mut self) -> String {
        self.done.push_str(&self.line);
        self.done
    }
}

fn template(node: &Node, learnt: &Learnt, names: &[String], out: &mut Lines) {
    match node {
        Node::Member(member) => match in_template(&learnt.members[*member]) {
            Some(json) => out.push(&json),
            None => out.push(&format!("\"{{{}}}\"", names[*member])),
        },
        Node::Object { open, items, close } => {
            out.push(open);
            for item in items {
                out.push(&item.before);
                // A break swallows the spaces around it, so it may only stand where there are none.
                if item.before == "," {
                    out.may_break();
                }
                out.push(&braces::doubled(&item.key));
                out.push(&item.colon);
                template(&item.node, learnt, names, out);
            }
            out.push(close);
        }
    }
}
