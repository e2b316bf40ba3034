//! Fields as they are evaluated: each has a slot for its value, and a key that says what the value is fixed for.

use std::ops::Range;

use super::calendar::Clockwork;
use super::members::Draw;
use super::number::Numbers;
use crate::clock::Micros;
use crate::pgen::alias::AliasTable;
use crate::pgen::line::Piece;
use crate::seed::Choice;

/// An index into the nodes.
pub(super) type NodeId = usize;

/// What a value is fixed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FixedFor {
    Event,
    Session,
    /// The member that this node draws.
    Member(NodeId),
    /// The item at hand of an array, by the array's number.
    Item(usize),
}

/// A field, for one key.
#[derive(Debug)]
pub(super) struct Node {
    /// Where its value is kept. A branch shares that of its field.
    pub(super) slot: NodeId,
    pub(super) key: FixedFor,
    /// The array whose items have a value of their own.
    pub(super) home: Option<usize>,
    pub(super) draw: Choice,
    /// Present only if this holds.
    pub(super) presence: Option<Chance>,
    /// Null if this holds.
    pub(super) null: Option<Chance>,
    pub(super) quoted: bool,
    pub(super) what: What,
    /// Nodes that are evaluated before it.
    pub(super) needs: Vec<NodeId>,
    /// A bound of its length in bytes.
    pub(super) longest: usize,
}

/// Something that holds with a probability.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance {
    pub(super) draw: Choice,
    /// It holds if the draw is below; `None` is always.
    pub(super) threshold: Option<u64>,
}

impl Chance {
    /// Something that holds with this probability.
    pub(super) fn new(draw: Choice, probability: f64) -> Self {
        // Products below 2^64 are exact in the 53 bits that a probability has.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let threshold = (probability < 1.0).then_some((probability * 18_446_744_073_709_551_616.0) as u64);
        Self { draw, threshold }
    }

    #[inline]
    pub(super) fn holds(self, key: u64) -> bool {
        self.threshold.is_none_or(|threshold| self.draw.at(key) < threshold)
    }
}

#[derive(Debug)]
pub(super) enum What {
    Nothing,
    Session,
    /// One of a list. Its value is its index, counted from `base`.
    Values {
        pick: Pick,
        base: usize,
        json: Box<[Piece]>,
        text: Box<[Piece]>,
        numbers: Box<[i64]>,
        places: u32,
    },
    Number {
        numbers: Numbers,
        places: u32,
        spikes: bool,
    },
    Counter {
        start: i64,
        step: i64,
    },
    Text(Box<[Token]>),
    Time {
        clock: usize,
        clockwork: Clockwork,
        plus: Option<(NodeId, Plus)>,
    },
    Member(Draw),
    Given {
        of: NodeId,
        table: Box<[u32]>,
        branches: Box<[NodeId]>,
        places: u32,
    },
    Sum {
        of: Box<[NodeId]>,
        plus: i64,
        places: u32,
    },
    Concat(Box<[Part]>),
    Hash {
        of: Box<[NodeId]>,
        digits: usize,
    },
    Array {
        number: usize,
        lengths: Numbers,
        item: NodeId,
        order: Box<[NodeId]>,
        separator: Piece,
    },
    Object(Range<usize>),
}

/// How one of a list is found.
#[derive(Debug)]
pub(super) enum Pick {
    /// There is only one.
    First,
    /// The kind of event.
    Kind,
    Weighted(AliasTable),
}

/// How a number becomes microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plus {
    pub(super) factor: i64,
    pub(super) divisor: i64,
}

/// A part of a text.
#[derive(Debug)]
pub(super) enum Part {
    Literal(Piece),
    Field(NodeId),
}

/// A part of a random text.
#[derive(Debug)]
pub(super) enum Token {
    Literal(Piece),
    /// Hexadecimal digits.
    Hex(usize),
    Digits(usize),
    Chars {
        alphabet: &'static [u8],
        count: usize,
    },
    Between {
        low: u64,
        width: u64,
    },
    Index {
        width: usize,
    },
    Uuid4,
    Uuid7,
    Ulid,
    Ipv4 {
        network: u32,
        bits: u32,
    },
    Ipv6 {
        network: u128,
        bits: u32,
    },
    Words {
        least: u64,
        more: u64,
    },
}

/// A step of writing a template.
#[derive(Debug)]
pub(super) enum Write {
    Literal(Piece),
    Value(NodeId),
    Text(NodeId),
    /// Skips this many steps if the field is absent.
    Unless {
        absent: NodeId,
        skip: usize,
    },
    /// Skips them if the field is absent or null: a key needs a text.
    UnlessKey {
        missing: NodeId,
        skip: usize,
    },
    /// A list begins, of which the first item may be left out.
    Open,
    /// What stands before an item, unless it is the first.
    Separator(Piece),
    /// A list within an item has ended.
    Close,
}

/// Whether a field has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    #[default]
    Present,
    Null,
    Absent,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Slot {
    pub(super) value: i64,
    pub(super) state: State,
}

/// The event at hand.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EventContext {
    pub(super) event: u64,
    pub(super) at: Micros,
    pub(super) kind: u16,
    /// The first event of its session.
    pub(super) session: u64,
    pub(super) session_at: Micros,
    /// As `below_micros`, of the first event of its session.
    pub(super) session_below_micros: u64,
    /// The factor of `--spikes` in 2^-16, or 0 if it is not a spike.
    pub(super) spike: u64,
    /// Uniform; gives the digits of times below a microsecond.
    pub(super) below_micros: u64,
}
