//! Rules of statistics that several tools judge by. docs/statistics.md has the sources.

/// The p-values of Holm (1979), in the given order: a hypothesis may be rejected at level alpha if its adjusted p-value is at
/// most alpha, and the probability that any true one is rejected is then at most alpha, however they depend on each other.
#[allow(clippy::cast_precision_loss)] // families are small
pub(crate) fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least: f64 = 0.0;
    for (rank, place) in order.into_iter().enumerate() {
        least = least.max(p_values[place] * (p_values.len() - rank) as f64).min(1.0);
        adjusted[place] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn holms_p_values_are_those_of_a_worked_example() {
        // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
        let found = holm(&[0.01, 0.04, 0.03, 0.005]);
        assert!(found.iter().zip([0.03, 0.06, 0.06, 0.02]).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        assert_eq!(holm(&[]), Vec::<f64>::new());
    }

    proptest! {
        #[test]
        fn they_keep_the_order_and_lie_between_the_plain_one_and_bonferronis(p_values in prop::collection::vec(0.0f64..=1.0, 1..40)) {
            let (found, n) = (holm(&p_values), p_values.len() as f64);
            for (p, adjusted) in p_values.iter().zip(&found) {
                prop_assert!(*p <= *adjusted && *adjusted <= (p * n).min(1.0) + 1e-12);
            }
            for a in 0..p_values.len() {
                prop_assert!((0..p_values.len()).all(|b| p_values[a] > p_values[b] || found[a] <= found[b]));
            }
        }
    }
}
