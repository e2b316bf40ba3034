//! Lines by time, in a bounded number of windows. Their width grows if there would be too many.
//! The width is the smallest of a ladder with at most [`MOST`] windows that are not empty (or [`MOST_FOUND`] if no width is
//! given). It depends only on the timestamps, not on their order or on how the input was split.

use std::ops::Range;

use super::figures::{Figures, Point};
use super::sketch::Coarse;
use crate::clock::Micros;

/// The most windows with a given width.
pub(super) const MOST: usize = 1000;

/// The most windows if no width is given: as many as a chart shows well.
pub(super) const MOST_FOUND: usize = 200;

/// This many windows show a trend. Sparse windows are not widened to fewer.
const ENOUGH: usize = 20;

const SECOND: Micros = 1_000_000;
/// The ladder of widths in seconds, as is usual in charts. Each divides the next.
const LADDER: [Micros; 13] = [1, 2, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400];

/// The figures of the lines of each window.
#[derive(Debug, Clone)]
pub(super) struct Windows {
    /// Given with `--window`, or found.
    given: bool,
    width: Micros,
    /// By the start of the window over its width, ascending.
    windows: Vec<(i64, Figures<Coarse>)>,
    /// The place of the window of the last line, and its time. `None` if the place may have changed.
    last: usize,
    within: Range<Micros>,
}

impl Windows {
    /// No lines yet, in windows of this width. Without one, starts at a second.
    pub(super) fn new(width: Option<Micros>) -> Self {
        Self { given: width.is_some(), width: width.unwrap_or(SECOND), windows: Vec::new(), last: 0, within: 0..0 }
    }

    /// Counts a line with this time.
    #[inline]
    pub(super) fn add(&mut self, at: Micros, point: Point) {
        if !self.within.contains(&at) {
            self.last = self.find(at.div_euclid(self.width));
            let start = self.windows[self.last].0.checked_mul(self.width);
            self.within = start.and_then(|start| Some(start..start.checked_add(self.width)?)).unwrap_or_default();
        }
        self.windows[self.last].1.add(point);
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
            self.windows.insert(place, (index, Figures::default()));
            self.within = 0..0;
            place
        })
    }

    fn widen_to(&mut self, width: Micros) {
        let factor = width / self.width;
        let mut wide: Vec<(i64, Figures<Coarse>)> = Vec::with_capacity(self.windows.len());
        for (index, figures) in self.windows.drain(..) {
            let index = index.div_euclid(factor);
            match wide.last_mut() {
                Some((last, into)) if *last == index => into.merge(&figures),
                _ => wide.push((index, figures)),
            }
        }
        self.windows = wide;
        self.width = width;
        self.within = 0..0;
    }

    /// Adds the figures of a window of this width that starts here.
    pub(super) fn absorb(&mut self, start: Micros, width: Micros, figures: &Figures<Coarse>) {
        while self.width < width {
            self.widen_to(wider(self.given, self.width));
        }
        let place = self.find(start.div_euclid(self.width));
        self.windows[place].1.merge(figures);
    }

    /// Adds what another counted.
    pub(super) fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(start, figures)| self.absorb(start, other.width, figures));
    }

    /// The windows to show. If no width is given and most windows would be empty, they are wider, as long as enough are left
    /// to show a trend.
    pub(super) fn shown(&self) -> Self {
        let mut shown = self.clone();
        while !self.given && shown.is_sparse() {
            let mut wide = shown.clone();
            wide.widen_to(wider(false, shown.width));
            if wide.windows.len() < ENOUGH && shown.windows.len() >= ENOUGH {
                break;
            }
            shown = wide;
        }
        shown
    }

    /// Whether more than half of the windows are empty. A twentieth at either end is ignored, so that a single absurd time
    /// does not decide.
    fn is_sparse(&self) -> bool {
        let edge = self.windows.len() / 20;
        let inner = &self.windows[edge..self.windows.len() - edge];
        let (Some(first), Some(last)) = (inner.first(), inner.last()) else { return false };
        last.0.abs_diff(first.0) >= 2 * inner.len() as u64
    }

    /// The width of a window in µs.
    pub(super) fn width(&self) -> Micros {
        self.width
    }

    /// The windows that are not empty, as (start, figures), ascending.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (Micros, &Figures<Coarse>)> {
        self.windows.iter().map(|(index, figures)| (index.saturating_mul(self.width), figures))
    }
}

/// The next width: twice a given one; otherwise the next one of the ladder, and twice the last one after its end.
fn wider(given: bool, width: Micros) -> Micros {
    let next = LADDER.iter().map(|s| s * SECOND).find(|w| !given && *w > width);
    next.unwrap_or_else(|| width.saturating_mul(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(width: Option<Micros>, times: &[Micros]) -> Windows {
        let mut windows = Windows::new(width);
        times.iter().for_each(|at| windows.add(*at, Point::default()));
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
        assert_eq!((windows.width(), windows.iter().len()), (120 * SECOND, 501));
    }

    #[test]
    fn a_found_width_is_one_that_charts_use() {
        let hours: Vec<Micros> = (0..168).map(|i| i * 3600 * SECOND + i).collect();
        assert_eq!((of(None, &hours).width(), of(None, &hours).shown().width()), (SECOND, 1800 * SECOND));
        let minutes: Vec<Micros> = (0..7 * 24 * 60).map(|i| i * 60 * SECOND).collect();
        assert_eq!(of(None, &minutes).shown().width(), 3600 * SECOND);
    }

    #[test]
    fn two_runs_far_apart_are_not_two_windows() {
        let run = |from: Micros| (0..1000).map(move |i| (from + i * 7) * SECOND);
        let times: Vec<Micros> = run(0).chain(run(86_400)).collect();
        assert!((ENOUGH..=200).contains(&of(None, &times).shown().iter().len()));
    }

    #[test]
    fn a_line_is_in_its_window_whatever_was_added_between() {
        let mut windows = of(Some(SECOND), &[5 * SECOND]);
        windows.merge(&of(Some(SECOND), &[SECOND]));
        windows.add(5 * SECOND, Point::default());
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
