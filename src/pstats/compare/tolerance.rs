//! `--tolerance`: the largest difference of a figure that does not matter.

use std::str::FromStr;

use super::figure::Figure;
use crate::cli::values::decimal;
use crate::pstats::inference::verdict::Scale;

/// A difference of latencies or throughput that does not matter, if `--tolerance` does not say so.
const RELATIVE: f64 = 0.05;

/// A difference of rates that does not matter: half a percentage point.
const POINTS: f64 = 0.005;

/// The tolerance of each figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tolerances {
    relative: f64,
    points: f64,
    /// Of the figures that have one of their own, by name.
    own: Vec<(&'static str, f64)>,
}

impl Default for Tolerances {
    fn default() -> Self {
        Self { relative: RELATIVE, points: POINTS, own: Vec::new() }
    }
}

impl Tolerances {
    /// That of a figure, as a share of the base or in points.
    pub(crate) fn of(&self, figure: Figure) -> f64 {
        let own = self.own.iter().rev().find(|(name, _)| *name == figure.name());
        own.map_or_else(
            || if figure.scale() == Scale::Ratio { self.relative } else { self.points },
            |(_, value)| *value,
        )
    }

    /// Adds what one more text says.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), String> {
        for item in text.split(',') {
            let (name, value) = item.split_once('=').map_or((None, item), |(name, value)| (Some(name.trim()), value));
            let Some(name) = name else {
                let margin: Margin = value.parse()?;
                *(if margin.scale == Scale::Ratio { &mut self.relative } else { &mut self.points }) = margin.value;
                continue;
            };
            let figure = Figure::all()
                .find(|figure| figure.name() == name)
                .ok_or_else(|| format!("'{name}' is not a figure; expected one of {}", names().join(", ")))?;
            let value = Margin::parse(value, figure.scale())?;
            self.own.push((figure.name(), value));
        }
        Ok(())
    }
}

/// The names that figures have in `--tolerance`.
fn names() -> Vec<&'static str> {
    let mut names = Vec::new();
    for figure in Figure::all() {
        if !names.contains(&figure.name()) {
            names.push(figure.name());
        }
    }
    names
}

/// A difference as people write it: `5%` of the base, or `0.5 points` of a rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Margin {
    scale: Scale,
    value: f64,
}

impl Margin {
    /// The value of a difference of a figure that is subtracted in this way.
    ///
    /// # Errors
    /// If it is not one, or has the other unit.
    pub(crate) fn parse(text: &str, scale: Scale) -> Result<f64, String> {
        match text.parse::<Self>() {
            Ok(margin) if margin.scale == scale => Ok(margin.value),
            _ if scale == Scale::Ratio => Err(format!("'{}': expected a share of the base, such as 5%", text.trim())),
            _ => Err(format!("'{}': expected percentage points, such as '0.5 points'", text.trim())),
        }
    }
}

impl FromStr for Margin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || format!("'{text}': expected a share of the base, such as 5%, or '0.5 points' of a rate");
        let units = [("%", Scale::Ratio), ("points", Scale::Points), ("point", Scale::Points)];
        let found = units.into_iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale)));
        let (number, scale) = found.ok_or_else(wrong)?;
        let value = decimal(number.trim()).ok_or_else(wrong)? / 100.0;
        if value > 1.0 || scale == Scale::Ratio && value >= 1.0 {
            return Err(format!("'{text}': expected less than 100"));
        }
        Ok(Self { scale, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pstats::compare::figure::{LatencySpan, Statistic};

    fn of(texts: &[&str]) -> Result<Tolerances, String> {
        let mut all = Tolerances::default();
        texts.iter().try_for_each(|text| all.add(text))?;
        Ok(all)
    }

    #[test]
    fn a_figure_has_its_own_tolerance_or_that_of_its_unit() {
        let p = |statistic| Figure::Latency(LatencySpan::Latency, statistic);
        let all = of(&["3%,p99=10%", "error_rate = 0.1 points", "1point"]).expect("valid");
        assert_eq!(
            [all.of(p(Statistic::P50)), all.of(p(Statistic::P99)), all.of(Figure::Throughput)],
            [0.03, 0.1, 0.03]
        );
        assert_eq!([all.of(Figure::ErrorRate), all.of(Figure::SuccessRate)], [0.001, 0.01]);
        assert_eq!(Tolerances::default().of(Figure::ErrorRate), 0.005);
    }

    #[test]
    fn what_is_wrong_with_a_tolerance_is_said() {
        for (text, says) in [
            ("5", "such as 5%"),
            ("-5%", "such as 5%"),
            ("1e1%", "such as 5%"),
            ("p99=0.5 points", "such as 5%"),
            ("error_rate=5%", "0.5 points"),
            ("p97=5%", "p95"),
            ("100%", "less than 100"),
            ("", "such as 5%"),
        ] {
            let said = of(&[text]).expect_err(text);
            assert!(said.contains(says), "{text}: {said}");
        }
    }
}
