//! Samples from a list of weights in constant time, with integers only: the alias method (Walker 1977, Vose 1991).

/// An alias table.
#[derive(Debug, Clone)]
pub(super) struct AliasTable {
    /// For each column, the threshold below which a 32-bit draw means its own index, and the index that it means otherwise.
    columns: Vec<(u32, u32)>,
}

impl AliasTable {
    /// Builds a table. At least one weight is above 0, and there are fewer than 2^31.
    pub(super) fn new(weights: &[f64]) -> Self {
        const WHOLE: u64 = 1 << 32;
        let total: f64 = weights.iter().sum();
        // A column holds the probability 1 / len. Parts of it are counted in 2^-32.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let mut parts: Vec<u64> =
            weights.iter().map(|w| (w / total * weights.len() as f64 * WHOLE as f64).round() as u64).collect();
        let index = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
        let mut columns: Vec<(u32, u32)> = (0..weights.len()).map(|i| (u32::MAX, index(i))).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..parts.len()).partition(|i| parts[*i] < WHOLE);
        while let (Some(low), Some(high)) = (small.pop(), large.pop()) {
            columns[low] = (u32::try_from(parts[low]).unwrap_or(u32::MAX), index(high));
            parts[high] -= WHOLE - parts[low];
            if parts[high] < WHOLE { small.push(high) } else { large.push(high) }
        }
        Self { columns }
    }

    /// The index for 64 random bits.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // both halves of the draw are 32 bits
    pub(super) fn pick(&self, draw: u64) -> usize {
        let column = (((draw >> 32) * self.columns.len() as u64) >> 32) as usize;
        let (own, other) = self.columns[column];
        if (draw as u32) < own { column } else { other as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn each_index_is_as_frequent_as_its_weight() {
        let weights = [5.0, 0.0, 1.0, 80.0, 14.0, 1e-12];
        let alias = AliasTable::new(&weights);
        let draws = Seed::new(1).choice("alias");
        let mut counts = [0u32; 6];
        for i in 0..1_000_000 {
            counts[alias.pick(draws.at(i))] += 1;
        }
        for (count, weight) in counts.iter().zip(weights) {
            let (share, expected) = (f64::from(*count) / 1e6, weight / 100.0);
            let error = libm::sqrt(expected * (1.0 - expected) / 1e6);
            assert!((share - expected).abs() <= 5.0 * error + 1e-9, "{share} for {expected}");
        }
        assert_eq!((counts[1], AliasTable::new(&[3.0]).pick(u64::MAX)), (0, 0));
    }
}
