//! Evaluates fields into slots.

use xxhash_rust::xxh3::xxh3_64;

use super::calendar::SecondText;
use super::compile::Compiled;
use super::node::{EventContext, FixedFor, Node, NodeId, Pick, Slot, State, What};
use super::number::Numbers;
use crate::clock::Micros;
use crate::pgen::line::{LineBuffer, SLACK};
use crate::seed::mix;

/// The values of the event at hand, and what is kept from event to event for speed.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) now: EventContext,
    pub(super) slots: Vec<Slot>,
    /// For each array, the key and number of the item at hand.
    pub(super) items: Vec<(u64, u64)>,
    pub(super) seconds: Vec<SecondText>,
    /// Where texts are written that are only hashed.
    scratch: Vec<u8>,
}

impl Frame {
    /// Makes room for the values of a world.
    pub(super) fn prepare(&mut self, world: &Compiled) {
        self.slots.resize(world.nodes.len(), Slot::default());
        self.items.resize(world.arrays, (0, 0));
        self.seconds.resize(world.clocks, SecondText::default());
    }

    /// What a value is fixed for, and its number.
    #[inline]
    pub(super) fn key(&self, key: FixedFor) -> (u64, u64) {
        match key {
            FixedFor::Event => (self.now.event, self.now.event),
            FixedFor::Session => (self.now.session, self.now.session),
            FixedFor::Member(node) => {
                let member = self.slots[node].value.cast_unsigned();
                (member, member)
            }
            FixedFor::Item(array) => self.items[array],
        }
    }

    /// The moment of an event or session.
    #[inline]
    pub(super) fn time(&self, key: FixedFor) -> Micros {
        if key == FixedFor::Session { self.now.session_at } else { self.now.at }
    }

    /// What gives the digits of this moment below a microsecond.
    #[inline]
    pub(super) fn below_micros(&self, key: FixedFor) -> u64 {
        if key == FixedFor::Session { self.now.session_below_micros } else { self.now.below_micros }
    }
}

impl Compiled {
    /// Evaluates fields in this order.
    #[inline]
    pub(super) fn evaluate(&self, order: &[NodeId], frame: &mut Frame) {
        for id in order {
            let node = &self.nodes[*id];
            let (key, index) = frame.key(node.key);
            frame.slots[node.slot] = self.slot(node, key, index, frame);
        }
    }

    fn slot(&self, node: &Node, key: u64, index: u64, frame: &mut Frame) -> Slot {
        let mut slot = Slot { value: 0, state: State::Present };
        slot.value = match &node.what {
            What::Values { pick, base, .. } => {
                let place = match pick {
                    Pick::First => 0,
                    Pick::Kind => usize::from(frame.now.kind),
                    Pick::Weighted(table) => table.pick(node.draw.at(key)),
                };
                (base + place) as i64
            }
            What::Number { numbers, spikes, .. } => {
                let number = numbers.pick(node.draw.at(key));
                if *spikes && frame.now.spike > 0 { spiked(number, frame.now.spike) } else { number }
            }
            What::Counter { start, step } => start.wrapping_add(step.wrapping_mul(index.cast_signed())),
            What::Text(_) | What::Array { .. } => node.draw.at(key).cast_signed(),
            What::Time { plus, .. } => {
                let more = plus.map_or(0, |(node, plus)| {
                    let number =
                        i128::from(self.number(node, frame)) * i128::from(plus.factor) / i128::from(plus.divisor);
                    i64::try_from(number).unwrap_or(0)
                });
                frame.time(node.key).saturating_add(more)
            }
            What::Member(draw) => draw.pick(node.draw.at(key), key).cast_signed(),
            What::Session => key.cast_signed(),
            What::Given { branches, .. } => {
                slot = self.slot(&self.nodes[branches[self.branch(node, frame)]], key, index, frame);
                slot.value
            }
            What::Sum { of, plus, places } => {
                let terms = of.iter().map(|term| self.scaled(*term, *places, frame));
                terms.fold(*plus, i64::saturating_add)
            }
            What::Hash { of, .. } => self.hash(of, frame).cast_signed(),
            What::Nothing | What::Concat(_) | What::Object(_) => 0,
        };
        if node.presence.is_some_and(|presence| !presence.holds(key)) {
            slot.state = State::Absent;
        } else if slot.state == State::Present && node.null.is_some_and(|null| null.holds(key)) {
            slot.state = State::Null;
        }
        slot
    }

    /// Which branch of a field applies.
    #[inline]
    pub(super) fn branch(&self, node: &Node, frame: &Frame) -> usize {
        let What::Given { of, table, .. } = &node.what else { return 0 };
        let value = usize::try_from(frame.slots[*of].value).unwrap_or(0);
        table[value] as usize
    }

    /// A number times 10 to the power of its places; 0 if it is absent or null.
    pub(super) fn number(&self, id: NodeId, frame: &Frame) -> i64 {
        let node = &self.nodes[id];
        let Slot { value, state } = frame.slots[node.slot];
        if state != State::Present {
            return 0;
        }
        match &node.what {
            What::Values { base, numbers, .. } => numbers[usize::try_from(value).unwrap_or(0) - base],
            What::Given { branches, places, .. } => self.scaled(branches[self.branch(node, frame)], *places, frame),
            _ => value,
        }
    }

    /// A number times 10 to the power of `places`, which are at least its own.
    fn scaled(&self, id: NodeId, places: u32, frame: &Frame) -> i64 {
        let own = match &self.nodes[id].what {
            What::Values { places, .. }
            | What::Number { places, .. }
            | What::Sum { places, .. }
            | What::Given { places, .. } => *places,
            _ => 0,
        };
        self.number(id, frame).saturating_mul(10_i64.pow(places - own))
    }

    /// The hash of the texts of fields.
    fn hash(&self, of: &[NodeId], frame: &mut Frame) -> u64 {
        let mut scratch = std::mem::take(&mut frame.scratch);
        let room: usize = of.iter().map(|node| self.nodes[*node].longest + 1).sum();
        if scratch.len() < room + SLACK {
            scratch.resize(room + SLACK, 0);
        }
        let mut line = LineBuffer::new(&mut scratch, 0);
        for node in of {
            self.write_text(*node, frame, &mut line);
            // "ab" and "c" are not "a" and "bc".
            line.text(b"\0");
        }
        let hash = xxh3_64(line.written(0));
        frame.scratch = scratch;
        hash
    }
}

/// A number times a factor in 2^-16.
fn spiked(number: i64, factor: u64) -> i64 {
    let product = i128::from(number) * i128::from(factor);
    i64::try_from((product + (1 << 15)) >> 16).unwrap_or(number)
}

/// How many items an array has, by the draw from which the keys of its items are drawn too.
pub(super) fn length(lengths: &Numbers, draw: u64) -> u64 {
    u64::try_from(lengths.pick(mix(draw))).unwrap_or(0)
}
