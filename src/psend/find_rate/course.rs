//! The course of a search: counts the events of the current step, sees when it is over, keeps what it showed, and asks the rule for
//! the next one. It is told the time, and does not know how events are sent.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::condition::{Condition, Ended};
use super::meter::{Figures, Meter, Why};
use super::rule::{Next, Order, Rule};
use crate::record::capacity::{Capacity, Ending, Quantiles, StepRecord, StepVerdict};

/// Slices in the time that a step's figures are to be of.
const SLICES: u32 = 20;

/// How long events of a step may take to end before it is judged, unless a latency is allowed that is longer: in a search that is
/// about errors alone, and in any other.
const FOR_ERRORS: Duration = Duration::from_secs(1);
const AT_LEAST: Duration = Duration::from_millis(100);

/// A search on its way. Times count from when its first event was due.
#[derive(Debug)]
pub(in crate::psend) struct Course {
    conditions: Vec<Condition>,
    settle: Duration,
    rule: Rule,
    next: Next,
    current: Option<(Order, Meter, Duration)>,
    steps: Vec<StepRecord>,
}

impl Course {
    /// A search that has this much time.
    pub(in crate::psend) fn new(conditions: &[Condition], max_time: Duration) -> Self {
        let bound = conditions.iter().map(|condition| condition.bound).max().unwrap_or_default();
        let settle = if bound.is_zero() { FOR_ERRORS } else { bound.max(AT_LEAST) };
        let mut rule = Rule::new(conditions, max_time.as_secs_f64());
        let next = rule.first();
        Self { conditions: conditions.to_vec(), settle, rule, next, current: None, steps: Vec::new() }
    }

    /// The step that is to begin, or the current one. Returns `None` when the search is over.
    pub(in crate::psend) fn order(&self) -> Option<Order> {
        match self.next {
            Next::Step(order) => Some(order),
            Next::End(_) => None,
        }
    }

    /// Begins the step. Returns its number, from 1.
    pub(in crate::psend) fn begin(&mut self, now: Duration) -> u32 {
        if let Some(order) = self.order() {
            let slice = Duration::try_from_secs_f64(order.seconds).unwrap_or(Duration::MAX) / SLICES;
            self.current = Some((order, Meter::new(now, slice), now));
        }
        self.number()
    }

    /// The number of the current step, or of the next one if there is none.
    fn number(&self) -> u32 {
        u32::try_from(self.steps.len() + 1).unwrap_or(u32::MAX)
    }

    fn meter(&mut self, step: u32) -> Option<(&mut Meter, &[Condition])> {
        let is_current = step == self.number();
        let (_, meter, _) = self.current.as_mut().filter(|_| is_current)?;
        Some((meter, &self.conditions))
    }

    /// An event of a step, which was due at this time, was taken.
    pub(in crate::psend) fn taken(&mut self, step: u32, due: Duration) {
        if let Some((meter, conditions)) = self.meter(step) {
            meter.taken(due, conditions);
        }
    }

    /// It was sent, late for this reason or in time.
    pub(in crate::psend) fn sent(&mut self, step: u32, due: Duration, late: Option<Why>) {
        if let Some((meter, conditions)) = self.meter(step) {
            meter.sent(due, late, conditions);
        }
    }

    /// It ended.
    pub(in crate::psend) fn ended(&mut self, step: u32, due: Duration, event: &Ended) {
        if let Some((meter, conditions)) = self.meter(step) {
            meter.ended(due, event, conditions);
        }
    }

    /// Whether the current step is over by now. It is then recorded, and [`Course::order`] is the next one.
    pub(in crate::psend) fn look(&mut self, now: Duration) -> bool {
        let Some((order, meter, _)) = &self.current else { return false };
        let figures = if order.phase.waits_for_server() {
            let is_enough =
                |(figures, is_last): &(Figures, bool)| *is_last || self.rule.judge(order, figures) == StepVerdict::Held;
            meter.last(now, self.settle, &self.conditions).filter(is_enough).map(|(figures, _)| figures)
        } else {
            let expected = order.rate * order.seconds;
            let gross: Vec<u64> = self.conditions.iter().map(|condition| condition.gross(expected)).collect();
            meter.read(now, self.settle, &self.conditions, &gross)
        };
        let Some(figures) = figures else { return false };
        let Some((order, _, began)) = self.current.take() else { return false };
        let (verdict, next) = self.rule.after(&order, &figures, now.as_secs_f64());
        self.steps.push(record(self.number(), &order, began, &figures, verdict));
        self.next = next;
        true
    }

    /// The last step that was recorded.
    pub(in crate::psend) fn last(&self) -> Option<&StepRecord> {
        self.steps.last()
    }

    /// What was found. `broken_off` is why the run ended, if it was before the search did.
    pub(in crate::psend) fn capacity(&self, broken_off: Ending) -> Capacity {
        let ended = if let Next::End(ending) = self.next { ending } else { broken_off };
        let found = self.rule.found();
        let limit = found.map(|(limit, _)| limit);
        let is_answer = matches!(ended, Ending::Found | Ending::MaxTime | Ending::NeverBack);
        let rounded = |x: f64| (x.exp() * 10.0).round() / 10.0;
        let rate = limit.filter(|_| is_answer).map(|limit| rounded(limit.at));
        let interval = limit.filter(|_| is_answer).map(|limit| [rounded(limit.low), rounded(limit.high)]);
        let at_least = interval.map(|[low, _]| low).or_else(|| self.rule.held());
        let k = found.and_then(|(_, k)| k);
        Capacity {
            conditions: self.conditions.iter().map(Condition::to_string).collect(),
            rate,
            interval,
            at_least,
            limited_by: k.filter(|_| rate.is_some()).map(|k| self.conditions[k].to_string()),
            ended,
            why: if ended == Ending::MaxTime && rate.is_some() && k.is_none() { BRACKET } else { why(ended) }
                .to_owned(),
            after_overload: self.rule.after_overload(),
            steps: self.steps.clone(),
        }
    }
}

/// Why a search ended that has only seen a rate that was held and one that was not.
const BRACKET: &str = "--max-time was over before the limit was narrowed down: the interval is from a rate that was held in a step to one that \
                       was not";

fn why(ended: Ending) -> &'static str {
    match ended {
        Ending::Found => "the interval is narrow enough",
        Ending::MaxTime => "--max-time was over; a longer search has a narrower interval",
        Ending::Psend => "psend was the limit: it was too slow, or had no CPU; the server may hold more",
        Ending::Input => "the input was the limit: it came too slowly, or ended; the server may hold more",
        Ending::Concurrency => {
            "--concurrency was the limit: all senders waited for answers, and the server was not slower than before"
        }
        Ending::HoldsNone => "the server does not hold the lowest rate that is tried",
        Ending::HoldsAll => "the server holds the highest rate that is tried",
        Ending::NeverBack => "after a rate that was too high, the server did not hold lower ones again",
        Ending::Aborted => "the run ended early",
    }
}

fn record(step: u32, order: &Order, began: Duration, figures: &Figures, verdict: StepVerdict) -> StepRecord {
    let thousandths = |x: f64| (x * 1e3).round() / 1e3;
    let share = |n: u64, of: u64| (of > 0).then(|| (n as f64 / of as f64 * 1e6).round() / 1e6);
    let ended = figures.events - figures.open;
    StepRecord {
        step,
        phase: order.phase.as_str().to_owned(),
        rate: (order.rate * 10.0).round() / 10.0,
        began_s: thousandths(began.as_secs_f64()),
        left_out_s: thousandths(figures.left_out_s),
        seconds: thousandths(figures.kept_s),
        steady: figures.is_steady,
        events: figures.events,
        open: figures.open,
        error_rate: share(figures.errors, ended),
        end_to_end: quantiles(&figures.end_to_end),
        latency: quantiles(&figures.latency),
        late_share: share(figures.late.iter().sum(), figures.sent),
        verdict,
    }
}

fn quantiles(histogram: &Histogram<u32>) -> Quantiles {
    let at = |q: f64| (!histogram.is_empty()).then(|| histogram.value_at_quantile(q) as f64 / 1e3);
    Quantiles { p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99) }
}
