//! Which step comes next in a search for the highest rate that a server holds: a pure state machine, from the figures of each step
//! to the next one. It knows neither clock nor server.

use super::condition::Condition;
use super::limit::{self, Limit, Trial};
use super::meter::{Figures, Why};
use crate::record::capacity::{AfterOverload, Ending, StepVerdict};

/// The first rate that is tried, in events per second, and the range of rates.
const FIRST: f64 = 100.0;
const LEAST: f64 = 1.0;
const MOST: f64 = 10_000_000.0;

/// The search bisects until a rate that was held and one that was not are this close. Then it fits curves.
const CLOSE: f64 = 1.10;
/// Steps this close to the limit take part in a fit. A curve that is not a straight line is nearly one over so short a distance.
const WINDOW: f64 = 1.15;
/// A fit of fewer steps does not end the search, nor one with fewer steps in which the share was above, or below, what is allowed: the
/// first interval that happens to be narrow enough is narrow by chance.
const LEAST_TRIALS: usize = 12;
const LEAST_A_SIDE: usize = 3;
/// The widest interval that ends it, and the narrowest that is reported, from end to end, as shares of the rate. Steps are too
/// short for the last percent: near its limit a server takes longer to become steady than anybody waits.
const WIDTH: f64 = 0.05;
const NARROWEST: f64 = 0.03;
/// The least and greatest distance of a step from the limit, as logarithms.
const NEAREST: f64 = 0.015;
const FARTHEST: f64 = 0.04;

/// The shortest step, in multiples of the longest latency that is allowed. In a shorter one a queue that grows is not seen.
const LEAST_LATENCIES: f64 = 10.0;

/// The shares of the limit that are tried on the way down from an overload.
const LADDER: [f64; 6] = [0.9, 0.8, 0.65, 0.5, 0.35, 0.2];
/// An overload, as a multiple of the limit.
const OVERLOAD: f64 = 1.5;
/// The share of the whole time that is kept for the way down.
const FOR_THE_WAY_DOWN: f64 = 0.15;
/// How many lower rates are tried for a server that does not come back.
const LOWER_RATES: u32 = 5;

/// What a step is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::psend) enum Phase {
    /// Doubling, or halving if the first rate is too high.
    Up,
    /// At a low rate after one that was not held, until the server is as it was.
    Back,
    /// Around the limit.
    Narrow,
    /// Overload, so that the server has something to come back from.
    Over,
    /// Down from there without a pause.
    Down,
}

impl Phase {
    /// The word in the run record.
    pub(in crate::psend) fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Back => "back",
            Self::Narrow => "narrow",
            Self::Over => "over",
            Self::Down => "down",
        }
    }

    /// Whether the step is over as soon as the server meets all conditions.
    pub(super) fn waits_for_server(self) -> bool {
        matches!(self, Self::Back | Self::Down)
    }
}

/// A step to make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::psend) struct Order {
    pub(in crate::psend) phase: Phase,
    /// Events per second.
    pub(in crate::psend) rate: f64,
    /// How long a time its figures are to be of, in seconds.
    pub(in crate::psend) seconds: f64,
}

impl Order {
    /// Whether the server finishes what it has before the step begins.
    pub(in crate::psend) fn rests(&self) -> bool {
        self.phase == Phase::Back
    }
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Next {
    Step(Order),
    End(Ending),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// At this rate, for the first or the second time.
    Up {
        rate: f64,
        again: bool,
    },
    Narrow,
    /// On the way down, after which the search ends for this reason.
    Over(Ending),
    /// At this rung of the ladder.
    Down(usize, Ending),
    End(Ending),
}

/// The search.
#[derive(Debug)]
pub(super) struct Rule {
    conditions: Vec<Condition>,
    /// When it has to be over, in seconds.
    max_time: f64,
    state: State,
    /// The highest rate that was held, and the lowest above it that was not.
    held: Option<f64>,
    failed: Option<f64>,
    /// The lowest rate that did not come about, and why.
    ceiling: Option<(f64, Ending)>,
    /// A low rate that the server held.
    home: f64,
    /// How many low rates a server that has to come back first has not held.
    is_away: Option<u32>,
    /// The logarithm of the rate around which curves are fitted.
    center: Option<f64>,
    /// For each condition.
    trials: Vec<Vec<Trial>>,
    narrowed: u32,
    /// A rate near the limit that did not come about and is tried once more.
    repeat: Option<f64>,
    /// The mean latency at the first rate that was held, in milliseconds.
    calm_ms: Option<f64>,
    after_overload: Option<AfterOverload>,
}

/// Why the search ends if a step did not come about.
fn own(verdict: StepVerdict) -> Option<Ending> {
    match verdict {
        StepVerdict::Held | StepVerdict::NotHeld => None,
        StepVerdict::Psend => Some(Ending::Psend),
        StepVerdict::Input => Some(Ending::Input),
        StepVerdict::Concurrency => Some(Ending::Concurrency),
    }
}

impl Rule {
    /// A search that has this much time, in seconds.
    pub(super) fn new(conditions: &[Condition], max_time: f64) -> Self {
        Self {
            trials: vec![Vec::new(); conditions.len()],
            conditions: conditions.to_vec(),
            max_time,
            state: State::Up { rate: FIRST, again: false },
            held: None,
            failed: None,
            ceiling: None,
            home: FIRST,
            is_away: None,
            center: None,
            narrowed: 0,
            repeat: None,
            calm_ms: None,
            after_overload: None,
        }
    }

    /// How long a step near the limit lasts at this rate: until 40 bad events would be expected if their share were what is allowed, and
    /// 200 times the longest latency that is allowed, because a queue that causes it takes long to fill and drain.
    fn seconds(&self, rate: f64) -> f64 {
        const BAD: f64 = 40.0;
        const LATENCIES: f64 = 200.0;
        let rarest = self.conditions.iter().map(|c| c.share.min(1.0 - c.share)).fold(0.5, f64::min);
        let bound = self.bound();
        let enough = (BAD / rarest / rate).max(LATENCIES * bound).max(5.0);
        enough.min(self.max_time / 20.0).max(LEAST_LATENCIES * bound)
    }

    /// The longest latency that is allowed, in seconds.
    fn bound(&self) -> f64 {
        self.conditions.iter().map(|c| c.bound.as_secs_f64()).fold(0.0, f64::max)
    }

    /// How long a step far from the limit lasts: until 100 events are due, at least 2 s.
    fn coarse_seconds(&self, rate: f64) -> f64 {
        (100.0 / rate).max(2.0).min(self.max_time / 20.0).max(LEAST_LATENCIES * self.bound())
    }

    /// What comes first.
    pub(super) fn first(&mut self) -> Next {
        self.choose(0.0)
    }

    /// What a step showed, and what comes after it. It ended at `now`, in seconds.
    pub(super) fn after(&mut self, order: &Order, figures: &Figures, now: f64) -> (StepVerdict, Next) {
        let verdict = self.judge(order, figures);
        match order.phase {
            Phase::Back => self.came_back(verdict),
            Phase::Up | Phase::Narrow => self.learn(order, figures, verdict),
            Phase::Over | Phase::Down => self.went_down(order, figures, verdict),
        }
        (verdict, self.choose(now))
    }

    /// Whether the server held the rate of the step: all conditions are met, and the events were sent.
    pub(super) fn judge(&self, order: &Order, figures: &Figures) -> StepVerdict {
        let fails = self.conditions.iter().zip(&figures.shares).any(|(c, share)| share.get() >= c.share);
        // A random number of events has a standard deviation of its root.
        let due = order.rate * figures.kept_s;
        let came_about = figures.events as f64 >= 0.97 * due - 3.0 * due.sqrt();
        if !fails && came_about {
            return StepVerdict::Held;
        }
        let late = |why: Why| figures.late[why as usize] as f64;
        let sent = figures.sent.max(1) as f64;
        let (ours, others) = (late(Why::Psend) + late(Why::Input), late(Why::Concurrency) + late(Why::Server));
        // Delays of our own may have been what decided if they are half of the bad events that are allowed, or more.
        let rarest = self.conditions.iter().map(|c| c.share).fold(1.0, f64::min);
        if ours >= (rarest / 2.0).min(0.01) * sent && ours > others {
            return if late(Why::Input) > late(Why::Psend) { StepVerdict::Input } else { StepVerdict::Psend };
        }
        // A server with a queue is slower than when it was calm. One that merely takes its time needs more connections.
        let is_slower = self.calm_ms.is_none_or(|calm| figures.latency.mean() / 1e3 > 3.0 * calm);
        let waited = late(Why::Concurrency) >= 0.01 * sent;
        if waited && !is_slower { StepVerdict::Concurrency } else { StepVerdict::NotHeld }
    }

    fn learn(&mut self, order: &Order, figures: &Figures, verdict: StepVerdict) {
        if own(verdict).is_none() {
            for (k, trials) in self.trials.iter_mut().enumerate() {
                let blocks = figures.blocks.iter().map(|block| block[k]).collect();
                trials.push(Trial { x: order.rate.ln(), share: figures.shares[k], blocks });
            }
        }
        if verdict == StepVerdict::NotHeld {
            self.is_away = Some(0);
        }
        if let State::Up { rate, again } = self.state {
            self.state = self.learn_up(rate, again, figures, verdict);
        } else {
            self.learn_narrow(order.rate, verdict);
        }
    }

    fn learn_up(&mut self, rate: f64, again: bool, figures: &Figures, verdict: StepVerdict) -> State {
        match (verdict, own(verdict)) {
            (StepVerdict::Held, _) => {
                self.held = Some(rate);
                self.home = rate / 2.0;
                self.calm_ms.get_or_insert(figures.latency.mean() / 1e3);
                match self.failed {
                    Some(_) => State::Narrow,
                    None if rate * 2.0 > MOST => State::End(Ending::HoldsAll),
                    None => State::Up { rate: rate * 2.0, again: false },
                }
            }
            // A cold start and a disturbance pass.
            _ if !again => State::Up { rate, again: true },
            (_, Some(ending)) => {
                self.ceiling = Some((rate, ending));
                if self.held.is_some() { State::Narrow } else { State::End(ending) }
            }
            (_, None) => {
                self.failed = Some(rate);
                match self.held {
                    Some(_) => State::Narrow,
                    None if rate / 2.0 < LEAST => State::End(Ending::HoldsNone),
                    None => {
                        self.home = rate / 4.0;
                        State::Up { rate: rate / 2.0, again: false }
                    }
                }
            }
        }
    }

    fn learn_narrow(&mut self, rate: f64, verdict: StepVerdict) {
        self.narrowed += 1;
        match own(verdict) {
            Some(_) if self.repeat.is_none() => self.repeat = Some(rate),
            Some(ending) => {
                self.repeat = None;
                if self.ceiling.is_none_or(|(ceiling, _)| rate < ceiling) {
                    self.ceiling = Some((rate, ending));
                }
            }
            None => {
                self.repeat = None;
                let (held, failed) = (self.held.unwrap_or(0.0), self.failed.unwrap_or(f64::INFINITY));
                if verdict == StepVerdict::Held && rate < failed {
                    self.held = Some(held.max(rate));
                } else if verdict == StepVerdict::NotHeld && rate > held {
                    self.failed = Some(failed.min(rate));
                }
            }
        }
    }

    fn came_back(&mut self, verdict: StepVerdict) {
        let tries = self.is_away.unwrap_or(0) + 1;
        self.is_away = Some(tries).filter(|_| verdict == StepVerdict::NotHeld);
        if self.is_away.is_some() {
            self.home /= 2.0;
            if tries >= LOWER_RATES || self.home < LEAST / 2.0 {
                self.state = State::End(Ending::NeverBack);
                self.is_away = None;
            }
        }
    }

    fn went_down(&mut self, order: &Order, figures: &Figures, verdict: StepVerdict) {
        self.state = match self.state {
            State::Over(then) if verdict == StepVerdict::NotHeld => State::Down(0, then),
            // There was no overload to come back from.
            State::Over(then) => State::End(then),
            State::Down(rung, then) => {
                let is_held = verdict == StepVerdict::Held;
                let overload = self.after_overload.map_or(order.rate / LADDER[rung] * OVERLOAD, |after| after.overload);
                self.after_overload = Some(AfterOverload {
                    overload,
                    tried: overload / OVERLOAD * LADDER[0],
                    held: is_held.then_some(order.rate),
                    seconds: is_held.then_some(figures.passed_s),
                    hysteresis: !is_held || rung > 0,
                });
                if is_held || rung + 1 == LADDER.len() { State::End(then) } else { State::Down(rung + 1, then) }
            }
            state => state,
        };
    }

    fn choose(&mut self, now: f64) -> Next {
        let step = |phase, rate: f64, seconds| Order { phase, rate, seconds };
        loop {
            let order = match self.state {
                State::End(ending) => return Next::End(ending),
                _ if self.is_away.is_some() => step(Phase::Back, self.home, self.coarse_seconds(self.home)),
                State::Up { rate, .. } => step(Phase::Up, rate, self.coarse_seconds(rate)),
                State::Narrow => match self.narrow(now) {
                    Ok(rate) => step(Phase::Narrow, rate, self.seconds(rate)),
                    Err(state) => {
                        self.state = state;
                        continue;
                    }
                },
                State::Over(_) => {
                    let rate = OVERLOAD * self.rate();
                    step(Phase::Over, rate, self.coarse_seconds(rate))
                }
                State::Down(rung, _) => {
                    let rate = LADDER[rung] * self.rate();
                    step(Phase::Down, rate, self.seconds(rate))
                }
            };
            if now + order.seconds * 1.25 <= self.max_time {
                return Next::Step(order);
            }
            self.state = State::End(match self.state {
                State::Over(then) | State::Down(_, then) => then,
                _ => Ending::MaxTime,
            });
        }
    }

    /// The rate of the next step near the limit, or what comes after these.
    fn narrow(&mut self, now: f64) -> Result<f64, State> {
        if let Some(rate) = self.repeat {
            return Ok(rate);
        }
        let held = self.held.unwrap_or(LEAST);
        let (ceiling, ending) = self.ceiling.unwrap_or((f64::INFINITY, Ending::Psend));
        let top = self.failed.unwrap_or(f64::INFINITY).min(ceiling);
        if self.center.is_none() && top / held > CLOSE {
            return Ok((held * top).sqrt());
        }
        if self.failed.is_none() {
            return Err(State::End(ending));
        }
        let before = *self.center.get_or_insert((held * top).sqrt().ln());
        let reach = WINDOW.ln();
        let (lowest, highest) =
            self.near().fold((before, before), |(low, high), trial| (low.min(trial.x), high.max(trial.x)));
        let Some((limit, Some(k))) = self.found() else {
            // No step near here has a bad event: the steps that put the limit here were wrong.
            let higher = highest + FARTHEST;
            self.center = Some(higher);
            return Ok(higher.exp().min(ceiling * 0.98));
        };
        self.center = Some(limit.at);
        if limit.at >= ceiling.ln() {
            return Err(State::End(ending));
        }
        let near = |trial: &&Trial| (trial.x - limit.at).abs() <= reach;
        let shares = || self.trials[k].iter().filter(near).map(|trial| trial.share.get());
        let above = shares().filter(|share| *share >= self.conditions[k].share).count();
        let below = shares().count() - above;
        let is_enough = above + below >= LEAST_TRIALS && above.min(below) >= LEAST_A_SIDE;
        if is_enough && (limit.high - limit.low).exp_m1() <= WIDTH {
            return Err(State::Over(Ending::Found));
        }
        if now + self.seconds(held) * 1.25 > self.max_time * (1.0 - FOR_THE_WAY_DOWN) {
            return Err(State::Over(Ending::MaxTime));
        }
        // Above and below in turn, near the ends of the interval, and not far from what was tried.
        let apart = ((limit.high - limit.low) / 2.0).clamp(NEAREST, FARTHEST);
        let x = if self.narrowed.is_multiple_of(2) { limit.at + apart } else { limit.at - apart };
        Ok(x.clamp(lowest - CLOSE.ln(), highest + CLOSE.ln()).exp().min(ceiling * 0.98))
    }

    /// The steps that take part in a fit.
    fn near(&self) -> impl Iterator<Item = &Trial> {
        let center = self.center.unwrap_or_default();
        self.trials[0].iter().filter(move |trial| (trial.x - center).abs() <= WINDOW.ln())
    }

    /// The rate that was found, or one that was held.
    fn rate(&self) -> f64 {
        self.found().map_or(self.home, |(limit, _)| limit.at.exp())
    }

    /// The limit as the steps so far show it, and the number of the condition that sets it. Returns `None` unless the server held a
    /// rate and did not hold a higher one.
    pub(super) fn found(&self) -> Option<(Limit, Option<usize>)> {
        let (held, failed) = (self.held?.ln(), self.failed?.ln());
        let bracket = Limit { at: f64::midpoint(held, failed), low: held.min(failed), high: held.max(failed) };
        let Some(center) = self.center else {
            return Some((bracket, None));
        };
        let reach = WINDOW.ln();
        let of = |k: usize| {
            let near = self.trials[k].iter().filter(|trial| (trial.x - center).abs() <= reach);
            let near: Vec<Trial> = near.cloned().collect();
            let has_bad = near.iter().any(|trial| trial.share.bad > 0);
            let share = self.conditions[k].share;
            has_bad.then(|| (limit::limit(&near, share, center - 2.0 * reach, center + 2.0 * reach), Some(k)))
        };
        // The first limit on the way up counts. Its interval covers those of other conditions that may come before it.
        let first = (0..self.conditions.len()).filter_map(of).reduce(|a, b| {
            let (low, high) = (a.0.low.min(b.0.low), a.0.high.min(b.0.high));
            let (at, k) = if b.0.at < a.0.at { (b.0.at, b.1) } else { (a.0.at, a.1) };
            (Limit { at, low, high }, k)
        });
        let Some((least, k)) = first else { return Some((bracket, None)) };
        let half = NARROWEST.ln_1p() / 2.0;
        Some((Limit { low: least.low.min(least.at - half), high: least.high.max(least.at + half), ..least }, k))
    }

    /// The highest rate that the server held in a step.
    pub(super) fn held(&self) -> Option<f64> {
        self.held
    }

    /// How the server was after an overload.
    pub(super) fn after_overload(&self) -> Option<AfterOverload> {
        self.after_overload
    }
}
