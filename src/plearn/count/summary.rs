//! Everything that is counted of a stream of lines.

use serde::{Deserialize, Serialize};

use super::distinct::Distinct;
use super::members::Members;
use super::sample::Sample;
use super::walk::Walker;
use crate::jsonl::scan::{FieldSet, Scanner, Spans};
use crate::record::moment;

/// Layouts that are counted one by one.
const LAYOUTS: usize = 4096;

/// Lines by what was done with them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::plearn) struct Input {
    pub(in crate::plearn) events: u64,
    pub(in crate::plearn) blank: u64,
    /// They are not JSON objects.
    pub(in crate::plearn) unreadable: u64,
    /// They are longer than `--max-line`.
    pub(in crate::plearn) overlong: u64,
}

impl Input {
    pub(in crate::plearn) fn absorb(&mut self, other: &Self) {
        self.events += other.events;
        self.blank += other.blank;
        self.unreadable += other.unreadable;
        self.overlong += other.overlong;
    }
}

/// What is counted.
#[derive(Debug)]
pub(in crate::plearn) struct Summary {
    pub(in crate::plearn) input: Input,
    /// Keys, their order and spaces, by their hashes.
    pub(in crate::plearn) layouts: Distinct,
    pub(in crate::plearn) members: Members,
    pub(in crate::plearn) sample: Sample,
}

impl Default for Summary {
    fn default() -> Self {
        let (input, members, sample) = (Input::default(), Members::default(), Sample::default());
        Self { input, layouts: Distinct::new(LAYOUTS), members, sample }
    }
}

/// Reads lines into a summary. Holds what is reused from line to line.
#[derive(Debug)]
pub(in crate::plearn) struct Intake {
    scanner: Scanner,
    spans: Spans,
    walker: Walker,
    moments: moment::Reader,
}

impl Default for Intake {
    fn default() -> Self {
        let scanner = Scanner::new(FieldSet::default());
        Self { scanner, spans: Spans::default(), walker: Walker::default(), moments: moment::Reader::default() }
    }
}

impl Intake {
    /// Counts a line. Returns whether it is a JSON object.
    pub(in crate::plearn) fn take(&mut self, line: &[u8], summary: &mut Summary) -> bool {
        if self.scanner.scan(line, &mut self.spans).is_err() {
            return false;
        }
        summary.input.events += 1;
        summary.sample.add(line, 1);
        summary.layouts.add(self.walker.walk(line), 1);
        for leaf in self.walker.leaves() {
            if let Some(member) = summary.members.at(self.walker.hash(leaf.path)) {
                member.add(leaf.raw(line), leaf.class, &mut self.moments);
            }
        }
        true
    }
}
