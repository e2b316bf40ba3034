//! An effect at work: which lines it is given, what it does to them, and what it counted.

use super::effect::{Applied, Effect, Kind, Setup, Share};
use super::event::{EditableEvent, FieldIndex};
use super::pick::Pick;
use super::position::Position;
use super::spec::{LINES, Spec};
use super::window::Window;
use crate::cli::numbers;
use crate::cli::values::{self, Probability};
use crate::error::Result;
use crate::record::event::Role;
use crate::record::filter::{Condition, Filter};
use crate::record::truth::FaultWindow;

/// An effect at work.
pub(super) struct Active {
    /// Its kind.
    pub kind: &'static Kind,
    /// Where it was asked for: `--drop`, or `FILE:12: drop`.
    place: String,
    /// Which lines it is given.
    pub pick: Pick,
    /// The conditions that an event must meet, as it was read.
    filter: Vec<(FieldIndex, Condition)>,
    /// Whether an event met it.
    is_met: bool,
    /// Further conditions that an event must meet to count towards the length of runs.
    runs_over: Vec<(FieldIndex, Condition)>,
    /// The time in which an event must have happened.
    window: Option<Window>,
    /// What it does.
    effect: Box<dyn Effect>,
    /// What it did.
    pub counts: Counts,
    /// What could not be read in the first event that it could not apply to, if that was the reason.
    pub unread: Option<String>,
}

/// Counts of the events that an effect was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Events that did not meet the filter, before one did.
    pub unmet: u64,
    /// Events outside the window.
    pub outside: u64,
    /// Events that it cannot apply to.
    pub passed: u64,
    /// Events that cannot hold another value.
    pub stuck: u64,
    /// Events whose new time cannot be written.
    pub beyond: u64,
    /// Events that it held back, but that no later event overtook.
    pub unmoved: u64,
    /// Events that it left as they are, because they are not of its time or its share.
    pub kept: u64,
    /// Events that it changed.
    pub injected: u64,
}

impl Active {
    /// Builds an effect from its options; `filter` is the command line's, which an option `where` narrows further.
    ///
    /// # Errors
    /// If an option is unknown, missing, or does not parse.
    pub(super) fn build(
        kind: &'static Kind,
        mut spec: Spec,
        filter: Option<&Filter>,
        mut setup: Setup<'_>,
    ) -> Result<Self> {
        let draws = setup.seed.choice(&setup.name);
        let mut pick = match kind.share {
            Share::Asked => Pick::from_spec(&mut spec, None, draws)?,
            Share::AskedOrAll => Pick::from_spec(&mut spec, Some(Probability::ONE), draws)?,
            Share::All => Pick::all(),
            Share::Every => {
                let every = spec.read("every", values::whole(LINES))?;
                Pick::every(spec.there("every", every)?)
            }
        };
        let effect = (kind.build)(&mut spec, &mut setup)?;
        if let Some(filter) = filter {
            setup.narrow(filter.conditions());
        }
        if let Some(text) = spec.text("where") {
            let own = Filter::parse(&text, setup.fields.map()).map_err(|why| spec.invalid("where", &text, why))?;
            setup.narrow(own.conditions());
        }
        let window = if kind.windowed { setup.window(&mut spec)? } else { None };
        let place = spec.place().to_owned();
        spec.finish()?;
        let Setup { filter, runs_over, wants, .. } = setup;
        wants.matches |= !filter.is_empty();
        wants.chance |= pick.is_random();
        if !filter.is_empty() || !runs_over.is_empty() {
            pick.counts_runs_over_some();
        }
        let (is_met, counts) = (filter.is_empty(), Counts::default());
        Ok(Self { kind, place, pick, is_met, filter, runs_over, window, effect, counts, unread: None })
    }

    /// Notes whether an event, as it was read, meets the filter. Returns `true` once one did.
    pub(super) fn watch(&mut self, event: &EditableEvent) -> bool {
        self.is_met = self.is_met || event.meets(&self.filter);
        self.counts.unmet += u64::from(!self.is_met);
        self.is_met
    }

    /// Whether the effect may take the event, as it was read. Ask about events in ascending order.
    pub(super) fn admits(&mut self, event: &EditableEvent, seq: u64) -> bool {
        event.meets(&self.filter) && self.pick.confirms(seq, || event.meets(&self.runs_over))
    }

    /// Applies the effect to an event, and counts what it did.
    pub(super) fn apply(&mut self, event: &mut EditableEvent, position: &Position) -> Applied {
        if !self.is_open(event, position) {
            if event.timestamp().is_some() {
                self.counts.outside += 1;
            } else {
                self.pass(event, position, &[Role::Timestamp]);
            }
            return Applied::Passed;
        }
        event.begin();
        let verdict = self.effect.apply(event, position);
        match verdict {
            Applied::Passed => self.pass(event, position, self.kind.needs),
            Applied::Stuck => self.counts.stuck += 1,
            Applied::Beyond => self.counts.beyond += 1,
            Applied::Kept => self.counts.kept += 1,
            // Each copy is a fault.
            Applied::Again(again) => self.counts.injected += u64::from(again.copies),
            _ => {
                self.counts.injected += 1;
                event.commit(self.kind.fault);
            }
        }
        verdict
    }

    /// An event that it moved kept its place.
    pub(super) fn note_unmoved(&mut self) {
        self.counts.injected -= 1;
        self.counts.unmoved += 1;
    }

    /// Counts an event that the effect cannot apply to, and keeps the reason if something could not be read.
    fn pass(&mut self, event: &EditableEvent, position: &Position, needs: &[Role]) {
        self.counts.passed += 1;
        if self.unread.is_none() {
            let trouble = needs.iter().find_map(|role| event.trouble(*role));
            self.unread = trouble.map(|trouble| format!("line {}: {trouble}", position.seq));
        }
    }

    /// Applies the effect to a trial version of an event. Returns whether it changes the event. A change is not counted; the
    /// lack of one is.
    pub(super) fn attempt(&mut self, trial: &mut EditableEvent, position: &Position) -> bool {
        if !self.is_open(trial, position) {
            self.counts.outside += 1;
            return false;
        }
        let verdict = self.effect.apply(trial, position);
        self.counts.passed += u64::from(verdict == Applied::Passed);
        matches!(verdict, Applied::Changed(_))
    }

    /// Applies the effect to another version of the event that it has just changed. Counts nothing.
    pub(super) fn repeat(&mut self, version: &mut EditableEvent, position: &Position) {
        version.begin();
        if let Applied::Changed(_) = self.effect.apply(version, position) {
            version.commit(self.kind.fault);
        }
    }

    /// Marks a copy of an event as a fault.
    pub(super) fn make_copy(&mut self, copy: &mut EditableEvent, position: &Position) {
        copy.begin();
        self.effect.set_apart(copy, position);
        copy.commit(self.kind.fault);
        copy.fold(self.kind.fault);
    }

    /// Whether the event lies in the window.
    fn is_open(&self, event: &EditableEvent, position: &Position) -> bool {
        self.window.is_none_or(|window| event.timestamp().is_some_and(|at| window.holds(at, position)))
    }

    /// The window of event time in which it changed events, if it has one with two ends.
    pub(super) fn fault_window(&self, position: &Position) -> Option<FaultWindow> {
        let own = || {
            let (at, length) = self.effect.lasts()?;
            let from = at.moment(position)?;
            Some((from, from.saturating_add(length)))
        };
        let ends = self.window.and_then(|window| window.ends(position)).or_else(own);
        let (from, to) = ends.filter(|_| self.counts.injected > 0)?;
        Some(FaultWindow { fault: self.kind.fault.to_owned(), from, to })
    }

    /// What the user should know at the end.
    pub(super) fn remark(&self) -> Option<String> {
        let Counts { unmet, outside, unmoved, passed, stuck, beyond, kept, injected } = self.counts;
        let unread = self.unread.as_ref().filter(|_| passed > 0);
        let events = |n| numbers::counted(n, "event", "events");
        let remark = if !self.is_met && unmet > 0 {
            format!("none of the {} events met its filter", numbers::count(unmet))
        } else if injected == 0
            && let Some(why) = unread
        {
            format!("nothing was changed: {} {}, such as {why}", events(passed), self.kind.spared)
        } else if injected == 0 && unmoved > 0 {
            format!(
                "none of the {} events that it took changed places: no later event came in time, or an event whose time is far \
                 ahead of the others ended every delay",
                numbers::count(unmoved)
            )
        } else if injected == 0 && stuck + beyond > 0 {
            format!("nothing was changed: no other value fits the form of {}", events(stuck + beyond))
        } else if let Some(remark) = self.effect.remark() {
            remark
        } else if injected == 0 && outside > 0 {
            format!("nothing was changed: {} that it took lay outside of its window", events(outside))
        } else if injected == 0 && kept > 0 && self.effect.lasts().is_some() {
            format!("nothing was changed: the stream has {}, but none in its time and share", events(kept))
        } else {
            return None;
        };
        Some(format!("{}: {remark}", self.place))
    }
}
