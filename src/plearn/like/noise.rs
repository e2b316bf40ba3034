//! How far two sides are apart in one respect, and whether chance explains it.
//!
//! A side is counted in cells. Its noise floor is how far two halves of the real side differ, if a coin puts each of its lines into one
//! of them. A difference is beyond it only if halves of the real side are hardly ever as far apart, and neither are two heaps into
//! which the lines of both sides are thrown by coins (a permutation test: Fisher 1935). The second keeps the promise where the real
//! side happens not to have a rare value. Both p-values are by simulation, and simulation ends early where chance soon explains the
//! distance (Besag and Clifford 1991).

use std::collections::BTreeMap;

use rand::Rng;

use crate::seed::{Choice, Generator};

/// Draws by which the noise floor is told.
const SHOWN: usize = 200;

/// Simulation ends once this many draws are as far apart as the sides.
const ENOUGH: usize = 10;

/// How a distance is measured. All lie between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// Half the sum of the differences of the cells' shares: what share of the lines would have to change.
    TotalVariation,
    /// The largest difference between the shares of all cells up to one, for cells in order (Kolmogorov and Smirnov).
    KolmogorovSmirnov,
}

/// What is held against each other.
#[derive(Debug, Clone)]
pub(super) enum Counts {
    /// Lines by cell. Both sides have as many lines.
    Cells { measure: Measure, real: Vec<u32>, synthetic: Vec<u32> },
    /// How often values come, whatever they are: each side's values in the order of their shares, the largest first, and then as with
    /// Kolmogorov and Smirnov. Both sides have as many lines.
    Repeats { real: Repeats, synthetic: Repeats },
}

/// How many values come how often: pairs of how often and how many, the most frequent first.
pub(super) type Repeats = Vec<(u32, u32)>;

/// How far two sides are apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Apart {
    pub(super) distance: f64,
    /// Of halves of the real side, 95 % are not further apart.
    pub(super) noise: f64,
    /// The probability of such a distance by chance, at most.
    pub(super) p: f64,
    /// The cell, or the number of values, at which the difference is largest, with both shares there.
    pub(super) largest: (usize, f64, f64),
}

impl Counts {
    /// Judges the distance by at most `most` draws of each kind.
    pub(super) fn judge(&self, choice: Choice, most: usize) -> Apart {
        let (distance, largest) = self.distance();
        let (mut coins, mut more_coins) = (Coins::new(choice.generator(0)), Coins::new(choice.generator(1)));
        let simulation = Simulation { found: distance, most };
        let (mut draws, of_halves, of_mixed) = match self {
            Self::Cells { measure, real, synthetic } => {
                let (draws, of_halves) = simulation.run(Some(sum(real)), || halves(*measure, real, &mut coins));
                let both: Vec<u32> = real.iter().zip(synthetic).map(|(a, b)| a + b).collect();
                let (_, of_mixed) = simulation.run(Some(sum(&both)), || halves(*measure, &both, &mut more_coins));
                (draws, of_halves, of_mixed)
            }
            Self::Repeats { real, synthetic } => {
                let lines = real.iter().map(|(often, many)| often * many).sum();
                let (draws, of_halves) = simulation.run(Some(lines), || halves_of_repeats(real, &mut coins));
                // Values of one side are not those of the other, so all lines of one value go to one heap.
                let both: Repeats = real.iter().chain(synthetic).copied().collect();
                let (_, of_mixed) = simulation.run(None, || heaps_of_values(&both, &mut more_coins));
                (draws, of_halves, of_mixed)
            }
        };
        draws.sort_by(f64::total_cmp);
        Apart { distance, noise: draws[SHOWN * 95 / 100 - 1], p: of_halves.max(of_mixed), largest }
    }

    fn distance(&self) -> (f64, (usize, f64, f64)) {
        match self {
            Self::Cells { measure, real, synthetic } => distance(*measure, real, synthetic),
            Self::Repeats { real, synthetic } => distance_of_repeats(real, synthetic),
        }
    }
}

fn sum(counts: &[u32]) -> u32 {
    counts.iter().sum()
}

/// The distance of two sides that are counted in the same cells, and where it is largest.
fn distance(measure: Measure, a: &[u32], b: &[u32]) -> (f64, (usize, f64, f64)) {
    let (of_a, of_b) = (f64::from(sum(a).max(1)), f64::from(sum(b).max(1)));
    let (mut total, mut largest, mut at) = (0.0, 0.0, (0, 0.0, 0.0));
    let (mut up_to_a, mut up_to_b) = (0.0, 0.0);
    for (cell, (a, b)) in a.iter().zip(b).enumerate() {
        let (a, b) = (f64::from(*a) / of_a, f64::from(*b) / of_b);
        up_to_a += a;
        up_to_b += b;
        total += (a - b).abs();
        let (a, b) = if measure == Measure::TotalVariation { (a, b) } else { (up_to_a, up_to_b) };
        if (a - b).abs() > largest {
            (largest, at) = ((a - b).abs(), (cell, a, b));
        }
    }
    let distance = if measure == Measure::TotalVariation { total / 2.0 } else { largest };
    (without_rounding(distance), at)
}

/// The distance of two sides by how often their values come, and after how many values it is largest. Values are counted as shares of
/// the lines, so that halves of different sizes can be compared.
fn distance_of_repeats(a: &Repeats, b: &Repeats) -> (f64, (usize, f64, f64)) {
    let of = |side: &Repeats| f64::from(side.iter().map(|(often, many)| often * many).sum::<u32>().max(1));
    let (of_a, of_b) = (of(a), of(b));
    // Each run of values that come equally often is a straight line: its slope is how often.
    let run = |side: f64| move |(often, many): &(u32, u32)| (f64::from(*often), f64::from(*many) / side);
    let (mut a, mut b) = (a.iter().map(run(of_a)), b.iter().map(run(of_b)));
    let (mut now_a, mut now_b) = (a.next(), b.next());
    let (mut up_to_a, mut up_to_b, mut values) = (0.0, 0.0, 0.0);
    let (mut largest, mut at) = (0.0, (0, 0.0, 0.0));
    while now_a.is_some() || now_b.is_some() {
        let step = now_a.map_or(f64::MAX, |(_, width)| width).min(now_b.map_or(f64::MAX, |(_, width)| width));
        for (now, more, up_to) in [
            (&mut now_a, &mut a as &mut dyn Iterator<Item = (f64, f64)>, &mut up_to_a),
            (&mut now_b, &mut b, &mut up_to_b),
        ] {
            let Some((often, width)) = now else { continue };
            *up_to += *often * step;
            *width -= step;
            if *width < 1e-12 {
                *now = more.next();
            }
        }
        values += step;
        if (up_to_a - up_to_b).abs() > largest {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a small count
            let values = libm::round(values * of_a) as usize;
            (largest, at) = ((up_to_a - up_to_b).abs(), (values, up_to_a, up_to_b));
        }
    }
    (if largest < 1e-9 { 0.0 } else { largest }, at)
}

/// What is left of rounding is no difference.
fn without_rounding(distance: f64) -> f64 {
    if distance < 1e-12 { 0.0 } else { distance }
}

/// How far two halves are apart, if a coin puts each line into one.
fn halves(measure: Measure, whole: &[u32], coins: &mut Coins) -> f64 {
    let one: Vec<u32> = whole.iter().map(|count| coins.heads(*count)).collect();
    let other: Vec<u32> = whole.iter().zip(&one).map(|(whole, one)| whole - one).collect();
    distance(measure, &one, &other).0
}

fn halves_of_repeats(whole: &Repeats, coins: &mut Coins) -> f64 {
    let (mut one, mut other) = (BTreeMap::new(), BTreeMap::new());
    for (often, many) in whole {
        // Values that came once need no coin each.
        let (coined, each) = if *often == 1 { (1, *many) } else { (*many, 1) };
        for _ in 0..coined {
            let heads = coins.heads(*often * each);
            let tails = *often * each - heads;
            let (a, b) = if *often == 1 { ((1, heads), (1, tails)) } else { ((heads, 1), (tails, 1)) };
            *one.entry(a.0).or_insert(0) += a.1;
            *other.entry(b.0).or_insert(0) += b.1;
        }
    }
    let ordered = |side: BTreeMap<u32, u32>| side.into_iter().rev().filter(|(often, _)| *often > 0).collect();
    distance_of_repeats(&ordered(one), &ordered(other)).0
}

/// How far two heaps are apart, if a coin puts each value into one, with all of its lines.
fn heaps_of_values(all: &Repeats, coins: &mut Coins) -> f64 {
    let (mut one, mut other) = (BTreeMap::new(), BTreeMap::new());
    for (often, many) in all {
        let heads = coins.heads(*many);
        *one.entry(*often).or_insert(0) += heads;
        *other.entry(*often).or_insert(0) += many - heads;
    }
    let ordered = |side: BTreeMap<u32, u32>| side.into_iter().rev().filter(|(_, many)| *many > 0).collect();
    distance_of_repeats(&ordered(one), &ordered(other)).0
}

/// Draws distances until chance explains the one that was found, or has had its chance.
struct Simulation {
    found: f64,
    most: usize,
}

impl Simulation {
    /// The first distances that were drawn, and the probability of one as large as that found. `lines` is how many coins a draw takes,
    /// if each puts one line into a half.
    fn run(&self, lines: Option<u32>, mut draw: impl FnMut() -> f64) -> (Vec<f64>, f64) {
        let most = self.most.max(SHOWN);
        let mut shown = Vec::with_capacity(SHOWN);
        let mut reached = 0;
        for drawn in 1..=most {
            let distance = draw();
            reached += usize::from(distance >= self.found - 1e-12);
            if shown.len() < SHOWN {
                shown.push(distance);
            }
            if drawn >= SHOWN && reached >= ENOUGH {
                return (shown, share(reached, drawn));
            }
            if drawn == SHOWN && lines.is_some_and(|lines| self.is_beyond(lines, &shown)) {
                break;
            }
        }
        (shown, share(reached + 1, most + 1))
    }

    /// Whether hardly any of the draws to come would be as far apart: a coin changes a distance by at most four of the lines' shares,
    /// so that it strays from its mean as McDiarmid (1989) says.
    fn is_beyond(&self, lines: u32, shown: &[f64]) -> bool {
        let beyond = self.found - shown.iter().sum::<f64>() / share(shown.len(), 1);
        beyond > 0.0 && libm::exp(-beyond * beyond * f64::from(lines) / 8.0) * share(self.most, 1) < 1.0
    }
}

#[allow(clippy::cast_precision_loss)] // small counts
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

/// Fair coins.
struct Coins {
    generator: Generator,
    bits: u64,
    left: u32,
}

impl Coins {
    fn new(generator: Generator) -> Self {
        Self { generator, bits: 0, left: 0 }
    }

    /// How many of `coins` coins show heads.
    fn heads(&mut self, coins: u32) -> u32 {
        let (mut heads, mut rest) = (0, coins);
        while rest > 0 {
            if self.left == 0 {
                self.bits = self.generator.next_u64();
                self.left = 64;
            }
            let taken = rest.min(self.left);
            let mask = if taken == 64 { u64::MAX } else { (1 << taken) - 1 };
            heads += (self.bits & mask).count_ones();
            self.bits = if taken == 64 { 0 } else { self.bits >> taken };
            self.left -= taken;
            rest -= taken;
        }
        heads
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn counts(measure: Measure, real: &mut dyn FnMut() -> usize, synthetic: &mut dyn FnMut() -> usize) -> Counts {
        let (mut one, mut other) = (vec![0; 12], vec![0; 12]);
        for _ in 0..1000 {
            one[real()] += 1;
            other[synthetic()] += 1;
        }
        Counts::Cells { measure, real: one, synthetic: other }
    }

    /// Draws cells, of which each is half as frequent as the one before.
    fn geometric(generator: &mut Generator) -> usize {
        usize::try_from(generator.next_u64().trailing_zeros()).expect("small").min(11)
    }

    #[test]
    fn distances_are_those_of_worked_examples() {
        assert!((distance(Measure::TotalVariation, &[50, 50], &[70, 30]).0 - 0.2).abs() < 1e-12);
        assert!((distance(Measure::KolmogorovSmirnov, &[10, 0, 10], &[0, 20, 0]).0 - 0.5).abs() < 1e-12);
        assert_eq!(distance_of_repeats(&vec![(30, 1), (10, 1)], &vec![(30, 1), (10, 1)]).0, 0.0);
        assert!((distance_of_repeats(&vec![(1, 4)], &vec![(4, 1)]).0 - 0.75).abs() < 1e-12);
        assert!((distance_of_repeats(&vec![(5, 2), (1, 10)], &vec![(1, 20)]).0 - 0.4).abs() < 1e-12);
    }

    #[test]
    fn coins_are_fair() {
        let mut coins = Coins::new(Seed::new(1).choice("coins").generator(0));
        let heads: u32 = (0..1000).map(|n| coins.heads(n % 200)).sum();
        assert!((48_900..50_600).contains(&heads), "{heads} of {}", 99_500);
    }

    #[test]
    fn two_samples_of_one_source_are_hardly_ever_apart_and_a_shift_is_found() {
        for measure in [Measure::TotalVariation, Measure::KolmogorovSmirnov] {
            let (mut false_alarms, mut found) = (0, 0);
            for run in 0..200 {
                let choice = Seed::new(run).choice("source");
                let (mut a, mut b) = (choice.generator(1), choice.generator(2));
                let same = counts(measure, &mut || geometric(&mut a), &mut || geometric(&mut b));
                false_alarms += u32::from(same.judge(choice.stream(3), 1000).p <= 0.05);
                let other = counts(measure, &mut || geometric(&mut a), &mut || {
                    let cell = geometric(&mut b);
                    if cell == 0 && b.next_u64().is_multiple_of(4) { 3 } else { cell }
                });
                found += u32::from(other.judge(choice.stream(4), 1000).p <= 0.001);
            }
            // 5 % of 200 are 10.
            assert!(false_alarms <= 10, "{measure:?}: {false_alarms}");
            assert!(found > 150, "{measure:?}: {found}");
        }
    }

    #[test]
    fn a_value_that_only_one_side_has_once_is_chance() {
        let p = |synthetic: [u32; 2]| {
            let (measure, real) = (Measure::TotalVariation, vec![1000, 0]);
            Counts::Cells { measure, real, synthetic: synthetic.to_vec() }.judge(Seed::new(1).choice("x"), 1000).p
        };
        assert!(p([999, 1]) > 0.2);
        assert!(p([960, 40]) < 0.002);
    }

    #[test]
    fn identifiers_that_never_repeat_are_told_from_a_pool() {
        let p = |real: Repeats, synthetic: Repeats| {
            Counts::Repeats { real, synthetic }.judge(Seed::new(1).choice("x"), 1000).p
        };
        assert!(p(vec![(1, 1000)], vec![(2, 1), (1, 998)]) > 0.2);
        assert!(p(vec![(10, 100)], vec![(1, 1000)]) < 0.002);
        assert!(p(vec![(11, 20), (10, 60), (9, 20)], vec![(12, 10), (10, 80), (8, 10)]) > 0.05);
    }
}
