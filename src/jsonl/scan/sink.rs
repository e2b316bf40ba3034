//! Receives what a walk over a line finds.

/// Receives what a walk finds, in order. `field` is [`NONE`](super::fields::NONE) for values that no path leads to.
pub(super) trait Sink {
    /// A field is no longer there: its key occurred again, or the key of an object that holds it.
    fn forget(&mut self, field: u32);
    /// A string, number, true, false or null.
    fn scalar(&mut self, field: u32, from: usize, to: usize);
    /// The last scalar is also this field, as well as `of`.
    fn also(&mut self, field: u32, of: u32);
    /// An object or array begins.
    fn open(&mut self, field: u32, at: usize);
    /// It ends before this position.
    fn close(&mut self, field: u32, to: usize);
    /// A field is back at its position on another route, because the better route was forgotten.
    fn restore(&mut self, field: u32, span: (u32, u32));
    /// A field occurs more than once.
    fn again(&mut self);
    /// The current position of a field.
    fn span(&self, field: u32) -> (u32, u32);
}
