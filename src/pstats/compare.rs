//! Whether runs are better or worse than earlier ones, the base: `pstats --base A1.state --base A2.state B1.state B2.state`.
//!
//! The unit is the run, because what happens within a run is not independent. `part` keeps what a comparison needs of an
//! input, `runs` puts the parts of a run together and counts the runs of a side, `run` holds the figures of one run, `one_run`
//! gets along with one run a side, `judge` brings the verdicts, `about` says what they rest on. The statistics are in
//! `inference`.

mod about;
mod figure;
mod judge;
mod one_run;
mod part;
mod report_file;
mod run;
mod runs;
mod shown;
mod tolerance;
mod why;

#[cfg(test)]
mod simulation;

pub(super) use about::About;
pub(super) use figure::Figure;
pub(super) use judge::{Asked, Comparison, Required, Row, compare};
pub(super) use part::RunPart;
pub(super) use report_file::{NamedReport, report_in};
pub(super) use run::Run;
pub(super) use runs::Runs;
pub(super) use tolerance::{Margin, Tolerances};
