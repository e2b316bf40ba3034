//! What a run was held against: requirements, injected faults, other streams, earlier runs, the parts that it should have.

use crate::cli::numbers::count;
use crate::cli::sheet::{Column, Page};
use crate::pstats::joins::{ChaosReport, FaultReport};
use crate::pstats::report::Report;
use crate::pstats::report::compared::{AXIS, TITLE, cells, shown};
use crate::pstats::report::joined::{chaos_head, chaos_rows, stored, why_undecidable};
use crate::pstats::report::parts;

impl Page {
    /// Why the figures may not be what they seem.
    pub(super) fn warnings(&mut self, report: &Report) {
        let generator = report.generator_warning().map(str::to_owned);
        for why in report.incomplete().into_iter().chain(generator) {
            self.gap();
            self.warning(&why);
        }
    }

    pub(super) fn compared(&mut self, report: &Report) {
        let Some(shown) = shown(report) else { return };
        self.title(TITLE);
        self.sentence(&shown.summary);
        self.gap();
        let (left, right) = (Column::left, Column::right);
        let head = [
            left("figure"),
            right("base").spare(3),
            right("now").spare(4),
            right("change"),
            right("interval").spare(2),
            left(AXIS).spare(1),
            left("verdict"),
        ];
        let rows = shown.rows.iter().map(|row| [cells(row), vec![row.drawn(), row.verdict_in_words()]].concat());
        let rows: Vec<Vec<String>> = rows.collect();
        if !rows.is_empty() {
            self.table(&head, &rows);
        }
        if shown.more > 0 {
            self.more(shown.more);
        }
        shown.notes.iter().for_each(|note| self.warning(note));
    }

    pub(super) fn truth(&mut self, report: &Report) {
        let Some(truth) = report.truth_to_show() else { return };
        let names = ["injected", "detected", "missed", "false alarm", "undecidable"];
        let head: Vec<Column<'_>> = std::iter::once(Column::left("fault")).chain(names.map(Column::right)).collect();
        let row = |name: &str, f: &FaultReport| {
            let figures = [f.count, f.detected, f.missed, f.false_alarm, f.undecidable].map(count);
            std::iter::once(name.to_owned()).chain(figures).collect::<Vec<_>>()
        };
        let mut rows: Vec<Vec<String>> = truth.faults.iter().map(|(name, fault)| row(name, fault)).collect();
        rows.push(row("(untouched)", &truth.untouched));
        self.block("Injected faults", &head, &rows);
        let why = why_undecidable(truth);
        if !why.is_empty() {
            self.sentence(&format!("Undecidable: {why}."));
        }
        let unsent: u64 = truth.faults.values().map(|fault| fault.refused_unsent).sum();
        if unsent > 0 {
            let unsent = count(unsent);
            self.sentence(&format!("psend itself refused {unsent} of the detected faults; the server never saw them."));
        }
    }

    pub(super) fn chaos(&mut self, report: &Report) {
        if let Some(chaos) = &report.chaos {
            self.title(ChaosReport::TITLE);
            self.table(&chaos_head(), &chaos_rows(chaos));
        }
    }

    pub(super) fn reconciled(&mut self, report: &Report) {
        let Some(reconciled) = &report.reconciled else { return };
        self.title("Reconciled by event_id");
        for (name, n, what) in reconciled.facts() {
            self.fact(name, &count(n), what);
        }
        if reconciled.table.is_empty() {
            return;
        }
        self.gap();
        let names = ["present", "missing", "differs", "extra", "unchecked"];
        let head: Vec<Column<'_>> = std::iter::once(Column::left("outcome")).chain(names.map(Column::right)).collect();
        let rows: Vec<Vec<String>> = reconciled
            .table
            .iter()
            .map(|(word, s)| std::iter::once((*word).to_owned()).chain(stored(s)).collect())
            .collect();
        self.table(&head, &rows);
    }

    pub(super) fn parts(&mut self, report: &Report) {
        if report.parts.runs.is_empty() && report.parts.problems.is_empty() && report.parts.notes.is_empty() {
            return;
        }
        self.title(parts::TITLE);
        let rows = parts::rows(report);
        if !rows.is_empty() {
            let side = |(column, name): (usize, &&'static str)| {
                if column < 2 { Column::left(name) } else { Column::right(name) }
            };
            let head: Vec<Column<'_>> = parts::HEAD.iter().enumerate().map(side).collect();
            self.table(&head, &rows);
        }
        report.parts.problems.iter().for_each(|problem| self.warning(problem));
        report.parts.notes.iter().for_each(|note| self.sentence(note));
    }

    /// That there are more rows than are shown.
    pub(super) fn more(&mut self, rows: usize) {
        self.line(&format!("  … and {} more (--format json has all)", count(rows as u64)));
    }
}
