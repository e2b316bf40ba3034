//! The report for a person at a terminal: one screen, or with `--full` everything.

mod brief;
mod full;
mod held;
pub(in crate::pstats) mod tables;

pub(crate) use crate::cli::sheet::Style;

use super::Report;
use super::headline::{Headline, Standing};
use crate::cli::sheet::Page;
use crate::record::requirement;

/// Writes the report.
pub(crate) fn write(report: &Report, style: Style) -> String {
    let mut page = Page::new(style);
    let headline = Headline::of(report);
    let color = match headline.standing {
        Standing::Failed => "1;31",
        Standing::Doubtful => "1;33",
        Standing::Passed => "1;32",
        Standing::NotJudged => "1",
    };
    page.headline(color, &format!("{}.", headline.sentence()));
    page.warnings(report);
    requirement::show(&mut page, &report.requirements);
    page.compared(report);
    if style.full {
        page.all(report);
    } else {
        page.main(report);
    }
    page.text
}
