//! Layouts that were met before, learned: a line like an earlier one need not be walked token by token.
//!
//! What stands between two values of a line (brackets, keys, colons, white space) is one literal. The literals of the lines
//! met so far form a tree: behind a value, one of a few known literals follows. A line is like an earlier one if each
//! literal is found byte for byte and each value is a value; then it is the JSON that the earlier line was, with the
//! fields in the same places of the tree. Anything else falls back to the walk, so nothing is ever guessed.

use super::Spans;
use super::fields::{NONE, index};
use super::look::Quotes;
use super::text::Text;
use super::walk::Sink;
use crate::jsonl::value::same;

/// Lines longer than this are not learned.
const LONGEST_LINE: usize = 16 << 10;
/// How many literals are remembered at most, and how many bytes of them; above that all are forgotten.
const MOST_STEPS: usize = 4096;
const MOST_LITERAL_BYTES: usize = 256 << 10;
/// How many literals may follow one value: keys that are no two times the same are no layout.
const MOST_SIBLINGS: usize = 64;
/// How many lines may be learned more than were recognised: input without layouts must not pay for learning.
const MOST_CREDIT: u32 = 256;
const LESSON: u32 = 4;
/// Without credit one line in so many is learned all the same: a stream may become regular again.
const STRANGE_LINES: u64 = 64;

const ROOT: u32 = 0;

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

/// What stands behind a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// A string; its opening quote is part of the literal.
    Text,
    /// A number, true, false or null.
    Scalar,
    /// The end of the line.
    End,
}

/// A literal in the tree. What recognising a line does not touch stands apart, in a [`Fork`].
#[derive(Debug, Clone, Copy)]
struct Step {
    /// Its own place in the tree.
    number: u32,
    /// Where the literal stands among all, and its length.
    from: u32,
    length: u32,
    /// Where in the literal its first quote stands; [`NONE`] where it has none.
    quote: u32,
    /// The field whose value stands behind it.
    field: u32,
    behind: Behind,
    has_marks: bool,
}

/// The rarer part of a step.
#[derive(Debug, Default)]
struct Fork {
    marks: Box<[Mark]>,
    /// The steps that may follow.
    next: Vec<u32>,
}

/// The tree of literals.
#[derive(Debug)]
pub(super) struct Layouts {
    /// The root, which has no literal, then all others; for each a fork.
    steps: Vec<Step>,
    forks: Vec<Fork>,
    literals: Vec<u8>,
    /// The steps of the line recognised last, for the next is likely the same: read from here, no step waits for another.
    path: Vec<Step>,
    credit: u32,
    /// Lines that were not recognised.
    strange: u64,
}

impl Default for Layouts {
    fn default() -> Self {
        let mut layouts = Self {
            steps: Vec::new(),
            forks: Vec::new(),
            literals: Vec::new(),
            path: Vec::new(),
            credit: MOST_CREDIT,
            strange: 0,
        };
        layouts.forget();
        layouts
    }
}

impl Layouts {
    /// Whether the line is like an earlier one; then `spans` holds its fields, else nothing of use.
    #[inline]
    pub(super) fn recognise(&mut self, text: Text<'_>, quotes: Quotes<'_>, spans: &mut Spans) -> bool {
        let line = text.line;
        let mut at = 0;
        for depth in 0.. {
            let step = match self.path.get(depth) {
                Some(likely) if self.stands_here(likely, line, at) => *likely,
                _ => match self.turn_off(depth, line, at) {
                    Some(step) => step,
                    None => return false,
                },
            };
            if step.has_marks {
                self.forks[step.number as usize].mark(at, spans);
            }
            let from = at + step.length as usize;
            match step.behind {
                Behind::Text => {
                    let Some(end) = quotes.next(from) else { return false };
                    at = end + 1;
                    spans.scalar(step.field, from - 1, at);
                    if text.strict && line[from..at].iter().any(|byte| *byte < b' ') {
                        return false;
                    }
                }
                Behind::Scalar => {
                    let next = self.path.get(depth + 1);
                    let Some(end) = scalar_end(Text { at: from, ..text }, quotes, next) else { return false };
                    at = end;
                    spans.scalar(step.field, from, at);
                }
                Behind::End => {
                    self.credit = (self.credit + 1).min(MOST_CREDIT);
                    return true;
                }
            }
        }
        false
    }

    /// The step whose literal stands here where it is not the one that stood here in the line before; no more than one does.
    #[cold]
    fn turn_off(&mut self, depth: usize, line: &[u8], at: usize) -> Option<Step> {
        self.path.truncate(depth);
        let before = self.path.last().map_or(ROOT, |step| step.number);
        let next = self.forks[before as usize].next.iter().map(|step| self.steps[*step as usize]);
        let found = next.clone().find(|step| self.stands_here(step, line, at))?;
        self.path.push(found);
        Some(found)
    }

    /// Whether a step's literal stands here, and all of it: `,` is also how `,"key":` begins, but no value follows there.
    #[inline(always)] // A call costs as much as most comparisons.
    fn stands_here(&self, step: &Step, line: &[u8], at: usize) -> bool {
        let behind = at + step.length as usize;
        line.get(at..behind).is_some_and(|here| same(here, self.literal(step)))
            && match step.behind {
                Behind::Text => true,
                Behind::Scalar => matches!(line.get(behind), Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n')),
                Behind::End => behind == line.len(),
            }
    }

    #[inline]
    fn literal(&self, step: &Step) -> &[u8] {
        &self.literals[step.from as usize..][..step.length as usize]
    }

    fn forget(&mut self) {
        let root = Step {
            number: ROOT,
            from: 0,
            length: 0,
            quote: NONE,
            field: NONE,
            behind: Behind::Scalar,
            has_marks: false,
        };
        self.steps.clear();
        self.steps.push(root);
        self.forks.clear();
        self.forks.push(Fork::default());
        self.literals.clear();
        self.path.clear();
    }

    /// Whether a line that was not recognised is worth learning.
    pub(super) fn is_curious(&mut self, line: &[u8]) -> bool {
        self.strange += 1;
        (self.credit >= LESSON || self.strange.is_multiple_of(STRANGE_LINES)) && line.len() <= LONGEST_LINE
    }

    /// Remembers the layout of a line that was walked.
    pub(super) fn learn(&mut self, line: &[u8], lesson: &Lesson) {
        self.credit = self.credit.saturating_sub(LESSON);
        if self.steps.len() > MOST_STEPS || self.literals.len() > MOST_LITERAL_BYTES {
            self.forget();
        }
        let mut before = ROOT;
        let mut from = 0;
        let mut marks = lesson.marks.as_slice();
        let end = (NONE, line.len(), line.len());
        for (field, start, behind) in lesson.values.iter().copied().chain([end]) {
            let here = marks.iter().take_while(|(place, _)| *place <= start).count();
            let (mine, rest) = marks.split_at(here);
            marks = rest;
            let marks: Box<[Mark]> = mine.iter().map(|(_, mark)| mark.relative_to(from)).collect();
            let (literal, what) = match line.get(start) {
                None => (&line[from..], Behind::End),
                Some(b'"') => (&line[from..=start], Behind::Text),
                Some(_) => (&line[from..start], Behind::Scalar),
            };
            let Some(step) = self.step(before, literal, marks, field, what) else { return };
            before = step;
            from = behind;
        }
    }

    /// The step behind `before` with this literal; a new one where there is none, and `None` where there are too many.
    fn step(&mut self, before: u32, literal: &[u8], marks: Box<[Mark]>, field: u32, behind: Behind) -> Option<u32> {
        let is_known = |step: &Step| step.behind == behind && self.literal(step) == literal;
        let siblings = &self.forks[before as usize].next;
        if let Some(known) = siblings.iter().find(|step| is_known(&self.steps[**step as usize])) {
            return Some(*known);
        }
        if siblings.len() == MOST_SIBLINGS {
            return None;
        }
        let new = index(self.steps.len());
        self.steps.push(Step {
            number: new,
            from: index(self.literals.len()),
            length: index(literal.len()),
            quote: literal.iter().position(|byte| *byte == b'"').map_or(NONE, index),
            field,
            behind,
            has_marks: !marks.is_empty(),
        });
        self.forks.push(Fork { marks, next: Vec::new() });
        self.forks[before as usize].next.push(new);
        self.literals.extend_from_slice(literal);
        Some(new)
    }
}

/// Where the scalar ends in front of which we stand: where the step that is likely next lets expect it, or else where it is
/// found.
#[inline]
fn scalar_end(mut text: Text<'_>, quotes: Quotes<'_>, next: Option<&Step>) -> Option<usize> {
    if let Some(next) = next {
        let expected = match next.quote {
            NONE => text.line.len().wrapping_sub(next.length as usize),
            quote => quotes.next(text.at)?.wrapping_sub(quote as usize),
        };
        if text.is_short_scalar(expected) {
            return Some(expected);
        }
    }
    text.scalar().ok()?;
    Some(text.at)
}

impl Fork {
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
