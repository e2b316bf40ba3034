//! Templates: the shape of an event or object, with holes for its members.

use super::toml::{self, WIDTH};
use super::values::literal;
use crate::plearn::braces;
use crate::plearn::learn::model::{Class, Learned, Literal, Node, Value};

/// The template of a shape, as a TOML string.
pub(super) fn write(shape: &Node, learned: &[Learned], names: &[String]) -> String {
    let mut lines = Lines { done: String::new(), line: String::new() };
    template(shape, learned, names, &mut lines);
    toml::long_text(&lines.end())
}

/// The members of a shape.
pub(super) fn members(node: &Node) -> Vec<usize> {
    match node {
        Node::Member(member) => vec![*member],
        Node::Object { items, .. } => items.iter().flat_map(|item| members(&item.node)).collect(),
    }
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

fn template(node: &Node, learned: &[Learned], names: &[String], out: &mut Lines) {
    match node {
        Node::Member(member) => match in_template(&learned[*member]) {
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
                template(&item.node, learned, names, out);
            }
            out.push(close);
        }
    }
}

/// A constant as it stands in a template, between quotes that are its own.
fn in_template(member: &Learned) -> Option<String> {
    let [Class { value: Value::Literal(value), .. }] = &member.classes[..] else { return None };
    Some(match value {
        Literal::Text(content) => braces::doubled(&serde_json::Value::from(content.as_str()).to_string()),
        Literal::Json(json) if json.starts_with('[') && json.contains(['{', '}']) => {
            // Braces are doubled within strings, and arrays of objects are never literals.
            braces::doubled(json)
        }
        Literal::Json(json) => json.clone(),
    })
}

/// What is said of a constant.
pub(super) fn constant(member: &Learned) -> Option<String> {
    let [Class { value: Value::Literal(value), .. }] = &member.classes[..] else { return None };
    Some(literal(value))
}
