//! The rules of `--chaos`: `error=503:5%,window=30s..60s,where=service=payment-service`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::fault::Fault;
use crate::cli::values::{Probability, Span};
use crate::jsonl::scan::{FieldSet, Spans};
use crate::record::event::FieldMap;
use crate::record::filter::{Filter, split};
use crate::world::latency::normal_quantile;

/// What one `--chaos` gives: faults, and what limits them.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::pserve) struct Rules {
    typed: String,
    faults: Vec<(Kind, Probability)>,
    window: Option<Window>,
    filter: Option<Filter>,
}

/// A fault, how likely it is, and its limits.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) kind: Kind,
    pub(super) chance: Probability,
    windows: Vec<Window>,
    filters: Vec<Filter>,
    /// The fields of the conditions of all filters, in order.
    fields: Vec<usize>,
}

/// A kind of fault, with its figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Latency(Latency),
    Error(u16),
    Reset,
    Lose,
    Duplicate,
    DropAfterCommit,
    Truncate,
    Stall(Duration),
}

/// A distribution of latencies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Latency {
    /// Uniform between these two.
    Uniform(Duration, Duration),
    /// Log-normal, with this median and this standard deviation of its logarithm.
    LogNormal(Duration, f64),
}

/// A time since the server's start, without its end.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Window {
    from: Duration,
    to: Duration,
}

/// The standard normal distribution's quantile at 99%.
const Z99: f64 = 2.326_347_874_040_841;

/// The longest latency that is drawn. A log-normal distribution has no end.
const LONGEST: Duration = Duration::from_secs(3600);

const FORMS: &str = "expected latency=50ms, latency=50ms±20ms, latency=lognormal:20ms,p99=400ms, error=503:5%, reset=1%, \
     stall=0.1%:10s, truncate=1%, drop-after-commit=1%, lose=0.1% or duplicate=1%, with window=30s..60s and \
     where=service=NAME after a comma";

/// The rules of all `--chaos`, each with its limits. Limits that came without a fault hold for every rule.
pub(super) fn limited(given: Vec<Rules>) -> Vec<Rule> {
    let (general, given): (Vec<Rules>, Vec<Rules>) = given.into_iter().partition(|rules| rules.faults.is_empty());
    let windows = |own: Option<Window>| general.iter().filter_map(|rules| rules.window).chain(own).collect();
    let filters =
        |own: Option<Filter>| general.iter().filter_map(|rules| rules.filter.clone()).chain(own).collect::<Vec<_>>();
    let each = given.iter().flat_map(|rules| rules.faults.iter().map(move |fault| (rules, *fault)));
    each.map(|(rules, (kind, chance))| Rule {
        kind,
        chance,
        windows: windows(rules.window),
        filters: filters(rules.filter.clone()),
        fields: Vec::new(),
    })
    .collect()
}

impl Rule {
    /// Adds the fields that its conditions name.
    pub(super) fn find_fields(&mut self, fields: &mut FieldSet) {
        let conditions = self.filters.iter().flat_map(Filter::conditions);
        self.fields = conditions.map(|condition| fields.add(condition.path())).collect();
    }

    /// Whether it holds this long after the server's start.
    pub(super) fn is_open(&self, elapsed: Duration) -> bool {
        self.windows.iter().all(|window| (window.from..window.to).contains(&elapsed))
    }

    /// Whether an event meets its conditions.
    pub(super) fn meets(&self, event: &[u8], spans: Option<&Spans>) -> bool {
        let conditions = self.filters.iter().flat_map(Filter::conditions);
        conditions
            .zip(&self.fields)
            .all(|(condition, field)| condition.holds(spans.and_then(|spans| spans.raw(event, *field))))
    }
}

impl Kind {
    /// Its name in rules.
    pub(super) fn name(self) -> &'static str {
        self.fault(0).name()
    }

    /// The fault for 64 random bits.
    pub(super) fn fault(self, draw: u64) -> Fault {
        match self {
            Self::Latency(latency) => Fault::Delay(latency.at(draw)),
            Self::Error(status) => Fault::Error(status),
            Self::Reset => Fault::Reset,
            Self::Lose => Fault::Lose,
            Self::Duplicate => Fault::Duplicate,
            Self::DropAfterCommit => Fault::DropAfterCommit,
            Self::Truncate => Fault::Truncate,
            Self::Stall(pause) => Fault::Stall(pause),
        }
    }
}

impl Latency {
    /// The latency for 64 random bits.
    #[allow(clippy::cast_precision_loss)] // 53 bits are exact
    fn at(self, draw: u64) -> Duration {
        // Between 0 and 1, and neither.
        let share = ((draw >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0;
        match self {
            Self::Uniform(least, most) => least + (most - least).mul_f64(share),
            Self::LogNormal(median, sigma) => {
                let factor = libm::exp(sigma * normal_quantile(share));
                Duration::from_secs_f64((median.as_secs_f64() * factor).min(LONGEST.as_secs_f64()))
            }
        }
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

impl FromStr for Rules {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut rules = Self { typed: text.to_owned(), faults: Vec::new(), window: None, filter: None };
        let mut p99 = None;
        for item in split(text) {
            let item = item.trim();
            let (name, value) = item.split_once('=').ok_or_else(|| format!("'{item}' is not a rule; {FORMS}"))?;
            let (name, value) = (name.trim(), value.trim());
            let of_item = |why: String| format!("'{item}': {why}");
            match name {
                "window" => set(&mut rules.window, window(value).map_err(of_item)?, item)?,
                "where" => set(&mut rules.filter, Filter::parse(value, &FieldMap::default()).map_err(of_item)?, item)?,
                "p99" => set(&mut p99, span(value).map_err(of_item)?, item)?,
                name => rules.faults.push(fault(name, value).map_err(of_item)?),
            }
        }
        if let Some(p99) = p99 {
            rules.spread(p99)?;
        }
        let is_open = |kind: &Kind| matches!(kind, Kind::Latency(Latency::LogNormal(_, sigma)) if sigma.is_nan());
        if rules.faults.iter().any(|(kind, _)| is_open(kind)) {
            return Err("the log-normal latency lacks its p99; expected latency=lognormal:20ms,p99=400ms".to_owned());
        }
        Ok(rules)
    }
}

impl Rules {
    /// Gives the log-normal latency its 99th percentile.
    fn spread(&mut self, p99: Duration) -> Result<(), String> {
        let form =
            "expected one latency=lognormal:MEDIAN with p99 above its median, such as latency=lognormal:20ms,p99=400ms";
        let mut found = self.faults.iter_mut().filter_map(|(kind, _)| match kind {
            Kind::Latency(Latency::LogNormal(median, sigma)) => Some((*median, sigma)),
            _ => None,
        });
        let (Some((median, sigma)), None) = (found.next(), found.next()) else { return Err(form.to_owned()) };
        if p99 <= median || median.is_zero() {
            return Err(form.to_owned());
        }
        *sigma = libm::log(p99.as_secs_f64() / median.as_secs_f64()) / Z99;
        Ok(())
    }
}

fn set<T>(place: &mut Option<T>, value: T, item: &str) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("'{item}': given twice; expected it once in each --chaos")),
    }
}

fn fault(name: &str, value: &str) -> Result<(Kind, Probability), String> {
    let chance = || value.parse::<Probability>();
    Ok(match name {
        "latency" => (Kind::Latency(latency(value)?), Probability::ONE),
        "error" => {
            let form = "expected a status from 400 to 599 and a probability, such as error=503:5%";
            let (status, chance) = value.split_once(':').ok_or(form)?;
            let status = status.parse().ok().filter(|status| (400..=599).contains(status)).ok_or(form)?;
            (Kind::Error(status), chance.parse()?)
        }
        "stall" => {
            let form = "expected a probability and a duration, such as stall=0.1%:10s";
            let (chance, pause) = value.split_once(':').ok_or(form)?;
            (Kind::Stall(span(pause)?), chance.parse()?)
        }
        "reset" => (Kind::Reset, chance()?),
        "truncate" => (Kind::Truncate, chance()?),
        "drop-after-commit" => (Kind::DropAfterCommit, chance()?),
        "lose" => (Kind::Lose, chance()?),
        "duplicate" => (Kind::Duplicate, chance()?),
        _ => return Err(format!("no such fault; {FORMS}")),
    })
}

fn latency(value: &str) -> Result<Latency, String> {
    if let Some(median) = value.strip_prefix("lognormal:") {
        return Ok(Latency::LogNormal(span(median)?, f64::NAN));
    }
    let (middle, spread) = value.split_once('±').or_else(|| value.split_once("+-")).unwrap_or((value, "0"));
    let (middle, spread) = (span(middle)?, span(spread)?);
    let least = middle.checked_sub(spread);
    let least = least.ok_or("the spread is wider than the latency; expected such as latency=50ms±20ms")?;
    Ok(Latency::Uniform(least, middle + spread))
}

fn window(value: &str) -> Result<Window, String> {
    let form = "expected times since the server's start, such as window=30s..60s, window=30s.. or window=..60s";
    let (from, to) = value.split_once("..").ok_or(form)?;
    let from = if from.is_empty() { Duration::ZERO } else { span(from)? };
    let to = if to.is_empty() { Duration::MAX } else { span(to)? };
    if from < to { Ok(Window { from, to }) } else { Err(form.to_owned()) }
}

fn span(text: &str) -> Result<Duration, String> {
    text.trim().parse::<Span>().map(|span| span.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_rule_is_read() {
        for rule in [
            "latency=50ms",
            "latency=50ms±20ms",
            "latency=50ms+-20ms",
            "latency=lognormal:20ms,p99=400ms",
            "error=503:5%",
            "error=429:0.05,window=30s..60s",
            "reset=1%",
            "stall=0.1%:10s",
            "truncate=1%",
            "drop-after-commit=1%",
            "lose=0.1%",
            "duplicate=1%",
            "window=30s..60s",
            "where=service=payment-service",
            "error=500:1%,reset=1%,where=service=a\\,status_code>=500",
        ] {
            let read = rule.parse::<Rules>().expect(rule);
            assert_eq!(read.to_string(), rule);
        }
    }

    #[test]
    fn a_wrong_rule_is_refused_with_the_form_that_is_expected() {
        for rule in [
            "",
            "5%",
            "errors=503:5%",
            "error=5%",
            "error=200:5%",
            "error=503:105%",
            "error=503",
            "reset=2",
            "stall=10s",
            "stall=1%",
            "latency=50",
            "latency=10ms±20ms",
            "latency=lognormal:20ms",
            "latency=lognormal:20ms,p99=10ms",
            "latency=20ms,p99=400ms",
            "window=30s",
            "window=60s..30s",
            "window=1s..2s,window=3s..4s",
            "where=service",
            "reset=1%,",
        ] {
            let error = rule.parse::<Rules>().expect_err(rule);
            assert!(error.contains("expected") || error.contains("such as"), "{rule}: {error}");
        }
    }
}
