//! Learns the layouts of lines, so that a line like an earlier one need not be walked token by token.
//!
//! The text between two values of a line (brackets, keys, colons, white space) is one literal. The literals of earlier lines form a
//! tree: each value is followed by one of a few known literals. A line is like an earlier one if it has the same literals, byte for
//! byte, with valid values between them. It is then valid JSON too, with its fields at the same places of the tree. For any other
//! line the scanner falls back to the walk, so nothing is ever guessed.

use wide::u8x16;

use super::fields::{NONE, index};
use super::quotes::Quotes;
use super::sink::Sink;
use super::spans::Spans;
use super::text::{Text, is_short_scalar};
use crate::jsonl::value::same;

/// Longer lines are not learned.
const LONGEST_LINE: usize = 16 << 10;
/// How many literals are remembered at most, and how many bytes of them. Above this, all are forgotten.
const MOST_STEPS: usize = 4096;
const MOST_LITERAL_BYTES: usize = 256 << 10;
/// How many literals may follow one value. Keys that never repeat do not form a layout.
const MOST_SIBLINGS: usize = 64;
/// Limits how many more lines are learned than recognised, so that input without layouts does not pay for learning.
const MOST_CREDIT: u32 = 256;
const LESSON: u32 = 4;
/// Without credit, one unrecognised line in this many is still learned, because a stream may become regular again.
const STRANGE_LINES: u64 = 64;

const ROOT: u32 = 0;

/// How many bytes of a literal are compared at once. Few literals are longer.
const HEAD: usize = 32;

/// What happens to fields within a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// A field's object or array begins at this offset into the literal.
    Open(u32, usize),
    /// It ends at this offset.
    Close(u32, usize),
    /// The key of a field occurs again.
    Forget(u32),
    /// The value before the literal is the first field as well as the second.
    Also(u32, u32),
}

/// What follows a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// A string. Its opening quote is part of the literal.
    Text,
    /// A number, true, false or null.
    Scalar,
    /// The end of the line.
    End,
}

/// A literal in the tree, in its own cache line. Data that is rarely used to recognise a line is kept apart, in a [`Fork`].
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Step {
    /// The first bytes of the literal, padded with zeros.
    head: [u8x16; 2],
    /// A bit for each byte of the head that belongs to the literal.
    of_head: u32,
    length: u32,
    /// The offset of the literal among all literals.
    from: u32,
    /// The step that followed last time, or [`NONE`] at first.
    likely: u32,
    /// The offset of the first quote in the literal, or [`NONE`].
    quote: u32,
    /// The field whose value follows.
    field: u32,
    behind: Behind,
    has_marks: bool,
    /// Whether it is like most: followed by a value, without marks, and no longer than a head.
    is_common: bool,
}

impl Step {
    fn new(literal: &[u8], from: u32, field: u32, behind: Behind, has_marks: bool) -> Self {
        let mut head = [0; HEAD];
        let length = literal.len().min(HEAD);
        head[..length].copy_from_slice(&literal[..length]);
        Self {
            head: halves(&head),
            of_head: u32::MAX.checked_shr(index(HEAD - length)).unwrap_or(0),
            length: index(literal.len()),
            from,
            likely: NONE,
            quote: literal.iter().position(|byte| *byte == b'"').map_or(NONE, index),
            field,
            behind,
            has_marks,
            is_common: behind != Behind::End && !has_marks && literal.len() <= HEAD,
        }
    }

    /// Whether these bytes of a line begin with the first bytes of the literal.
    #[inline(always)] // A call costs as much as the comparison.
    fn begins(&self, here: &[u8; HEAD]) -> bool {
        let [low, high] = halves(here);
        let equal = |half: u8x16, known: u8x16| half.cmp_eq(known).move_mask().cast_unsigned();
        (equal(low, self.head[0]) | equal(high, self.head[1]) << 16) & self.of_head == self.of_head
    }
}

#[inline(always)]
fn halves(bytes: &[u8; HEAD]) -> [u8x16; 2] {
    let half = |at: usize| u8x16::new(*bytes[at..].first_chunk().expect("sixteen bytes"));
    [half(0), half(HEAD / 2)]
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
    /// The root, which has no literal, then all other steps. Each has a fork.
    steps: Vec<Step>,
    forks: Vec<Fork>,
    literals: Vec<u8>,
    credit: u32,
    /// The number of lines that were not recognised.
    strange: u64,
}

impl Default for Layouts {
    fn default() -> Self {
        let mut layouts =
            Self { steps: Vec::new(), forks: Vec::new(), literals: Vec::new(), credit: MOST_CREDIT, strange: 0 };
        layouts.forget();
        layouts
    }
}

impl Layouts {
    /// Whether the line is like an earlier one. If so, `spans` holds its fields; if not, its contents are undefined.
    #[inline]
    pub(super) fn recognise(&mut self, text: Text<'_>, quotes: Quotes<'_>, spans: &mut Spans) -> bool {
        let line = text.line;
        let (mut at, mut place) = (0, ROOT);
        loop {
            if !text.strict {
                (place, at) = self.pass_common(place, line, at, quotes, spans);
            }
            let likely = self.steps[place as usize].likely;
            let step = match self.steps.get(likely as usize) {
                Some(step) if self.stands_here(step, line, at) => {
                    place = likely;
                    step
                }
                _ => match self.turn_off(place, line, at) {
                    Some(other) => {
                        place = other;
                        &self.steps[place as usize]
                    }
                    None => return false,
                },
            };
            if step.has_marks {
                self.forks[place as usize].mark(at, spans);
            }
            let from = at + step.length as usize;
            match step.behind {
                Behind::Text => {
                    let Some(end) = quotes.next(from) else { return false };
                    at = end + 1;
                    spans.set_if_any(step.field, from - 1, at);
                    if text.strict && line[from..at].iter().any(|byte| *byte < b' ') {
                        return false;
                    }
                }
                Behind::Scalar => {
                    let next = self.steps.get(step.likely as usize);
                    let Some(end) = scalar_end(&text, from, quotes, next) else { return false };
                    at = end;
                    spans.set_if_any(step.field, from, at);
                }
                Behind::End => {
                    self.credit = (self.credit + 1).min(MOST_CREDIT);
                    return true;
                }
            }
        }
    }

    /// Passes over likely steps as long as they are common and followed by strings or short scalars. One test rules out all other
    /// cases. Returns the last step, and where its value ends.
    #[inline(always)]
    fn pass_common(
        &self,
        mut place: u32,
        line: &[u8],
        mut at: usize,
        quotes: Quotes<'_>,
        spans: &mut Spans,
    ) -> (u32, usize) {
        let mut likely = self.steps[place as usize].likely;
        while let Some(step) = self.steps.get(likely as usize)
            && step.is_common
            && let Some(here) = line.get(at..).and_then(<[u8]>::first_chunk)
            && step.begins(here)
            && let Some(from) = at.checked_add(step.length as usize)
            && let Some(quote) = quotes.next(from)
        {
            let next = step.likely;
            if step.behind == Behind::Text {
                at = quote + 1;
                spans.set_if_any(step.field, from - 1, at);
            } else {
                let Some(next) = self.steps.get(next as usize) else { break };
                let end = quote.wrapping_sub(next.quote as usize);
                if !is_short_scalar(line, from, end) {
                    break;
                }
                at = end;
                spans.set_if_any(step.field, from, at);
            }
            (place, likely) = (likely, next);
        }
        (place, at)
    }

    /// Finds the step after `before` whose literal is here, if it is not the one that was here last time. At most one matches.
    #[cold]
    fn turn_off(&mut self, before: u32, line: &[u8], at: usize) -> Option<u32> {
        let mut next = self.forks[before as usize].next.iter().copied();
        let found = next.find(|step| self.stands_here(&self.steps[*step as usize], line, at))?;
        self.steps[before as usize].likely = found;
        Some(found)
    }

    /// Whether the whole literal of a step is here. `,"key":` also begins with `,`, but no value follows that comma.
    #[inline(always)] // A call costs as much as most comparisons.
    fn stands_here(&self, step: &Step, line: &[u8], at: usize) -> bool {
        let Some(here) = line.get(at..) else { return false };
        let behind = at + step.length as usize;
        let is_literal = match here.first_chunk() {
            Some(head) if step.length as usize <= HEAD => step.begins(head),
            _ => here.get(..step.length as usize).is_some_and(|here| same(here, self.literal(step))),
        };
        is_literal
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
        let root = Step::new(&[], 0, NONE, Behind::Scalar, false);
        self.steps.clear();
        self.steps.push(root);
        self.forks.clear();
        self.forks.push(Fork::default());
        self.literals.clear();
    }

    /// Whether to learn a line that was not recognised.
    pub(super) fn is_curious(&mut self, line: &[u8]) -> bool {
        self.strange += 1;
        (self.credit >= LESSON || self.strange.is_multiple_of(STRANGE_LINES)) && line.len() <= LONGEST_LINE
    }

    /// Learns the layout of a line that was walked.
    pub(super) fn learn(&mut self, line: &[u8], lesson: &Lesson) {
        self.credit = self.credit.saturating_sub(LESSON);
        if lesson.is_tangled {
            return;
        }
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

    /// Returns the step after `before` with this literal, and adds it if necessary. Returns `None` if there are too many.
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
        let from = index(self.literals.len());
        self.steps.push(Step::new(literal, from, field, behind, !marks.is_empty()));
        self.forks.push(Fork { marks, next: Vec::new() });
        self.forks[before as usize].next.push(new);
        self.literals.extend_from_slice(literal);
        Some(new)
    }
}

/// Returns the end of the scalar that begins at `from`. Tries the end that the likely next step implies before it searches.
#[inline]
fn scalar_end(text: &Text<'_>, from: usize, quotes: Quotes<'_>, next: Option<&Step>) -> Option<usize> {
    if let Some(next) = next {
        let expected = match next.quote {
            NONE => text.line.len().wrapping_sub(next.length as usize),
            quote => quotes.next(from)?.wrapping_sub(quote as usize),
        };
        if is_short_scalar(text.line, from, expected) {
            return Some(expected);
        }
    }
    let mut text = Text { at: from, ..*text };
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
                Mark::Also(field, of) => spans.also(field, of),
            }
        }
    }
}

impl Mark {
    fn relative_to(self, from: usize) -> Self {
        match self {
            Self::Open(field, at) => Self::Open(field, at - from),
            Self::Close(field, at) => Self::Close(field, at - from),
            mark @ (Self::Forget(_) | Self::Also(..)) => mark,
        }
    }
}

/// The layout of a line, as a walk finds it, and its spans.
#[derive(Debug, Default)]
pub(super) struct Lesson {
    spans: Spans,
    /// Field, from, to of each scalar.
    values: Vec<(u32, usize, usize)>,
    /// Each mark with the position from which it applies, in order.
    marks: Vec<(usize, Mark)>,
    /// Whether a field has a position that no value or mark has set, or several positions.
    is_tangled: bool,
}

impl Lesson {
    pub(super) fn begin(&mut self, spans: Spans) {
        self.spans = spans;
        self.values.clear();
        self.marks.clear();
        self.is_tangled = false;
    }

    pub(super) fn take_spans(&mut self) -> Spans {
        std::mem::take(&mut self.spans)
    }

    fn behind_last_value(&self) -> usize {
        self.values.last().map_or(0, |(_, _, to)| *to)
    }
}

impl Sink for Lesson {
    fn forget(&mut self, field: u32) {
        let at = self.marks.last().map_or(0, |(at, _)| *at).max(self.behind_last_value());
        self.marks.push((at, Mark::Forget(field)));
        self.spans.forget(field);
    }

    fn scalar(&mut self, field: u32, from: usize, to: usize) {
        self.values.push((field, from, to));
        self.spans.scalar(field, from, to);
    }

    fn also(&mut self, field: u32, of: u32) {
        self.marks.push((self.behind_last_value(), Mark::Also(field, of)));
        self.spans.also(field, of);
    }

    fn open(&mut self, field: u32, at: usize) {
        self.marks.push((at, Mark::Open(field, at)));
        self.spans.open(field, at);
    }

    fn close(&mut self, field: u32, to: usize) {
        self.marks.push((to, Mark::Close(field, to)));
        self.spans.close(field, to);
    }

    fn restore(&mut self, field: u32, span: (u32, u32)) {
        self.is_tangled = true;
        self.spans.restore(field, span);
    }

    fn again(&mut self) {
        // A known layout does not say so.
        self.is_tangled = true;
        self.spans.again();
    }

    fn span(&self, field: u32) -> (u32, u32) {
        self.spans.span(field)
    }
}
