//! The weights of the hours of the week, by the times of the events.

use crate::clock::Micros;
use crate::plearn::count::Times;
use crate::world::curve::hour_of_week;

const HOUR: Micros = 3_600_000_000;

/// Weights, Monday first, of which the mean is about 100. `None` if the times span less than two hours.
pub(super) fn weights(times: &Times) -> Option<Vec<f64>> {
    let span = times.last.checked_sub(times.first)?;
    if !(2 * HOUR..=100 * 366 * 24 * HOUR).contains(&span) {
        return None;
    }
    // How much of each hour of the week the times cover.
    let mut covered = vec![0.0; 168];
    let mut at = times.first;
    while at <= times.last {
        let end = (at.div_euclid(HOUR) + 1) * HOUR;
        #[allow(clippy::cast_precision_loss)] // at most an hour
        let part = (end.min(times.last + 1) - at) as f64 / HOUR as f64;
        covered[hour_of_week(at)] += part;
        at = end;
    }
    // A few minutes of an hour tell little of it.
    let rate = |hour: usize| {
        #[allow(clippy::cast_precision_loss)]
        let count = times.hours[hour] as f64;
        (covered[hour] >= 0.25).then(|| count / covered[hour])
    };
    let mean = |hours: &mut dyn Iterator<Item = usize>| {
        let rates: Vec<f64> = hours.filter_map(rate).collect();
        #[allow(clippy::cast_precision_loss)]
        (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64)
    };
    let all = mean(&mut (0..168)).filter(|mean| *mean > 0.0)?;
    // An hour without times is like the same hour of other days.
    let weights =
        (0..168).map(|hour| rate(hour).or_else(|| mean(&mut (0..7).map(|day| day * 24 + hour % 24))).unwrap_or(all));
    let weights = weights.map(|weight| libm::round(weight / all * 1000.0) / 10.0);
    Some(weights.map(|weight| weight.min(1000.0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_that_was_not_seen_is_like_that_of_other_days() {
        // Monday, 2026-01-05, from 00:00 to 12:00, twice as busy from 06:00 on.
        let monday = 1_767_571_200_000_000;
        let mut times = Times::default();
        for minute in 0..720 {
            times.add(monday + minute * 60_000_000, if minute < 360 { 1 } else { 2 });
        }
        times.add(monday + 12 * HOUR - 1, 1);
        let weights = weights(&times).expect("weights");
        assert!((weights[8] / weights[3] - 2.0).abs() < 0.05, "{weights:?}");
        assert!((weights[24 + 8] - weights[8]).abs() < 0.1 && (weights[15] - 100.0).abs() < 0.1, "{weights:?}");
    }
}
