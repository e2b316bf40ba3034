//! Verdicts as people read them at a terminal.

use super::Verdict;
use crate::cli::console::visible;
use crate::cli::sheet::{Page, width};

/// Adds the verdicts to a page, if there are any.
pub(crate) fn show(page: &mut Page, verdicts: &[Verdict]) {
    if verdicts.is_empty() {
        return;
    }
    page.title("Requirements");
    let widest = verdicts.iter().map(|v| width(&visible(&v.requirement))).max().unwrap_or(0);
    for verdict in verdicts {
        let (code, mark) = match (verdict.met, verdict.unsure) {
            (true, false) => ("32", "✓ met    "),
            (true, true) => ("33", "? met    "),
            (false, true) => ("1;33", "? UNSURE "),
            (false, false) => ("1;31", "✗ NOT MET"),
        };
        page.marked(code, mark, &verdict.requirement, widest, &verdict.message);
    }
}
