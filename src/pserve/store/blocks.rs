//! What a search needs to know of events, in blocks of some thousand, so that it need not read the events themselves.
//!
//! A block holds events that were stored one after another, in columns: of each field, one code a row and the few values that the codes
//! stand for. It is written once, when enough events have come; those since then are the tail, which the store looks through itself.
//! A search goes from the block with the newest event to older ones and reads only the columns that it asks for. Whether a store
//! keeps blocks in memory or in a database is not known here.

mod bits;
mod build;
mod count;
mod facts;
mod find;
mod ids;
mod numbers;
mod texts;

use super::{Search, StoreError};
use crate::clock::Micros;
pub(super) use bits::Bits;
pub(super) use build::{Builder, Row};
pub(super) use count::count;
pub(super) use facts::facts;
pub(super) use find::{find, place_of};

/// A block holds at most so many events. More would make the tail long, and fewer the blocks many. Tests fill blocks with fewer events.
pub(super) const EVENTS: usize = if cfg!(test) { 16 } else { 4096 };

/// Events of so many bytes make a block even if they are fewer.
const BYTES: usize = 4 << 20;

/// The number of each event, by which the store finds it again.
const NUMBER: usize = 0;
/// When each event happened.
const TIME: usize = 1;
/// The id of each event.
const ID: usize = 2;
const TENANT: usize = 3;
const STATUS: usize = 4;
/// The first of the fields that are texts, in the order of [`super::sql::texts`].
const TEXTS: usize = 5;
/// `metrics.response_time_ms` of each event, in eight bytes; not a number if there is none.
const LATENCY: usize = TEXTS + 9;
/// How many columns a block has.
pub(super) const COLUMNS: usize = LATENCY + 1;

/// What is known of a block without its columns.
#[derive(Debug, Clone)]
pub(super) struct Head {
    /// The number of its last event. No other block has it.
    pub last: i64,
    /// How many events it was made of.
    pub events: usize,
    /// When its oldest event happened.
    pub oldest: Micros,
    /// When its newest event happened.
    pub newest: Micros,
    /// Which events were removed since. Empty if none was.
    pub gone: Vec<u8>,
}

/// A block.
#[derive(Debug)]
pub(super) struct Block {
    pub head: Head,
    pub columns: [Vec<u8>; COLUMNS],
}

/// When an event happened, and its number: newest is greatest.
pub(super) type Place = (Micros, i64);

/// Where blocks are.
pub(super) trait Source {
    /// All blocks, in any order.
    fn heads(&mut self) -> Result<Vec<Head>, StoreError>;

    /// Shows a column of a block to `look`, which returns `None` if it is damaged.
    fn column(
        &mut self,
        block: i64,
        column: usize,
        look: &mut dyn FnMut(&[u8]) -> Option<()>,
    ) -> Result<(), StoreError>;

    /// The events that are in no block and match.
    fn tail(&mut self, tenant: &str, search: &Search) -> Result<Vec<Place>, StoreError>;
}

/// How much has come since the last block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pending {
    pub events: usize,
    pub bytes: usize,
}

impl Pending {
    /// Whether it is enough for a block.
    pub(super) fn is_enough(self) -> bool {
        self.events >= EVENTS || self.bytes >= BYTES
    }
}

impl std::ops::AddAssign for Pending {
    fn add_assign(&mut self, more: Self) {
        self.events += more.events;
        self.bytes += more.bytes;
    }
}

/// The error of a block that cannot be read.
pub(super) fn damaged(block: i64) -> StoreError {
    StoreError::Failed(format!("the block of columns that ends with event {block} is damaged"))
}
