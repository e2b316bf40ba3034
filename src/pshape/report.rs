//! What a run did: counted, worded for stderr, and as truth's last line.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::cli::numbers;
use crate::record::truth::{FaultWindow, TruthSummary};

use super::active::{Active, Counts};
use super::position::Position;

/// The counts of a run.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Lines read.
    pub lines_in: u64,
    /// Lines written.
    pub lines_out: u64,
    /// Lines that were too long to be changed.
    pub overlong: u64,
    /// Lines that an effect took and that are not JSON objects.
    pub not_objects: u64,
    /// Lines that could not be redacted, and were left out.
    pub withheld: u64,
    /// JSON arrays that were cut off.
    pub unclosed_arrays: u64,
    /// Lines that were held back and had to leave early.
    pub early: u64,
    /// Lines that were labelled.
    pub labelled: u64,
    /// Readers may take the output for a JSON array.
    pub begins_array: bool,
    labels: bool,
    windows: Vec<FaultWindow>,
    effects: Vec<Row>,
}

/// What one effect did.
#[derive(Debug)]
struct Row {
    fault: &'static str,
    spared: &'static str,
    counts: Counts,
    unread: Option<String>,
    remark: Option<String>,
}

impl Report {
    /// Adds what the effects did, and whether events were labelled.
    pub(super) fn enter(&mut self, effects: &[Active], labels: bool, position: &Position) {
        self.labels = labels;
        self.windows = effects.iter().filter_map(|active| active.fault_window(position)).collect();
        self.effects = effects
            .iter()
            .map(|active| Row {
                fault: active.kind.fault,
                spared: active.kind.spared,
                counts: active.counts,
                unread: active.unread.clone(),
                remark: active.remark(),
            })
            .collect();
    }

    /// The last line of truth.
    pub(super) fn summary(&self, complete: bool) -> TruthSummary {
        let mut totals = BTreeMap::new();
        let labelled = self.labels.then_some(("label", self.labelled));
        let withheld = (self.withheld > 0).then_some(("withheld", self.withheld));
        let injected = self.effects.iter().map(|row| (row.fault, row.counts.injected));
        for (fault, count) in injected.chain(labelled).chain(withheld) {
            *totals.entry(fault.to_owned()).or_default() += count;
        }
        TruthSummary::new(self.lines_in, self.lines_out, totals, complete).with_windows(self.windows.clone())
    }

    /// The summary on stderr.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{} lines in, {} out", numbers::count(self.lines_in), numbers::count(self.lines_out));
        for Row { fault, spared, counts, unread, .. } in &self.effects {
            let _ = write!(text, "\n  {fault:<10}{:>12}", numbers::count(counts.injected));
            let example = unread.as_ref().map_or_else(String::new, |why| format!(", such as {why}"));
            let beside = [
                (counts.passed, *spared, &*example),
                (counts.stuck, "have no other value in their form", ""),
                (counts.unmoved, "kept their place", ""),
                (counts.beyond, "would get a time that cannot be written", ""),
            ];
            let beside: Vec<String> = beside
                .iter()
                .filter(|(count, ..)| *count > 0)
                .map(|(count, what, example)| format!("{} more {what}{example}", numbers::count(*count)))
                .collect();
            if !beside.is_empty() {
                let _ = write!(text, "  ({})", beside.join("; "));
            }
        }
        if self.labels {
            let _ = write!(text, "\n  {:<10}{:>12}", "label", numbers::count(self.labelled));
        }
        text
    }

    /// What the user should know besides the counts.
    pub(super) fn warnings(&self) -> Vec<String> {
        let counted = [
            (
                self.withheld,
                "left out, because what is not a JSON object or is too long for --max-line cannot be redacted",
            ),
            (self.overlong, "too long for --max-line, passed unchanged"),
            (self.not_objects, "not a JSON object, passed unchanged"),
            (self.early, "released early, because --max-held was reached"),
        ];
        let mut warnings: Vec<String> = counted
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{}: {what}", numbers::counted(*count, "line", "lines")))
            .collect();
        if self.unclosed_arrays > 0 {
            warnings.push("the input is a JSON array that is cut off: expected ']' at its end".to_owned());
        }
        if self.begins_array {
            warnings.push("the output begins with '[', so readers will take its lines for one JSON array".to_owned());
        }
        warnings.extend(self.effects.iter().filter_map(|row| row.remark.clone()));
        warnings
    }
}
