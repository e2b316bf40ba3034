//! Latencies as counts in buckets, so that quantiles have a known error and two sketches add up exactly.
//!
//! Two resolutions. The whole stream has an HDR histogram with three digits from 1 µs to 1 h (error ≤ 0.1 % of the value,
//! above that as in a group);
//! a group has 64 buckets an octave over all of `u64` (error ≤ 1/128), kept only where values fell, because there may be
//! thousands of groups. Sums and maxima are exact, in whole µs. Knows nothing of lines or reports.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest latency in the histogram of the whole stream: one hour. Longer ones are counted as in a group.
pub(super) const LONGEST_US: u64 = 3_600_000_000;

/// Buckets per octave in the sketch of a group, as a power of two.
const SUB_BITS: u32 = 6;
const SUB: usize = 1 << SUB_BITS;
/// Buckets in a quarter of an octave.
const QUARTER: usize = SUB / 4;

/// A latency with its bucket in the sketches of groups, computed once for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Latency {
    us: u64,
    /// The bucket, counted from 1: so an `Option` of it takes no more room.
    place: NonZeroU16,
}

impl Latency {
    /// A latency in µs.
    #[inline]
    pub(super) fn new(us: u64) -> Self {
        let shift = (63 - SUB_BITS).saturating_sub((us | 1).leading_zeros());
        // Below 2 × SUB a bucket is one µs; above, `us >> shift` lies in SUB..2×SUB. At most 57 × 64 + 127.
        let bucket = ((shift << SUB_BITS) as u16) + (us >> shift) as u16;
        Self { us, place: NonZeroU16::MIN.saturating_add(bucket) }
    }

    #[inline]
    fn bucket(self) -> usize {
        usize::from(self.place.get()) - 1
    }

    /// The latency in µs.
    pub(super) fn us(self) -> u64 {
        self.us
    }
}

/// Counts of latencies by size.
pub(super) trait Sketch: Default + Clone {
    /// Counts a latency.
    fn add(&mut self, sample: Latency);
    /// Adds what another sketch counted.
    fn merge(&mut self, other: &Self);
    /// The latency in µs that has this rank among all that were added, counted from 1.
    fn at_rank(&self, rank: u64) -> u64;
    /// The buckets that are not empty, as (a latency in the bucket in µs, count), ascending.
    fn buckets(&self) -> Vec<(u64, u64)>;
    /// Adds `count` latencies to the bucket of this latency.
    fn add_bucket(&mut self, us: u64, count: u64);
    /// The latency in µs by which [`Sketch::buckets`] names the bucket of this latency.
    fn bucket_name(&self, us: u64) -> u64;
}

/// The sketch of a group: 64 buckets per octave, for the octaves between the lowest and the highest value.
/// Counts are narrow, so that those of a few hundred groups stay in the cache between two lines. With 64 bits each, a tenth
/// of pstats' time was spent waiting for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Coarse {
    /// The octave of `counts[0]`.
    base: usize,
    /// The lowest bits of each count.
    counts: Vec<u16>,
    /// The higher bits, for buckets that have any.
    carried: BTreeMap<usize, u64>,
}

/// How many bits of a count are in `counts`.
const LOW_BITS: u32 = u16::BITS;

impl Coarse {
    /// The middle of a bucket in µs: at most 1/128 from every value in it.
    fn middle(bucket: usize) -> u64 {
        Self::lowest(bucket) + ((1 << Self::shift(bucket)) - 1) / 2
    }

    /// The smallest latency of a bucket in µs.
    fn lowest(bucket: usize) -> u64 {
        if bucket < 2 * SUB { bucket as u64 } else { ((SUB + bucket % SUB) as u64) << Self::shift(bucket) }
    }

    /// The width of a bucket in µs, as a power of two.
    fn shift(bucket: usize) -> usize {
        (bucket / SUB).saturating_sub(1)
    }

    #[cold]
    fn grow_to(&mut self, octave: usize) {
        if self.counts.is_empty() {
            self.base = octave;
        }
        if octave < self.base {
            let more = (self.base - octave) * SUB;
            self.counts.splice(0..0, std::iter::repeat_n(0, more));
            self.base = octave;
        }
        let wanted = (octave - self.base + 1) * SUB;
        if self.counts.len() < wanted {
            self.counts.reserve_exact(wanted - self.counts.len());
            self.counts.resize(wanted, 0);
        }
    }

    #[inline]
    fn slot(&mut self, bucket: usize) -> &mut u16 {
        let at = bucket.wrapping_sub(self.base * SUB);
        if at >= self.counts.len() {
            self.grow_to(bucket / SUB);
        }
        &mut self.counts[bucket - self.base * SUB]
    }

    fn add_many(&mut self, bucket: usize, count: u64) {
        let low = self.slot(bucket);
        let sum = u128::from(*low) + u128::from(count);
        *low = sum as u16;
        let high = (sum >> LOW_BITS) as u64;
        if high > 0 {
            self.carry(bucket, high);
        }
    }

    #[cold]
    fn carry(&mut self, bucket: usize, high: u64) {
        *self.carried.entry(bucket).or_default() += high;
    }

    fn recorded(&self) -> impl Iterator<Item = (usize, u64)> {
        let first = self.base * SUB;
        let is_narrow = self.carried.is_empty();
        let counts = self.counts.iter().enumerate().map(move |(i, low)| {
            let high = if is_narrow { 0 } else { self.carried.get(&(first + i)).copied().unwrap_or(0) };
            (first + i, high << LOW_BITS | u64::from(*low))
        });
        counts.filter(|(_, n)| *n > 0)
    }
}

impl Sketch for Coarse {
    #[inline]
    fn add(&mut self, sample: Latency) {
        let bucket = sample.bucket();
        let low = self.slot(bucket);
        *low = low.wrapping_add(1);
        if *low == 0 {
            self.carry(bucket, 1);
        }
    }

    fn merge(&mut self, other: &Self) {
        other.recorded().for_each(|(bucket, count)| self.add_many(bucket, count));
    }

    fn at_rank(&self, rank: u64) -> u64 {
        let mut before = 0;
        let found = self.recorded().find(|(_, n)| {
            before += n;
            before >= rank
        });
        found.map_or(0, |(bucket, _)| Self::middle(bucket))
    }

    fn buckets(&self) -> Vec<(u64, u64)> {
        self.recorded().map(|(bucket, n)| (Self::middle(bucket), n)).collect()
    }

    fn add_bucket(&mut self, us: u64, count: u64) {
        self.add_many(Latency::new(us).bucket(), count);
    }

    fn bucket_name(&self, us: u64) -> u64 {
        Self::middle(Latency::new(us).bucket())
    }
}

/// The sketch of the whole stream: HDR, three digits, 1 µs to 1 h, with longer latencies kept separately.
#[derive(Debug, Clone)]
pub(super) struct Fine {
    counts: Histogram<u64>,
    over: Coarse,
}

impl Fine {
    /// How many were longer than [`LONGEST_US`].
    pub(super) fn over(&self) -> u64 {
        self.over.recorded().map(|(_, count)| count).sum()
    }

    /// The counts in classes of a quarter of an octave, as (the largest latency of the class in µs, count), including empty
    /// classes.
    pub(super) fn classes(&self) -> Vec<(u64, u64)> {
        let class_of = |us: u64| Latency::new(us).bucket() / QUARTER;
        let buckets = self.buckets();
        let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return Vec::new() };
        let (first, last) = (class_of(first.0), class_of(last.0));
        let mut classes: Vec<(u64, u64)> =
            (first..=last).map(|class| (Coarse::lowest((class + 1) * QUARTER) - 1, 0)).collect();
        buckets.iter().for_each(|(us, n)| classes[class_of(*us) - first].1 += n);
        classes
    }
}

impl Default for Fine {
    fn default() -> Self {
        let counts = Histogram::new_with_bounds(1, LONGEST_US, 3).expect("the bounds are constant and valid");
        Self { counts, over: Coarse::default() }
    }
}

impl Sketch for Fine {
    #[inline]
    fn add(&mut self, sample: Latency) {
        if sample.us > LONGEST_US || self.counts.record(sample.us).is_err() {
            self.over.add(sample);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.counts.add(&other.counts).expect("all have the same bounds");
        self.over.merge(&other.over);
    }

    fn at_rank(&self, rank: u64) -> u64 {
        let mut before = 0;
        for step in self.counts.iter_recorded() {
            before += step.count_since_last_iteration();
            if before >= rank {
                return self.counts.median_equivalent(step.value_iterated_to());
            }
        }
        self.over.at_rank(rank - before)
    }

    fn buckets(&self) -> Vec<(u64, u64)> {
        let held = self.counts.iter_recorded().map(|s| (s.value_iterated_to(), s.count_since_last_iteration()));
        held.chain(self.over.buckets()).collect()
    }

    fn add_bucket(&mut self, us: u64, count: u64) {
        // The last bucket of the histogram is identified by a latency just above the limit, the first of the longer ones by
        // one that is further above.
        let is_held = us <= self.counts.highest_equivalent(LONGEST_US);
        if !is_held || self.counts.record_n(us.min(LONGEST_US), count).is_err() {
            self.over.add_bucket(us, count);
        }
    }

    fn bucket_name(&self, us: u64) -> u64 {
        if us > LONGEST_US { self.over.bucket_name(us) } else { self.counts.highest_equivalent(us) }
    }
}

/// The rank of the quantile of this many millionths among `count` values.
fn rank(count: u64, millionths: u32) -> u64 {
    let rank = (u128::from(count) * u128::from(millionths)).div_ceil(1_000_000).max(1);
    u64::try_from(rank).unwrap_or(u64::MAX)
}

/// Latencies of one kind: count, exact sum and maximum, and a sketch.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(bound(serialize = "S: Sketch", deserialize = "S: Sketch"))]
pub(super) struct LatencySketch<S> {
    count: u64,
    #[serde(with = "sum_as_text")]
    sum_us: u128,
    max_us: u64,
    #[serde(rename = "buckets", with = "sketch_as_buckets")]
    sketch: S,
}

impl<S: Sketch> LatencySketch<S> {
    /// Counts one.
    #[inline]
    pub(super) fn add(&mut self, sample: Latency) {
        self.count += 1;
        self.sum_us += u128::from(sample.us);
        self.max_us = self.max_us.max(sample.us);
        self.sketch.add(sample);
    }

    /// Adds what another counted.
    pub(super) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum_us += other.sum_us;
        self.max_us = self.max_us.max(other.max_us);
        self.sketch.merge(&other.sketch);
    }

    /// How many latencies were added.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The mean in µs; `None` if there is nothing.
    pub(super) fn mean_us(&self) -> Option<f64> {
        // Sums are far below 2^53 µs (285 years) except in absurd input, where the last digits do not matter.
        #[allow(clippy::cast_precision_loss)]
        (self.count > 0).then(|| self.sum_us as f64 / self.count as f64)
    }

    /// The longest in µs, exact; `None` if there is nothing.
    pub(super) fn max_us(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max_us)
    }

    /// The quantile of this many millionths in µs: the value of rank ⌈q × count⌉; `None` if there is nothing.
    pub(super) fn quantile_us(&self, millionths: u32) -> Option<u64> {
        (self.count > 0).then(|| self.at_rank(rank(self.count, millionths)))
    }

    /// What the quantile would be, in µs, if `more` latencies were 0, and if they were longer than all. The most may be infinite.
    #[allow(clippy::cast_precision_loss)] // below 2^53
    pub(super) fn ends_us(&self, millionths: u32, more: u64) -> [f64; 2] {
        let rank = rank(self.count + more, millionths);
        let least = if rank > more { self.at_rank(rank - more) as f64 } else { 0.0 };
        let most = if rank <= self.count { self.at_rank(rank) as f64 } else { f64::INFINITY };
        [least, most]
    }

    fn at_rank(&self, rank: u64) -> u64 {
        self.sketch.at_rank(rank).min(self.max_us)
    }

    /// Checks that its parts are consistent.
    ///
    /// # Errors
    /// What is not consistent.
    #[allow(clippy::cast_precision_loss)] // compared with a margin
    pub(super) fn check(&self) -> Result<(), String> {
        /// The latency that identifies a bucket is at most this far from the latencies in it, or a microsecond.
        const MARGIN: f64 = 0.01;
        let buckets = self.sketch.buckets();
        let held = buckets.iter().try_fold(0u64, |sum, (_, n)| sum.checked_add(*n));
        if held != Some(self.count) {
            return Err(format!("{} latencies do not match their buckets", self.count));
        }
        if self.count > 0 && buckets.last().map(|(us, _)| *us) != Some(self.sketch.bucket_name(self.max_us)) {
            return Err(format!("the longest latency, {} µs, is not in the last bucket", self.max_us));
        }
        let about: f64 = buckets.iter().map(|(us, n)| *us as f64 * *n as f64).sum();
        if (self.sum_us as f64 - about).abs() > about * MARGIN + self.count as f64 {
            return Err(format!("the sum of {} µs does not match the buckets", self.sum_us));
        }
        Ok(())
    }

    /// The sketch, for what only one of the resolutions supports.
    pub(super) fn sketch(&self) -> &S {
        &self.sketch
    }
}

impl LatencySketch<Coarse> {
    /// How many are in the bucket of this latency or below it.
    pub(super) fn up_to(&self, us: u64) -> u64 {
        let last = Latency::new(us).bucket();
        self.sketch.recorded().take_while(|(bucket, _)| *bucket <= last).map(|(_, count)| count).sum()
    }
}

/// Most JSON readers support numbers of at most 64 bits.
mod sum_as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<T: Serializer>(sum: &u128, to: T) -> Result<T::Ok, T::Error> {
        to.collect_str(sum)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u128, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

mod sketch_as_buckets {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Sketch;

    pub(super) fn serialize<S: Sketch, T: Serializer>(sketch: &S, to: T) -> Result<T::Ok, T::Error> {
        sketch.buckets().serialize(to)
    }

    pub(super) fn deserialize<'de, S: Sketch, D: Deserializer<'de>>(from: D) -> Result<S, D::Error> {
        let mut sketch = S::default();
        for (us, count) in Vec::<(u64, u64)>::deserialize(from)? {
            sketch.add_bucket(us, count);
        }
        Ok(sketch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn latency<S: Sketch>(values: &[u64]) -> LatencySketch<S> {
        let mut latency = LatencySketch::default();
        values.iter().for_each(|us| latency.add(Latency::new(*us)));
        latency
    }

    fn error_of<S: Sketch>(values: &mut [u64], millionths: u32) -> f64 {
        let found = latency::<S>(values).quantile_us(millionths).expect("there are values") as f64;
        values.sort_unstable();
        let rank = (values.len() as u128 * u128::from(millionths)).div_ceil(1_000_000).max(1);
        let exact = values[rank as usize - 1] as f64;
        (found - exact).abs() / exact.max(1.0)
    }

    #[test]
    fn values_over_an_hour_are_counted_apart_and_still_in_mean_and_max() {
        let found = latency::<Fine>(&[1_000, LONGEST_US, LONGEST_US + 1, u64::MAX]);
        assert_eq!(found.sketch().over(), 2);
        assert_eq!(found.max_us(), Some(u64::MAX));
        let hour = found.quantile_us(500_000).expect("there are values") as f64;
        assert!((hour / LONGEST_US as f64 - 1.0).abs() <= 0.001, "{hour}");
        let longer = found.quantile_us(1_000_000).expect("there are values") as f64;
        assert!((longer / u64::MAX as f64 - 1.0).abs() <= 0.01, "{longer}");
        assert_eq!(found.count(), 4);
    }

    #[test]
    fn a_bucket_counts_on_past_its_lowest_bits() {
        const MANY: u64 = (3 << LOW_BITS) + 5;
        let mut one_by_one = Coarse::default();
        (0..MANY).for_each(|_| one_by_one.add(Latency::new(7)));
        one_by_one.add(Latency::new(1));
        assert_eq!(one_by_one.buckets(), [(1, 1), (7, MANY)]);
        let mut merged = one_by_one.clone();
        merged.merge(&one_by_one);
        merged.add_bucket(7, u64::MAX - 2 - 2 * MANY);
        assert_eq!(merged.buckets(), [(1, 2), (7, u64::MAX - 2)]);
        assert_eq!(merged.at_rank(u64::MAX), 7);
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(latency::<Fine>(&[]).quantile_us(500_000), None);
        assert_eq!(latency::<Coarse>(&[]).mean_us(), None);
        assert_eq!(latency::<Coarse>(&[0]).quantile_us(0), Some(0));
    }

    #[test]
    fn two_million_values_with_a_heavy_tail_keep_the_stated_errors() {
        use rand_distr::{Distribution, LogNormal, Pareto};
        let mut random = crate::seed::Seed::new(7).choice("values").generator(0);
        let (most, tail) = (LogNormal::new(11.5, 0.8).expect("valid"), Pareto::new(1e6, 1.1).expect("valid"));
        let mut values: Vec<u64> = (0..2_000_000)
            .map(|i| (if i % 100 == 0 { tail.sample(&mut random) } else { most.sample(&mut random) }) as u64)
            .map(|us| us.min(LONGEST_US))
            .collect();
        let (fine, coarse) = (latency::<Fine>(&values), latency::<Coarse>(&values));
        values.sort_unstable();
        for millionths in [500_000u32, 900_000, 950_000, 990_000, 999_000, 999_900] {
            let exact = values[(values.len() as u64 * u64::from(millionths)).div_ceil(1_000_000) as usize - 1] as f64;
            let error = |found: Option<u64>| (found.expect("there are values") as f64 - exact).abs() / exact;
            assert!(error(fine.quantile_us(millionths)) <= 0.001, "{millionths}");
            assert!(error(coarse.quantile_us(millionths)) <= 0.01, "{millionths}");
        }
        assert_eq!(fine.max_us(), values.last().copied());
    }

    proptest! {
        #[test]
        fn quantiles_keep_their_stated_error(
            mut values in prop::collection::vec((0u32..41).prop_flat_map(|e| 0u64..(2 << e)), 1..300),
            millionths in 0u32..=1_000_000,
        ) {
            values.iter_mut().for_each(|us| *us = (*us).min(LONGEST_US));
            prop_assert!(error_of::<Fine>(&mut values.clone(), millionths) <= 0.001);
            prop_assert!(error_of::<Coarse>(&mut values, millionths) <= 0.01);
        }

        #[test]
        fn a_bucket_is_named_alike_by_all_latencies_in_it(us in prop_oneof![
            any::<u64>(),
            (0u32..41).prop_flat_map(|e| 0u64..(2 << e)),
            LONGEST_US - 5_000_000..LONGEST_US + 5_000_000,
        ]) {
            fn check<S: Sketch>(us: u64) {
                let mut sketch = S::default();
                sketch.add(Latency::new(us));
                assert_eq!(sketch.buckets(), [(sketch.bucket_name(us), 1)]);
            }
            check::<Fine>(us);
            check::<Coarse>(us);
        }

        #[test]
        fn parts_merged_and_states_read_back_equal_the_whole(values in prop::collection::vec(any::<u64>(), 0..200), cut in 0usize..200) {
            fn check<S: Sketch>(values: &[u64], cut: usize) {
                let whole = latency::<S>(values);
                let (a, b) = values.split_at(cut.min(values.len()));
                let mut parts = latency::<S>(a);
                parts.merge(&latency(b));
                let read = |l: &LatencySketch<S>| serde_json::to_string(l).expect("plain data");
                let back: LatencySketch<S> = serde_json::from_str(&read(&parts)).expect("its own form");
                assert_eq!(read(&whole), read(&back));
            }
            check::<Fine>(&values, cut);
            check::<Coarse>(&values, cut);
        }
    }
}
