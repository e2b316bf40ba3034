//! Runs a program: copies literal text and writes fields.

use std::ops::Range;

use super::compile::{Compiled, Program};
use super::evaluate::{Frame, length};
use super::node::{Node, NodeId, Part, Slot, State, What, Write};
use super::text;
use crate::pgen::line::LineBuffer;
use crate::seed::Choice;

impl Compiled {
    /// Writes the event at hand to `out`, starting at `at`. Returns its end.
    #[inline]
    pub(super) fn write(&self, frame: &mut Frame, out: &mut [u8], at: usize) -> usize {
        let Program { writes, order } = &self.programs[usize::from(frame.now.kind)];
        self.evaluate(order, frame);
        let mut line = LineBuffer::new(out, at);
        self.run(writes.clone(), frame, &mut line);
        line.end()
    }

    fn run(&self, steps: Range<usize>, frame: &mut Frame, line: &mut LineBuffer<'_>) {
        let (mut at, end) = (steps.start, steps.end);
        // Whether the list at hand has an item.
        let mut is_begun = false;
        while at < end {
            match &self.writes[at] {
                Write::Literal(piece) => line.piece(&self.pieces, *piece),
                Write::Value(node) => self.write_value(*node, frame, line),
                Write::Text(node) => self.write_text(*node, frame, line),
                Write::Unless { absent, skip } => {
                    if frame.slots[self.nodes[*absent].slot].state == State::Absent {
                        at += skip;
                        continue;
                    }
                }
                Write::UnlessKey { missing, skip } => {
                    if frame.slots[self.nodes[*missing].slot].state != State::Present {
                        at += skip;
                        continue;
                    }
                }
                Write::Open => is_begun = false,
                Write::Separator(piece) => {
                    if is_begun {
                        line.piece(&self.pieces, *piece);
                    }
                    is_begun = true;
                }
                Write::Close => is_begun = true,
            }
            at += 1;
        }
    }

    /// Writes a field as a JSON value.
    fn write_value(&self, id: NodeId, frame: &mut Frame, line: &mut LineBuffer<'_>) {
        let node = &self.nodes[id];
        let Slot { value, state } = frame.slots[node.slot];
        if state != State::Present {
            return line.text(b"null");
        }
        match &node.what {
            What::Values { base, json, .. } => line.piece(&self.pieces, json[place(value, *base)]),
            What::Given { branches, .. } => self.write_value(branches[self.branch(node, frame)], frame, line),
            _ if node.quoted => {
                line.text(b"\"");
                self.write_text(id, frame, line);
                line.text(b"\"");
            }
            _ => self.write_text(id, frame, line),
        }
    }

    /// Writes a field within a string. One that is absent or null has no text.
    pub(super) fn write_text(&self, id: NodeId, frame: &mut Frame, line: &mut LineBuffer<'_>) {
        let node = &self.nodes[id];
        let Slot { value, state } = frame.slots[node.slot];
        if state != State::Present {
            return;
        }
        match &node.what {
            What::Values { base, text, .. } => line.piece(&self.pieces, text[place(value, *base)]),
            What::Number { places, .. } | What::Sum { places, .. } => line.decimal(value, *places),
            What::Counter { .. } => line.decimal(value, 0),
            What::Text(tokens) => {
                let (_, index) = frame.key(node.key);
                let draws = Choice::of_draw(value.cast_unsigned());
                text::write(tokens, &self.pieces, draws, index, frame.time(node.key), line);
            }
            What::Time { clock, clockwork, .. } => {
                let below = frame.below_micros(node.key);
                clockwork.write(value, below, &mut frame.seconds[*clock], line);
            }
            What::Given { branches, .. } => self.write_text(branches[self.branch(node, frame)], frame, line),
            What::Concat(parts) => {
                for part in parts {
                    match part {
                        Part::Literal(piece) => line.piece(&self.pieces, *piece),
                        Part::Field(field) => self.write_text(*field, frame, line),
                    }
                }
            }
            What::Hash { digits, .. } => write_digits(value.cast_unsigned(), *digits, line),
            What::Array { .. } => self.write_array(node, value.cast_unsigned(), frame, line),
            What::Object(steps) => self.run(steps.clone(), frame, line),
            What::Nothing | What::Member(_) | What::Session => {}
        }
    }

    fn write_array(&self, node: &Node, draw: u64, frame: &mut Frame, line: &mut LineBuffer<'_>) {
        let What::Array { number, lengths, item, order, separator } = &node.what else { return };
        let items = Choice::of_draw(draw);
        let mut is_begun = false;
        line.text(b"[");
        for index in 0..length(lengths, draw) {
            frame.items[*number] = (items.at(index), index);
            self.evaluate(order, frame);
            if frame.slots[self.nodes[*item].slot].state == State::Absent {
                continue;
            }
            if is_begun {
                line.piece(&self.pieces, *separator);
            }
            is_begun = true;
            self.write_value(*item, frame, line);
        }
        line.text(b"]");
    }
}

fn place(value: i64, base: usize) -> usize {
    usize::try_from(value).unwrap_or(base) - base
}

/// Hexadecimal digits, more than 16 of which continue those of the number.
fn write_digits(number: u64, digits: usize, line: &mut LineBuffer<'_>) {
    let more = Choice::of_draw(number);
    for part in 0..digits.div_ceil(16) {
        line.hex16(more.at(part as u64));
    }
    line.back(digits.div_ceil(16) * 16 - digits);
}
