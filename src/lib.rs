//! The library behind the pulsepipe tools: a set of Unix filters that test an event ingestion service.
//!
//! ```text
//! pgen ──events──▶ pshape ──events──▶ psend ──outcomes──▶ pstats ──report──▶ you
//!                     └──truth──────────────────────────────▲      └──state──▶ pstats (merge)
//!                                      └──HTTP──▶ pserve or any ingestion API
//! ```
//!
//! Layers, ground first. An import goes down, never up and never in a circle (`tests/cli/tidy/layers.rs` checks this):
//!
//! 1. [`error`], [`clock`], [`seed`], [`mod@statistics`], [`time`]: what every other layer may use
//! 2. [`cli`], [`page`]: the process and its streams; HTML pages
//! 3. [`jsonl`]: lines and the fields in them
//! 4. [`record`]: the forms in which the tools meet
//! 5. [`world`]: what events describe
//! 6. the tools, which never import each other
//! 7. the binaries in `src/bin`: a doc line and a call
//!
//! Invariants: engines read neither environment nor clock; stdout carries data only and stderr has one writer; memory does
//! not grow with the input; what a tool does not change it hands on byte for byte; only integers, tables and `libm` decide
//! bytes that a seed fixes.

pub mod clock;
pub mod error;
pub mod seed;
pub(crate) mod statistics;
pub mod time;

pub mod cli;
pub(crate) mod page;

pub mod jsonl;

pub(crate) mod record;

pub mod world;

pub mod pgen;
pub mod plearn;
pub mod psend;
pub mod pserve;
pub mod pshape;
pub mod pstats;
