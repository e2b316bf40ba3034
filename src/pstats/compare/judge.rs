//! The verdicts on two sides: of the whole and of each group, held together as one family.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::figure::{Figure, LatencySpan};
use super::one_run;
use super::run::{Measured, Run, Sample};
use super::runs::Runs;
use super::tolerance::Tolerances;
use super::why::NotJudged;
use crate::cli::numbers::count;
use crate::pstats::groups::GroupKey;
use crate::pstats::inference::difference::{Difference, Side};
use crate::pstats::inference::verdict::{MOST_RUNS, Question, Scale, Word};
use crate::pstats::line_kind::LineKind;
use crate::pstats::named::{self, Named, as_object};
use crate::statistics::holm;

/// The step of a quantile of the whole as a share of it, and of a group's (`sketch`).
const STEP_OF_WHOLE: f64 = 0.001;
const STEP_OF_GROUP: f64 = 1.0 / 64.0;

/// Latencies and means are rounded to a microsecond, throughputs to a thousandth.
const ROUNDED_TO: f64 = 0.001;

/// With fewer failures or successes on a side, the spread of a rate between runs says too little by itself.
const FEW: f64 = 10.0;

/// What is asked of the comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) tolerances: Tolerances,
    /// The probability of a false claim that is accepted, for each interval and for the whole family of words.
    pub(crate) alpha: f64,
    /// The grouping whose groups are compared.
    pub(crate) grouping: Option<String>,
    /// Figures that requirements name.
    pub(crate) required: Vec<Required>,
}

/// A figure that a requirement names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Required {
    /// `None` if it may be of events or of outcomes.
    pub(crate) kind: Option<LineKind>,
    pub(crate) figure: Figure,
    /// The name of a grouping, and the values of a group of it in its order.
    pub(crate) group: Option<(String, GroupKey)>,
}

/// The verdict on a figure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// Its path in the report, below its group if there is one.
    pub(crate) figure: String,
    /// Null for the whole.
    #[serde(serialize_with = "as_object")]
    pub(crate) group: Option<Named>,
    /// Of one run, or the mean of several: the geometric one of latencies and throughputs.
    pub(crate) base: f64,
    pub(crate) now: f64,
    /// A share of the base, or points of a rate; null if the base is 0.
    pub(crate) difference: Option<f64>,
    /// The interval of the difference; null if it cannot be told.
    pub(crate) interval: Option<(f64, f64)>,
    pub(crate) verdict: Word,
    /// How many runs of each side have the figure.
    pub(crate) runs: (usize, usize),
    /// Whether there is one on each side, so that blocks of time take the place of runs.
    pub(crate) one_run_each: bool,
    /// The largest difference that does not matter.
    pub(crate) tolerance: f64,
    /// The p-value of no difference, alone and adjusted for all figures.
    pub(crate) p: Option<f64>,
    pub(crate) p_adjusted: Option<f64>,
    /// If it cannot be told: how many runs more a side would do, if the difference and the spread stay as they are.
    pub(crate) more_runs: Option<usize>,
    /// If it cannot be told: why.
    pub(crate) why: Option<String>,
    #[serde(skip)]
    pub(crate) place: (LineKind, Figure),
    /// On what it rests; `None` if it cannot be told.
    #[serde(skip)]
    pub(crate) basis: Option<(Difference, Question)>,
}

impl Row {
    /// The values of its group as one text.
    pub(crate) fn label(&self) -> Option<String> {
        self.group.as_ref().map(named::label)
    }

    /// Says why it cannot be told, and how many runs would do; `family` is the number of hypotheses.
    #[allow(clippy::cast_precision_loss)] // runs are few
    fn explain(&mut self, family: usize) {
        let (Some((difference, question)), Some((low, high))) = (&self.basis, self.interval) else { return };
        let (base, now) = (self.runs.0 as f64, self.runs.1 as f64);
        let spread = difference.error() / (1.0 / base + 1.0 / now).sqrt();
        let needed = question.runs_needed(difference, spread, family);
        let fewest = self.runs.0.min(self.runs.1);
        self.more_runs = needed.map(|needed| needed.saturating_sub(fewest).max(1));
        let why = if low <= 0.0 && high >= 0.0 {
            "the interval has 0 in it and reaches beyond the tolerance".to_owned()
        } else {
            format!("the interval excludes 0, but one of {} figures may do so by chance", count(family as u64))
        };
        self.why = Some(match self.more_runs {
            Some(_) => why,
            None => format!("{why}; over {} runs a side would be needed", count(MOST_RUNS as u64)),
        });
    }
}

/// Two sides held against each other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Comparison {
    pub(crate) rows: Vec<Row>,
    /// How many hypotheses the family has.
    pub(crate) family: usize,
    /// What only one side has: `events`, or `events.service=a`.
    pub(crate) only_base: Vec<String>,
    pub(crate) only_now: Vec<String>,
    /// Whether the groups of the base, and of now, were not counted by the grouping that is compared.
    pub(crate) not_grouped: (bool, bool),
}

/// Holds two sides against each other.
pub(crate) fn compare(base: &Runs, now: &Runs, asked: &Asked) -> Comparison {
    let mut comparison = Comparison::default();
    for kind in LineKind::ALL {
        match (base.with(kind), now.with(kind)) {
            (None, None) => {}
            (Some(_), None) => comparison.only_base.push(kind.key().to_owned()),
            (None, Some(_)) => comparison.only_now.push(kind.key().to_owned()),
            (Some(base), Some(now)) => Pair { kind, base, now, asked }.compare(&mut comparison),
        }
    }
    comparison.judge();
    comparison
}

/// One kind of line of both sides.
struct Pair<'a> {
    kind: LineKind,
    base: Vec<(&'a Run, &'a Measured)>,
    now: Vec<(&'a Run, &'a Measured)>,
    asked: &'a Asked,
}

impl Runs {
    /// The runs that have lines of this kind; `None` if none has.
    fn with(&self, kind: LineKind) -> Option<Vec<(&Run, &Measured)>> {
        let all: Vec<_> = self.all.iter().filter_map(|run| Some((run, run.kinds.get(&kind)?))).collect();
        Some(all).filter(|all| !all.is_empty())
    }
}

impl Pair<'_> {
    fn compare(&self, into: &mut Comparison) {
        let both = || self.base.iter().chain(&self.now);
        let is_open_loop = self.kind == LineKind::Outcomes && both().any(|(run, _)| run.is_open_loop());
        let span = if is_open_loop { LatencySpan::EndToEnd } else { LatencySpan::Latency };
        let mut figures = Figure::usual(span);
        let required =
            || self.asked.required.iter().filter(|required| required.kind.is_none_or(|kind| kind == self.kind));
        for required in required().filter(|required| required.group.is_none()) {
            add(&mut figures, required.figure);
        }
        let whole =
            |runs: &[(&Run, &Measured)], figure| values(runs.iter().map(|(_, measured)| &measured.whole), figure);
        for figure in figures {
            let sides = [whole(&self.base, figure), whole(&self.now, figure)];
            into.rows.extend(self.row(figure, None, sides));
        }
        // Groups have no end_to_end.
        let mut groups: BTreeMap<(String, GroupKey), Vec<Figure>> = BTreeMap::new();
        if let Some(grouping) = &self.asked.grouping {
            let has =
                |runs: &[(&Run, &Measured)]| runs.iter().any(|(_, measured)| measured.groups.contains_key(grouping));
            let (base, now) = (has(&self.base), has(&self.now));
            into.not_grouped = (into.not_grouped.0 || !base, into.not_grouped.1 || !now);
        }
        let is_grouped = |_: &&String| into.not_grouped == (false, false);
        if let Some(grouping) = self.asked.grouping.as_ref().filter(is_grouped) {
            let keys = |runs| keys(runs, grouping);
            let (ours, theirs) = (keys(&self.now), keys(&self.base));
            // A group that is not there may be among those beyond --max-groups.
            let only = |some: &BTreeSet<GroupKey>,
                        others: &BTreeSet<GroupKey>,
                        of_others: &[(&Run, &Measured)]|
             -> Vec<String> {
                let is_capped = of_others.iter().any(|(_, measured)| measured.capped.contains(grouping));
                let missing = some.difference(others).filter(|_| !is_capped);
                missing.map(|key| self.name_of(grouping, key)).collect()
            };
            into.only_base.extend(only(&theirs, &ours, &self.now));
            into.only_now.extend(only(&ours, &theirs, &self.base));
            for key in ours.intersection(&theirs) {
                groups.insert((grouping.clone(), key.clone()), Figure::usual(LatencySpan::Latency));
            }
        }
        for required in required() {
            if let Some(group) = &required.group {
                add(groups.entry(group.clone()).or_default(), required.figure);
            }
        }
        for ((grouping, key), figures) in &groups {
            let samples = |runs: &[(&Run, &Measured)], figure| {
                values(runs.iter().filter_map(|(_, measured)| measured.groups.get(grouping)?.get(key)), figure)
            };
            let named: Named = grouping
                .split(',')
                .map(str::to_owned)
                .zip(key.iter().map(|v| v.as_deref().map(str::to_owned)))
                .collect();
            for figure in figures {
                let sides = [samples(&self.base, *figure), samples(&self.now, *figure)];
                into.rows.extend(self.row(*figure, Some(named.clone()), sides));
            }
        }
    }

    fn name_of(&self, grouping: &str, key: &GroupKey) -> String {
        let values = grouping.split(',').zip(key).map(|(field, value)| match value {
            Some(value) => format!("{field}={value}"),
            None => format!("no {field}"),
        });
        format!("{}.{}", self.kind.key(), values.collect::<Vec<_>>().join(","))
    }

    /// A figure of both sides; `None` if a side does not have it.
    fn row(&self, figure: Figure, group: Option<Named>, sides: [Values; 2]) -> Option<Row> {
        let scale = figure.scale();
        let [base, now] = sides.each_ref().map(|side| side.mean(scale));
        let (base, now) = (base?, now?);
        let tolerance = self.asked.tolerances.of(figure);
        let question = Question { scale, better: figure.better(), tolerance, alpha: self.asked.alpha };
        let off = sides.iter().map(|side| side.off).sum::<f64>();
        let found = match scale.name(off) > tolerance {
            true => Err(NotJudged::Unread(figure)),
            false => self.difference(figure, group.is_some(), &sides).map(|found| found.that_may_be_off_by(off)),
        };
        let difference = match scale {
            Scale::Points => Some(now - base),
            Scale::Ratio => (base > 0.0).then(|| now / base - 1.0),
        };
        Some(Row {
            figure: format!("{}.{}", self.kind.key(), figure.path()),
            group,
            base,
            now,
            difference,
            interval: found.ok().map(|found| question.interval(&found)),
            verdict: Word::CannotTell,
            runs: (sides[0].figures.len(), sides[1].figures.len()),
            one_run_each: sides.iter().all(|side| side.figures.len() == 1),
            tolerance,
            p: found.ok().map(|found| found.p_value(0.0)),
            p_adjusted: None,
            more_runs: None,
            why: found.err().map(|why| why.to_string()),
            place: (self.kind, figure),
            basis: found.ok().map(|found| (found, question)),
        })
    }

    /// The difference of a figure, and how far it may be off.
    fn difference(&self, figure: Figure, of_group: bool, sides: &[Values; 2]) -> Result<Difference, NotJudged> {
        let scale = figure.scale();
        if scale == Scale::Ratio && sides.iter().any(|side| side.figures.iter().any(|value| *value <= 0.0)) {
            return Err(NotJudged::Zero);
        }
        let several = |side: &Values| Side::of_runs(&side.entered(scale), side.least_variance(figure, of_group));
        let several = sides.each_ref().map(several);
        let [base, now] = sides;
        let one = |side: &Values| scale.enter(side.figures[0]);
        match several {
            [Some(ours), Some(theirs)] => {
                Ok(Difference::of_runs(base.floored(figure, ours), now.floored(figure, theirs)))
            }
            [Some(several), None] if several.freedom > 1.0 => {
                let several = base.floored(figure, several);
                Ok(Difference::of_one_from(one(now) - several.estimate, several))
            }
            [None, Some(several)] if several.freedom > 1.0 => {
                let several = now.floored(figure, several);
                Ok(Difference::of_one_from(several.estimate - one(base), several))
            }
            [None, None] if of_group => Err(NotJudged::GroupOfOneRun),
            [None, None] => {
                let side = |runs: &[(&Run, &Measured)], side: &Values| {
                    let counts =
                        runs.iter().find_map(|(_, measured)| measured.counts.as_ref()).ok_or(NotJudged::NoWindows)?;
                    let found = one_run::side(counts, figure, side.figures[0], self.asked.alpha)?;
                    let least = side.least_variance(figure, of_group);
                    Ok(side.floored(figure, Side { variance: found.variance.max(least), ..found }))
                };
                Ok(Difference::of_blocks(side(&self.base, base)?, side(&self.now, now)?))
            }
            _ => Err(NotJudged::TwoRuns),
        }
    }
}

fn add(figures: &mut Vec<Figure>, figure: Figure) {
    if !figures.contains(&figure) {
        figures.push(figure);
    }
}

fn keys(runs: &[(&Run, &Measured)], grouping: &str) -> BTreeSet<GroupKey> {
    runs.iter()
        .filter_map(|(_, measured)| measured.groups.get(grouping))
        .flat_map(|groups| groups.keys().cloned())
        .collect()
}

/// A figure of the runs of a side.
struct Values {
    figures: Vec<f64>,
    judged: f64,
    failures: f64,
    /// By how much the figure of a run may be off, on its scale, at most, because values could not be read.
    off: f64,
}

fn values<'a>(samples: impl Iterator<Item = &'a Sample>, figure: Figure) -> Values {
    let mut values = Values { figures: Vec::new(), judged: 0.0, failures: 0.0, off: 0.0 };
    for sample in samples {
        values.off = values.off.max(sample.off(figure));
        if let Some(value) = sample.get(figure) {
            values.figures.push(value);
            values.judged += sample.judged;
            values.failures += sample.failures;
        }
    }
    values
}

impl Values {
    fn entered(&self, scale: Scale) -> Vec<f64> {
        self.figures.iter().map(|figure| scale.enter(*figure)).collect()
    }

    /// The mean on the scale, as the figure is read; `None` of nothing.
    #[allow(clippy::cast_precision_loss)] // runs are few
    fn mean(&self, scale: Scale) -> Option<f64> {
        match self.figures[..] {
            [] => None,
            [one] => Some(one),
            _ => Some(scale.leave(self.entered(scale).iter().sum::<f64>() / self.figures.len() as f64)),
        }
    }

    /// What rounding hides of the variance of a run's figure: that of a value anywhere within a step.
    fn least_variance(&self, figure: Figure, of_group: bool) -> f64 {
        let step = match figure {
            Figure::ErrorRate | Figure::SuccessRate => return 0.0,
            Figure::Latency(_, statistic) if statistic.millionths().is_some() => {
                if of_group {
                    STEP_OF_GROUP
                } else {
                    STEP_OF_WHOLE
                }
            }
            _ => 0.0,
        };
        let least = self.figures.iter().copied().fold(f64::INFINITY, f64::min);
        let step = step.max(ROUNDED_TO / least.max(ROUNDED_TO / 2.0));
        step * step / 12.0
    }

    /// The side with at least the variance that so few failures, or so few successes, leave: that of Agresti and Caffo (2000),
    /// who add one of each. No failure in a thousand events does not say that there are none.
    fn floored(&self, figure: Figure, side: Side) -> Side {
        let is_rate = matches!(figure, Figure::ErrorRate | Figure::SuccessRate);
        if !is_rate || self.failures.min(self.judged - self.failures) >= FEW {
            return side;
        }
        let share = (self.failures + 1.0) / (self.judged + 2.0);
        Side { variance: side.variance.max(share * (1.0 - share) / (self.judged + 2.0)), ..side }
    }
}

impl Comparison {
    /// Brings the words: the family is all figures that could be judged. A success rate is the error rate from its other end,
    /// and no hypothesis of its own.
    #[allow(clippy::cast_precision_loss)] // runs are few
    fn judge(&mut self) {
        let is_counted = |row: &Row| row.basis.is_some() && row.place.1 != Figure::SuccessRate;
        let p_values: Vec<f64> = self.rows.iter().filter(|row| is_counted(row)).filter_map(|row| row.p).collect();
        self.family = p_values.len();
        let mut adjusted = holm(&p_values).into_iter();
        // That of the last error rate, and of which lines it is: the success rate of the same lines stands behind it.
        let mut of_errors: Option<(LineKind, Option<Named>, f64)> = None;
        for row in &mut self.rows {
            let Some((difference, question)) = &row.basis else { continue };
            let adjusted = match (row.place, &of_errors) {
                ((kind, Figure::SuccessRate), Some((of, group, adjusted))) if *of == kind && *group == row.group => {
                    *adjusted
                }
                ((_, Figure::SuccessRate), _) => row.p.map_or(1.0, |p| (p * self.family.max(1) as f64).min(1.0)),
                _ => adjusted.next().unwrap_or(1.0),
            };
            if row.place.1 == Figure::ErrorRate {
                of_errors = Some((row.place.0, row.group.clone(), adjusted));
            }
            row.p_adjusted = Some(adjusted);
            row.verdict = question.word(difference, adjusted);
            if row.verdict == Word::CannotTell {
                row.explain(self.family);
            }
        }
    }
}
