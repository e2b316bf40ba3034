//! Layouts that were met before, learned: a line like an earlier one need not be walked token by token.
//!
//! What stands between two values of a line (brackets, keys, colons, white space) is one literal. The literals of the lines
//! met so far form a tree: behind a value, one of a few known literals follows. A line is like an earlier one if each
//! literal is found byte for byte and each value is a value; then it is the JSON that the earlier line was, with the
//! fields in the same places of the tree. Anything else falls back to the walk, so nothing is ever guessed.

use super::Spans;
use super::fields::NONE;
use super::text::Text;
use super::walk::Sink;
use crate::jsonl::value::same;

/// Lines longer than this are not learned.
const LONGEST_LINE: usize = 16 << 10;
/// How many literals are remembered at most, and how many bytes of them; above that all are forgotten.
const MOST_STEPS: usize = 4096;
const MOST_LITERAL_BYTES: usize = 256 << 10;
/// How many lines may be learned more than were recognised: input without layouts must not pay for learning.
const MOST_CREDIT: u32 = 256;
const LESSON: u32 = 4;
/// Without credit one line in so many is learned all the same: a stream may become regular again.
const STRANGE_LINES: u64 = 64;

/// What a literal holds beside keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// A field's object or array begins so many bytes into the literal.
    Open(u32, usize),
    /// It ends there.
    Close(u32, usize),
    /// A key that stood before stands again.
    Forget(u32),
}

#[derive(Debug)]
struct Step {
    literal: Box<[u8]>,
    marks: Box<[Mark]>,
    /// What follows: a value of this field, or the end of the line.
    field: u32,
    is_end: bool,
    /// The steps that may follow.
    next: Vec<u32>,
}

/// The tree of literals.
#[derive(Debug)]
pub(super) struct Layouts {
    steps: Vec<Step>,
    first: Vec<u32>,
    literal_bytes: usize,
    credit: u32,
    /// Lines that were not recognised.
    strange: u64,
}

impl Default for Layouts {
    fn default() -> Self {
        Self { steps: Vec::new(), first: Vec::new(), literal_bytes: 0, credit: MOST_CREDIT, strange: 0 }
    }
}

impl Layouts {
    /// Whether the line is like an earlier one; then `spans` holds its fields, else nothing of use.
    #[inline]
    pub(super) fn recognise(&mut self, mut text: Text<'_>, spans: &mut Spans) -> bool {
        let mut candidates = &self.first;
        'values: loop {
            let rest = &text.line[text.at..];
            for candidate in candidates {
                let step = &self.steps[*candidate as usize];
                if !rest.get(..step.literal.len()).is_some_and(|here| same(here, &step.literal)) {
                    continue;
                }
                if step.is_end {
                    if rest.len() != step.literal.len() {
                        continue;
                    }
                    step.mark(text.at, spans);
                    self.credit = (self.credit + 1).min(MOST_CREDIT);
                    return true;
                }
                step.mark(text.at, spans);
                text.at += step.literal.len();
                let from = text.at;
                if text.scalar().is_err() {
                    return false;
                }
                spans.scalar(step.field, from, text.at);
                candidates = &step.next;
                continue 'values;
            }
            return false;
        }
    }

    /// Whether a line that was not recognised is worth learning.
    pub(super) fn is_curious(&mut self, line: &[u8]) -> bool {
        self.strange += 1;
        (self.credit >= LESSON || self.strange.is_multiple_of(STRANGE_LINES)) && line.len() <= LONGEST_LINE
    }

    /// Remembers the layout of a line that was walked.
    pub(super) fn learn(&mut self, line: &[u8], lesson: &Lesson) {
        self.credit = self.credit.saturating_sub(LESSON);
        if self.steps.len() > MOST_STEPS || self.literal_bytes > MOST_LITERAL_BYTES {
            self.steps.clear();
            self.first.clear();
            self.literal_bytes = 0;
        }
        let mut parent = None;
        let mut from = 0;
        let mut marks = lesson.marks.as_slice();
        let end = (NONE, line.len(), line.len());
        let values = lesson.values.iter().map(|v| (*v, false)).chain([(end, true)]);
        for ((field, start, behind), is_end) in values {
            let here = marks.iter().take_while(|(place, _)| *place <= start).count();
            let (mine, rest) = marks.split_at(here);
            marks = rest;
            let marks: Box<[Mark]> = mine.iter().map(|(_, mark)| mark.relative_to(from)).collect();
            parent = Some(self.step(parent, &line[from..start], marks, field, is_end));
            from = behind;
        }
    }

    /// The step behind `parent` with this literal; a new one where there is none.
    fn step(&mut self, parent: Option<u32>, literal: &[u8], marks: Box<[Mark]>, field: u32, is_end: bool) -> u32 {
        let siblings = parent.map_or(&self.first, |parent| &self.steps[parent as usize].next);
        let is_known = |step: &Step| *step.literal == *literal && step.is_end == is_end;
        if let Some(known) = siblings.iter().copied().find(|step| is_known(&self.steps[*step as usize])) {
            return known;
        }
        let new = super::fields::index(self.steps.len());
        self.literal_bytes += literal.len();
        self.steps.push(Step { literal: literal.into(), marks, field, is_end, next: Vec::new() });
        // The longest first: `,` in front of a number is also how `,{"key":` begins.
        let siblings = parent.map_or(&self.first, |parent| &self.steps[parent as usize].next);
        let place = siblings.partition_point(|step| self.steps[*step as usize].literal.len() > literal.len());
        match parent {
            Some(parent) => self.steps[parent as usize].next.insert(place, new),
            None => self.first.insert(place, new),
        }
        new
    }
}

impl Step {
    #[inline]
    fn mark(&self, at: usize, spans: &mut Spans) {
        for mark in &self.marks {
            match *mark {
                Mark::Open(field, offset) => spans.open(field, at + offset),
                Mark::Close(field, offset) => spans.close(field, at + offset),
                Mark::Forget(field) => spans.forget(field),
            }
        }
    }
}

impl Mark {
    fn relative_to(self, from: usize) -> Self {
        match self {
            Self::Open(field, at) => Self::Open(field, at - from),
            Self::Close(field, at) => Self::Close(field, at - from),
            Self::Forget(field) => Self::Forget(field),
        }
    }
}

/// What a walk tells of a line's layout, beside its spans.
#[derive(Debug, Default)]
pub(super) struct Lesson {
    spans: Spans,
    /// Field, from, to of each scalar.
    values: Vec<(u32, usize, usize)>,
    /// Each mark with the place from which on it holds, in order.
    marks: Vec<(usize, Mark)>,
}

impl Lesson {
    pub(super) fn begin(&mut self, spans: Spans) {
        self.spans = spans;
        self.values.clear();
        self.marks.clear();
    }

    pub(super) fn take_spans(&mut self) -> Spans {
        std::mem::take(&mut self.spans)
    }

    fn behind_last_value(&self) -> usize {
        self.values.last().map_or(0, |(_, _, to)| *to)
    }
}

impl Sink for Lesson {
    fn key(&mut self, fields: &[u32]) {
        let at = self.marks.last().map_or(0, |(at, _)| *at).max(self.behind_last_value());
        for field in fields {
            if self.spans.range(*field as usize).is_some() {
                self.marks.push((at, Mark::Forget(*field)));
            }
        }
        self.spans.key(fields);
    }

    fn scalar(&mut self, field: u32, from: usize, to: usize) {
        self.values.push((field, from, to));
        self.spans.scalar(field, from, to);
    }

    fn open(&mut self, field: u32, at: usize) {
        if field != NONE {
            self.marks.push((at, Mark::Open(field, at)));
        }
        self.spans.open(field, at);
    }

    fn close(&mut self, field: u32, to: usize) {
        if field != NONE {
            self.marks.push((to, Mark::Close(field, to)));
        }
        self.spans.close(field, to);
    }
}
