//! A keyed permutation of sequences of small numbers: each sequence becomes another with the same length and radices.
//!
//! The rest of a sequence behind its first number goes through a Feistel network of ten rounds, like FF1 of NIST SP 800-38G. Its round
//! function is a keyed hash, and it adds number by number instead of to one large integer, so that no length needs big numbers. The
//! first number tweaks the network, and is then moved by 1 or more, so no sequence becomes itself. Both steps can be undone, so
//! different sequences stay different. As with FF1, the key hides little if there are few sequences: one digit has ten values.

use super::key::Function;

/// As many as FF1 has.
const ROUNDS: u8 = 10;

/// How many numbers one value of the function serves, 16 bits each.
const DRAWS: usize = 8;

/// Marks inputs of the function that extend another value. Rounds have lower numbers.
const FURTHER: u8 = 0xff;

/// A sequence of numbers, each with its radix, by which it is limited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sequence {
    numbers: Vec<u8>,
    radices: Vec<u8>,
}

impl Sequence {
    /// Removes all numbers.
    pub(super) fn clear(&mut self) {
        self.numbers.clear();
        self.radices.clear();
    }

    /// Appends a number below `radix`, which is 2 or more.
    #[inline]
    pub(super) fn push(&mut self, number: u8, radix: u8) {
        debug_assert!(number < radix && radix > 1);
        self.numbers.push(number);
        self.radices.push(radix);
    }

    /// Removes the last number.
    pub(super) fn pop(&mut self) {
        self.numbers.pop();
        self.radices.pop();
    }

    /// The numbers.
    pub(super) fn numbers(&self) -> &[u8] {
        &self.numbers
    }
}

/// The permutation of a key.
pub(super) struct Permutation {
    function: Function,
    input: Vec<u8>,
}

impl Permutation {
    /// The permutation that a pseudorandom function decides.
    pub(super) fn new(function: Function) -> Self {
        Self { function, input: Vec::new() }
    }

    /// Replaces a sequence.
    pub(super) fn apply(&mut self, sequence: &mut Sequence) {
        let length = sequence.numbers.len();
        let Some(first) = sequence.numbers.first().copied() else { return };
        let middle = 1 + (length - 1) / 2;
        for round in 0..ROUNDS {
            let (low, high) = sequence.numbers.split_at_mut(middle);
            let (from, to, radices) = if round % 2 == 0 {
                (&low[1..], high, &sequence.radices[middle..])
            } else {
                (&*high, &mut low[1..], &sequence.radices[1..middle])
            };
            let draws = self.draws(&[round, first], length, from);
            draws.add(to, radices);
        }
        let draw = self.draws(&[ROUNDS, 0], length, &sequence.numbers[1..]).first;
        let radix = sequence.radices[0];
        let step = 1 + scaled(draw, radix - 1);
        sequence.numbers[0] = sum(first, step, radix);
    }

    fn draws(&mut self, head: &[u8; 2], length: usize, from: &[u8]) -> Draws {
        self.input.clear();
        self.input.extend_from_slice(head);
        self.input.extend_from_slice(&(length as u64).to_le_bytes());
        self.input.extend_from_slice(from);
        Draws { function: self.function, first: self.function.at(&self.input) }
    }
}

/// A stream of pseudorandom numbers.
struct Draws {
    function: Function,
    first: u128,
}

impl Draws {
    /// Adds a draw to each number.
    #[inline]
    fn add(&self, numbers: &mut [u8], radices: &[u8]) {
        let mut block = self.first;
        for (nth, (number, radix)) in numbers.iter_mut().zip(radices).enumerate() {
            if nth > 0 && nth % DRAWS == 0 {
                block = self.further(nth / DRAWS);
            }
            *number = sum(*number, scaled(block, *radix), *radix);
            block >>= 16;
        }
    }

    fn further(&self, nth: usize) -> u128 {
        let mut input = [FURTHER; 25];
        input[1..17].copy_from_slice(&self.first.to_le_bytes());
        input[17..].copy_from_slice(&(nth as u64).to_le_bytes());
        self.function.at(&input)
    }
}

/// A number below `radix` from the low 16 bits of a draw.
#[inline]
fn scaled(draw: u128, radix: u8) -> u8 {
    #[allow(clippy::cast_possible_truncation)]
    let draw = draw as u16;
    u8::try_from((u32::from(draw) * u32::from(radix)) >> 16).expect("less than the radix")
}

#[inline]
fn sum(a: u8, b: u8, radix: u8) -> u8 {
    let sum = u16::from(a) + u16::from(b);
    let radix = u16::from(radix);
    u8::try_from(if sum < radix { sum } else { sum - radix }).expect("less than the radix")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::key::Key;
    use super::*;

    fn permutation(key: &str) -> Permutation {
        Permutation::new(Key::new(key.as_bytes()).expect("a key").function("ids"))
    }

    /// All sequences with these radices.
    fn all(radices: &[u8]) -> Vec<Sequence> {
        radices.iter().fold(vec![Sequence::default()], |all, radix| {
            let longer = |sequence: &Sequence, number| {
                let mut longer = sequence.clone();
                longer.push(number, *radix);
                longer
            };
            all.iter().flat_map(|sequence| (0..*radix).map(move |number| longer(sequence, number))).collect()
        })
    }

    #[test]
    fn different_sequences_stay_different_and_none_becomes_itself() {
        let mut permutation = permutation("0123456789abcdef");
        for radices in [&[2][..], &[10], &[9, 10], &[26, 26, 10], &[2, 3, 2, 5, 2, 3], &[10, 10, 10, 10]] {
            let before = all(radices);
            let mut images = HashSet::new();
            for sequence in &before {
                let mut image = sequence.clone();
                permutation.apply(&mut image);
                assert_ne!(image.numbers, sequence.numbers);
                assert!(image.numbers.iter().zip(radices).all(|(number, radix)| number < radix));
                images.insert(image.numbers);
            }
            assert_eq!(images.len(), before.len(), "{radices:?}");
        }
    }

    #[test]
    fn another_key_is_another_permutation() {
        let digits = || all(&[9, 10, 10, 10]);
        let images = ["0123456789abcdef", "1123456789abcdef"].map(|key| {
            let mut permutation = permutation(key);
            let mut all = digits();
            all.iter_mut().for_each(|sequence| permutation.apply(sequence));
            all
        });
        let same = images[0].iter().zip(&images[1]).filter(|(a, b)| a == b).count();
        assert!(same < 20, "{same} of 9000");
    }

    /// Each image of sequences that differ in one number should be as likely as any other. Chi-squared with a fixed key; 0.001 of
    /// such tests would fail by chance.
    #[test]
    #[allow(clippy::cast_precision_loss)]
    fn images_of_counting_numbers_look_random() {
        let mut permutation = permutation("0123456789abcdef");
        let mut counts = vec![[0u32; 10]; 5];
        for sequence in all(&[10, 10, 10, 10]) {
            let mut image = Sequence::default();
            image.push(3, 10);
            sequence.numbers.iter().for_each(|number| image.push(*number, 10));
            permutation.apply(&mut image);
            image.numbers.iter().zip(&mut counts).for_each(|(number, counts)| counts[usize::from(*number)] += 1);
        }
        // The first number is never 3, and otherwise uniform. The others are a permutation.
        let expected = 10_000.0 / 9.0;
        let chi: f64 =
            counts[0].iter().filter(|n| **n > 0).map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
        assert!(counts[0][3] == 0 && chi < 26.1, "{chi}");
        assert!(counts[1..].iter().flatten().all(|n| *n == 1000), "{counts:?}");
    }

    #[test]
    fn a_megabyte_is_one_sequence() {
        let mut sequence = Sequence::default();
        (0..1 << 20).for_each(|_| sequence.push(7, 26));
        permutation("0123456789abcdef").apply(&mut sequence);
        let same = sequence.numbers.iter().filter(|number| **number == 7).count();
        assert!((36_000..45_000).contains(&same), "{same}");
    }
}
