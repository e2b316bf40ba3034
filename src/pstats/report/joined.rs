//! What was held against other streams, as every form that people read says it.

use crate::cli::numbers::count;
use crate::cli::sheet::Column;
use crate::pstats::joins::{ChaosReport, StoredReport, TruthReport};

/// Why faults are undecidable; empty if none is.
pub(super) fn why_undecidable(truth: &TruthReport) -> String {
    let each = truth.why_undecidable.iter().map(|(why, n)| format!("{} {}", count(*n), why.in_words()));
    each.collect::<Vec<_>>().join(", ")
}

/// The head of the table of what the server did on purpose.
pub(super) fn chaos_head() -> [Column<'static>; 8] {
    ChaosReport::HEAD.map(|name| if name == "fault" { Column::left(name) } else { Column::right(name) })
}

/// The rows of the table of what the server did on purpose.
pub(super) fn chaos_rows(chaos: &ChaosReport) -> Vec<Vec<String>> {
    let rows = chaos.faults.iter();
    rows.map(|(name, row)| std::iter::once(name.clone()).chain(row.cells().map(count)).collect()).collect()
}

/// What the server holds of the ids of one outcome: present, missing, differs, extra, unchecked.
pub(super) fn stored(of: &StoredReport) -> [String; 5] {
    let missing = of.missing.map_or_else(|| "not known".to_owned(), count);
    [count(of.present), missing, count(of.differs), count(of.extra), count(of.unchecked)]
}
