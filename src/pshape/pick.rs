//! Which lines an effect takes. This is a pure function of the seed, the shard, the effect's name and the line number, so
//! neither the size of a read nor another effect changes it (contracts §6).

use super::spec::Spec;
use crate::cli::values::{Probability, decimal};
use crate::error::Result;
use crate::seed::Choice;

/// How many lines a search for the next one examines before it returns how far it got.
const AHEAD: u64 = 1024;

/// The longest mean length of runs. The end of a run is drawn at each line, from 2^64 steps.
const LONGEST_MEAN: f64 = 1e12;

/// A rule that selects lines.
#[derive(Debug, Clone)]
pub(super) struct Pick {
    rule: Rule,
    /// No line between the last one asked about and this one is taken.
    due: u64,
}

#[derive(Debug, Clone)]
enum Rule {
    /// Every line.
    All,
    /// Each line independently: if its draw is below the threshold.
    Chance { draws: Choice, below: u64 },
    /// Lines in runs.
    Runs(Runs),
    /// One line in every so many.
    Every(u64),
}

/// The Gilbert–Elliott chain (Gilbert 1960, "Capacity of a burst-noise channel"): a state that is on or off, and one draw per
/// line that decides whether it changes. In the long run it is on for a given share of the lines, in runs with a given mean
/// length.
#[derive(Debug, Clone)]
struct Runs {
    draws: Choice,
    /// Draws below it switch the state on.
    enter: u64,
    /// Draws below it keep the state on.
    stay: u64,
    on: bool,
    /// The line to which `on` applies.
    seq: u64,
    /// Only some lines count for the length of runs. The chain does not move at others.
    over_some: bool,
}

impl Pick {
    /// Every line.
    pub(super) fn all() -> Self {
        Rule::All.into()
    }

    /// The last of every `n` lines.
    pub(super) fn every(n: u64) -> Self {
        Rule::Every(n).into()
    }

    /// Reads `p` (or the default that an effect has) and `burst`.
    ///
    /// # Errors
    /// If they do not parse or do not fit together.
    pub(super) fn from_spec(spec: &mut Spec, default: Option<Probability>, draws: Choice) -> Result<Self> {
        let share = match default {
            Some(default) => spec.take("p")?.unwrap_or(default),
            None => spec.need::<Probability>("p")?,
        };
        let burst = spec.text("burst");
        let Some(below) = share.threshold() else { return Ok(Self::all()) };
        let Some(burst) = burst else { return Ok(Rule::Chance { draws, below }.into()) };
        // Independent draws come in runs of 1 / (1 − P) on average. Shorter runs would need draws that avoid each other.
        let shortest = 1.0 / (1.0 - share.get());
        let Some(mean) = decimal(&burst).filter(|mean| (shortest..=LONGEST_MEAN).contains(mean)) else {
            let why = format!(
                "expected the mean length of runs, from {shortest:.3} with a share of {share} to {LONGEST_MEAN} lines"
            );
            return Err(spec.invalid("burst", &burst, why));
        };
        let leave = 1.0 / mean;
        let enter = leave * share.get() / (1.0 - share.get());
        let threshold = |p: f64| Probability::clamped(p).threshold().unwrap_or(u64::MAX);
        let on = draws.at(0) < below;
        let (enter, stay) = (threshold(enter), threshold(1.0 - leave));
        Ok(Rule::Runs(Runs { draws, enter, stay, on, seq: 0, over_some: false }).into())
    }

    /// Whether the seed decides which lines are taken.
    pub(super) fn is_random(&self) -> bool {
        matches!(self.rule, Rule::Chance { .. } | Rule::Runs(_))
    }

    /// Counts the length of runs only over those lines for which [`Pick::confirms`] is told to.
    pub(super) fn counts_runs_over_some(&mut self) {
        if let Rule::Runs(runs) = &mut self.rule {
            runs.over_some = true;
        }
    }

    /// The first line from `seq` on that may be taken, as far as is known before it is parsed. If the search ends before it
    /// finds one, returns a later line before which there is none. Ask about lines in ascending order.
    #[inline]
    pub(super) fn next(&mut self, seq: u64) -> u64 {
        if self.due <= seq {
            self.due = self.rule.next(seq);
        }
        self.due
    }

    /// Whether the line may be taken, as far as is known before it is parsed. Ask about lines in ascending order.
    #[inline]
    pub(super) fn takes(&mut self, seq: u64) -> bool {
        self.next(seq) == seq
    }

    /// Whether a parsed line is taken. `counts` says whether it counts for the length of runs. Ask about lines in ascending
    /// order.
    #[inline]
    pub(super) fn confirms(&mut self, seq: u64, counts: impl FnOnce() -> bool) -> bool {
        match &mut self.rule {
            Rule::Runs(runs) if runs.over_some => {
                if counts() {
                    runs.step(seq);
                }
                runs.on
            }
            _ => true,
        }
    }
}

impl From<Rule> for Pick {
    fn from(rule: Rule) -> Self {
        Self { rule, due: 0 }
    }
}

impl Rule {
    #[inline]
    fn next(&mut self, seq: u64) -> u64 {
        let end = seq.saturating_add(AHEAD);
        match self {
            Self::All => seq,
            Self::Chance { draws, below } => (seq..end).find(|seq| draws.at(*seq) < *below).unwrap_or(end),
            Self::Runs(runs) if runs.over_some => seq,
            Self::Runs(runs) => (seq..end).find(|seq| runs.is_on(*seq)).unwrap_or(end),
            Self::Every(n) => seq.checked_next_multiple_of(*n).unwrap_or(u64::MAX),
        }
    }
}

impl Runs {
    #[inline]
    fn is_on(&mut self, seq: u64) -> bool {
        while self.seq < seq {
            self.seq += 1;
            self.step(self.seq);
        }
        self.on
    }

    #[inline]
    fn step(&mut self, seq: u64) {
        self.on = self.draws.at(seq) < if self.on { self.stay } else { self.enter };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn pick(text: &str) -> Result<Pick> {
        let mut spec = Spec::parse("--spikes", text, Some("p"))?;
        Pick::from_spec(&mut spec, None, Seed::new(7).choice("spike"))
    }

    fn taken(text: &str, lines: u64) -> Vec<bool> {
        let mut pick = pick(text).expect("a rule");
        (1..=lines).map(|seq| pick.takes(seq)).collect()
    }

    #[test]
    #[allow(clippy::cast_precision_loss)]
    fn shares_and_mean_runs_are_the_ones_asked_for() {
        const LINES: u64 = 1_000_000;
        for (text, share, run) in [("5%", 0.05, 1.0 / 0.95), ("5%,burst=20", 0.05, 20.0), ("0.5,burst=100", 0.5, 100.0)]
        {
            let taken = taken(text, LINES);
            let count = taken.iter().filter(|t| **t).count() as f64;
            let starts = taken.windows(2).filter(|w| !w[0] && w[1]).count() as f64;
            // The lines of a run are not independent: the variance grows by about (2 · run − 1).
            let error = (LINES as f64 * share * (1.0 - share) * (2.0 * run)).sqrt();
            assert!((count - LINES as f64 * share).abs() < 5.0 * error, "{text}: {count}");
            assert!((count / starts / run - 1.0).abs() < 5.0 / starts.sqrt(), "{text}: runs of {}", count / starts);
        }
    }

    #[test]
    fn a_line_that_is_passed_over_moves_no_choice() {
        let all = taken("5%,burst=20", 10_000);
        let mut some = pick("5%,burst=20").expect("a rule");
        for seq in (1..=10_000u64).step_by(37) {
            assert_eq!(some.takes(seq), all[usize::try_from(seq - 1).expect("small")]);
        }
    }

    #[test]
    fn the_next_line_is_the_next_one_taken_wherever_the_search_begins() {
        for text in ["100%", "5%", "5%,burst=20", "0.01%"] {
            let all = taken(text, 20_000);
            for step in [1, 7, 300, 5000] {
                let mut pick = pick(text).expect("a rule");
                for seq in (1..=10_000u64).step_by(step) {
                    let next = pick.next(seq);
                    let place = |seq: u64| usize::try_from(seq - 1).expect("small");
                    assert!(!all[place(seq)..place(next)].contains(&true), "{text}: {seq} to {next}");
                    assert_eq!(next == seq, all[place(seq)], "{text}: {seq}");
                }
            }
        }
        assert_eq!([1, 5, 6].map(|seq| Pick::every(5).next(seq)), [5, 5, 10]);
    }

    #[test]
    #[allow(clippy::cast_precision_loss)]
    fn runs_have_their_length_over_the_lines_that_count() {
        let mut pick = pick("10%,burst=20").expect("a rule");
        pick.counts_runs_over_some();
        let counted = |seq: &u64| seq.is_multiple_of(5);
        let mut taken = Vec::new();
        for seq in 1..=1_000_000u64 {
            assert!(pick.takes(seq), "each line is looked at");
            let on = pick.confirms(seq, || counted(&seq));
            if counted(&seq) {
                taken.push(on);
            } else if let Some(last) = taken.last() {
                assert_eq!(on, *last, "the chain stands still");
            }
        }
        let count = taken.iter().filter(|t| **t).count() as f64;
        let starts = taken.windows(2).filter(|w| !w[0] && w[1]).count() as f64;
        assert!((count / starts / 20.0 - 1.0).abs() < 5.0 / starts.sqrt(), "runs of {}", count / starts);
        assert!((count / 200_000.0 - 0.1).abs() < 5.0 * (0.09 * 39.0 / 200_000.0_f64).sqrt(), "{count}");
    }

    #[test]
    fn runs_shorter_than_chance_makes_them_are_refused() {
        assert!(pick("0.5,burst=1.5").is_err_and(|e| e.to_string().contains("from 2.000")));
        assert!(pick("1,burst=3").is_ok_and(|pick| matches!(pick.rule, Rule::All)));
        assert!(pick("0,burst=3").is_ok_and(|mut pick| !(1..1000).any(|seq| pick.takes(seq))));
    }
}
