//! A line of a state as text. It begins with the version, its number and the name of its part, in this order, so that it is recognised,
//! and held against its checksum, before it is parsed: 10,000 states are some gigabytes. What follows is the part as serde writes a
//! variant: `{"group":{…}}` is `{"pstats_state":3,"line":9,"part":"group",…}`.

use std::io::Write;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::pstats::layout::STATE_KEY;
use crate::record::chain::has_checksum;

/// What a line begins with, and the rest of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) version: u64,
    /// From 1.
    pub(super) number: u64,
    name: &'a str,
    /// The members of the part and the checksum, up to the end of the object.
    members: &'a [u8],
}

impl<'a> Line<'a> {
    /// Reads the beginning. Returns `None` if it is not as pstats writes it, or if there is no checksum.
    pub(super) fn read(text: &'a [u8]) -> Option<Self> {
        let after = text.strip_prefix(b"{\"")?.strip_prefix(STATE_KEY.as_bytes())?.strip_prefix(b"\":")?;
        let (version, after) = number(after)?;
        let (number, after) = number(after.strip_prefix(b"\"line\":")?)?;
        let after = after.strip_prefix(b"\"part\":\"")?;
        let (name, after) = after.split_at(after.iter().position(|byte| !byte.is_ascii_lowercase())?);
        let members = after.strip_prefix(b"\",")?;
        has_checksum(text).then_some(Self { version, number, name: std::str::from_utf8(name).ok()?, members })
    }

    /// The part.
    ///
    /// # Errors
    /// If the line is not of a state.
    pub(super) fn part<P: DeserializeOwned>(self) -> Result<P, String> {
        simd_json::serde::from_slice(&mut self.variant()).map_err(|e| {
            // serde_json says better what is wrong.
            let why =
                serde_json::from_slice::<P>(&self.variant()).err().map_or_else(|| e.to_string(), |e| e.to_string());
            format!("not a line of a state: {why}")
        })
    }

    fn variant(self) -> Vec<u8> {
        let mut variant = Vec::with_capacity(self.members.len() + self.name.len() + 6);
        variant.extend_from_slice(b"{\"");
        variant.extend_from_slice(self.name.as_bytes());
        variant.extend_from_slice(b"\":{");
        variant.extend_from_slice(self.members);
        variant.push(b'}');
        variant
    }
}

/// Digits and the comma behind them.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let (digits, after) = text.split_at(text.iter().position(|byte| !byte.is_ascii_digit())?);
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, after.strip_prefix(b",")?))
}

/// Writes a part, which serde writes as a variant, as the line with this number, without a checksum and a line end.
pub(super) fn write(out: &mut Vec<u8>, version: u64, number: u64, part: &impl Serialize) {
    let variant = serde_json::to_vec(part).expect("numbers and text are JSON");
    let end = 2 + variant[2..].iter().position(|byte| *byte == b'"').expect("a variant has a name");
    let name = std::str::from_utf8(&variant[2..end]).expect("serde writes UTF-8");
    write!(out, "{{\"{STATE_KEY}\":{version},\"line\":{number},\"part\":\"{name}\",")
        .expect("memory can be written to");
    out.extend_from_slice(&variant[end + 3..variant.len() - 1]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::chain::Chain;

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Part {
        End { lines: u64 },
    }

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let mut out = Vec::new();
        write(&mut out, 3, 1, &Part::End { lines: 7 });
        assert_eq!(out, b"{\"pstats_state\":3,\"line\":1,\"part\":\"end\",\"lines\":7}");
        Chain::default().seal(&mut out, 0);
        let line = Line::read(out.trim_ascii_end()).expect("a line");
        assert_eq!((line.version, line.number), (3, 1));
        assert_eq!(line.part(), Ok(Part::End { lines: 7 }));
    }

    #[test]
    fn what_only_looks_like_a_line_is_none() {
        let end = ",\"xxh3\":\"0123456789abcdef\"}";
        assert!(
            Line::read(format!("{{\"pstats_state\":3,\"line\":1,\"part\":\"end\",\"lines\":1{end}").as_bytes())
                .is_some()
        );
        for text in [
            "{}",
            "{\"pstats_state\":3}",
            "{\"pstats_state\":3,\"line\":1,\"part\":\"end\",\"lines\":1}",
            &format!("{{\"pstats_state\": 3,\"line\":1,\"part\":\"end\",\"lines\":1{end}"),
            &format!("{{\"pstats_state\":,\"line\":1,\"part\":\"end\",\"lines\":1{end}"),
            &format!("{{\"pstats_state\":3,\"line\":99999999999999999999,\"part\":\"end\",\"lines\":1{end}"),
            &format!("{{\"pstats_state\":3,\"line\":1,\"part\":\"\u{e9}\",\"lines\":1{end}"),
        ] {
            assert_eq!(Line::read(text.as_bytes()), None, "{text}");
        }
        let unknown = format!("{{\"pstats_state\":3,\"line\":1,\"part\":\"other\",\"lines\":1{end}");
        assert!(
            Line::read(unknown.as_bytes())
                .expect("a line")
                .part::<Part>()
                .is_err_and(|e| e.contains("not a line of a state"))
        );
    }
}
