//! The tools as users run them: one file a tool, and what spans them.

#![allow(unreachable_pub)] // a test crate has no outside

mod pgen;
mod psend;
mod pserve;
mod pshape;
mod pstats;
mod scripted;
mod support;
