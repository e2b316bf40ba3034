//! The library behind the pulsepipe tools.

pub mod cli;
pub mod clock;
pub mod error;
pub mod record;
pub mod seed;
