//! The positions of the fields in a line.

use std::ops::Range;

use super::fields::{NONE, index};
use super::sink::Sink;

/// The positions in a line of the fields of a [`FieldSet`](super::fields::FieldSet).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans {
    spans: Vec<(u32, u32)>,
    pub(super) escapes: bool,
    repeats: bool,
}

impl Spans {
    /// Returns the byte range of this field's value, or `None` if the path is not in the line.
    #[inline]
    pub fn range(&self, field: usize) -> Option<Range<usize>> {
        let (start, end) = self.spans[field];
        (start != NONE).then_some(start as usize..end as usize)
    }

    /// Like [`Spans::range`], as the positions of the start and the end.
    #[inline]
    pub(crate) fn ends(&self, field: usize) -> Option<(usize, usize)> {
        let (start, end) = self.spans[field];
        (start != NONE).then_some((start as usize, end as usize))
    }

    /// Returns the raw value of this field.
    #[inline]
    pub(crate) fn raw<'a>(&self, line: &'a [u8], field: usize) -> Option<&'a [u8]> {
        self.range(field).map(|range| &line[range])
    }

    /// Whether the scanned line contains a backslash. If not, strings need no decoding.
    #[inline]
    pub(crate) fn has_escapes(&self) -> bool {
        self.escapes
    }

    /// Whether a field occurs in several places of the line. Only the one that counts has a span.
    #[inline]
    pub(crate) fn has_repeats(&self) -> bool {
        self.repeats
    }

    #[inline]
    fn set(&mut self, field: u32, from: u32, to: u32) {
        self.spans[field as usize] = (from, to);
    }

    /// Sets the span of a field, unless it is [`NONE`]. The line must be shorter than 4 GiB.
    #[inline]
    pub(super) fn set_if_any(&mut self, field: u32, from: usize, to: usize) {
        if let Some(span) = self.spans.get_mut(field as usize) {
            *span = (from as u32, to as u32);
        }
    }

    #[inline]
    fn set_end(&mut self, field: u32, to: u32) {
        self.spans[field as usize].1 = to;
    }

    /// Updates the spans after the bytes of `range` were replaced by `length` others.
    ///
    /// A value that was replaced as a whole gets the span of its replacement. A value around the change grows or shrinks with it. A
    /// value inside the replaced bytes is no longer found.
    pub(crate) fn splice(&mut self, range: Range<usize>, length: usize) {
        let (from, to, length) = (index(range.start), index(range.end), index(length));
        let moved = |at: u32| at - (to - from) + length;
        for (start, end) in &mut self.spans {
            if *start == NONE || *end <= from && *start < from {
                continue;
            }
            if *start >= to && (*start, *end) != (from, to) {
                (*start, *end) = (moved(*start), moved(*end));
            } else if *start <= from && *end >= to {
                *end = moved(*end);
            } else {
                *start = NONE;
            }
        }
    }

    /// Sets the position of a field that was added to the line.
    pub(crate) fn enter(&mut self, field: usize, range: Range<usize>) {
        self.spans[field] = (index(range.start), index(range.end));
    }

    pub(super) fn reset(&mut self, fields: usize) {
        self.repeats = false;
        self.spans.clear();
        self.spans.resize(fields, (NONE, NONE));
    }
}

impl Sink for Spans {
    #[inline]
    fn forget(&mut self, field: u32) {
        self.spans[field as usize] = (NONE, NONE);
    }

    #[inline]
    fn scalar(&mut self, field: u32, from: usize, to: usize) {
        if field != NONE {
            self.set(field, index(from), index(to));
        }
    }

    fn also(&mut self, field: u32, of: u32) {
        self.spans[field as usize] = self.spans[of as usize];
    }

    #[inline]
    fn open(&mut self, field: u32, at: usize) {
        self.set(field, index(at), index(at));
    }

    #[inline]
    fn close(&mut self, field: u32, to: usize) {
        self.set_end(field, index(to));
    }

    fn restore(&mut self, field: u32, span: (u32, u32)) {
        self.spans[field as usize] = span;
    }

    fn again(&mut self) {
        self.repeats = true;
    }

    fn span(&self, field: u32) -> (u32, u32) {
        self.spans[field as usize]
    }
}
