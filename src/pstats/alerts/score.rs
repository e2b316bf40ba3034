//! Holds alerts against episodes. A pure function of both; docs/pstats.md states the rule.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::clock::Micros;
use crate::pstats::inference::exact::{Interval, median_ranks, poisson_mean, share};
use crate::time;

use super::episodes::{Episode, Episodes};
use super::log::AlertLog;

/// Missed episodes that the report lists.
const MOST_MISSED: usize = 1000;

/// Names of alerts that the report lists.
const MOST_RULES: usize = 100;

const DAY_S: f64 = 86_400.0;

/// The section `alerts`.
#[derive(Debug, Clone, Default, Serialize)]
pub(in crate::pstats) struct AlertsReport {
    /// Alerts in the time that was observed, each once.
    pub count: u64,
    /// Alerts that came again: the same begin, name and labels.
    pub repeated: u64,
    /// Alerts before the first event or after the last, which count for nothing.
    pub outside: u64,
    /// Alerts that could not be read.
    pub unreadable: u64,
    /// Alerts that began in an episode or within the grace after it.
    pub hits: u64,
    /// The others.
    pub false_pages: u64,
    /// `hits` of `count`, 0 to 1. Null without alerts.
    pub precision: Option<f64>,
    pub precision_low: Option<f64>,
    pub precision_high: Option<f64>,
    /// Episodes of all kinds of fault.
    pub episodes: u64,
    /// Those for which an alert rang.
    pub detected: u64,
    /// Those for which none did.
    pub missed: u64,
    /// `detected` of `episodes`, 0 to 1. Null without episodes.
    pub recall: Option<f64>,
    pub recall_low: Option<f64>,
    pub recall_high: Option<f64>,
    /// Of the episodes that were detected.
    pub time_to_detect: DelayReport,
    /// False pages a day of the time that is in no episode. Null if the observed time is not known, or none of it is clean.
    pub false_per_day: Option<f64>,
    pub false_per_day_low: Option<f64>,
    pub false_per_day_high: Option<f64>,
    /// The observed time that is in no episode and no grace.
    pub clean_s: Option<f64>,
    /// From the first event to the last.
    pub observed_s: Option<f64>,
    /// How long after an episode an alert still counts for it.
    pub grace_s: f64,
    /// The confidence of each interval (`_low` to `_high`).
    pub confidence: f64,
    /// By kind of fault.
    pub faults: BTreeMap<String, FoundReport>,
    /// By name of the alert, most frequent first.
    pub rules: Vec<RuleReport>,
    /// How many names are not listed.
    pub more_rules: u64,
    /// The episodes that were missed, in order.
    pub missed_episodes: Vec<MissedReport>,
    /// How many of them are not listed.
    pub more_missed: u64,
}

/// How long after the begin of an episode the first alert rang.
#[derive(Debug, Clone, Default, Serialize)]
pub(in crate::pstats) struct DelayReport {
    pub count: u64,
    pub median_s: Option<f64>,
    pub median_low_s: Option<f64>,
    pub median_high_s: Option<f64>,
    pub max_s: Option<f64>,
}

/// The episodes of one kind of fault.
#[derive(Debug, Clone, Default, Serialize)]
pub(in crate::pstats) struct FoundReport {
    pub episodes: u64,
    pub detected: u64,
    pub missed: u64,
    pub recall: Option<f64>,
    pub recall_low: Option<f64>,
    pub recall_high: Option<f64>,
    pub time_to_detect: DelayReport,
}

/// The alerts of one name.
#[derive(Debug, Clone, Default, Serialize)]
pub(in crate::pstats) struct RuleReport {
    pub name: String,
    pub count: u64,
    pub hits: u64,
    pub false_pages: u64,
}

/// An episode for which no alert rang.
#[derive(Debug, Clone, Serialize)]
pub(in crate::pstats) struct MissedReport {
    /// The kind of fault.
    pub fault: &'static str,
    /// When it began, RFC 3339.
    pub from: String,
    /// When it was over.
    pub to: String,
    /// Its faults.
    pub faults: u64,
    /// Whether an alert that had begun before was still firing.
    pub already_firing: bool,
}

impl AlertsReport {
    /// A report on nothing, with these kinds of fault.
    pub(in crate::pstats) fn on_nothing(faults: &[&str]) -> Self {
        let faults = faults.iter().map(|fault| ((*fault).to_owned(), FoundReport::default())).collect();
        Self { faults, ..Self::default() }
    }

    /// The figures that are null although there is data, and why.
    pub(in crate::pstats) fn not_known(&self) -> Vec<(String, String)> {
        let mut figures = Vec::new();
        if let Some(why) = self.why_no_rate() {
            figures.extend(["", "_low", "_high"].map(|end| (format!("false_per_day{end}"), why.to_owned())));
        }
        let delays = self.faults.iter().map(|(kind, found)| (format!("faults.{kind}."), &found.time_to_detect));
        for (part, delay) in delays.chain([(String::new(), &self.time_to_detect)]) {
            if delay.count > 0 && delay.median_low_s.is_none() {
                let why = "too few episodes were detected for an interval of their median";
                figures.extend(
                    ["low", "high"].map(|end| (format!("{part}time_to_detect.median_{end}_s"), why.to_owned())),
                );
            }
        }
        figures
    }

    /// Why it is not known how many false pages a day there are; `None` if it is.
    pub(in crate::pstats) fn why_no_rate(&self) -> Option<&'static str> {
        match (self.observed_s, self.clean_s) {
            (None, _) => Some("neither truth nor events say how long the stream was; give the events too"),
            (_, Some(clean)) if clean <= 0.0 => Some(
                "no time is clean: episodes cover all of it; --fault chooses the kinds of fault that count, a shorter --grace divides them",
            ),
            _ => None,
        }
    }
}

/// Holds the alerts against the episodes. `events` are the times of the first and the last event that came in.
pub(super) fn score(episodes: &Episodes, log: &AlertLog, events: Option<(Micros, Micros)>, alpha: f64) -> AlertsReport {
    let grace = episodes.grace();
    let observed = episodes.observed(events);
    let covered = Covered::by(episodes);
    let is_observed =
        |at: Micros| covered.holds(at) || observed.is_none_or(|(first, last)| (first..=last).contains(&at));
    let mut report = AlertsReport {
        repeated: log.repeated,
        unreadable: log.unreadable,
        grace_s: seconds(grace),
        confidence: 1.0 - alpha,
        observed_s: observed.map(|(first, last)| seconds(last - first)),
        clean_s: observed.map(|(first, last)| seconds(last - first - covered.within(first, last))),
        ..AlertsReport::default()
    };

    let mut rules: BTreeMap<&str, RuleReport> = BTreeMap::new();
    let mut rang = Rang::default();
    for (at, until, name) in log.alerts() {
        if !is_observed(at) {
            report.outside += 1;
            continue;
        }
        rang.add(at, until);
        let rule = rules.entry(name).or_default();
        let is_hit = u64::from(covered.holds(at));
        for (count, hits, false_pages) in [
            (&mut report.count, &mut report.hits, &mut report.false_pages),
            (&mut rule.count, &mut rule.hits, &mut rule.false_pages),
        ] {
            *count += 1;
            *hits += is_hit;
            *false_pages += 1 - is_hit;
        }
    }
    let mut rules: Vec<RuleReport> =
        rules.into_iter().map(|(name, rule)| RuleReport { name: name.to_owned(), ..rule }).collect();
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.count));
    report.more_rules = rules.len().saturating_sub(MOST_RULES) as u64;
    rules.truncate(MOST_RULES);
    report.rules = rules;

    let mut delays = Vec::new();
    let mut missed = Vec::new();
    for (kind, all) in episodes.kinds() {
        let mut found = FoundReport::default();
        let mut of_kind = Vec::new();
        for episode in all {
            found.episodes += 1;
            match rang.first_from(episode.from).filter(|at| *at <= episode.to.saturating_add(grace)) {
                Some(at) => of_kind.push(at - episode.from),
                None => missed.push((kind, episode)),
            }
        }
        found.detected = of_kind.len() as u64;
        found.missed = found.episodes - found.detected;
        (found.recall, found.recall_low, found.recall_high) = with_ends(found.detected, found.episodes, alpha);
        report.episodes += found.episodes;
        report.detected += found.detected;
        delays.extend_from_slice(&of_kind);
        found.time_to_detect = DelayReport::of(of_kind, alpha);
        report.faults.insert(kind.to_owned(), found);
    }
    report.missed = report.episodes - report.detected;
    report.time_to_detect = DelayReport::of(delays, alpha);
    (report.recall, report.recall_low, report.recall_high) = with_ends(report.detected, report.episodes, alpha);
    (report.precision, report.precision_low, report.precision_high) = with_ends(report.hits, report.count, alpha);
    if let Some(days) = report.clean_s.map(|clean| clean / DAY_S).filter(|days| *days > 0.0) {
        let Interval { low, high } = poisson_mean(report.false_pages, alpha);
        report.false_per_day = Some(as_f64(report.false_pages) / days);
        (report.false_per_day_low, report.false_per_day_high) = (Some(low / days), Some(high / days));
    }

    missed.sort_by_key(|(kind, episode)| (episode.from, *kind));
    report.more_missed = missed.len().saturating_sub(MOST_MISSED) as u64;
    let listed = missed.into_iter().take(MOST_MISSED);
    report.missed_episodes = listed.map(|(fault, episode)| MissedReport::new(fault, episode, &rang)).collect();
    report
}

impl MissedReport {
    fn new(fault: &'static str, episode: Episode, rang: &Rang) -> Self {
        Self {
            fault,
            from: time::format(episode.from),
            to: time::format(episode.to),
            faults: episode.faults,
            already_firing: rang.is_firing(episode.from),
        }
    }
}

impl DelayReport {
    fn of(mut delays: Vec<Micros>, alpha: f64) -> Self {
        delays.sort_unstable();
        let at = |rank: usize| seconds(delays[rank - 1]);
        let count = delays.len();
        let (low, high) = median_ranks(count as u64, alpha).map(|(low, high)| (at(low), at(high))).unzip();
        let middle = (count > 0).then(|| f64::midpoint(at(count.div_ceil(2)), at(count / 2 + 1)));
        let max_s = (count > 0).then(|| at(count));
        Self { count: count as u64, median_s: middle, median_low_s: low, median_high_s: high, max_s }
    }
}

/// The time in which an alert is a hit: all episodes with their grace, joined where they overlap.
struct Covered(Vec<(Micros, Micros)>);

impl Covered {
    fn by(episodes: &Episodes) -> Self {
        let grace = episodes.grace();
        let mut spans: Vec<(Micros, Micros)> = episodes
            .kinds()
            .flat_map(|(_, all)| all)
            .map(|episode| (episode.from, episode.to.saturating_add(grace)))
            .collect();
        spans.sort_unstable();
        spans.dedup_by(|next, joined| {
            let overlaps = next.0 <= joined.1;
            if overlaps {
                joined.1 = joined.1.max(next.1);
            }
            overlaps
        });
        Self(spans)
    }

    fn holds(&self, at: Micros) -> bool {
        let behind = self.0.partition_point(|(from, _)| *from <= at);
        behind.checked_sub(1).is_some_and(|place| at <= self.0[place].1)
    }

    /// How much of this time it covers.
    fn within(&self, first: Micros, last: Micros) -> Micros {
        self.0.iter().map(|(from, to)| (*to.min(&last) - *from.max(&first)).max(0)).sum()
    }
}

/// When alerts rang, in order.
#[derive(Default)]
struct Rang {
    at: Vec<Micros>,
    /// Until when this alert, or one of those before it, was firing for sure.
    firing: Vec<Micros>,
}

impl Rang {
    fn add(&mut self, at: Micros, until: Option<Micros>) {
        let before = self.firing.last().copied().unwrap_or(Micros::MIN);
        self.at.push(at);
        self.firing.push(before.max(until.unwrap_or(at)));
    }

    /// The first alert at this time or later.
    fn first_from(&self, from: Micros) -> Option<Micros> {
        self.at.get(self.at.partition_point(|at| *at < from)).copied()
    }

    /// Whether an alert that began before this time was still firing.
    fn is_firing(&self, at: Micros) -> bool {
        let before = self.at.partition_point(|rang| *rang < at);
        before.checked_sub(1).is_some_and(|place| self.firing[place] >= at)
    }
}

/// A share and the ends of its interval.
fn with_ends(part: u64, whole: u64, alpha: f64) -> (Option<f64>, Option<f64>, Option<f64>) {
    let ends = share(part, whole, alpha);
    (ends.map(|_| as_f64(part) / as_f64(whole)), ends.map(|ends| ends.low), ends.map(|ends| ends.high))
}

#[allow(clippy::cast_precision_loss)] // counts stay below 2^53
fn as_f64(n: u64) -> f64 {
    n as f64
}

#[allow(clippy::cast_precision_loss)] // a span of years is below 2^53 µs
fn seconds(us: Micros) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::super::form::Alert;
    use super::*;
    use crate::seed::Seed;

    const MINUTE: Micros = 60_000_000;
    const DAY: Micros = 1440 * MINUTE;

    fn alert(at: Micros, until: Option<Micros>, name: &str) -> Alert {
        Alert { at, until, name: name.to_owned(), labels: String::new() }
    }

    /// Episodes of one fault or two, and alerts, in minutes of a day.
    fn scored(faults: &[(&'static str, Micros)], alerts: &[(Micros, Option<Micros>)]) -> AlertsReport {
        let mut episodes = Episodes::new(5 * MINUTE, &["gap", "incident"]);
        faults.iter().for_each(|(kind, at)| episodes.add(kind, Some(at * MINUTE)));
        episodes.saw(Some((0, DAY)));
        let mut log = AlertLog::default();
        alerts.iter().for_each(|(at, until)| log.add(alert(at * MINUTE, until.map(|until| until * MINUTE), "a")));
        score(&episodes, &log, None, 0.05)
    }

    #[test]
    fn an_alert_counts_from_the_first_fault_of_an_episode_to_the_grace_after_its_last() {
        let faults = [("gap", 100), ("gap", 104)];
        for (at, is_hit) in [(99, false), (100, true), (104, true), (109, true), (110, false)] {
            let report = scored(&faults, &[(at, None)]);
            assert_eq!(
                (report.hits, report.detected, report.false_pages),
                (is_hit.into(), is_hit.into(), (!is_hit).into()),
                "{at}"
            );
        }
    }

    #[test]
    fn several_alerts_in_one_episode_detect_it_once_and_one_alert_may_detect_two() {
        let report = scored(&[("gap", 100), ("incident", 101)], &[(102, None), (103, None), (500, None)]);
        assert_eq!((report.episodes, report.detected, report.count, report.hits), (2, 2, 3, 2));
        assert_eq!(report.faults["gap"].time_to_detect.max_s, Some(120.0));
        assert_eq!(report.faults["incident"].time_to_detect.max_s, Some(60.0));
        // Clean is what neither covers: the day without 100 to 106.
        assert_eq!((report.observed_s, report.clean_s), (Some(86_400.0), Some(86_400.0 - 360.0)));
        assert!((report.false_per_day.expect("a rate") - 1.0 / (1434.0 / 1440.0)).abs() < 1e-12);
    }

    #[test]
    fn a_missed_episode_says_whether_an_earlier_alert_was_still_firing() {
        let report = scored(&[("gap", 100), ("gap", 200)], &[(50, Some(150)), (60, None)]);
        assert_eq!((report.missed, report.false_pages), (2, 2));
        let firing: Vec<bool> = report.missed_episodes.iter().map(|missed| missed.already_firing).collect();
        assert_eq!(firing, [true, false]);
        assert_eq!(report.missed_episodes[0].from, "1970-01-01T01:40:00.000000Z");
    }

    #[test]
    fn alerts_outside_the_stream_count_for_nothing() {
        let report = scored(&[("gap", 1439)], &[(-5, None), (1442, None), (1446, None)]);
        assert_eq!((report.outside, report.count, report.hits), (2, 1, 1));
    }

    #[test]
    fn the_same_alert_notified_again_counts_once() {
        let report = scored(&[("gap", 100)], &[(101, None), (101, Some(110))]);
        assert_eq!((report.count, report.repeated), (1, 1));
    }

    #[test]
    fn what_nothing_is_known_of_is_null() {
        let report = score(&Episodes::new(0, &["gap"]), &AlertLog::default(), None, 0.05);
        assert_eq!((report.recall, report.precision, report.false_per_day), (None, None, None));
        assert!(report.why_no_rate().expect("a reason").contains("give the events"));
        let mut always = Episodes::new(DAY, &["gap"]);
        (0..10).for_each(|day| always.add("gap", Some(day * DAY)));
        always.saw(Some((0, 9 * DAY)));
        let report = score(&always, &AlertLog::default(), None, 0.05);
        assert_eq!((report.false_per_day, report.episodes, report.missed), (None, 1, 1));
        assert!(report.why_no_rate().expect("a reason").contains("no time is clean"));
    }

    /// A detector whose figures have closed forms: of 40 episodes it finds each with probability 0.8, after a delay that is exponential
    /// with median 90 s; false pages are a Poisson process of 0.5 a day over 60 clean days.
    #[test]
    fn intervals_cover_what_is_true_of_a_toy_detector_in_95_percent_of_200_seeds() {
        const RECALL: f64 = 0.8;
        const PER_DAY: f64 = 0.5;
        const MEDIAN_S: f64 = 90.0;
        const EPISODES: i64 = 40;
        const SPACING: Micros = 3 * DAY / 2;
        let mut covered = [0; 4];
        for seed in 0..200 {
            let mut draws = 0;
            let draw = Seed::new(seed).choice("toy");
            let mut unit = || {
                draws += 1;
                #[allow(clippy::cast_precision_loss)]
                let unit = ((draw.at(draws) >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
                unit
            };
            let mut episodes = Episodes::new(20 * MINUTE, &["incident"]);
            let mut log = AlertLog::default();
            episodes.saw(Some((0, EPISODES * SPACING)));
            for number in 0..EPISODES {
                let from = number * SPACING + SPACING / 2;
                (0..15).for_each(|minute| episodes.add("incident", Some(from + minute * MINUTE)));
                if unit() < RECALL {
                    #[allow(clippy::cast_possible_truncation)]
                    let delay = (-unit().ln() / std::f64::consts::LN_2 * MEDIAN_S * 1e6) as i64;
                    // One in a billion would come after the grace.
                    log.add(alert(from + delay.min(30 * MINUTE), None, "real"));
                }
            }
            // False pages come in the clean time only: its length is known, and so is where it is.
            let clean_days = 60.0 - 40.0 * (14.0 + 20.0) / 1440.0;
            let mut at = 0.0;
            let mut expected_false = 0;
            loop {
                at += -unit().ln() / PER_DAY;
                if at >= clean_days {
                    break;
                }
                expected_false += 1;
                #[allow(clippy::cast_possible_truncation)]
                let clean = (at * DAY as f64) as i64;
                let piece = SPACING - 34 * MINUTE;
                // Before the first episode half a piece is clean, then a whole one between each two.
                let passed = if clean < SPACING / 2 { 0 } else { 1 + (clean - SPACING / 2) / piece };
                log.add(alert(clean + passed * 34 * MINUTE, None, "false"));
            }
            let report = score(&episodes, &log, None, 0.05);
            assert_eq!((report.episodes, report.false_pages), (40, expected_false), "seed {seed}");
            assert!((report.clean_s.expect("a time") / DAY_S - clean_days).abs() < 1e-9);
            let holds = |low: Option<f64>, value: f64, high: Option<f64>| {
                i32::from(low.is_some_and(|low| low <= value) && high.is_some_and(|high| value <= high))
            };
            let delay = &report.time_to_detect;
            #[allow(clippy::cast_precision_loss)]
            let precision = RECALL * EPISODES as f64 / (RECALL * EPISODES as f64 + PER_DAY * clean_days);
            covered[0] += holds(report.recall_low, RECALL, report.recall_high);
            covered[1] += holds(report.false_per_day_low, PER_DAY, report.false_per_day_high);
            covered[2] += holds(delay.median_low_s, MEDIAN_S, delay.median_high_s);
            covered[3] += holds(report.precision_low, precision, report.precision_high);
        }
        println!(
            "of 200 seeds, the intervals of recall, false pages a day, time to detect and precision cover in {covered:?}"
        );
        assert!(covered.iter().all(|seeds| *seeds >= 190), "{covered:?}");
    }
}
