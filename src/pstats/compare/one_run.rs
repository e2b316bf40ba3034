//! One run a side: the figures of a run with the variance that its blocks of time say.
//!
//! Everything is reduced to deviations, one for each window, whose sum over a run of the same server is near 0. How much that
//! sum varies says how much the figure does.

use super::figure::{Figure, LatencySpan};
use super::part::Counts;
use super::why::NotJudged;
use crate::pstats::figures::Figures;
use crate::pstats::inference::blocks::{NoVariance, SumVariance, variance_of_sum};
use crate::pstats::inference::difference::Side;
use crate::pstats::inference::student::critical;
use crate::pstats::sketch::Coarse;

/// More windows than these, with the empty ones between others, are a few bursts of lines rather than a run.
const MOST_WINDOWS: i64 = 5000;

/// The figure of a run on the scale on which it is subtracted, with its variance. `alpha` is that of the interval.
///
/// # Errors
/// Why one run does not say it.
pub(crate) fn side(counts: &Counts, figure: Figure, value: f64, alpha: f64) -> Result<Side, NotJudged> {
    match figure {
        Figure::Latency(LatencySpan::EndToEnd, _) => Err(NotJudged::EndToEndOfOneRun),
        Figure::Latency(LatencySpan::Latency, statistic) => match statistic.millionths() {
            None => mean(counts, value),
            Some(millionths) => quantile(counts, millionths, value, alpha),
        },
        Figure::ErrorRate => rate(counts, value),
        Figure::SuccessRate => rate(counts, 1.0 - value).map(|side| Side { estimate: value, ..side }),
        Figure::Throughput => throughput(counts, value),
    }
}

/// A ratio of two sums over windows, such as a mean: `numerator` − ratio × `denominator` is the deviation of a window.
fn of_ratio(
    counts: &Counts,
    numerator: impl Fn(&Figures<Coarse>) -> f64,
    denominator: impl Fn(&Figures<Coarse>) -> f64,
) -> Result<(f64, SumVariance), NotJudged> {
    let windows = windows(counts)?;
    let sum = |of: &dyn Fn(&Figures<Coarse>) -> f64| windows.iter().flatten().map(|w| of(w)).sum::<f64>();
    let (top, bottom) = (sum(&numerator), sum(&denominator));
    let ratio = if bottom > 0.0 { top / bottom } else { 0.0 };
    let deviation = |window: &Option<&Figures<Coarse>>| {
        window.map_or(0.0, |window| numerator(window) - ratio * denominator(window))
    };
    let found = variance(counts, &windows.iter().map(deviation).collect::<Vec<_>>())?;
    Ok((bottom, found))
}

/// A mean latency, on the logarithmic scale.
#[allow(clippy::cast_precision_loss)] // counts stay below 2^53
fn mean(counts: &Counts, ms: f64) -> Result<Side, NotJudged> {
    let sum = |window: &Figures<Coarse>| window.latency().mean_us().unwrap_or(0.0) * window.latency().count() as f64;
    let (n, found) = of_ratio(counts, sum, |window| window.latency().count() as f64)?;
    Ok(of_log(ms, found.variance.sqrt() / (n * ms * 1000.0), found))
}

/// A share of failures.
#[allow(clippy::cast_precision_loss)]
fn rate(counts: &Counts, value: f64) -> Result<Side, NotJudged> {
    let (n, found) = of_ratio(counts, |window| window.failures() as f64, |window| window.judged() as f64)?;
    Ok(Side { estimate: value, variance: found.variance / n.powi(2), freedom: found.blocks as f64 - 1.0 })
}

/// A quantile of latencies, on the logarithmic scale. How far the share of latencies up to the quantile may be off is turned
/// into how far the quantile may be (Woodruff 1952).
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn quantile(counts: &Counts, millionths: u32, ms: f64, alpha: f64) -> Result<Side, NotJudged> {
    let latency = counts.figures.latency();
    let us = latency.quantile_us(millionths).unwrap_or(0);
    let up_to = |window: &Figures<Coarse>| window.latency().up_to(us) as f64;
    let (n, found) = of_ratio(counts, up_to, |window| window.latency().count() as f64)?;
    let reach = critical(alpha, found.blocks as f64 - 1.0);
    let off = reach * found.variance.sqrt() / n;
    let share = f64::from(millionths) / 1e6;
    // Both ends are to have latencies beyond them.
    if share - off < 1.0 / n || share + off > 1.0 - 1.0 / n {
        return Err(NotJudged::FewBeyond);
    }
    let at = |share: f64| latency.quantile_us((share * 1e6).round() as u32).unwrap_or(0).max(1) as f64;
    let error = (at(share + off).ln() - at(share - off).ln()) / (2.0 * reach);
    Ok(of_log(ms, error, found))
}

/// A throughput, on the logarithmic scale: windows but the first and the last, which are cut off.
#[allow(clippy::cast_precision_loss)]
fn throughput(counts: &Counts, value: f64) -> Result<Side, NotJudged> {
    let windows = windows(counts)?;
    let whole = windows.get(1..windows.len().saturating_sub(1)).unwrap_or_default();
    let lines: Vec<f64> = whole.iter().map(|window| window.map_or(0.0, |window| window.count() as f64)).collect();
    let sum: f64 = lines.iter().sum();
    let mean = sum / lines.len().max(1) as f64;
    let found = variance(counts, &lines.iter().map(|n| n - mean).collect::<Vec<_>>())?;
    Ok(of_log(value, found.variance.sqrt() / sum.max(1.0), found))
}

#[allow(clippy::cast_precision_loss)] // blocks are few
fn of_log(value: f64, error: f64, of: SumVariance) -> Side {
    Side { estimate: value.ln(), variance: error.powi(2), freedom: of.blocks as f64 - 1.0 }
}

/// The windows in order of time, with the empty ones between others.
fn windows(counts: &Counts) -> Result<Vec<Option<&Figures<Coarse>>>, NotJudged> {
    let width = counts.windows.width();
    let mut all: Vec<Option<&Figures<Coarse>>> = Vec::new();
    let mut next = None;
    for (start, figures) in counts.windows.iter() {
        let gap = next.map_or(0, |next: i64| start.saturating_sub(next) / width);
        if gap + all.len() as i64 > MOST_WINDOWS {
            return Err(NotJudged::FewBlocks);
        }
        all.extend((0..gap).map(|_| None));
        all.push(Some(figures));
        next = Some(start.saturating_add(width));
    }
    Ok(all)
}

#[allow(clippy::cast_precision_loss)]
fn variance(counts: &Counts, deviations: &[f64]) -> Result<SumVariance, NotJudged> {
    variance_of_sum(deviations).map_err(|why| match why {
        NoVariance::FewWindows(windows) => {
            NotJudged::FewWindows { windows, width_s: counts.windows.width() as f64 / 1e6 }
        }
        NoVariance::FewBlocks => NotJudged::FewBlocks,
    })
}
