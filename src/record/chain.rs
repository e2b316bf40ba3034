//! What the states of pstats and plearn have in common (contracts §5): each line has its number in the state and ends with a checksum
//! that continues from the line before, so a line that was edited, lost, repeated or moved is found at its place.

use std::collections::BTreeSet;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::Error;

/// The text between the parts of a line and its checksum, and after the checksum.
const BEFORE_CHECKSUM: &[u8] = b",\"xxh3\":\"";
const BEHIND_CHECKSUM: &[u8] = b"\"}";
const CHECKSUM_DIGITS: usize = 16;

/// How far a state was written or read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The number of lines.
    pub(crate) lines: u64,
    /// The checksum of these lines. That of the last line identifies the state.
    pub(crate) checksum: u64,
}

impl Chain {
    /// Makes the JSON object that begins at `begins`, and with which `out` ends, the next line of the state.
    pub(crate) fn seal(&mut self, out: &mut Vec<u8>, begins: usize) {
        out.pop();
        self.lines += 1;
        self.checksum = xxh3_64_with_seed(&out[begins..], self.checksum);
        out.extend_from_slice(BEFORE_CHECKSUM);
        out.extend_from_slice(hex(self.checksum).as_bytes());
        out.extend_from_slice(BEHIND_CHECKSUM);
        out.push(b'\n');
    }

    /// The chain with one more line, which says that it has this number. `began` is the line of the input on which the state began,
    /// if one has.
    ///
    /// # Errors
    /// If it is not the next line, or was changed.
    pub(crate) fn follow(self, line: &[u8], number: u64, began: Option<u64>) -> Result<Self, String> {
        let next = self.lines + 1;
        if number != next {
            return Err(match (began, number) {
                (None, _) => format!("line {number} of a state whose first line is missing"),
                (Some(began), 1) => {
                    format!("a state begins here, but the one that began on line {began} has not ended")
                }
                (Some(_), n) if n < next => format!("line {n} of the state is repeated or out of order"),
                (Some(_), n) => format!("line {n} of the state, but line {next} is missing"),
            });
        }
        Ok(Self { lines: number, checksum: checksum(line, self.checksum)? })
    }
}

/// The error for a line that does not match its checksum.
pub(crate) const CHANGED: &str =
    "this line of a state does not match its checksum: it was changed or belongs to another state";

/// The error for a line without one.
pub(crate) const NO_CHECKSUM: &str = "this line of a state has no checksum";

/// Whether a line ends as [`Chain::seal`] ends it, with some checksum.
pub(crate) fn has_checksum(line: &[u8]) -> bool {
    split(line).is_some()
}

/// A line without its checksum, and the digits of this.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.strip_suffix(BEHIND_CHECKSUM)?;
    let (line, digits) = line.split_at_checked(line.len().checked_sub(CHECKSUM_DIGITS)?)?;
    Some((line.strip_suffix(BEFORE_CHECKSUM)?, digits))
}

/// The checksum of a line that follows one with the checksum `before`.
fn checksum(line: &[u8], before: u64) -> Result<u64, String> {
    let (text, digits) = split(line).ok_or(NO_CHECKSUM)?;
    let checksum = xxh3_64_with_seed(text, before);
    if digits != hex(checksum).as_bytes() {
        return Err(CHANGED.to_owned());
    }
    Ok(checksum)
}

/// The error for a state without a last line, which began on this line of the input.
pub(crate) fn cut_off(began: u64) -> Error {
    Error::failed(format!("line {began}: the state that begins here is cut off: its last line is missing"))
}

/// An identity as states write it.
pub(crate) fn hex(id: u64) -> String {
    format!("{id:016x}")
}

/// Reads identities that were written with [`hex`].
///
/// # Errors
/// If one of them is not hexadecimal.
pub(crate) fn ids(written: &[String]) -> Result<BTreeSet<u64>, String> {
    written.iter().map(|id| u64::from_str_radix(id, 16).map_err(|e| format!("'{id}': {e}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_back_in_their_order_only() {
        let (mut chain, mut lines) = (Chain::default(), Vec::new());
        for part in ["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"] {
            let mut out = part.as_bytes().to_vec();
            chain.seal(&mut out, 0);
            lines.push(out.trim_ascii_end().to_vec());
        }
        let first = Chain::default().follow(&lines[0], 1, None).expect("the first line");
        let second = first.follow(&lines[1], 2, Some(7)).expect("the second line");
        assert_eq!(second.follow(&lines[2], 3, Some(7)), Ok(chain));
        for (line, number, began, why) in [
            (1, 2, None, "line 2 of a state whose first line is missing"),
            (0, 1, Some(7), "a state begins here, but the one that began on line 7 has not ended"),
            (2, 3, Some(7), "line 3 of the state, but line 2 is missing"),
        ] {
            let from = if began.is_some() { first } else { Chain::default() };
            assert_eq!(from.follow(&lines[line], number, began), Err(why.to_owned()));
        }
        assert_eq!(
            second.follow(&lines[1], 2, Some(7)),
            Err("line 2 of the state is repeated or out of order".to_owned())
        );
        let moved = first.follow(&lines[2], 2, Some(7)).expect_err("another line");
        assert!(moved.contains("does not match its checksum"), "{moved}");
        assert_eq!(first.follow(b"{\"b\":2}", 2, Some(7)), Err("this line of a state has no checksum".to_owned()));
    }
}
