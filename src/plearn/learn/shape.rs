//! The shape of a line: its keys, their order and the spaces, with members in place of values.

use super::model::{Item, Node};

/// Reads the shape of a line that is one JSON object. `leaves` are the members of its values, in order; those without a member are
/// left out. Returns `None` if nothing is left.
pub(super) fn of(line: &[u8], leaves: &[(usize, usize, Option<usize>)]) -> Option<Node> {
    let text = std::str::from_utf8(line).ok()?;
    let mut reader = Reader { text, at: 0, leaves };
    let lead = reader.spaces();
    match reader.node()? {
        Node::Object { open, items, close } => {
            let tail = reader.spaces();
            Some(Node::Object { open: format!("{lead}{open}"), items, close: format!("{close}{tail}") })
        }
        Node::Member(_) => None,
    }
}

struct Reader<'l> {
    text: &'l str,
    at: usize,
    leaves: &'l [(usize, usize, Option<usize>)],
}

impl<'l> Reader<'l> {
    fn take_while(&mut self, holds: impl Fn(char) -> bool) -> &'l str {
        let rest = &self.text[self.at..];
        let length = rest.find(|c| !holds(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn spaces(&mut self) -> &'l str {
        self.take_while(|c| c.is_ascii_whitespace())
    }

    /// The value at hand: a member, or an object around some. `None` if it is left out.
    fn node(&mut self) -> Option<Node> {
        if let Some((&(start, end, member), rest)) = self.leaves.split_first()
            && start == self.at
        {
            self.leaves = rest;
            self.at = end;
            return member.map(Node::Member);
        }
        self.object()
    }

    fn object(&mut self) -> Option<Node> {
        self.at += 1;
        let mut before = String::new();
        let open = format!("{{{}", self.spaces());
        let mut items: Vec<Item> = Vec::new();
        loop {
            let rest = &self.text[self.at..];
            if rest.is_empty() {
                return None;
            }
            if rest.starts_with('}') {
                self.at += 1;
                break;
            }
            let key = self.key();
            let colon = self.take_while(|c| c == ':' || c.is_ascii_whitespace()).to_owned();
            if let Some(node) = self.node() {
                // The first that stays has no comma before it.
                let before = if items.is_empty() { String::new() } else { std::mem::take(&mut before) };
                items.push(Item { before, key, colon, node });
            }
            let behind = self.take_while(|c| c == ',' || c.is_ascii_whitespace());
            if behind.contains(',') {
                before = behind.to_owned();
            } else {
                before.clear();
                before.push_str(behind);
            }
        }
        let close = if before.contains(',') { "}".to_owned() } else { format!("{before}}}") };
        (!items.is_empty()).then_some(Node::Object { open, items, close })
    }

    fn key(&mut self) -> String {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        while let Some(byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => self.at += 1,
                _ => {}
            }
        }
        self.text[start..self.at].to_owned()
    }
}

/// The members of a shape, in order.
pub(super) fn members(node: &Node) -> Vec<usize> {
    match node {
        Node::Member(member) => vec![*member],
        Node::Object { items, .. } => items.iter().flat_map(|item| members(&item.node)).collect(),
    }
}

/// The objects within a shape, by their keys.
pub(super) fn objects(node: &Node) -> String {
    let Node::Object { items, .. } = node else { return String::new() };
    let mut inner: Vec<String> = items
        .iter()
        .filter(|item| matches!(item.node, Node::Object { .. }))
        .map(|item| format!("{}{}", item.key, objects(&item.node)))
        .collect();
    inner.sort();
    format!("{{{}}}", inner.join(","))
}

/// Adds to `base` what another shape has more, each behind what stands before it there.
pub(super) fn join(base: &mut Node, other: &Node) {
    let (Node::Object { items, .. }, Node::Object { items: more, .. }) = (base, other) else { return };
    let mut place = 0;
    for item in more {
        match items.iter().position(|known| known.key == item.key) {
            Some(known) => {
                join(&mut items[known].node, &item.node);
                place = known + 1;
            }
            None => {
                let mut item = item.clone();
                let comma =
                    |items: &[Item]| items.iter().map(|item| &item.before).find(|before| !before.is_empty()).cloned();
                if place == 0 {
                    if let Some(first) = items.first_mut() {
                        first.before = if item.colon.ends_with(' ') { ", ".to_owned() } else { ",".to_owned() };
                    }
                    item.before.clear();
                } else if item.before.is_empty() {
                    let default = if item.colon.ends_with(' ') { ", " } else { "," };
                    item.before = comma(items).unwrap_or_else(|| default.to_owned());
                }
                items.insert(place, item);
                place += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(node: &Node) -> String {
        match node {
            Node::Member(member) => format!("<{member}>"),
            Node::Object { open, items, close } => {
                let items = items
                    .iter()
                    .map(|item| format!("{}{}{}{}", item.before, item.key, item.colon, written(&item.node)));
                format!("{open}{}{close}", items.collect::<String>())
            }
        }
    }

    #[test]
    fn a_shape_keeps_order_and_spaces_and_leaves_members_out_with_their_commas() {
        let line = r#" {"a": 1, "b": {"c":2 ,"d\"": 3 } , "e": 4}"#;
        let leaf = |digit: char, member| {
            let at = line.find(digit).expect("it is there");
            (at, at + 1, member)
        };
        let leaves = |a, c, d, e| [leaf('1', a), leaf('2', c), leaf('3', d), leaf('4', e)];
        let shape =
            |leaves: [(usize, usize, Option<usize>); 4]| of(line.as_bytes(), &leaves).map(|node| written(&node));
        assert_eq!(
            shape(leaves(Some(0), Some(1), Some(2), Some(3))).as_deref(),
            Some(r#" {"a": <0>, "b": {"c":<1> ,"d\"": <2> } , "e": <3>}"#)
        );
        assert_eq!(shape(leaves(None, None, Some(2), None)).as_deref(), Some(r#" {"b": {"d\"": <2> }}"#));
        assert_eq!(shape(leaves(Some(0), None, None, Some(3))).as_deref(), Some(r#" {"a": <0> , "e": <3>}"#));
        assert_eq!(shape(leaves(None, None, None, None)), None);
    }

    #[test]
    fn shapes_are_joined_in_the_order_of_both() {
        let shape = |line: &str, members: &[usize]| {
            let places = line.match_indices('1').map(|(at, _)| at);
            let leaves: Vec<_> = places.zip(members).map(|(at, member)| (at, at + 1, Some(*member))).collect();
            of(line.as_bytes(), &leaves).expect("a shape")
        };
        let mut base = shape(r#"{"a":1,"o":{"x":1},"z":1}"#, &[0, 1, 2]);
        assert_eq!(objects(&base), r#"{"o"{}}"#);
        join(&mut base, &shape(r#"{"f":1,"o":{"x":1,"y":1},"m":1,"z":1}"#, &[3, 1, 4, 5, 2]));
        assert_eq!(written(&base), r#"{"f":<3>,"a":<0>,"o":{"x":<1>,"y":<4>},"m":<5>,"z":<2>}"#);
    }
}
