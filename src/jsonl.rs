//! JSON Lines: lines in, with their length bounded, and the fields of a raw line found without parsing it into a tree.
//!
//! Knows no event: what fields mean is `record`'s business.

mod array;
mod form;
mod reader;
pub mod scan;
pub mod value;

pub use form::BOM;
pub use form::may_begin_array;
pub use reader::{Chunk, DEFAULT_MAX_LINE, Line, LineReader, first_lines, lines};
