//! JSON Lines: reads lines of bounded length, and finds the fields of a line without parsing it into a tree.
//!
//! The meaning of the fields belongs to `record`.

mod array;
mod form;
pub(crate) mod leaves;
mod lookup;
mod reader;
pub mod scan;
pub(crate) mod value;

pub(crate) use form::BOM;
pub(crate) use form::may_begin_array;
pub(crate) use lookup::Lookup;
pub use reader::{Chunk, DEFAULT_MAX_LINE, Line, LineReader, lines};

pub(crate) use reader::first_lines;
