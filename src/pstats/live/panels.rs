//! What the live screen is made of: charts, and parts of the text report at the width of their column.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Text};
use ratatui::widgets::Widget;

use super::ink::Ink;
use super::trend::Trend;
use crate::cli::numbers::count;
use crate::cli::sheet::{Column, Page, Style};
use crate::pstats::report::groupings::{by_harm, says_something};
use crate::pstats::report::text::tables::{self, Table};
use crate::pstats::report::units::share;
use crate::pstats::report::words::{bar, milliseconds, percent};
use crate::pstats::report::{By, Report};
use crate::record::requirement;

/// The least rows that a part is shown in, and the most that a chart takes.
const LEAST_TEXT: u16 = 6;
const LEAST_CHART: u16 = 6;
const MOST_CHART: u16 = 16;

/// A part of the screen.
pub(super) enum Panel {
    Text(Vec<String>),
    Chart(Trend),
}

impl Panel {
    pub(super) fn least(&self) -> u16 {
        match self {
            Self::Text(_) => self.best().min(LEAST_TEXT),
            Self::Chart(_) => LEAST_CHART,
        }
    }

    /// From this height on it does not gain anything.
    pub(super) fn best(&self) -> u16 {
        match self {
            Self::Text(lines) => u16::try_from(lines.len()).unwrap_or(u16::MAX),
            Self::Chart(_) => MOST_CHART,
        }
    }

    pub(super) fn draw(&self, area: Rect, buffer: &mut Buffer, in_color: bool) {
        match self {
            Self::Chart(trend) => trend.draw(area, buffer, in_color),
            Self::Text(lines) => {
                let ink = |(at, line): (usize, &String)| match line.trim_start() {
                    _ if at == 0 => Ink::Title,
                    line if line.starts_with('✗') => Ink::Bad,
                    line if line.starts_with('?') => Ink::Doubtful,
                    line if line.starts_with('✓') => Ink::Good,
                    _ => Ink::Plain,
                };
                let styled = |(at, line)| Line::styled(line, ink((at, line)).style(in_color));
                Text::from_iter(lines.iter().enumerate().map(styled)).render(area, buffer);
            }
        }
    }
}

/// Makes the parts of a report that are text, for a column of this width.
pub(super) struct Texts<'a> {
    pub(super) report: &'a Report,
    pub(super) width: u16,
}

impl Texts<'_> {
    /// The part, or `None` if there is nothing in it.
    fn written(&self, write: impl FnOnce(&mut Page)) -> Option<Panel> {
        let mut page = Page::new(Style { color: false, width: usize::from(self.width), full: false });
        write(&mut page);
        (!page.text.is_empty()).then(|| Panel::Text(page.text.lines().map(str::to_owned).collect()))
    }

    fn table(&self, title: &str, (head, rows): Table<'_>) -> Option<Panel> {
        self.written(|page| {
            if !rows.is_empty() {
                page.block(title, &head, &rows);
            }
        })
    }

    fn by(&self) -> Option<&By> {
        let report = self.report;
        report.outcomes.as_ref().map(|o| &o.by).or(report.events.as_ref().map(|e| &e.by))
    }

    /// How many events ended how, or which statuses they have.
    pub(super) fn outcomes(&self) -> Option<Panel> {
        match &self.report.outcomes {
            Some(outcomes) => self.table("Outcomes", tables::outcomes(outcomes)),
            None => self.groups("status", 8),
        }
    }

    /// The requirements as they stand.
    pub(super) fn requirements(&self) -> Option<Panel> {
        self.written(|page| requirement::show(page, &self.report.requirements))
    }

    /// The quantiles of each latency.
    pub(super) fn latencies(&self) -> Option<Panel> {
        let named = match (&self.report.outcomes, &self.report.events) {
            (Some(outcomes), _) => tables::of_outcomes(outcomes).to_vec(),
            (None, events) => events.iter().map(|events| ("response time", &events.figures.latency)).collect(),
        };
        self.table("Latency", tables::latencies(&named))
    }

    /// How many events took how long, in at most so many rows.
    #[allow(clippy::cast_precision_loss)] // widths of terminals
    pub(super) fn histogram(&self, rows: usize) -> Option<Panel> {
        let classes = match (&self.report.outcomes, &self.report.events) {
            (Some(outcomes), _) if outcomes.is_open_loop() => &outcomes.end_to_end_distribution,
            (Some(outcomes), _) => &outcomes.latency_distribution,
            (None, events) => &events.as_ref()?.latency_distribution,
        };
        let step = classes.len().div_ceil(rows.max(1)).max(1);
        let merged: Vec<(f64, u64)> = classes
            .chunks(step)
            .filter_map(|chunk| Some((chunk.last()?.up_to_ms, chunk.iter().map(|class| class.count).sum())))
            .collect();
        let whole: u64 = merged.iter().map(|(_, n)| n).sum();
        let most = merged.iter().map(|(_, n)| *n).max()?;
        let bars = usize::from(self.width).saturating_sub(36).clamp(4, 60);
        let row = |(up_to, n): &(f64, u64)| {
            let bar = bar(share(*n, most).unwrap_or(0.0), bars);
            vec![format!("up to {}", milliseconds(Some(*up_to))), count(*n), percent(share(*n, whole)), bar]
        };
        let head = vec![Column::left(""), Column::right("events"), Column::right("share"), Column::left("")];
        self.table("Histogram", (head, merged.iter().map(row).collect()))
    }

    /// The groups that hurt most: of the first grouping of `--by`, or of the services.
    pub(super) fn hurting(&self, most: usize) -> Option<Panel> {
        let name = self.report.run.by.first().map_or("service", String::as_str);
        self.groups(name, most)
    }

    fn groups(&self, name: &str, most: usize) -> Option<Panel> {
        let groups = self.by()?.get(name).filter(|groups| says_something(groups))?;
        let fields: Vec<&str> = name.split(',').collect();
        let title = match groups.len() {
            all if all > most => format!("By {} ({most} of {})", name.replace(',', ", "), count(all as u64)),
            _ => format!("By {}", name.replace(',', ", ")),
        };
        self.table(&title, tables::groups(&fields, &by_harm(groups), most))
    }

    /// The most frequent reasons why events were not delivered.
    pub(super) fn reasons(&self) -> Option<Panel> {
        let outcomes = self.report.outcomes.as_ref().filter(|outcomes| !outcomes.reasons.is_empty())?;
        let (mut head, rows) = tables::reasons(outcomes);
        head.rotate_left(1);
        head[0] = Column::left("");
        let rows = rows.into_iter().map(|mut row| {
            row.rotate_left(1);
            row
        });
        self.table("Why not delivered", (head, rows.collect()))
    }
}
