//! The faults of truth as episodes: stretches of time in which an alarm should ring.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::cli::numbers::{count, counted};
use crate::clock::Micros;
use crate::record::truth::FaultWindow;

/// The most episodes that are kept: a year of a fault every half minute.
const MOST: usize = 1_000_000;

/// A stretch of time with faults of one kind: the window of an effect, or faults that are close together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Episode {
    /// When it began.
    pub from: Micros,
    /// When its last fault was, or its window was over.
    pub to: Micros,
    /// Its faults.
    pub faults: u64,
}

/// The episodes of each kind of fault.
#[derive(Debug)]
pub(super) struct Episodes {
    grace: Micros,
    /// By kind, then by their begin.
    kinds: BTreeMap<&'static str, BTreeMap<Micros, Episode>>,
    /// Faults of these kinds.
    faults: u64,
    /// Those of them whose event has no time.
    untimed: u64,
    /// How many episodes there are.
    count: usize,
    /// The times of the first and the last event, as truth says.
    observed: Option<(Micros, Micros)>,
}

impl Episodes {
    /// None yet. Faults of other kinds than these do not count.
    pub(super) fn new(grace: Micros, faults: &[&'static str]) -> Self {
        let kinds = faults.iter().map(|fault| (*fault, BTreeMap::new())).collect();
        Self { grace, kinds, faults: 0, untimed: 0, count: 0, observed: None }
    }

    /// Adds a fault. It joins the episodes of its kind that are within the grace of it.
    pub(super) fn add(&mut self, fault: &str, at: Option<Micros>) {
        // The events of a crowd come from all around it; its window says when it was.
        let Some(episodes) = self.kinds.get_mut(fault).filter(|_| fault != "flash") else { return };
        self.faults += 1;
        let Some(at) = at else {
            self.untimed += 1;
            return;
        };
        if self.count > MOST {
            return;
        }
        let joined = Episode { from: at, to: at, faults: 1 };
        self.count = join(episodes, joined, self.grace, self.count);
    }

    /// Adds a window in which there were faults of a kind.
    pub(super) fn add_window(&mut self, window: &FaultWindow) {
        if let Some(episodes) = self.kinds.get_mut(&*window.fault) {
            let joined = Episode { from: window.from, to: window.to, faults: 0 };
            self.count = join(episodes, joined, self.grace, self.count);
        }
    }

    /// Notes the times of the first and the last event of a stream, or of a shard of it.
    pub(super) fn saw(&mut self, times: Option<(Micros, Micros)>) {
        self.observed = around(self.observed, times);
    }

    /// The time that was observed; `events` are the first and the last event that came in, if any did.
    pub(super) fn observed(&self, events: Option<(Micros, Micros)>) -> Option<(Micros, Micros)> {
        around(self.observed, events)
    }

    /// How long after an episode an alert still counts for it.
    pub(super) fn grace(&self) -> Micros {
        self.grace
    }

    /// The episodes of each kind of which there are any, in order.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (&'static str, impl Iterator<Item = Episode>)> {
        let with_any = self.kinds.iter().filter(|(_, episodes)| !episodes.is_empty());
        with_any.map(|(kind, episodes)| (*kind, episodes.values().copied()))
    }

    /// Whether alerts can be held against them.
    ///
    /// # Errors
    /// Why not: truth has no times, or too many episodes.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.faults > 0 && self.untimed == self.faults {
            return Err(
                "--alerts: none of truth's faults says when it happened ('at' is missing or null), so that no alert can be held \
                 against them; write truth again with this version of pshape, and --fields timestamp=PATH if the time of its \
                 events has another name"
                    .to_owned(),
            );
        }
        if self.count > MOST {
            return Err(format!(
                "--alerts: the faults form more than {} episodes; a longer --grace joins them, --fault chooses among them",
                count(MOST as u64)
            ));
        }
        Ok(())
    }

    /// What the user should know.
    pub(super) fn doubts(&self) -> Option<String> {
        (self.untimed > 0).then(|| {
            format!(
                "--alerts: {} no time and in no episode",
                counted(self.untimed, "fault of truth has", "faults of truth have")
            )
        })
    }
}

/// Adds an episode, joined with those that are within the grace of it. Returns how many episodes there are, of `count` before.
fn join(episodes: &mut BTreeMap<Micros, Episode>, new: Episode, grace: Micros, count: usize) -> usize {
    let before =
        episodes.range(..=new.from).next_back().map(|(_, near)| *near).filter(|near| new.from - near.to <= grace);
    let behind = (Bound::Excluded(new.from), Bound::Included(new.to.saturating_add(grace)));
    let near: Vec<Episode> = before.into_iter().chain(episodes.range(behind).map(|(_, near)| *near)).collect();
    let mut joined = new;
    for near in &near {
        episodes.remove(&near.from);
        joined.from = joined.from.min(near.from);
        joined.to = joined.to.max(near.to);
        joined.faults += near.faults;
    }
    episodes.insert(joined.from, joined);
    count + 1 - near.len()
}

/// The time around two spans.
fn around(one: Option<(Micros, Micros)>, other: Option<(Micros, Micros)>) -> Option<(Micros, Micros)> {
    match (one, other) {
        (Some((first, last)), Some((from, to))) => Some((first.min(from), last.max(to))),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(grace: Micros, times: &[Micros]) -> Vec<(Micros, Micros, u64)> {
        let mut episodes = Episodes::new(grace, &["gap", "spike"]);
        times.iter().for_each(|at| episodes.add("spike", Some(*at)));
        episodes.kinds().flat_map(|(_, all)| all).map(|one| (one.from, one.to, one.faults)).collect()
    }

    #[test]
    fn faults_that_are_close_together_are_one_episode() {
        assert_eq!(of(5, &[1, 3, 8, 14, 30]), [(1, 8, 3), (14, 14, 1), (30, 30, 1)]);
        assert_eq!(of(0, &[1, 1, 2]), [(1, 1, 2), (2, 2, 1)]);
    }

    #[test]
    fn kinds_that_are_not_counted_and_faults_without_a_time_make_no_episode() {
        let mut episodes = Episodes::new(5, &["gap"]);
        episodes.add("spike", Some(1));
        assert!(episodes.check().is_ok());
        episodes.add("gap", None);
        assert!(episodes.check().is_err_and(|why| why.contains("'at' is missing")));
        episodes.add("gap", Some(1));
        assert!(episodes.check().is_ok() && episodes.kinds().count() == 1);
        assert_eq!(episodes.doubts().expect("a doubt"), "--alerts: 1 fault of truth has no time and in no episode");
    }

    #[test]
    fn a_window_is_one_episode_with_the_faults_in_it() {
        let mut episodes = Episodes::new(5, &["incident", "flash"]);
        [10, 30, 50, 90].iter().for_each(|at| episodes.add("incident", Some(*at)));
        episodes.add_window(&FaultWindow { fault: "incident".to_owned(), from: 8, to: 60 });
        // Its events were moved from elsewhere.
        episodes.add("flash", Some(1));
        episodes.add_window(&FaultWindow { fault: "flash".to_owned(), from: 100, to: 110 });
        let found: Vec<_> =
            episodes.kinds().flat_map(|(_, all)| all).map(|one| (one.from, one.to, one.faults)).collect();
        assert_eq!(found, [(100, 110, 0), (8, 60, 3), (90, 90, 1)]);
        assert_eq!(episodes.count, 3);
    }

    proptest! {
        #[test]
        fn the_order_of_faults_does_not_matter(mut times in prop::collection::vec(0i64..200, 0..60), grace in 0i64..20) {
            let found = of(grace, &times);
            times.sort_unstable();
            let mut expected: Vec<(Micros, Micros, u64)> = Vec::new();
            for at in times {
                match expected.last_mut() {
                    Some((_, to, faults)) if at - *to <= grace => (*to, *faults) = (at, *faults + 1),
                    _ => expected.push((at, at, 1)),
                }
            }
            prop_assert_eq!(found, expected);
        }
    }
}
