//! The conditions of `--find-rate`, written like the requirements of pstats.

use std::str::FromStr;
use std::time::Duration;

use super::condition::{Condition, Figure};
use crate::record::bound::{Bound, FigureUnit, Operator};

/// The smallest share of bad events that a search can be about: a step would be too long to see fewer.
const SMALLEST: f64 = 0.0001;

/// What the server holds unless a condition says otherwise: a rate at which it refuses events is not one that it holds.
const ERRORS: &str = "error_rate < 1%";

/// The share of events that may be sent late because the server, or senders that wait for it, hold them back.
const LATE: f64 = 0.01;

/// Conditions, as typed: `end_to_end.p99 < 50ms, error_rate < 1%`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::psend) struct Conditions(pub(in crate::psend) Vec<Condition>);

impl FromStr for Conditions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut all: Vec<Condition> = text.split(',').map(|part| condition(part.trim())).collect::<Result<_, _>>()?;
        if !all.iter().any(|condition| condition.figure == Figure::Errors) {
            all.push(condition(ERRORS)?);
        }
        let late = "1% or more sent late because of the server";
        all.push(Condition { text: late.to_owned(), figure: Figure::Late, bound: Duration::ZERO, share: LATE });
        Ok(Self(all))
    }
}

fn condition(text: &str) -> Result<Condition, String> {
    let form = || {
        format!(
            "'{text}' is not a condition: expected one such as 'end_to_end.p99 < 50ms', 'latency.p95 < 20ms', 'error_rate < 1%' or \
             'success_rate > 99%'"
        )
    };
    let is_sign = |c: char| matches!(c, '<' | '>' | '=' | '!');
    let begins = text.find(is_sign).ok_or_else(form)?;
    let (name, rest) = text.split_at(begins);
    let (sign, right) = rest.split_at(rest.find(|c| !is_sign(c)).ok_or_else(form)?);
    let (name, right) = (name.trim(), right.trim());
    let operator = Operator::parse(sign).ok_or_else(form)?;
    let name = name.strip_prefix("outcomes.").unwrap_or(name);
    let is_below = matches!(operator, Operator::Less | Operator::LessOrEqual);
    let is_above = matches!(operator, Operator::Greater | Operator::GreaterOrEqual);
    let plain = |unit: FigureUnit| match Bound::parse(right, unit) {
        Some(Bound::Plain(bound)) => Ok(bound),
        _ => Err(format!("'{text}': expected {} on the right of '{name}'", unit.example())),
    };
    let (figure, bound, share) = match name.split_once('.') {
        None if name == "error_rate" || name == "success_rate" => {
            let share = plain(FigureUnit::Share)?;
            let is_errors = name == "error_rate";
            if if is_errors { !is_below } else { !is_above } {
                let sign = if is_errors { '<' } else { '>' };
                return Err(format!("'{text}': expected '{name} {sign} …', a limit that a higher rate reaches"));
            }
            (Figure::Errors, 0.0, if is_errors { share } else { 1.0 - share })
        }
        Some((part @ ("end_to_end" | "latency"), quantile)) => {
            let quantile = quantile.strip_suffix("_ms").unwrap_or(quantile);
            let digits = quantile.strip_prefix('p').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
            let share = digits.filter(|digits| (2..=4).contains(&digits.len())).and_then(|digits| {
                let of: f64 = format!("0.{digits}").parse().ok()?;
                Some(1.0 - of)
            });
            let Some(share) = share else {
                return Err(format!(
                    "'{text}': expected a quantile such as {part}.p50, p95, p99 or p999; a search counts the events beyond a bound"
                ));
            };
            let bound = plain(FigureUnit::Milliseconds)?;
            if !is_below {
                return Err(format!("'{text}': expected '{name} < …', a limit that a higher rate reaches"));
            }
            if bound <= 0.0 {
                return Err(format!("'{text}': expected a time above 0"));
            }
            let figure = if part == "latency" { Figure::Latency } else { Figure::EndToEnd };
            (figure, bound, share)
        }
        _ => return Err(form()),
    };
    // 1 − 99.99% is not quite 0.01%.
    if !(SMALLEST * 0.999..1.0).contains(&share) {
        return Err(format!(
            "'{text}': expected a share of bad events from 0.01% to below 100%; fewer are not seen in a step"
        ));
    }
    let bound = Duration::try_from_secs_f64(bound / 1e3).map_err(|_| form())?;
    Ok(Condition { text: text.to_owned(), figure, bound, share })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_written_like_requirements() {
        let Conditions(read) = "end_to_end.p99 < 50ms, error_rate<1%".parse().expect("conditions");
        assert_eq!(read.len(), 3, "the last one is that the server does not hold events back");
        assert_eq!((read[0].figure, read[0].bound), (Figure::EndToEnd, Duration::from_millis(50)));
        assert!((read[0].share - 0.01).abs() < 1e-9 && read[1].share == 0.01);
        let Conditions(read) = "outcomes.latency.p999_ms <= 1.5s".parse().expect("a condition");
        assert_eq!((read[0].figure, read[0].bound), (Figure::Latency, Duration::from_millis(1500)));
        assert_eq!(read[1].text, ERRORS, "without a condition on errors there is one");
        let Conditions(read) = "success_rate > 99.9%".parse().expect("a condition");
        assert!((read[0].share - 0.001).abs() < 1e-9);
    }

    #[test]
    fn what_no_search_can_find_is_refused_with_what_is_expected() {
        for (text, expected) in [
            ("", "end_to_end.p99 < 50ms"),
            ("end_to_end.p99 < 50", "200ms"),
            ("end_to_end.p99 > 50ms", "end_to_end.p99 <"),
            ("end_to_end.max < 50ms", "quantile"),
            ("end_to_end.mean < 50ms", "quantile"),
            ("latency.p99 < 0ms", "above 0"),
            ("error_rate > 1%", "error_rate <"),
            ("success_rate < 99%", "success_rate >"),
            ("error_rate <= 0%", "0.01%"),
            ("error_rate < 1", "5%"),
            ("throughput > 5/s", "end_to_end.p99 < 50ms"),
            ("error_rate < 1%, ", "end_to_end.p99 < 50ms"),
            ("error_rate << 1%", "end_to_end.p99 < 50ms"),
        ] {
            let error = text.parse::<Conditions>().expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
