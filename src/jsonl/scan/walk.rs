//! The walk over a whole line, for lines whose layout is not known: keeps a stack of its own, so that no depth exhausts
//! the thread's, and tells a [`Sink`] what it passes.

use super::fields::{FieldSet, NONE, index};
use super::text::Text;
use super::{NotAnObject, Spans};
use crate::jsonl::value;

/// Is told what a walk passes, in order. `field` is [`NONE`] for what nobody looks for.
pub(super) trait Sink {
    /// A key whose value replaces what stood under an equal key before.
    fn key(&mut self, fields: &[u32]);
    /// A string, number, true, false or null.
    fn scalar(&mut self, field: u32, from: usize, to: usize);
    /// An object or array begins.
    fn open(&mut self, field: u32, at: usize);
    /// It ends in front of this place.
    fn close(&mut self, field: u32, to: usize);
}

impl Sink for Spans {
    #[inline]
    fn key(&mut self, fields: &[u32]) {
        for field in fields {
            self.forget(*field);
        }
    }

    #[inline]
    fn scalar(&mut self, field: u32, from: usize, to: usize) {
        if field != NONE {
            self.set(field, index(from), index(to));
        }
    }

    #[inline]
    fn open(&mut self, field: u32, at: usize) {
        if field != NONE {
            self.set(field, index(at), index(at));
        }
    }

    #[inline]
    fn close(&mut self, field: u32, to: usize) {
        if field != NONE {
            self.set_end(field, index(to));
        }
    }
}

#[derive(Debug)]
struct Frame {
    node: u32,
    field: u32,
    is_object: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    FirstKey,
    Key,
    FirstElement,
    Value,
    Behind,
}

/// Walks lines; holds only what is reused from one to the next.
#[derive(Debug, Default)]
pub(super) struct Walker {
    stack: Vec<Frame>,
}

impl Walker {
    /// Passes over the one object that a line must be.
    pub(super) fn walk(
        &mut self,
        mut text: Text<'_>,
        fields: &FieldSet,
        sink: &mut impl Sink,
    ) -> Result<(), NotAnObject> {
        self.stack.clear();
        text.skip_space();
        if text.peek() != Some(b'{') {
            return Err(text.wrong(if text.at == text.line.len() { "nothing" } else { "a value that is no object" }));
        }
        let mut node = FieldSet::ROOT;
        let mut next = Next::Value;
        loop {
            text.skip_space();
            match next {
                Next::FirstKey | Next::Key => {
                    match text.peek() {
                        Some(b'"') => {}
                        Some(b'}') if next == Next::FirstKey => {
                            next = Next::Behind;
                            continue;
                        }
                        _ => return Err(text.wrong("no key")),
                    }
                    let from = text.at;
                    let escapes = text.string()?;
                    let raw = &text.line[from..text.at];
                    let parent = self.stack.last().expect("a key stands in an object").node;
                    node = match parent {
                        NONE => NONE,
                        _ if escapes => fields.child(parent, value::text(raw).unwrap_or_default().as_bytes()),
                        _ => fields.child(parent, &raw[1..raw.len() - 1]),
                    };
                    if node != NONE {
                        sink.key(fields.below(node));
                    }
                    text.skip_space();
                    text.expect(b':', "no colon behind a key")?;
                    next = Next::Value;
                }
                Next::FirstElement if text.peek() == Some(b']') => next = Next::Behind,
                Next::FirstElement | Next::Value => {
                    let from = text.at;
                    let field = fields.field(node);
                    match text.peek() {
                        Some(bracket @ (b'{' | b'[')) => {
                            text.at += 1;
                            sink.open(field, from);
                            let is_object = bracket == b'{';
                            self.stack.push(Frame { node: if is_object { node } else { NONE }, field, is_object });
                            node = NONE;
                            next = if is_object { Next::FirstKey } else { Next::FirstElement };
                        }
                        _ => {
                            text.scalar()?;
                            sink.scalar(field, from, text.at);
                            next = Next::Behind;
                        }
                    }
                }
                Next::Behind => {
                    let top = self.stack.last().expect("a value stands in an object or array");
                    match (text.peek(), top.is_object) {
                        (Some(b','), true) => next = Next::Key,
                        (Some(b','), false) => {
                            node = NONE;
                            next = Next::Value;
                        }
                        (Some(b'}'), true) | (Some(b']'), false) => {
                            sink.close(top.field, text.at + 1);
                            self.stack.pop();
                            if self.stack.is_empty() {
                                text.at += 1;
                                text.skip_space();
                                let whole = text.at == text.line.len();
                                return if whole { Ok(()) } else { Err(text.wrong("more behind the object")) };
                            }
                        }
                        (None, _) => return Err(text.wrong("the line ends inside the object")),
                        _ => return Err(text.wrong("neither comma nor closing bracket")),
                    }
                    text.at += 1;
                }
            }
        }
    }
}
