//! Response times, counted so that quantiles have a relative error of at most 1.6% and single ones can be taken out again.

use std::collections::BTreeMap;

/// Each doubling of the time has this many bins, as a power of two.
const BITS: u32 = 5;

/// Counts of response times.
#[derive(Debug, Clone, Default)]
pub(super) struct Histogram(BTreeMap<u16, i64>);

impl Histogram {
    /// Adds a response time in ms this many times, which may be negative.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturating is what is wanted
    pub(super) fn add(&mut self, ms: f64, times: i64) {
        let count = self.0.entry(bin((ms * 1e3).round() as u64)).or_default();
        *count += times;
    }

    /// Adds another.
    pub(super) fn merge(&mut self, other: &Self) {
        for (bin, count) in &other.0 {
            *self.0.entry(*bin).or_default() += count;
        }
    }

    /// The response time in ms below which this share of them lies; `None` without any.
    #[allow(clippy::cast_precision_loss)] // no store holds 2^53 events
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let all: i64 = self.0.values().sum();
        let mut below = 0;
        for (bin, count) in &self.0 {
            below += count;
            if all > 0 && below as f64 >= share * all as f64 {
                return Some(middle(*bin) / 1e3);
            }
        }
        None
    }
}

/// The bin of a time in µs.
fn bin(micros: u64) -> u16 {
    let octave = (64 - micros.leading_zeros()).saturating_sub(BITS + 1);
    // Below 2^(BITS + 1), each µs has its own bin.
    let within = micros >> octave;
    u16::try_from((u64::from(octave) << BITS) + within).expect("64 octaves of 32 bins")
}

/// The middle of a bin, in µs.
#[allow(clippy::cast_precision_loss)] // shown with three digits
fn middle(bin: u16) -> f64 {
    let bin = u64::from(bin);
    let octave = (bin >> BITS).saturating_sub(1);
    let first = (bin - (octave << BITS)) << octave;
    first as f64 + ((1u64 << octave) - 1) as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_each_bin_is_near_all_of_its_times() {
        for micros in (0..5_000).chain((0..60).map(|power| 1 << power)).chain([u64::MAX]) {
            let (found, wanted) = (middle(bin(micros)), micros as f64);
            assert!((found - wanted).abs() <= wanted * 0.016, "{micros}: {found}");
        }
    }

    #[test]
    fn what_is_taken_out_does_not_count() {
        let mut times = Histogram::default();
        (1..=100).for_each(|ms| times.add(f64::from(ms), 1));
        (51..=100).for_each(|ms| times.add(f64::from(ms), -1));
        let median = times.quantile(0.5).expect("there are some");
        assert!((24.6..=25.4).contains(&median), "{median}");
        assert_eq!(Histogram::default().quantile(0.5), None);
    }
}
