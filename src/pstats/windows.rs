//! Lines by time, in a bounded number of windows. Their width grows if there would be too many.
//! The width is the smallest of a ladder with at most [`MOST`] windows that are not empty (or [`MOST_FOUND`] if no width is
//! given). It depends only on the timestamps, not on their order or on how the input was split.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::figures::{Figures, Point};
use super::sketch::Coarse;
use crate::clock::Micros;
use crate::record::outcome::Word;

/// The most windows with a given width.
pub(super) const MOST: usize = 1000;

/// The most windows if no width is given: as many as a chart shows well.
pub(super) const MOST_FOUND: usize = 200;

/// This many windows show a trend. Sparse windows are not widened to fewer.
const ENOUGH: usize = 20;

/// Quantiles of fewer lines than these say little: windows with fewer are widened.
const ENOUGH_LINES: u64 = 20;

const SECOND: Micros = 1_000_000;
const CENTISECOND: Micros = SECOND / 100;
/// The ladder of widths in hundredths of a second, as is usual in charts. Each divides the next.
const LADDER: [Micros; 17] = [
    1, 2, 10, 20, 100, 200, 1000, 3000, 6000, 30_000, 60_000, 180_000, 360_000, 720_000, 2_160_000, 4_320_000,
    8_640_000,
];

/// Room for the kinds of errors: the words of outcomes, or [`EVENT_ERRORS`].
const ERRORS: usize = Word::ALL.len();

/// The kinds of errors of events.
pub(super) const EVENT_ERRORS: [&str; 3] = ["4xx", "5xx", "other"];

/// The kind of an event's error, as a place in [`EVENT_ERRORS`].
pub(super) fn event_error(success: Option<bool>, status: Option<u16>) -> Option<usize> {
    (success == Some(false)).then_some(match status {
        Some(400..=499) => 0,
        Some(500..=599) => 1,
        _ => 2,
    })
}

/// What a window counts of a line beside its point.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Course {
    /// The kind of its error: a place in `Word::ALL` or in [`EVENT_ERRORS`].
    pub error: Option<usize>,
    /// Requests after the first.
    pub retries: u64,
    /// In an open loop: when it was due, and when it ended. Each counts in the window that it falls into.
    pub due: Option<Micros>,
    pub ended: Option<Micros>,
}

/// The sums of these.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct CourseCounts {
    /// By kind.
    pub errors: [u64; ERRORS],
    pub retries: u64,
    pub due: u64,
    pub ended: u64,
}

impl CourseCounts {
    fn merge(&mut self, other: &Self) {
        self.errors.iter_mut().zip(other.errors).for_each(|(a, b)| *a = a.saturating_add(b));
        let sums = [(&mut self.retries, other.retries), (&mut self.due, other.due), (&mut self.ended, other.ended)];
        sums.into_iter().for_each(|(a, b)| *a = a.saturating_add(b));
    }
}

/// What is counted of the lines of a window.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    pub figures: Figures<Coarse>,
    pub counts: CourseCounts,
}

impl Window {
    fn merge(&mut self, other: &Self) {
        self.figures.merge(&other.figures);
        self.counts.merge(&other.counts);
    }
}

/// The figures of the lines of each window.
#[derive(Debug, Clone)]
pub(super) struct Windows {
    /// Given with `--window`, or found.
    given: bool,
    width: Micros,
    /// By the start of the window over its width, ascending.
    windows: Vec<(i64, Window)>,
    /// The place of the window of the last line, and its time. `None` if the place may have changed.
    last: usize,
    within: Range<Micros>,
}

impl Windows {
    /// No lines yet, in windows of this width. Without one, starts at a hundredth of a second.
    pub(super) fn new(width: Option<Micros>) -> Self {
        Self { given: width.is_some(), width: width.unwrap_or(CENTISECOND), windows: Vec::new(), last: 0, within: 0..0 }
    }

    /// Counts a line with this time.
    #[inline]
    pub(super) fn add(&mut self, at: Micros, point: Point, course: Course) {
        let window = self.at(at);
        window.figures.add(point);
        window.counts.retries += course.retries;
        if let Some(error) = course.error {
            window.counts.errors[error] += 1;
        }
        if let Some(due) = course.due {
            self.at(due).counts.due += 1;
        }
        if let Some(ended) = course.ended {
            self.at(ended).counts.ended += 1;
        }
    }

    /// The window of this time.
    #[inline]
    fn at(&mut self, at: Micros) -> &mut Window {
        if !self.within.contains(&at) {
            self.last = self.find(at.div_euclid(self.width));
            let start = self.windows[self.last].0.checked_mul(self.width);
            self.within = start.and_then(|start| Some(start..start.checked_add(self.width)?)).unwrap_or_default();
        }
        &mut self.windows[self.last].1
    }

    fn find(&mut self, mut index: i64) -> usize {
        let most = if self.given { MOST } else { MOST_FOUND };
        let mut place = self.windows.binary_search_by_key(&index, |(i, _)| *i);
        if place.is_err() && self.windows.len() == most {
            let mut width = self.width;
            loop {
                let next = wider(self.given, width);
                index = index.div_euclid(next / width);
                self.widen_to(next);
                width = next;
                place = self.windows.binary_search_by_key(&index, |(i, _)| *i);
                if place.is_ok() || self.windows.len() < most {
                    break;
                }
            }
        }
        place.unwrap_or_else(|place| {
            self.windows.insert(place, (index, Window::default()));
            self.within = 0..0;
            place
        })
    }

    fn widen_to(&mut self, width: Micros) {
        let factor = width / self.width;
        let mut wide: Vec<(i64, Window)> = Vec::with_capacity(self.windows.len());
        for (index, window) in self.windows.drain(..) {
            let index = index.div_euclid(factor);
            match wide.last_mut() {
                Some((last, into)) if *last == index => into.merge(&window),
                _ => wide.push((index, window)),
            }
        }
        self.windows = wide;
        self.width = width;
        self.within = 0..0;
    }

    /// Adds a window of this width that starts here.
    pub(super) fn absorb(&mut self, start: Micros, width: Micros, window: &Window) {
        while self.width < width {
            self.widen_to(wider(self.given, self.width));
        }
        let place = self.find(start.div_euclid(self.width));
        self.windows[place].1.merge(window);
    }

    /// Adds what another counted.
    pub(super) fn merge(&mut self, other: &Self) {
        other.each().for_each(|(start, window)| self.absorb(start, other.width, window));
    }

    /// The same windows, of at least a second if no width is given.
    pub(super) fn of_seconds(&self) -> Self {
        let mut windows = self.clone();
        if !self.given && self.width < SECOND {
            windows.widen_to(SECOND);
        }
        windows
    }

    /// The windows to show. If no width is given and most windows would be empty or hold few lines, they are wider, as long as
    /// enough are left to show a trend.
    pub(super) fn shown(&self) -> Self {
        let mut shown = self.clone();
        while !self.given && (shown.is_sparse() || shown.has_few_lines()) {
            let mut wide = shown.clone();
            wide.widen_to(wider(false, shown.width));
            let are_too_few = wide.windows.len() < ENOUGH;
            if are_too_few && (shown.windows.len() >= ENOUGH || !shown.is_sparse()) {
                break;
            }
            shown = wide;
        }
        shown
    }

    /// Whether more than half of the windows are empty, or a fifth of those shorter than a second. A twentieth at either end is
    /// ignored, so that a single absurd time does not decide.
    fn is_sparse(&self) -> bool {
        let edge = self.windows.len() / 20;
        let inner = &self.windows[edge..self.windows.len() - edge];
        let (Some(first), Some(last)) = (inner.first(), inner.last()) else { return false };
        let most = if self.width < SECOND { inner.len() * 5 / 4 } else { inner.len() * 2 };
        last.0.abs_diff(first.0) >= most.max(1) as u64
    }

    fn has_few_lines(&self) -> bool {
        let lines = self.windows.iter().map(|(_, window)| window.figures.count()).sum::<u64>();
        lines < ENOUGH_LINES * self.windows.len() as u64
    }

    /// The width of a window in µs.
    pub(super) fn width(&self) -> Micros {
        self.width
    }

    /// The windows that hold lines, as (start, figures), ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Micros, &Figures<Coarse>)> {
        self.each().map(|(start, window)| (start, &window.figures)).filter(|(_, figures)| figures.count() > 0)
    }

    /// The windows that hold lines, or in which lines were due or ended, as (start, window), ascending.
    pub(super) fn each(&self) -> impl Iterator<Item = (Micros, &Window)> {
        self.windows.iter().map(|(index, window)| (index.saturating_mul(self.width), window))
    }
}

/// The next width: twice a given one; otherwise the next one of the ladder, and twice the last one after its end.
fn wider(given: bool, width: Micros) -> Micros {
    let next = LADDER.iter().map(|s| s * CENTISECOND).find(|w| !given && *w > width);
    next.unwrap_or_else(|| width.saturating_mul(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(width: Option<Micros>, times: &[Micros]) -> Windows {
        let mut windows = Windows::new(width);
        times.iter().for_each(|at| windows.add(*at, Point::default(), Course::default()));
        windows
    }

    fn counts(windows: &Windows) -> (Micros, Vec<(Micros, u64)>) {
        (windows.width(), windows.iter().map(|(start, f)| (start, f.count())).collect())
    }

    #[test]
    fn a_given_width_doubles_when_there_are_too_many_windows() {
        let minutes: Vec<Micros> = (0..1001).map(|i| i * 60 * SECOND).collect();
        assert_eq!(of(Some(60 * SECOND), &minutes[..1000]).width(), 60 * SECOND);
        let windows = of(Some(60 * SECOND), &minutes);
        assert_eq!((windows.width(), windows.iter().count()), (120 * SECOND, 501));
    }

    #[test]
    fn a_found_width_is_one_that_charts_use() {
        let hours: Vec<Micros> = (0..168).map(|i| i * 3600 * SECOND + i).collect();
        assert_eq!((of(None, &hours).width(), of(None, &hours).shown().width()), (CENTISECOND, 6 * 3600 * SECOND));
        let minutes: Vec<Micros> = (0..7 * 24 * 60).map(|i| i * 60 * SECOND).collect();
        assert_eq!(of(None, &minutes).shown().width(), 3600 * SECOND);
    }

    #[test]
    fn two_runs_far_apart_are_not_two_windows() {
        let run = |from: Micros| (0..1000).map(move |i| (from + i * 7) * SECOND);
        let times: Vec<Micros> = run(0).chain(run(86_400)).collect();
        assert!((ENOUGH..=200).contains(&of(None, &times).shown().iter().count()));
    }

    #[test]
    fn a_line_is_in_its_window_whatever_was_added_between() {
        let mut windows = of(Some(SECOND), &[5 * SECOND]);
        windows.merge(&of(Some(SECOND), &[SECOND]));
        windows.add(5 * SECOND, Point::default(), Course::default());
        assert_eq!(counts(&windows).1, [(SECOND, 1), (5 * SECOND, 2)]);
    }

    #[test]
    fn absurd_times_do_no_harm() {
        let windows = of(None, &[i64::MIN / 2, i64::MAX / 2, 0, -1]);
        assert_eq!(windows.iter().map(|(_, f)| f.count()).sum::<u64>(), 4);
    }

    proptest! {
        #[test]
        fn neither_order_nor_splitting_matters(
            mut times in prop::collection::vec((0u32..34).prop_flat_map(|e| 0i64..(2_000_000 << e)), 1..1500),
            cut in 0usize..1500,
            given in any::<bool>(),
        ) {
            let width = given.then_some(7 * SECOND);
            let whole = counts(&of(width, &times));
            let (a, b) = times.split_at(cut.min(times.len()));
            let mut parts = of(width, b);
            parts.merge(&of(width, a));
            prop_assert_eq!(counts(&parts), whole.clone());
            prop_assert_eq!(whole.1.iter().map(|w| w.1).sum::<u64>(), times.len() as u64);
            times.reverse();
            prop_assert_eq!(counts(&of(width, &times)), whole);
        }
    }
}
