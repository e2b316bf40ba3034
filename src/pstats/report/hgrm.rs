//! Latencies as an HDR percentile distribution, the `.hgrm` that HdrHistogram's own tools write and plot. Values are milliseconds.

use std::fmt::Write;

use crate::pstats::sketch::{Fine, LatencySketch, Sketch};

/// Lines for each halving of the distance to 100%, as HdrHistogram's own output has by default.
const TICKS: f64 = 5.0;

/// The shape of the histogram of the whole stream: 1 µs to 1 h in three digits.
const BUCKETS: u32 = 22;
const SUB_BUCKETS: u32 = 2048;

/// Writes the distribution.
#[allow(clippy::cast_precision_loss)] // counts stay below 2^53
pub(crate) fn write(latency: &LatencySketch<Fine>) -> String {
    let buckets = latency.sketch().buckets();
    let total = latency.count();
    let mut page = format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let (mut level, mut counted) = (0.0, 0);
    for (us, count) in &buckets {
        counted += count;
        let reached = 100.0 * counted as f64 / total as f64;
        while counted < total && level <= reached {
            let inverse = 1.0 / (1.0 - level / 100.0);
            let (ms, share) = (*us as f64 / 1e3, level / 100.0);
            let _ = writeln!(page, "{ms:>12.3} {share:>14.12} {counted:>10} {inverse:>14.2}");
            let halvings = (100.0 / (100.0 - level)).log2().floor() + 1.0;
            level += 100.0 / (TICKS * halvings.exp2());
        }
    }
    let mean = latency.mean_us().unwrap_or(0.0) / 1e3;
    let max = latency.max_us().unwrap_or(0) as f64 / 1e3;
    if total > 0 {
        let _ = writeln!(page, "{max:>12.3} {:>14.12} {total:>10}", 1.0);
    }
    let squares: f64 = buckets.iter().map(|(us, count)| (*us as f64 / 1e3 - mean).powi(2) * *count as f64).sum();
    let deviation = if total > 0 { (squares / total as f64).sqrt() } else { 0.0 };
    let _ = writeln!(page, "#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]");
    let _ = writeln!(page, "#[Max     = {max:>12.3}, Total count    = {total:>12}]");
    let _ = writeln!(page, "#[Buckets = {BUCKETS:>12}, SubBuckets     = {SUB_BUCKETS:>12}]");
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pstats::sketch::Latency;

    #[test]
    fn levels_close_in_on_all_and_counts_add_up() {
        let mut latency = LatencySketch::<Fine>::default();
        (1..=1000).for_each(|ms| latency.add(Latency::new(ms * 1000)));
        let page = write(&latency);
        let rows: Vec<Vec<f64>> = page
            .lines()
            .skip(2)
            .take_while(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().map(|cell| cell.parse().expect("a number")).collect())
            .collect();
        assert!(rows.windows(2).all(|two| two[0][0] <= two[1][0] && two[0][1] < two[1][1] && two[0][2] <= two[1][2]));
        let half = rows.iter().find(|row| row[1] >= 0.5).expect("a row");
        assert!((half[0] - 500.0).abs() < 1.0 && (half[3] - 2.0).abs() < 0.01, "{half:?}");
        assert_eq!(rows.last(), Some(&vec![1000.0, 1.0, 1000.0]));
        assert!(page.contains("#[Mean    =      500.500, StdDeviation   =      288."), "{page}");
        assert!(write(&LatencySketch::default()).contains("Total count    =            0]"));
    }
}
