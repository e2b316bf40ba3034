//! Lines that are held back, until an event time or until some line has passed. Bounded in bytes.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::clock::Micros;

use crate::record::truth::Faults;

use super::truth::Account;

/// A line that is ready to be written at its place.
#[derive(Debug)]
pub(super) struct HeldLine {
    /// Its bytes with the terminator.
    pub bytes: Vec<u8>,
    /// Its truth.
    pub truth: Account,
    /// How many lines it still lets pass once its time has come.
    pub behind: u64,
    /// The effects that gave it another place, if a later line goes before it.
    pub movers: Vec<usize>,
    /// The line if no later line goes before it. `None` if its bytes are the same.
    pub stays: Option<Box<KeepsPlace>>,
}

/// A line that keeps its place. Its label does not name the effects that should have moved it.
#[derive(Debug)]
pub(super) struct KeepsPlace {
    /// Its bytes with the terminator.
    pub bytes: Vec<u8>,
    /// The truth about it.
    pub faults: Faults,
    /// Whether it still has a label.
    pub is_labelled: bool,
}

/// What a held line costs besides its bytes.
const OVERHEAD: usize = 128;

impl HeldLine {
    fn cost(&self) -> usize {
        let stays = self.stays.as_ref().map_or(0, |stays| stays.bytes.capacity() + stays.faults.capacity() + OVERHEAD);
        self.bytes.capacity() + self.truth.faults.capacity() + stays + OVERHEAD
    }
}

/// A line in a queue. Lines with equal keys leave in the order in which they came.
#[derive(Debug)]
struct Entry {
    key: i64,
    entered: u64,
    line: HeldLine,
}

impl Entry {
    fn order(&self) -> (i64, u64) {
        (self.key, self.entered)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

/// The lines held back.
#[derive(Debug)]
pub(super) struct Held {
    by_time: BinaryHeap<Reverse<Entry>>,
    by_line: BinaryHeap<Reverse<Entry>>,
    entered: u64,
    bytes: usize,
    max_bytes: usize,
    early: u64,
}

impl Held {
    /// Holds at most this many bytes.
    pub(super) fn new(max_bytes: usize) -> Self {
        let (by_time, by_line) = (BinaryHeap::new(), BinaryHeap::new());
        Self { by_time, by_line, entered: 0, bytes: 0, max_bytes, early: 0 }
    }

    /// How many lines had to leave early because there was no room.
    pub(super) fn early(&self) -> u64 {
        self.early
    }

    /// Holds a line until this event time.
    pub(super) fn until(&mut self, time: Micros, line: HeldLine) {
        let entry = self.enter(time, line);
        self.by_time.push(entry);
    }

    /// Holds a line until this line of the input has been written.
    pub(super) fn behind(&mut self, seq: u64, line: HeldLine) {
        let entry = self.enter(i64::try_from(seq).unwrap_or(i64::MAX), line);
        self.by_line.push(entry);
    }

    /// A line that is due by the event time `now`.
    #[inline]
    pub(super) fn due(&mut self, now: Micros) -> Option<HeldLine> {
        self.by_time.peek().filter(|Reverse(entry)| entry.key <= now)?;
        self.by_time.pop().map(|entry| self.leave(entry))
    }

    /// The line of the input for which the first one waits.
    #[inline]
    pub(super) fn waits_behind(&self) -> Option<u64> {
        self.by_line.peek().map(|Reverse(entry)| entry.key.unsigned_abs())
    }

    /// A line that is due after line `seq` of the input.
    #[inline]
    pub(super) fn next_behind(&mut self, seq: u64) -> Option<HeldLine> {
        self.by_line.peek().filter(|Reverse(entry)| entry.key.unsigned_abs() <= seq)?;
        self.by_line.pop().map(|entry| self.leave(entry))
    }

    /// A line that has to leave because there is no room: the one that would be due first.
    pub(super) fn excess(&mut self) -> Option<HeldLine> {
        if self.bytes <= self.max_bytes {
            return None;
        }
        self.early += 1;
        self.by_time.pop().or_else(|| self.by_line.pop()).map(|entry| self.leave(entry))
    }

    /// The next line after the end of the input: first those that wait for lines, then those that wait for a time.
    pub(super) fn last(&mut self) -> Option<HeldLine> {
        self.by_line.pop().or_else(|| self.by_time.pop()).map(|entry| self.leave(entry))
    }

    fn enter(&mut self, key: i64, mut line: HeldLine) -> Reverse<Entry> {
        line.bytes.shrink_to_fit();
        line.truth.faults.shrink_to_fit();
        self.bytes += line.cost();
        self.entered += 1;
        Reverse(Entry { key, entered: self.entered, line })
    }

    fn leave(&mut self, Reverse(entry): Reverse<Entry>) -> HeldLine {
        self.bytes -= entry.line.cost();
        entry.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str) -> HeldLine {
        HeldLine { bytes: name.as_bytes().to_vec(), truth: Account::new(), behind: 0, movers: Vec::new(), stays: None }
    }

    fn name(line: Option<HeldLine>) -> Option<String> {
        line.map(|line| String::from_utf8(line.bytes).expect("a name"))
    }

    #[test]
    fn lines_go_when_their_time_has_come_and_in_their_order() {
        let mut held = Held::new(1 << 20);
        for (time, text) in [(30, "c"), (10, "a"), (30, "d"), (20, "b")] {
            held.until(time, line(text));
        }
        assert_eq!(name(held.due(9)), None);
        for text in ["a", "b", "c", "d"] {
            assert_eq!(name(held.due(30)).as_deref(), Some(text));
        }
        held.behind(7, line("e"));
        assert_eq!(name(held.next_behind(6)), None);
        assert_eq!(name(held.next_behind(7)).as_deref(), Some("e"));
        assert!(held.last().is_none());
    }

    #[test]
    fn the_bound_lets_the_next_one_go_early() {
        let mut held = Held::new(2 * OVERHEAD + 100);
        for time in [3, 2, 1] {
            held.until(time, line(&time.to_string()));
        }
        assert_eq!(name(held.excess()).as_deref(), Some("1"));
        assert_eq!(name(held.excess()), None);
        assert_eq!(held.early(), 1);
    }
}
