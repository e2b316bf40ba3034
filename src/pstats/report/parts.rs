//! The table of the parts of runs, for all forms.

use super::Report;
use crate::cli::numbers::count;

/// The heading.
pub(super) const TITLE: &str = "Parts";

/// The heads of the table. The first two columns are text.
pub(super) const HEAD: [&str; 7] = ["run", "recorded by", "parts", "came", "missing", "doubled", "not complete"];

/// The rows of the table.
pub(super) fn rows(report: &Report) -> Vec<Vec<String>> {
    let row = |of: &crate::pstats::parts::ToolParts| {
        let n = |parts: &[String]| count(parts.len() as u64);
        vec![
            of.run_id.clone().unwrap_or_else(|| "without an id".to_owned()),
            of.recorded_by.to_owned(),
            of.shards.map_or_else(|| "whole".to_owned(), count),
            count(of.came),
            count(of.missing),
            n(&of.doubled_parts),
            n(&of.incomplete_parts),
        ]
    };
    report.parts.runs.iter().map(row).collect()
}

/// The table as lines of words, for a form without tables; nothing if no part is known.
pub(super) fn lines(report: &Report) -> Vec<String> {
    let rows = rows(report).into_iter().map(|row| {
        let [run, tool, parts, came, missing, doubled, incomplete] = row.try_into().unwrap_or_default();
        format!(
            "run {run}, {tool}: {came} of {parts} came, {missing} missing, {doubled} doubled, {incomplete} not complete"
        )
    });
    rows.chain(report.parts.problems.iter().cloned()).chain(report.parts.notes.iter().cloned()).collect()
}
