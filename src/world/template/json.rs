//! Reads a template: one JSON text whose strings may have holes.

use super::hole::{self, Piece};
use super::reference::{Part, Reference};
use super::table::Value;
use crate::error::Result;

/// A part of a template.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// JSON without holes.
    Literal(String),
    /// A field's value.
    Hole(Reference),
    /// A string with text around its holes.
    Text(Vec<Part>),
    /// An object or array with holes.
    List { open: String, items: Vec<Item>, close: String },
}

/// A member of an object, or an item of an array.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// The comma and spaces before it; left out with it.
    pub(crate) before: String,
    /// The key of a member, with the colon and spaces behind it as its last part.
    pub(crate) key: Vec<Part>,
    pub(crate) value: Node,
}

/// Resolves the name in a hole.
pub(super) type Resolve<'r> = dyn Fn(&str) -> Result<Reference, String> + 'r;

/// Reads a template of one object.
pub(super) fn read(value: &Value<'_>, resolve: &Resolve<'_>) -> Result<Node> {
    let content = value.text()?;
    // Reading it as a value also refuses what is nested too deeply to be read by recursion.
    if let Err(error) = serde_json::from_str::<serde_json::Value>(content) {
        let line = content.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
        let at = (line + error.column().saturating_sub(1)).min(content.len());
        let at = (0..=at).rev().find(|at| content.is_char_boundary(*at)).unwrap_or(0);
        let words = error.to_string();
        let words = words.split(" at line ").next().unwrap_or_default();
        return Err(value.fault_within(content, at, format_args!("the template is not JSON: {words}")));
    }
    let mut reader = Reader { value, content, at: 0, resolve };
    let before = reader.spaces();
    if !reader.rest().starts_with('{') {
        return Err(value.fault_within(content, reader.at, "expected an object: { and } around its members"));
    }
    let node = reader.node()?;
    let behind = reader.spaces();
    Ok(match node {
        Node::Literal(json) => Node::Literal(before + &json + &behind),
        Node::List { open, items, close } => Node::List { open: before + &open, items, close: close + &behind },
        other => other,
    })
}

/// Reads text that is known to be JSON.
struct Reader<'r, 'c> {
    value: &'r Value<'c>,
    content: &'c str,
    at: usize,
    resolve: &'r Resolve<'r>,
}

impl<'c> Reader<'_, 'c> {
    fn rest(&self) -> &'c str {
        &self.content[self.at..]
    }

    /// Takes spaces. A line break and the spaces around it are left out, since an event is one line.
    fn spaces(&mut self) -> String {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        self.at += length;
        if rest[..length].contains(['\n', '\r']) { String::new() } else { rest[..length].to_owned() }
    }

    fn take(&mut self, length: usize) -> &'c str {
        let taken = &self.rest()[..length];
        self.at += length;
        taken
    }

    fn node(&mut self) -> Result<Node> {
        match self.rest().as_bytes().first() {
            Some(b'{') => self.list(true),
            Some(b'[') => self.list(false),
            Some(b'"') => self.string(),
            _ => {
                let length = self.rest().find([',', ']', '}', ' ', '\t', '\n', '\r']).unwrap_or(self.rest().len());
                Ok(Node::Literal(self.take(length).to_owned()))
            }
        }
    }

    /// The text between the quotes of a string, and the offset of its first byte.
    fn quoted(&mut self) -> (&'c str, usize) {
        self.take(1);
        let start = self.at;
        loop {
            let step = self.rest().find(['"', '\\']).unwrap_or(0);
            match self.take(step + 1).as_bytes()[step] {
                b'"' => return (&self.content[start..self.at - 1], start),
                _ => drop(self.take(self.rest().chars().next().map_or(0, char::len_utf8))),
            }
        }
    }

    fn parts(&mut self, text: &str, start: usize) -> Result<Vec<Part>> {
        let pieces =
            hole::split(text).map_err(|(at, words)| self.value.fault_within(self.content, start + at, words))?;
        let mut parts = Vec::new();
        for piece in pieces {
            parts.push(match piece {
                Piece::Text(text) => Part::Literal(text),
                Piece::Hole(name, at) => {
                    let found = (self.resolve)(name);
                    Part::Field(found.map_err(|words| self.value.fault_within(self.content, start + at, words))?)
                }
            });
        }
        Ok(parts)
    }

    fn string(&mut self) -> Result<Node> {
        let (text, start) = self.quoted();
        let mut parts = self.parts(text, start)?;
        Ok(match parts.pop() {
            None => Node::Literal("\"\"".to_owned()),
            Some(Part::Literal(text)) if parts.is_empty() => Node::Literal(format!("\"{text}\"")),
            Some(Part::Field(reference)) if parts.is_empty() => Node::Hole(reference),
            Some(last) => {
                parts.push(last);
                Node::Text(parts)
            }
        })
    }

    fn list(&mut self, is_object: bool) -> Result<Node> {
        let mut open = self.take(1).to_owned();
        let spaces = self.spaces();
        let (mut items, mut before) = (Vec::new(), String::new());
        open.push_str(&spaces);
        let close = loop {
            if self.rest().starts_with(['}', ']']) {
                break before + self.take(1);
            }
            let key = if is_object { self.key()? } else { Vec::new() };
            let value = self.node()?;
            items.push(Item { before, key, value });
            before = self.spaces();
            if self.rest().starts_with(',') {
                before.push_str(self.take(1));
                before.push_str(&self.spaces());
            }
        };
        Ok(folded(open, items, close))
    }

    fn key(&mut self) -> Result<Vec<Part>> {
        let (text, start) = self.quoted();
        let mut key = vec![Part::Literal("\"".to_owned())];
        key.extend(self.parts(text, start)?);
        let before = self.spaces();
        self.take(1);
        let behind = self.spaces();
        key.push(Part::Literal(format!("\"{before}:{behind}")));
        Ok(key)
    }
}

/// A list as a literal, if it has no holes.
fn folded(open: String, items: Vec<Item>, close: String) -> Node {
    let mut text = open.clone();
    for item in &items {
        text.push_str(&item.before);
        for part in &item.key {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Field(_) => return Node::List { open, items, close },
            }
        }
        match &item.value {
            Node::Literal(literal) => text.push_str(literal),
            _ => return Node::List { open, items, close },
        }
    }
    Node::Literal(text + &close)
}
