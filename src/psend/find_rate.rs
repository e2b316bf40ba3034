//! `--find-rate`: the highest rate that a server holds. The parts below are pure: what a condition counts ([`condition`]), the counts of
//! a step ([`meter`]), the limit that steps show ([`limit`]) and the next step ([`rule`]). This file joins them to a run.

mod condition;
mod course;
mod limit;
mod meter;
mod pace;
mod parse;
mod rule;
#[cfg(test)]
mod simulation;
mod steady;
pub(super) mod words;

use std::rc::Rc;
use std::time::Duration;

pub(super) use condition::{Condition, Ended};
use course::Course;
pub(super) use pace::SharedPace;
pub(super) use parse::Conditions;

use self::meter::Why;
use super::shutdown::EndReason;
use crate::record::capacity::{Capacity, Ending, StepRecord};
use crate::record::outcome::LateCause;

/// A server that was overloaded has this long to finish what it has before the next step begins all the same.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// What a search is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Goal {
    /// What the server has to meet.
    pub(super) conditions: Vec<Condition>,
    /// How long the search may take.
    pub(super) max_time: Duration,
}

/// A search during a run. Times count from the start of the run.
#[derive(Debug)]
pub(super) struct Search {
    course: Course,
    pace: Rc<SharedPace>,
    /// When the first event was due.
    began: Option<Duration>,
    /// Since when the server rests before the next step.
    rests: Option<Duration>,
}

/// What came of a look at a search.
#[derive(Debug, PartialEq)]
pub(super) enum Look {
    /// It goes on.
    Goes,
    /// This step is over.
    Step(Box<StepRecord>),
    /// The search is over, and so is its last step.
    Over(Option<Box<StepRecord>>),
}

impl Search {
    /// A search that sets this pace.
    pub(super) fn new(goal: &Goal, pace: &Rc<SharedPace>) -> Self {
        let mut course = Course::new(&goal.conditions, goal.max_time);
        if let Some(order) = course.order() {
            pace.begin(course.begin(Duration::ZERO), order.rate, Duration::ZERO);
        }
        Self { course, pace: Rc::clone(pace), began: None, rests: None }
    }

    /// An event of a step was taken. It was due `since_first` after the first one was, and `since` the start.
    pub(super) fn taken(&mut self, step: u32, since_first: Duration, since: Duration) {
        self.began.get_or_insert(since.saturating_sub(since_first));
        self.course.taken(step, since_first);
    }

    fn since_first(&self, since: Duration) -> Duration {
        since.saturating_sub(self.began.unwrap_or_default())
    }

    /// An event of a step that was due at this time was sent, late for this reason or in time.
    pub(super) fn sent(&mut self, step: u32, since: Duration, late: Option<LateCause>) {
        let late = late.map(|cause| match cause {
            LateCause::Psend => Why::Psend,
            LateCause::Input => Why::Input,
            LateCause::Concurrency => Why::Concurrency,
            LateCause::Server => Why::Server,
        });
        self.course.sent(step, self.since_first(since), late);
    }

    /// An event of a step that was due at this time ended.
    pub(super) fn ended(&mut self, step: u32, since: Duration, event: &Ended) {
        self.course.ended(step, self.since_first(since), event);
    }

    /// Goes on to the next step if it is time. `is_idle` if the server has nothing to do.
    pub(super) fn look(&mut self, now: Duration, is_idle: bool) -> Look {
        let Some(began) = self.began else { return Look::Goes };
        let since_first = now.saturating_sub(began);
        if let Some(rests) = self.rests {
            if is_idle || now.saturating_sub(rests) >= LONGEST_REST {
                self.rests = None;
                self.begin(since_first);
            }
            return Look::Goes;
        }
        if !self.course.look(since_first) {
            return Look::Goes;
        }
        let step = self.course.last().cloned().map(Box::new);
        match (self.course.order(), step) {
            (None, step) => {
                self.pace.hold();
                Look::Over(step)
            }
            (Some(order), step) => {
                if order.rests() {
                    self.pace.hold();
                    self.rests = Some(now);
                } else {
                    self.begin(since_first);
                }
                step.map_or(Look::Goes, Look::Step)
            }
        }
    }

    fn begin(&mut self, since_first: Duration) {
        if let Some(order) = self.course.order() {
            self.pace.begin(self.course.begin(since_first), order.rate, since_first);
        }
    }

    /// What was found by the end of the run. `why` is the reason if it ended before its input did.
    pub(super) fn capacity(&self, why: Option<EndReason>) -> Capacity {
        self.course.capacity(if why.is_some() { Ending::Aborted } else { Ending::Input })
    }
}
