//! The views of the live screen, and how their parts share its room.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget, Wrap};

use super::ink::Ink;
use super::panels::{Panel, Texts};
use super::trend::Windows;
use crate::cli::console::visible;
use crate::cli::numbers::{count, duration};
use crate::pstats::report::Report;
use crate::pstats::report::headline::{Headline, Standing};

/// Between two columns.
const GUTTER: u16 = 2;

/// What the screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Overview,
    Trends,
    Latency,
    Groups,
    Requirements,
}

impl View {
    /// In the order of their keys, which are the digits from 1.
    pub(super) const ALL: [Self; 5] = [Self::Overview, Self::Trends, Self::Latency, Self::Groups, Self::Requirements];

    fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Trends => "trends",
            Self::Latency => "latency",
            Self::Groups => "groups",
            Self::Requirements => "requirements",
        }
    }

    /// The view so many places further, round and round.
    pub(super) fn further(self, places: usize) -> Self {
        Self::ALL[(self as usize + places) % Self::ALL.len()]
    }
}

/// What is drawn.
pub(super) struct Board<'a> {
    pub(super) view: View,
    /// `None` before the first lines were counted.
    pub(super) report: Option<&'a Report>,
    pub(super) paused: bool,
    /// Requirements that cannot be judged before the end.
    pub(super) later: usize,
    /// The latest warning or error. The end of the run has all of them.
    pub(super) warning: Option<String>,
    pub(super) in_color: bool,
}

impl Board<'_> {
    /// Draws all of it: what stands above, the parts of the view, and a line of keys.
    pub(super) fn draw(&self, buffer: &mut Buffer) {
        let area = buffer.area;
        let [mut top, help] = [self.status(), self.help()];
        Widget::render(&help, Rect { y: area.bottom().saturating_sub(1), height: area.height.min(1), ..area }, buffer);
        if let Some(warning) = &self.warning {
            let line = Line::styled(visible(warning).into_owned(), Ink::Doubtful.style(self.in_color));
            let above = Rect { y: area.bottom().saturating_sub(2), height: 1, ..area };
            Widget::render(&line, above.intersection(area), buffer);
        }
        let Some(report) = self.report else {
            top.push_span(Span::raw("  no lines yet"));
            Widget::render(&top, Rect { height: area.height.min(1), ..area }, buffer);
            return;
        };
        Widget::render(&top, Rect { height: area.height.min(1), ..area }, buffer);
        let headline = Headline::of(report);
        let ink = match headline.standing {
            Standing::Failed => Ink::Bad,
            Standing::Doubtful => Ink::Doubtful,
            Standing::Passed => Ink::Good,
            Standing::NotJudged => Ink::Plain,
        };
        let sentence = Paragraph::new(visible(&headline.sentence()).into_owned())
            .style(ink.style(self.in_color))
            .wrap(Wrap { trim: true });
        let lines = if headline.sentence().chars().count() > usize::from(area.width) { 2 } else { 1 };
        sentence.render(Rect { y: 1, height: lines, ..area }.intersection(area), buffer);
        let body = Rect { y: lines + 2, height: area.height.saturating_sub(lines + 4), ..area };
        self.body(report, body.intersection(area), buffer);
    }

    fn status(&self) -> Line<'static> {
        let mut spans = vec![Span::styled("pstats", Ink::Title.style(self.in_color))];
        if let Some(report) = self.report {
            let (lines, elapsed) = (report.input.lines, report.run.elapsed_s);
            spans.push(Span::raw(format!("  {} lines in {}", count(lines), duration(elapsed))));
        }
        if self.later > 0 {
            let later = count(self.later as u64);
            spans.push(Span::styled(format!("  {later} to be judged at the end"), Ink::Faint.style(self.in_color)));
        }
        if self.paused {
            spans.push(Span::raw("  "));
            spans.push(Span::styled(" paused: counting goes on ", Ink::Chosen.style(self.in_color)));
        }
        Line::from(spans)
    }

    fn help(&self) -> Line<'static> {
        let mut spans = Vec::new();
        for (at, view) in View::ALL.into_iter().enumerate() {
            let ink = if view == self.view { Ink::Chosen } else { Ink::Plain };
            spans.push(Span::styled(format!("{} {}", at + 1, view.name()), ink.style(self.in_color)));
            spans.push(Span::raw("  "));
        }
        let keys = if self.paused { "p go on  q end" } else { "p pause  q end" };
        spans.push(Span::styled(keys, Ink::Faint.style(self.in_color)));
        Line::from(spans)
    }

    fn body(&self, report: &Report, area: Rect, buffer: &mut Buffer) {
        let rows = usize::from(area.height);
        let texts = |width: u16| Texts { report, width };
        let windows = match (&report.outcomes, &report.events) {
            (Some(outcomes), _) => Windows::new(&outcomes.windows, outcomes.window_s),
            (None, Some(events)) => Windows::new(&events.windows, events.window_s),
            (None, None) => None,
        };
        let rates = || windows.as_ref().and_then(Windows::rates).map(Panel::Chart);
        let quantiles = || windows.as_ref().and_then(Windows::quantiles).map(Panel::Chart);
        let whole = texts(area.width);
        let panels = match self.view {
            View::Overview => {
                let width = area.width.saturating_sub(GUTTER) / 2;
                let half = texts(width);
                let left = [rates(), half.outcomes(), half.requirements(), half.reasons()];
                let right = [quantiles(), half.latencies(), half.hurting(rows), half.histogram(rows / 3)];
                self.stack(left, Rect { width, ..area }, buffer);
                self.stack(right, Rect { x: area.x + width + GUTTER, width, ..area }, buffer);
                return;
            }
            View::Trends => [rates(), quantiles(), None, None],
            View::Latency => {
                let rows = rows.saturating_sub(7).max(4);
                [whole.latencies(), whole.histogram(rows), None, None]
            }
            View::Groups => [whole.hurting(rows.saturating_sub(1)), None, None, None],
            View::Requirements => {
                let none = || Panel::Text(vec!["Nothing was required (--require).".to_owned()]);
                [Some(whole.requirements().unwrap_or_else(none)), None, None, None]
            }
        };
        self.stack(panels, area, buffer);
    }

    /// Draws parts below each other, the first ones if there is no room for all.
    fn stack(&self, panels: [Option<Panel>; 4], area: Rect, buffer: &mut Buffer) {
        let mut left = area.height;
        let mut heights: Vec<(Panel, u16)> = Vec::new();
        for panel in panels.into_iter().flatten() {
            let (gap, least) = (u16::from(!heights.is_empty()), panel.least());
            if least + gap <= left {
                left -= least + gap;
                heights.push((panel, least));
            }
        }
        // What is left goes round, a row each.
        while left > 0 {
            let before = left;
            for (panel, height) in &mut heights {
                let row = u16::from(*height < panel.best() && left > 0);
                *height += row;
                left -= row;
            }
            if left == before {
                break;
            }
        }
        let mut y = area.y;
        for (panel, height) in heights {
            panel.draw(Rect { y, height, ..area }, buffer, self.in_color);
            y += height + 1;
        }
    }
}
