//! What is counted in the same way for events and outcomes: figures, groups, windows, ids, order.

use super::distinct::Distinct;
use super::figures::{Figures, Point};
use super::groups::{AllGroups, SlotValues};
use super::layout::Groupings;
use super::order::Order;
use super::settings::Settings;
use super::sketch::Fine;
use super::windows::{Course, Windows};
use crate::clock::Micros;

/// The content of a line that events and outcomes share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The hash of its id.
    pub id: Option<u64>,
    /// When it happened.
    pub at: Option<Micros>,
    /// Success and latency.
    pub point: Point,
    /// What windows count beside these.
    pub course: Course,
}

/// Lines are counted in batches of this size, so that their groups and points stay in the cache.
const BATCH: usize = 256;

/// The counts of one kind of line.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    /// For all lines.
    pub figures: Figures<Fine>,
    /// For each grouping, in the order of the settings.
    pub groups: AllGroups,
    /// By time.
    pub windows: Windows,
    /// The ids.
    pub ids: Distinct,
    /// The order of the times.
    pub order: Order,
    /// The points of the lines that wait to be counted.
    waiting: Vec<Point>,
}

impl Stream {
    /// No line yet.
    pub(super) fn new(settings: &Settings, groupings: &Groupings) -> Self {
        Self {
            figures: Figures::default(),
            groups: AllGroups::new(settings.max_groups, groupings),
            windows: Windows::new(settings.window),
            ids: Distinct::new(settings.exact_ids),
            order: Order::default(),
            waiting: Vec::with_capacity(BATCH),
        }
    }

    /// Adds a line. It is counted when [`Self::settle`] is called. `line` gives the values for groupings.
    #[inline]
    pub(super) fn add<'a>(&mut self, entry: Entry, line: &impl SlotValues<'a>) {
        if let Some(id) = entry.id {
            self.ids.add(id);
        }
        if let Some(at) = entry.at {
            self.order.add(at);
            self.windows.add(at, entry.point, entry.course);
        }
        self.groups.enter(line);
        self.waiting.push(entry.point);
        if self.waiting.len() == BATCH {
            self.settle();
        }
    }

    /// Counts the waiting lines. Only then do figures and groups include all lines.
    pub(super) fn settle(&mut self) {
        // The whole has a finer sketch of end_to_end elsewhere.
        self.waiting.iter().for_each(|point| self.figures.add(Point { end_to_end: None, ..*point }));
        self.groups.settle(&self.waiting);
        self.waiting.clear();
    }

    /// Adds the counts of another stream, whose lines came after ours.
    pub(super) fn merge(&mut self, mut next: Self) {
        next.settle();
        self.figures.merge(&next.figures);
        self.groups.merge(&next.groups);
        self.windows.merge(&next.windows);
        self.ids.merge(next.ids);
        self.order.append(&next.order);
    }
}
