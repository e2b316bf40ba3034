//! Whether alarms rang, on the page.

use super::body::{Body, Cell, shown};
use crate::cli::numbers::count;
use crate::pstats::report::Report;
use crate::pstats::report::alerts::{self, Table};

impl Body {
    /// The part on alerts, if there is one.
    pub(super) fn alarms(&mut self, report: &Report) {
        let Some(found) = alerts::shown(report) else { return };
        self.put(&format!("<h2>{}</h2>\n", alerts::TITLE));
        for Table { title, head, rows, more } in &found.tables {
            self.begin(if title.is_empty() { "Figures" } else { title }, "");
            let cell = |(head, text): (&&str, &String)| match head.starts_with(' ') {
                true => Cell::text(text),
                false => Cell::figure(text),
            };
            let cells = rows.iter().map(|row| head.iter().zip(row).map(cell).collect()).collect();
            self.table(title, "", &head.iter().map(|name| name.trim_start()).collect::<Vec<_>>(), cells);
            if *more > 0 {
                self.put(&format!("<p class=\"faint\">and {} more</p>\n", count(*more)));
            }
            self.end();
        }
        for note in &found.notes {
            self.put(&format!("<p class=\"faint\">{}</p>\n", shown(note)));
        }
    }
}
