//! Samples from distributions of counts, the same on every machine: integers, basic arithmetic and `libm` only.

use rand::Rng;

use crate::seed::Generator;

/// Samples the binomial distribution with probability ½: how many of `count` coins show heads.
pub(super) fn binomial_half(count: u64, random: &mut Generator) -> u64 {
    // Up to here, counting random bits is as fast as rejection, and exact.
    if count <= 1024 {
        let words = count / 64;
        let whole: u64 = (0..words).map(|_| u64::from(random.next_u64().count_ones())).sum();
        let rest = count % 64;
        let mask = (1u64 << rest) - 1;
        return whole + if rest == 0 { 0 } else { u64::from((random.next_u64() & mask).count_ones()) };
    }
    transformed_rejection(count, random)
}

/// The same, by transformed rejection with squeeze (Hörmann 1993, algorithm BTRS).
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn transformed_rejection(count: u64, random: &mut Generator) -> u64 {
    let n = count as f64;
    let deviation = libm::sqrt(n * 0.25);
    let b = 1.15 + 2.53 * deviation;
    let a = -0.0873 + 0.0248 * b + 0.01 * 0.5;
    let centre = n * 0.5 + 0.5;
    let squeeze = 0.92 - 4.2 / b;
    let alpha = (2.83 + 5.1 / b) * deviation;
    let mode = libm::floor((n + 1.0) * 0.5);
    let mut unit = || unit(random);
    loop {
        let (u, v) = (unit() - 0.5, unit());
        let us = 0.5 - libm::fabs(u);
        let k = libm::floor((2.0 * a / us + b) * u + centre);
        if us >= 0.07 && v <= squeeze {
            return k as u64;
        }
        if k < 0.0 || k > n {
            continue;
        }
        let v = libm::log(v * alpha / (a / (us * us) + b));
        let bound = (mode + 0.5) * libm::log((mode + 1.0) / (n - mode + 1.0))
            + (n + 1.0) * libm::log((n - mode + 1.0) / (n - k + 1.0))
            + (k + 0.5) * libm::log((n - k + 1.0) / (k + 1.0))
            + stirling_rest(mode)
            + stirling_rest(n - mode)
            - stirling_rest(k)
            - stirling_rest(n - k);
        if v <= bound {
            return k as u64;
        }
    }
}

/// The error of Stirling's formula for ln k!.
fn stirling_rest(k: f64) -> f64 {
    let x = k + 1.0;
    (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / (x * x)) / (x * x)) / x
}

/// Samples the Poisson distribution.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(super) fn poisson(mean: f64, random: &mut Generator) -> u64 {
    if mean < 10.0 {
        // Counts arrivals one by one (Knuth).
        let floor = libm::exp(-mean);
        let (mut count, mut product) = (0, unit(random));
        while product > floor {
            count += 1;
            product *= unit(random);
        }
        return count;
    }
    // Transformed rejection (Hörmann 1993, algorithm PTRS).
    let b = 0.931 + 2.53 * libm::sqrt(mean);
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let squeeze = 0.9277 - 3.6224 / (b - 2.0);
    loop {
        let (u, v) = (unit(random) - 0.5, unit(random));
        let us = 0.5 - libm::fabs(u);
        let k = libm::floor((2.0 * a / us + b) * u + mean + 0.43);
        if us >= 0.07 && v <= squeeze {
            return k as u64;
        }
        if k < 0.0 || us < 0.013 && v > us {
            continue;
        }
        // k ln mean - mean - ln k!, with Stirling's formula for k + 1, so that large terms do not cancel.
        let k1 = k + 1.0;
        let bound = k1 * libm::log1p((mean - k1) / k1) + (k1 - mean) - libm::log(mean) + 0.5 * libm::log(k1)
            - 0.918_938_533_204_672_7
            - stirling_rest(k);
        if libm::log(v * inverse_alpha / (a / (us * us) + b)) <= bound {
            return k as u64;
        }
    }
}

/// Uniform from 0 to 1 (excluded).
#[allow(clippy::cast_precision_loss)] // 53 bits
fn unit(random: &mut Generator) -> f64 {
    (random.next_u64() >> 11) as f64 / 9_007_199_254_740_992.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn halving_has_the_mean_and_variance_of_the_binomial_distribution() {
        let choice = Seed::new(5).choice("half");
        for count in [1u64, 63, 64, 1000, 1025, 5000, 1_000_000, 1 << 40] {
            let draws = 20_000;
            let (mut sum, mut squares, mut fourth) = (0.0, 0.0, 0.0);
            let deviation = (count as f64).sqrt() / 2.0;
            for i in 0..draws {
                let heads = binomial_half(count, &mut choice.generator(i ^ count));
                assert!(heads <= count);
                let z = (heads as f64 - count as f64 / 2.0) / deviation;
                sum += z;
                squares += z * z;
                fourth += z.powi(4);
            }
            let n = draws as f64;
            assert!((sum / n).abs() < 5.0 / n.sqrt(), "{count}: mean {}", sum / n);
            assert!((squares / n - 1.0).abs() < 5.0 * (2.0 / n).sqrt(), "{count}: variance {}", squares / n);
            let kurtosis = 3.0 - 2.0 / count as f64;
            assert!((fourth / n - kurtosis).abs() < 5.0 * (96.0 / n).sqrt(), "{count}: kurtosis {}", fourth / n);
        }
    }

    #[test]
    fn rejection_has_the_same_distribution_as_counting() {
        // Chi-square of the rejection against counted bits, both at a count that is small enough to count.
        let (count, draws) = (1000u64, 200_000u64);
        let (a, b) = (Seed::new(1).choice("a"), Seed::new(1).choice("b"));
        let mut counts = [[0f64; 60]; 2];
        for i in 0..draws {
            for (side, heads) in
                [binomial_half(count, &mut a.generator(i)), transformed_rejection(count, &mut b.generator(i))]
                    .into_iter()
                    .enumerate()
            {
                counts[side][(heads.clamp(441, 559) as usize - 440) / 2] += 1.0;
            }
        }
        let [exact, drawn] = counts;
        let chi: f64 =
            exact.iter().zip(drawn).filter(|(e, d)| *e + d > 20.0).map(|(e, d)| (e - d).powi(2) / (e + d)).sum();
        assert!(chi < 60.0 + 5.0 * 120f64.sqrt(), "{chi}");
    }

    #[test]
    fn poisson_samples_have_the_right_mean_variance_and_skew() {
        let choice = Seed::new(6).choice("poisson");
        for mean in [0.01, 1.0, 9.9, 10.1, 50.0, 1e4, 1e9, 3e11] {
            let draws = 40_000;
            let (mut sum, mut squares, mut third) = (0.0, 0.0, 0.0);
            for i in 0..draws {
                let z = (poisson(mean, &mut choice.generator(i)) as f64 - mean) / mean.sqrt();
                sum += z;
                squares += z * z;
                third += z * z * z;
            }
            let n = draws as f64;
            assert!((sum / n).abs() < 5.0 / n.sqrt(), "{mean}: mean {}", sum / n);
            let spread = ((2.0 + 1.0 / mean) / n).sqrt();
            assert!((squares / n - 1.0).abs() < 5.0 * spread, "{mean}: variance {}", squares / n);
            let skew = 1.0 / mean.sqrt();
            let spread = ((15.0 + 105.0 * skew * skew + skew.powi(4) * 30.0) / n).sqrt();
            assert!((third / n - skew).abs() < 5.0 * spread, "{mean}: skew {} for {skew}", third / n);
        }
        let zeros = (0..100_000).filter(|i| poisson(2.0, &mut choice.generator(*i)) == 0).count() as f64 / 1e5;
        assert!((zeros - 0.135_335).abs() < 0.0055, "{zeros}");
    }
}
