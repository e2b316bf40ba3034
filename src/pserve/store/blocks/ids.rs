//! The column of ids: where each ends, and all of them one after another.

use memchr::memmem::Finder;

use super::bits::Bits;
use super::texts::small;

/// Gathers ids.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    ends: Vec<u8>,
    ids: Vec<u8>,
}

impl Gathered {
    /// Adds the id of the next event.
    pub(super) fn push(&mut self, id: &str) {
        self.ids.extend_from_slice(id.as_bytes());
        self.ends.extend_from_slice(&small(self.ids.len()));
    }

    /// The column.
    pub(super) fn write(mut self) -> Vec<u8> {
        self.ends.append(&mut self.ids);
        self.ends
    }
}

/// Leaves those set whose ids hold a text. `None` if the column is damaged.
pub(super) fn keep(bytes: &[u8], text: &Finder<'_>, bits: &mut Bits) -> Option<()> {
    let (ends, ids) = bytes.split_at_checked(bits.len().checked_mul(4)?)?;
    let (ends, _) = ends.as_chunks::<4>();
    let length = text.needle().len();
    if length == 0 {
        return Some(());
    }
    let mut has = vec![0_u8; bits.len()];
    let (mut at, mut begin, mut from) = (0, 0, 0);
    while let Some(found) = ids.get(from..).and_then(|left| text.find(left)) {
        let found = from + found;
        let end_of = |at: usize| ends.get(at).map(|end| u32::from_le_bytes(*end) as usize);
        while end_of(at)? <= found {
            begin = end_of(at)?;
            at += 1;
        }
        let end = end_of(at)?;
        debug_assert!(begin <= found);
        // What begins in one id and ends in the next is in neither.
        from = if found + length <= end {
            has[at] = 1;
            end
        } else {
            found + 1
        };
    }
    bits.keep(&has, |has| *has == 1);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn ids_that_hold_a_text_are_found(
            ids in proptest::collection::vec("[ab]{0,4}", 0..70), text in "[ab]{0,3}",
        ) {
            let mut gathered = Gathered::default();
            ids.iter().for_each(|id| gathered.push(id));
            let bytes = gathered.write();
            let mut bits = Bits::all(ids.len());
            proptest::prop_assert!(keep(&bytes, &Finder::new(&text), &mut bits).is_some());
            let wanted: Vec<usize> = (0..ids.len()).filter(|at| ids[*at].contains(&text)).collect();
            proptest::prop_assert_eq!(bits.set().collect::<Vec<_>>(), wanted);
        }
    }
}
