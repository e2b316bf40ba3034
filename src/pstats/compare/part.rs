//! What a comparison keeps of an input: a state, or the lines of a file. A run may have several parts, one for each shard.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Micros;
use crate::pstats::figures::{Figures, per_second};
use crate::pstats::groups::GroupKey;
use crate::pstats::layout::{Grouping, Layout};
use crate::pstats::line_kind::LineKind;
use crate::pstats::settings::Settings;
use crate::pstats::sketch::{Coarse, Fine, LatencySketch};
use crate::pstats::stream::Stream;
use crate::pstats::summary::Summary;
use crate::pstats::unread::UnreadValues;
use crate::pstats::windows::Windows;
use crate::record::outcome::RunRecord;

/// A state, or the lines of a file.
#[derive(Debug, Clone)]
pub(crate) struct RunPart {
    /// The file, for messages.
    pub(crate) name: String,
    /// psend's run records.
    pub(crate) records: Vec<RunRecord>,
    /// The counts of each kind of line that came.
    pub(crate) counts: BTreeMap<LineKind, Counts>,
}

/// The counts of one kind of line.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    pub(crate) figures: Figures<Fine>,
    /// Values that could not be read.
    pub(super) unread: UnreadValues,
    /// Of outcomes.
    pub(crate) end_to_end: Option<LatencySketch<Fine>>,
    /// Lines that a throughput counts: with a time, and of outcomes those for which a request was sent.
    pub(super) timed: u64,
    /// Whether these are all lines.
    pub(super) all_timed: bool,
    pub(super) range: Option<(Micros, Micros)>,
    pub(crate) windows: Windows,
    /// By the name of the grouping.
    pub(crate) groups: BTreeMap<String, BTreeMap<GroupKey, Figures<Coarse>>>,
    /// The groupings that have lines beyond `--max-groups`.
    pub(crate) capped: BTreeSet<String>,
}

impl RunPart {
    /// What a comparison by these groupings needs of a summary.
    pub(crate) fn of(name: String, summary: &Summary, layout: &Layout, groupings: &[String]) -> Self {
        let (events, outcomes) = (&summary.events.stream, &summary.outcomes);
        let mut counts = BTreeMap::new();
        if events.figures.count() > 0 {
            let unrated = events.figures.count() - events.figures.judged();
            let of_events = Counts {
                unread: UnreadValues::counted(unrated, &summary.input.event_flaws),
                timed: events.order.count(),
                range: events.order.range(),
                ..Counts::of(events, &layout.of_events.all, groupings)
            };
            counts.insert(LineKind::Events, of_events.checked());
        }
        if outcomes.stream.figures.count() > 0 {
            let stream = &outcomes.stream;
            let range = stream.order.range();
            let of_outcomes = Counts {
                unread: UnreadValues::counted(0, &summary.input.outcome_flaws),
                end_to_end: Some(outcomes.end_to_end.clone()),
                timed: stream.figures.count() - outcomes.unsent,
                range: range.map(|(first, last)| (first, outcomes.ended.unwrap_or(last).max(last))),
                ..Counts::of(stream, &layout.of_outcomes.all, groupings)
            };
            counts.insert(LineKind::Outcomes, of_outcomes.checked());
        }
        Self { name, records: outcomes.runs.clone(), counts }
    }

    /// The groupings to keep for a comparison: the first of `--by`, and those that requirements name.
    pub(crate) fn groupings(settings: &Settings, required: &[String]) -> Vec<String> {
        Self::first_grouping(settings).into_iter().chain(required.iter().cloned()).collect()
    }

    /// The name of the first grouping of `--by`.
    pub(crate) fn first_grouping(settings: &Settings) -> Option<String> {
        settings.groupings().next()
    }

    /// Adds another part of the same run.
    pub(crate) fn merge(&mut self, other: Self) {
        self.name = format!("{} {}", self.name, other.name);
        self.records.extend(other.records);
        for (kind, counts) in other.counts {
            match self.counts.get_mut(&kind) {
                Some(ours) => ours.merge(counts),
                None => {
                    self.counts.insert(kind, counts);
                }
            }
        }
    }
}

impl Counts {
    fn of(stream: &Stream, all: &[Grouping], wanted: &[String]) -> Self {
        let groupings = all.iter().zip(stream.groups.each()).filter(|(grouping, _)| wanted.contains(&grouping.name()));
        let capped = groupings.clone().filter(|(_, groups)| groups.rest().is_some());
        let capped = capped.map(|(grouping, _)| grouping.name()).collect();
        let groups = groupings.map(|(grouping, groups)| {
            let each = groups.iter().map(|group| (group.key.clone(), group.figures.clone()));
            (grouping.name(), each.collect())
        });
        Self {
            figures: stream.figures.clone(),
            unread: UnreadValues::default(),
            end_to_end: None,
            timed: 0,
            all_timed: false,
            range: None,
            windows: stream.windows.of_seconds(),
            groups: groups.collect(),
            capped,
        }
    }

    fn checked(self) -> Self {
        Self { all_timed: self.timed == self.figures.count(), ..self }
    }

    fn merge(&mut self, other: Self) {
        self.figures.merge(&other.figures);
        self.unread.merge(other.unread);
        if let (Some(ours), Some(theirs)) = (&mut self.end_to_end, &other.end_to_end) {
            ours.merge(theirs);
        }
        self.timed += other.timed;
        self.all_timed &= other.all_timed;
        self.range = match (self.range, other.range) {
            (Some(ours), Some(theirs)) => Some((ours.0.min(theirs.0), ours.1.max(theirs.1))),
            (ours, theirs) => ours.or(theirs),
        };
        self.windows.merge(&other.windows);
        self.capped.extend(other.capped);
        for (name, groups) in other.groups {
            let ours = self.groups.entry(name).or_default();
            for (key, figures) in groups {
                ours.entry(key).or_default().merge(&figures);
            }
        }
    }

    /// From the first to the last moment, in seconds; `None` if no time passed.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn seconds(&self) -> Option<f64> {
        self.range.map(|(first, last)| last.saturating_sub(first) as f64 / 1e6).filter(|seconds| *seconds > 0.0)
    }

    /// Lines a second, rounded as in the report.
    pub(crate) fn throughput(&self) -> Option<f64> {
        self.seconds().map(|seconds| per_second(self.timed, seconds))
    }

    /// Lines of a group a second, if all lines of the whole count for its throughput.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn throughput_of(&self, group: &Figures<Coarse>) -> Option<f64> {
        self.seconds().filter(|_| self.all_timed).map(|seconds| group.count() as f64 / seconds)
    }
}
