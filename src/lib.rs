//! The library behind the pulsepipe tools: a set of Unix filters that test an event ingestion service.
//!
//! ```text
//! pgen ──events──▶ pshape ──events──▶ psend ──outcomes──▶ pstats ──report──▶ you
//!                     └──truth──────────────────────────────▲      └──state──▶ pstats (merge)
//!                                      └──HTTP──▶ pserve or any ingestion API
//! ```
//!
//! Layers, each importing only what stands below it (`tests/cli/tidy.rs` checks this):
//!
//! 1. the binaries in `src/bin`: a doc line and a call
//! 2. the tools, which never import each other
//! 3. [`record`]: the forms in which they meet
//! 4. [`jsonl`], [`cli`], [`page`]: lines, the process, pages to look at
//! 5. [`seed`], [`clock`], [`error`]
//!
//! Invariants: engines read neither environment nor clock; stdout carries data only and stderr has one writer; memory does
//! not grow with the input; what a tool does not change it hands on byte for byte; only integers, tables and `libm` decide
//! bytes that a seed fixes.

pub mod error;

pub mod clock;
pub mod seed;

pub mod cli;
pub mod jsonl;
pub mod page;

pub mod record;
pub mod world;

pub mod pgen;
pub mod psend;
pub mod pserve;
pub mod pshape;
pub mod pstats;
