//! When a step has become steady: Conway's rule (1963). Values at the beginning are left out as long as each is the largest or the
//! smallest of those from it on: a queue that still grows or drains moves in one direction.

/// How many values at the beginning belong to the transient. Returns `None` if the rule finds no end of it within the first half.
pub(super) fn transient(values: &[f64]) -> Option<usize> {
    let is_extreme = |at: usize| {
        let (value, rest) = (values[at], &values[at + 1..]);
        rest.iter().all(|later| value < *later) || rest.iter().all(|later| value > *later)
    };
    (0..values.len().div_ceil(2)).find(|at| !is_extreme(*at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warm_up_is_left_out_and_noise_is_not() {
        let noise = |n: u32| f64::from(n * 7 % 5);
        let warming: Vec<f64> = (0..40).map(|n| noise(n) + f64::from(6u32.saturating_sub(n)) * 10.0).collect();
        assert_eq!(transient(&warming), Some(6));
        let even: Vec<f64> = (0..40).map(noise).collect();
        assert_eq!(transient(&even), Some(0));
    }

    #[test]
    fn what_grows_to_the_end_is_never_steady() {
        let growing: Vec<f64> = (0..40).map(f64::from).collect();
        assert_eq!(transient(&growing), None);
    }
}
