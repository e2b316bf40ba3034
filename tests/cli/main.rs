//! The tools as users run them: one file a tool, and what spans them.

#![allow(unreachable_pub)] // a test crate has no outside
#![allow(clippy::unwrap_used)] // a test that cannot go on fails

mod action;
mod chaos;
mod checklist;
mod clock_step;
mod deploy;
mod every_tool;
mod fakes;
mod files;
mod fuzzed;
mod ground;
mod guide;
mod install;
mod messages;
mod numbers;
mod own_server;
mod packages;
mod parts;
mod pgen;
mod pipeline;
mod plearn;
mod psend;
mod pserve;
mod pshape;
mod pstats;
mod reading;
mod readme;
mod scripted;
mod scripts;
mod streams;
mod support;
mod tidy;
mod tutorial;
mod wrong_types;
