//! A column of texts: the different ones in order, and of each event which one it has, or that it has none.

use std::borrow::Cow;
use std::collections::HashMap;

use ring::digest::{SHA256, digest};

use super::bits::Bits;

/// Longer texts are held by their SHA-256, so that blocks stay small.
const LONGEST: usize = 200;

/// What a text is held as. No text begins with this byte, so a hash is none.
pub(super) fn held(text: &str) -> Cow<'_, [u8]> {
    match text.len() {
        ..=LONGEST => Cow::Borrowed(text.as_bytes()),
        _ => Cow::Owned([&[0xFF], digest(&SHA256, text.as_bytes()).as_ref()].concat()),
    }
}

/// Gathers texts.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    known: HashMap<Vec<u8>, usize>,
    /// 0 if there is none, or one more than the number of the text.
    codes: Vec<usize>,
}

impl Gathered {
    /// Adds the text of the next event.
    pub(super) fn push(&mut self, text: Option<&str>) {
        let code = text.map(held).map_or(0, |text| match self.known.get(&*text) {
            Some(number) => number + 1,
            None => {
                let number = self.known.len();
                self.known.insert(text.into_owned(), number);
                number + 1
            }
        });
        self.codes.push(code);
    }

    /// The column.
    pub(super) fn write(self) -> Vec<u8> {
        let mut texts: Vec<(Vec<u8>, usize)> = self.known.into_iter().collect();
        texts.sort_unstable();
        let mut ranks = vec![0; texts.len() + 1];
        (1..).zip(&texts).for_each(|(rank, (_, number))| ranks[number + 1] = rank);
        let is_uniform = self.codes.windows(2).all(|two| two[0] == two[1]);
        let width: u8 = match texts.len() {
            _ if is_uniform => 0,
            ..256 => 1,
            _ => 4,
        };
        let mut out = vec![width];
        out.extend_from_slice(&small(texts.len()));
        let mut end = 0;
        for (text, _) in &texts {
            end += text.len();
            out.extend_from_slice(&small(end));
        }
        texts.iter().for_each(|(text, _)| out.extend_from_slice(text));
        self.codes.iter().for_each(|code| out.extend_from_slice(&small(ranks[*code])[..usize::from(width)]));
        out
    }
}

/// A number of four bytes. What is numbered or measured here is below 4 GiB.
pub(super) fn small(number: usize) -> [u8; 4] {
    u32::try_from(number).expect("a block is below 4 GiB").to_le_bytes()
}

/// A column of texts.
pub(super) struct Texts<'a> {
    ends: &'a [[u8; 4]],
    texts: &'a [u8],
    codes: Codes<'a>,
}

enum Codes<'a> {
    /// All events have the same.
    Same,
    Narrow(&'a [u8]),
    Wide(&'a [[u8; 4]]),
}

impl<'a> Texts<'a> {
    /// The texts in these bytes, of which there should be so many events.
    pub(super) fn read(bytes: &'a [u8], len: usize) -> Option<Self> {
        let (width, rest) = bytes.split_first()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (ends, rest) = rest.split_at_checked(number(*count).checked_mul(4)?)?;
        let (ends, _) = ends.as_chunks();
        let (texts, codes) = rest.split_at_checked(ends.last().map_or(0, |end| number(*end)))?;
        if codes.len() != len * usize::from(*width) || !ends.is_sorted_by_key(|end| number(*end)) {
            return None;
        }
        let codes = match width {
            0 => Codes::Same,
            1 => Codes::Narrow(codes),
            4 => Codes::Wide(codes.as_chunks().0),
            _ => return None,
        };
        Some(Self { ends, texts, codes })
    }

    /// The nth of the different texts.
    fn text(&self, nth: usize) -> &'a [u8] {
        let begin = nth.checked_sub(1).map_or(0, |before| number(self.ends[before]));
        &self.texts[begin..number(self.ends[nth])]
    }

    /// The different texts, in order.
    pub(super) fn different(&self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.ends.len()).map(|nth| self.text(nth))
    }

    /// Of the event at this place, 0 if it has no text, or one more than the number of the text.
    pub(super) fn code(&self, at: usize) -> usize {
        match self.codes {
            Codes::Same => self.ends.len(),
            Codes::Narrow(codes) => usize::from(codes[at]),
            Codes::Wide(codes) => number(codes[at]),
        }
    }

    /// The text of the event at this place, if it has one. `None` if the column is damaged.
    pub(super) fn at(&self, at: usize) -> Option<Option<&'a [u8]>> {
        match self.code(at).checked_sub(1) {
            None => Some(None),
            Some(nth) => (nth < self.ends.len()).then(|| Some(self.text(nth))),
        }
    }

    /// Leaves those set that have this text, which is as [`held`] says.
    pub(super) fn keep(&self, text: &[u8], bits: &mut Bits) {
        let mut range = 0..self.ends.len();
        let found = loop {
            if range.is_empty() {
                return bits.clear();
            }
            let middle = range.start.midpoint(range.end);
            match self.text(middle).cmp(text) {
                std::cmp::Ordering::Equal => break middle + 1,
                std::cmp::Ordering::Less => range.start = middle + 1,
                std::cmp::Ordering::Greater => range.end = middle,
            }
        };
        match self.codes {
            Codes::Same => {}
            Codes::Narrow(codes) => bits.keep(codes, |code| usize::from(*code) == found),
            Codes::Wide(codes) => {
                let found = small(found);
                bits.keep(codes, |code| *code == found);
            }
        }
    }
}

fn number(bytes: [u8; 4]) -> usize {
    u32::from_le_bytes(bytes) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_is_found_where_it_was_put(
            texts in prop_oneof![
                proptest::collection::vec(proptest::option::of("[ab]{0,2}"), 0..99),
                proptest::collection::vec(proptest::option::of("[a-z]{0,201}"), 300..400),
            ],
            other in "[ab]{0,2}",
        ) {
            let mut gathered = Gathered::default();
            texts.iter().for_each(|text| gathered.push(text.as_deref()));
            let bytes = gathered.write();
            let read = Texts::read(&bytes, texts.len()).expect("it is sound");
            for asked in texts.iter().flatten().take(9).chain([&other]) {
                let mut bits = Bits::all(texts.len());
                read.keep(&held(asked), &mut bits);
                let wanted: Vec<usize> = (0..texts.len()).filter(|at| texts[*at].as_ref() == Some(asked)).collect();
                prop_assert_eq!(bits.set().collect::<Vec<_>>(), wanted);
            }
            for (at, text) in texts.iter().enumerate() {
                let shown = read.code(at).checked_sub(1).map(|nth| read.different().nth(nth).expect("it is there"));
                let wanted = text.as_deref().map(held);
                prop_assert_eq!(shown, wanted.as_deref());
            }
        }

        #[test]
        fn damaged_columns_are_refused_or_read_without_a_panic(
            bytes in proptest::collection::vec(0u8..6, 0..40), len in 0usize..5,
        ) {
            if let Some(read) = Texts::read(&bytes, len) {
                read.keep(b"a", &mut Bits::all(len));
            }
        }
    }
}
