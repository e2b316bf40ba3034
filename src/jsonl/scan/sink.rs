//! Receives what a walk over a line finds.

/// Receives what a walk finds, in order. `field` is [`NONE`](super::fields::NONE) for values that no path leads to.
pub(super) trait Sink {
    /// A field is no longer there: its key stood again, or that of an object that it was in.
    fn forget(&mut self, field: u32);
    /// A string, number, true, false or null.
    fn scalar(&mut self, field: u32, from: usize, to: usize);
    /// The scalar that came last is a second field too.
    fn also(&mut self, field: u32, of: u32);
    /// An object or array begins.
    fn open(&mut self, field: u32, at: usize);
    /// It ends in front of this place.
    fn close(&mut self, field: u32, to: usize);
    /// A field is back where it stood on another route, for the better one was forgotten.
    fn restore(&mut self, field: u32, span: (u32, u32));
    /// Where a field stands now.
    fn span(&self, field: u32) -> (u32, u32);
}
