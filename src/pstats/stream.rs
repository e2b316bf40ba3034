//! What is counted alike of events and of outcomes: figures, groups, windows, ids, order.

use super::distinct::Distinct;
use super::figures::{Figures, Point};
use super::groups::{Groups, Value};
use super::order::Order;
use super::settings::{Grouping, Settings};
use super::sketch::Fine;
use super::windows::Windows;
use crate::clock::Micros;

/// What a line says, as far as events and outcomes say the same.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The hash of its id.
    pub id: Option<u64>,
    /// When it happened.
    pub at: Option<Micros>,
    /// Success and latency.
    pub point: Point,
    /// The values that groupings go by.
    pub values: &'a [Value<'a>],
}

/// The counts of one kind of line.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Of all lines.
    pub figures: Figures<Fine>,
    /// Of each grouping, in the order of the settings.
    pub groups: Vec<Groups>,
    /// By time.
    pub windows: Windows,
    /// Which ids.
    pub ids: Distinct,
    /// In which order, as far as lines have a time.
    pub order: Order,
}

impl Stream {
    /// No line yet.
    pub fn new(settings: &Settings, groupings: &[Grouping]) -> Self {
        Self {
            figures: Figures::default(),
            groups: groupings.iter().map(|_| Groups::new(settings.max_groups)).collect(),
            windows: Windows::new(settings.window),
            ids: Distinct::new(settings.exact_ids),
            order: Order::default(),
        }
    }

    /// Counts a line.
    #[inline]
    pub fn add(&mut self, groupings: &[Grouping], entry: Entry<'_>) {
        self.figures.add(entry.point);
        if let Some(id) = entry.id {
            self.ids.add(id);
        }
        if let Some(at) = entry.at {
            self.order.add(at);
            self.windows.add(at, entry.point);
        }
        for (groups, grouping) in self.groups.iter_mut().zip(groupings) {
            let values = grouping.slots.iter().map(|slot| entry.values[*slot]);
            if grouping.only_present && values.clone().any(|value| value.text().is_none()) {
                continue;
            }
            groups.add(values, entry.point);
        }
    }

    /// Adds what another counted, whose lines came after ours.
    pub fn merge(&mut self, next: Self) {
        self.figures.merge(&next.figures);
        self.groups.iter_mut().zip(&next.groups).for_each(|(ours, theirs)| ours.merge(theirs));
        self.windows.merge(&next.windows);
        self.ids.merge(next.ids);
        self.order.append(&next.order);
    }
}
