//! Counts what happens to the events of one step, in slices of time, so that its beginning can be left out afterwards.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::condition::{Condition, Ended, Figure};
use super::steady;

/// Slices that are always left out at the beginning, those that are needed beyond, and the most that a step has.
const LEFT_OUT: usize = 5;
const NEEDED: usize = 25;
const MOST: usize = 75;

/// Slices that show whether the server is back.
const LAST: usize = 10;

/// Into how many blocks of time a step is divided, to see how much their figures vary.
const BLOCKS: usize = 5;

/// The longest latency that is told apart, in microseconds.
const LONGEST: u64 = 3_600_000_000;

/// Why an event of a step was sent late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::psend) enum Why {
    Psend,
    Input,
    Concurrency,
    Server,
}

/// Bad events among those that count, for one condition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) bad: u64,
    pub(super) of: u64,
}

impl Share {
    fn add(&mut self, other: Self) {
        self.bad += other.bad;
        self.of += other.of;
    }

    /// The share, or 0 if nothing counts.
    pub(super) fn get(self) -> f64 {
        if self.of == 0 { 0.0 } else { self.bad as f64 / self.of as f64 }
    }
}

#[derive(Debug)]
struct Slice {
    taken: u64,
    ended: u64,
    errors: u64,
    sent: u64,
    late: [u64; 4],
    shares: Vec<Share>,
    total_ms: f64,
    end_to_end: Histogram<u32>,
    latency: Histogram<u32>,
}

impl Slice {
    fn new(conditions: usize) -> Self {
        let histogram = || Histogram::new_with_bounds(1, LONGEST, 2).expect("the bounds are constant");
        Self {
            taken: 0,
            ended: 0,
            errors: 0,
            sent: 0,
            late: [0; 4],
            shares: vec![Share::default(); conditions],
            total_ms: 0.0,
            end_to_end: histogram(),
            latency: histogram(),
        }
    }

    /// The share of the `k`th condition. Events that still have no outcome are too slow.
    fn share(&self, condition: &Condition, k: usize) -> Share {
        let (open, share) = (self.taken - self.ended, self.shares[k]);
        match condition.figure {
            Figure::Late => {
                Share { bad: self.late[Why::Concurrency as usize] + self.late[Why::Server as usize], of: self.sent }
            }
            Figure::EndToEnd | Figure::Latency => Share { bad: share.bad + open, of: share.of + open },
            Figure::Errors => share,
        }
    }

    /// The logarithm of the mean end-to-end time. Events without an outcome count with `open_ms`.
    fn level(&self, open_ms: f64) -> f64 {
        let open = (self.taken - self.ended) as f64;
        ((self.total_ms + open * open_ms) / (self.taken.max(1) as f64)).max(1e-3).ln()
    }
}

/// What a step showed.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    /// Whether the rest is steady after what was left out.
    pub(super) is_steady: bool,
    /// How long a time was left out, and how long a time these figures are of, in seconds.
    pub(super) left_out_s: f64,
    pub(super) kept_s: f64,
    /// From the beginning of the step to the end of these figures, in seconds.
    pub(super) passed_s: f64,
    /// Events that count.
    pub(super) events: u64,
    pub(super) errors: u64,
    /// Events of these that have no outcome.
    pub(super) open: u64,
    /// Events sent, and the late ones by cause.
    pub(super) sent: u64,
    pub(super) late: [u64; 4],
    /// For each condition, of the whole and by block of time.
    pub(super) shares: Vec<Share>,
    pub(super) blocks: Vec<Vec<Share>>,
    pub(super) end_to_end: Histogram<u32>,
    pub(super) latency: Histogram<u32>,
}

/// Counts the events of a step.
#[derive(Debug)]
pub(in crate::psend) struct Meter {
    begins: Duration,
    slice: Duration,
    slices: Vec<Slice>,
}

impl Meter {
    /// A step that begins at this time, with slices of this length.
    pub(super) fn new(begins: Duration, slice: Duration) -> Self {
        Self { begins, slice, slices: Vec::new() }
    }

    fn slice_of(&mut self, due: Duration, conditions: usize) -> &mut Slice {
        let nth = due.saturating_sub(self.begins).as_nanos() / self.slice.as_nanos().max(1);
        let nth = usize::try_from(nth).unwrap_or(MOST).min(MOST + 1);
        while self.slices.len() <= nth {
            self.slices.push(Slice::new(conditions));
        }
        &mut self.slices[nth]
    }

    /// An event that was due at this time was taken from the input.
    pub(super) fn taken(&mut self, due: Duration, conditions: &[Condition]) {
        self.slice_of(due, conditions.len()).taken += 1;
    }

    /// It was sent first, late for this reason or in time.
    pub(super) fn sent(&mut self, due: Duration, late: Option<Why>, conditions: &[Condition]) {
        let slice = self.slice_of(due, conditions.len());
        slice.sent += 1;
        if let Some(why) = late {
            slice.late[why as usize] += 1;
        }
    }

    /// It ended.
    pub(super) fn ended(&mut self, due: Duration, event: &Ended, conditions: &[Condition]) {
        let slice = self.slice_of(due, conditions.len());
        slice.ended += 1;
        slice.errors += u64::from(event.is_error);
        for (condition, share) in conditions.iter().zip(&mut slice.shares) {
            if let Some(is_bad) = condition.judges(event) {
                share.add(Share { bad: u64::from(is_bad), of: 1 });
            }
        }
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(LONGEST);
        if let Some(time) = event.end_to_end {
            slice.total_ms += time.as_secs_f64() * 1e3;
            slice.end_to_end.saturating_record(micros(time));
        }
        if let Some(time) = event.latency {
            slice.latency.saturating_record(micros(time));
        }
    }

    /// The figures of the step if it has shown enough by now, given that events that were due `settle` ago and have no outcome are
    /// bad. `gross` is for each condition the number of bad events at which no other figure matters any more.
    pub(super) fn read(
        &self,
        now: Duration,
        settle: Duration,
        conditions: &[Condition],
        gross: &[u64],
    ) -> Option<Figures> {
        let done = self.done(now, settle);
        if done <= LEFT_OUT {
            return None;
        }
        let open_ms = settle.as_secs_f64() * 2e3;
        let is_hopeless = (0..conditions.len()).any(|k| {
            let slices = self.slices.iter().take(done).skip(LEFT_OUT);
            slices.map(|slice| slice.share(&conditions[k], k).bad).sum::<u64>() >= gross[k]
        });
        if is_hopeless {
            return Some(self.figures(LEFT_OUT, done, false, conditions));
        }
        if done < NEEDED {
            return None;
        }
        let slices = self.slices.iter().take(done).skip(LEFT_OUT).filter(|slice| slice.taken > 0);
        let levels: Vec<f64> = slices.map(|slice| slice.level(open_ms)).collect();
        match steady::transient(&levels) {
            Some(more) => Some(self.figures(LEFT_OUT + more, done, true, conditions)),
            None if done >= MOST => Some(self.figures(done / 2, done, false, conditions)),
            None => None,
        }
    }

    /// The figures of the last slices, and whether there is no time for more of them: to see whether the server is back.
    pub(super) fn last(&self, now: Duration, settle: Duration, conditions: &[Condition]) -> Option<(Figures, bool)> {
        let done = self.done(now, settle);
        (done >= LAST).then(|| (self.figures(done - LAST, done, true, conditions), done >= MOST))
    }

    /// How many slices are over and settled.
    fn done(&self, now: Duration, settle: Duration) -> usize {
        let passed = now.saturating_sub(self.begins).saturating_sub(settle);
        usize::try_from(passed.as_nanos() / self.slice.as_nanos().max(1)).unwrap_or(MOST).min(MOST)
    }

    fn figures(&self, from: usize, to: usize, is_steady: bool, conditions: &[Condition]) -> Figures {
        let histogram = || Histogram::new_with_bounds(1, LONGEST, 2).expect("the bounds are constant");
        let slice_s = self.slice.as_secs_f64();
        let none = vec![Share::default(); conditions.len()];
        let mut figures = Figures {
            is_steady,
            left_out_s: slice_s * from as f64,
            kept_s: slice_s * (to - from) as f64,
            passed_s: slice_s * to as f64,
            events: 0,
            errors: 0,
            open: 0,
            sent: 0,
            late: [0; 4],
            shares: none.clone(),
            blocks: vec![none; BLOCKS.min(to - from)],
            end_to_end: histogram(),
            latency: histogram(),
        };
        let blocks = figures.blocks.len();
        // Slices in which no event was due may be missing at the end.
        for (nth, slice) in self.slices.iter().take(to).skip(from).enumerate() {
            figures.events += slice.taken;
            figures.errors += slice.errors;
            figures.open += slice.taken - slice.ended;
            figures.sent += slice.sent;
            for (sum, n) in figures.late.iter_mut().zip(slice.late) {
                *sum += n;
            }
            let block = nth * blocks / (to - from);
            for (k, condition) in conditions.iter().enumerate() {
                let share = slice.share(condition, k);
                figures.shares[k].add(share);
                figures.blocks[block][k].add(share);
            }
            figures.end_to_end.add(&slice.end_to_end).expect("both have the same bounds");
            figures.latency.add(&slice.latency).expect("both have the same bounds");
        }
        figures
    }
}
