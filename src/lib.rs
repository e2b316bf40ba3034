//! The library behind the pulsepipe tools.

pub mod cli;
pub mod clock;
pub mod error;
pub mod jsonl;
pub mod record;
pub mod seed;
pub mod world;
