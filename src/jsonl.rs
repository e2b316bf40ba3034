//! JSON Lines: reads lines of bounded length, and finds the fields of a line without parsing it into a tree.
//!
//! The meaning of the fields belongs to `record`.

mod array;
mod form;
mod lookup;
mod reader;
pub mod scan;
pub mod value;

pub use form::BOM;
pub use form::may_begin_array;
pub use lookup::Lookup;
pub use reader::{Chunk, DEFAULT_MAX_LINE, Line, LineReader, first_lines, lines};
