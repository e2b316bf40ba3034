//! A column of numbers: the least, and of each the difference to it, in as few bytes as the greatest needs.

/// A column of numbers.
pub(super) struct Numbers<'a> {
    base: i64,
    width: usize,
    differences: &'a [u8],
}

/// Writes numbers.
pub(super) fn write(numbers: &[i64]) -> Vec<u8> {
    let base = numbers.iter().copied().min().unwrap_or(0);
    let differences = || numbers.iter().map(|number| number.wrapping_sub(base).cast_unsigned());
    let width = match differences().max().unwrap_or(0) {
        0 => 0,
        1..=0xFF => 1,
        0x100..=0xFFFF => 2,
        0x1_0000..=0xFFFF_FFFF => 4,
        _ => 8,
    };
    let mut out = base.to_le_bytes().to_vec();
    out.push(width);
    differences().for_each(|difference| out.extend_from_slice(&difference.to_le_bytes()[..usize::from(width)]));
    out
}

impl<'a> Numbers<'a> {
    /// The numbers in these bytes, of which there should be so many.
    pub(super) fn read(bytes: &'a [u8], len: usize) -> Option<Self> {
        let (base, rest) = bytes.split_first_chunk()?;
        let (width, differences) = rest.split_first()?;
        let width = usize::from(*width);
        let is_sound = width <= 8 && differences.len() == len * width;
        is_sound.then(|| Self { base: i64::from_le_bytes(*base), width, differences })
    }

    /// The number at this place, which must be there.
    pub(super) fn get(&self, at: usize) -> i64 {
        let mut difference = [0; 8];
        difference[..self.width].copy_from_slice(&self.differences[at * self.width..][..self.width]);
        self.base.wrapping_add(i64::from_le_bytes(difference))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_again(numbers: Vec<i64>, near in proptest::collection::vec(-90i64..90, 0..9)) {
            for numbers in [numbers, near, vec![i64::MIN, i64::MAX], vec![7; 3]] {
                let bytes = write(&numbers);
                let read = Numbers::read(&bytes, numbers.len()).expect("it is sound");
                let again: Vec<i64> = (0..numbers.len()).map(|at| read.get(at)).collect();
                proptest::prop_assert_eq!(again, numbers);
            }
        }
    }
}
