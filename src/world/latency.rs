//! Response times: a log-normal distribution with a given mean, as a table of quantiles.
//!
//! The table is built with `libm` and sampled with integers, so that every machine gives the same bits.

/// How many intervals of equal probability the table has.
const INTERVALS: usize = 1024;

/// The distribution is cut off below this probability, and above 1 minus it.
const TAIL: f64 = 1e-5;

/// A distribution of response times, in hundredths of a millisecond.
#[derive(Debug, Clone)]
pub(crate) struct Latency {
    quantiles: Vec<u32>,
}

impl Latency {
    /// The log-normal distribution with this mean in ms and this sigma.
    pub(crate) fn new(mean_ms: f64, sigma: f64) -> Self {
        let points = (0..=INTERVALS).map(|i| {
            // At most 1024: exact in f64.
            #[allow(clippy::cast_precision_loss)]
            let probability = (i as f64 / INTERVALS as f64).clamp(TAIL, 1.0 - TAIL);
            libm::exp(sigma * normal_quantile(probability))
        });
        let points: Vec<f64> = points.collect();
        // Samples are uniform within an interval, so their mean is the mean of the intervals' midpoints.
        let mean = points.windows(2).map(|w| f64::midpoint(w[0], w[1])).sum::<f64>() / 1024.0;
        let scale = mean_ms * 100.0 / mean;
        // A profile's mean is at most 1e5 ms and the tail within exp(4.3) of it: far from saturation.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let quantiles = points.iter().map(|p| (p * scale).round() as u32).collect();
        Self { quantiles }
    }

    /// The response time for 64 random bits, in hundredths of a millisecond.
    #[inline]
    pub(crate) fn hundredths(&self, draw: u64) -> u32 {
        let at = (draw >> 54) as usize;
        let (low, high) = (u64::from(self.quantiles[at]), u64::from(self.quantiles[at + 1]));
        let into = (draw >> 22) & 0xffff_ffff;
        #[allow(clippy::cast_possible_truncation)] // between two u32
        let value = (low + (((high - low) * into + (1 << 31)) >> 32)) as u32;
        value
    }
}

/// The standard normal distribution's quantile (Wichura 1988, algorithm AS 241, PPND7: relative error about 1e-7).
pub(crate) fn normal_quantile(probability: f64) -> f64 {
    let q = probability - 0.5;
    let poly = |x: f64, c: &[f64]| c.iter().rev().fold(0.0, |sum, c| sum * x + c);
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * poly(r, &[3.387_132_717_9, 50.434_271_938, 159.291_132_02, 59.109_374_720])
            / poly(r, &[1.0, 17.895_169_469, 78.757_757_664, 67.187_563_600]);
    }
    let r = libm::sqrt(-libm::log(if q < 0.0 { probability } else { 1.0 - probability }));
    let tail = if r <= 5.0 {
        let r = r - 1.6;
        poly(r, &[1.423_437_277_7, 2.756_815_390_0, 1.306_728_481_6, 0.170_238_211_03])
            / poly(r, &[1.0, 0.737_001_642_50, 0.120_211_329_75])
    } else {
        let r = r - 5.0;
        poly(r, &[6.657_905_115_0, 3.081_226_386_0, 0.428_682_943_37, 0.017_337_203_997])
            / poly(r, &[1.0, 0.241_978_942_25, 0.012_258_202_635])
    };
    if q < 0.0 { -tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn the_normal_quantile_agrees_with_published_tables() {
        for (probability, z) in
            [(0.5, 0.0), (0.841_344_746, 1.0), (0.975, 1.959_963_985), (0.999, 3.090_232_306), (1e-5, -4.264_890_794)]
        {
            assert!((normal_quantile(probability) - z).abs() < 1e-5, "{probability}: {}", normal_quantile(probability));
        }
    }

    #[test]
    fn samples_have_the_mean_and_median_of_the_parameters() {
        let draws = Seed::new(1).choice("latency");
        for (mean, sigma) in [(85.0, 0.3), (450.0, 0.3), (350.0, 0.2), (10.0, 0.0)] {
            let latency = Latency::new(mean, sigma);
            let mut values: Vec<u32> = (0..200_000).map(|i| latency.hundredths(draws.at(i))).collect();
            let found = values.iter().map(|v| f64::from(*v)).sum::<f64>() / 200_000.0 / 100.0;
            assert!((found / mean - 1.0).abs() < 0.005, "{mean}: {found}");
            values.sort_unstable();
            let median = f64::from(values[100_000]) / 100.0;
            let expected = mean * libm::exp(-sigma * sigma / 2.0);
            assert!((median / expected - 1.0).abs() < 0.005, "{expected}: {median}");
        }
    }
}
