//! Tells from the first bytes of an input whether it is lines or a JSON array (contracts §1).

/// A byte order mark. It does not belong to any line.
pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";

/// How many bytes of an input decide its form. An input that begins with more white space than this is lines.
pub(super) const LOOK_AHEAD: usize = 1 << 20;

/// The form of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InputForm {
    /// Lines, after `mark` bytes of byte order mark.
    Lines { mark: usize },
    /// A JSON array, whose elements begin at this byte offset.
    Array { elements: usize },
    /// Unknown until there are more bytes.
    Open,
}

/// Examines the first bytes of an input, and continues where it stopped when there are more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FirstLook {
    /// How many bytes were examined: a mark, white space, and at most one bracket.
    seen: usize,
    bracket: Option<usize>,
}

impl FirstLook {
    /// An array begins with `[` followed by `{`, `[` or `]`, ignoring white space: `[INFO] boot` is a line. `is_all` means that no
    /// more bytes will follow.
    pub(super) fn at(&mut self, ahead: &[u8], is_all: bool) -> InputForm {
        let mark = if ahead.starts_with(BOM) { BOM.len() } else { 0 };
        if !is_all && ahead.len() < BOM.len() && BOM.starts_with(ahead) {
            return InputForm::Open;
        }
        let known = ahead.len().min(LOOK_AHEAD);
        for (at, byte) in ahead.iter().enumerate().take(known).skip(self.seen.max(mark)) {
            match (byte, self.bracket) {
                (byte, _) if byte.is_ascii_whitespace() => {}
                (b'[', None) => self.bracket = Some(at),
                (b'{' | b'[' | b']', Some(bracket)) => return InputForm::Array { elements: bracket + 1 },
                _ => return InputForm::Lines { mark },
            }
        }
        self.seen = known;
        if is_all || known == LOOK_AHEAD { InputForm::Lines { mark } } else { InputForm::Open }
    }
}

/// Whether readers may mistake an output that begins with these bytes for an array. Returns `None` if they are only white space.
pub(crate) fn may_begin_array(bytes: &[u8]) -> Option<bool> {
    let text = bytes.trim_ascii_start();
    let first = text.first()?;
    let behind = text[1..].iter().find(|byte| !byte.is_ascii_whitespace());
    Some(*first == b'[' && matches!(behind, None | Some(b'{' | b'[' | b']')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_begins_with_a_bracket_and_an_object_an_array_or_nothing() {
        let form = |text: &str| FirstLook::default().at(text.as_bytes(), true);
        assert_eq!(form("[{"), InputForm::Array { elements: 1 });
        assert_eq!(form("\u{feff} [\n\t["), InputForm::Array { elements: 5 });
        assert_eq!(form("[]"), InputForm::Array { elements: 1 });
        for lines in ["", "{}", "[", "[ ", "[INFO] boot", "[1,2]", "[\"a\"]", "[\u{feff}{", "x[{"] {
            assert_eq!(form(lines), InputForm::Lines { mark: 0 }, "{lines}");
        }
        assert_eq!(form("\u{feff}[INFO]"), InputForm::Lines { mark: 3 });
    }

    #[test]
    fn an_output_may_begin_an_array_if_readers_take_its_first_bytes_for_one() {
        assert_eq!(may_begin_array(b" \n"), None);
        assert_eq!(may_begin_array(b"\n [ {"), Some(true));
        assert_eq!(may_begin_array(b"[\n"), Some(true));
        assert_eq!(may_begin_array(b"[INFO]\n"), Some(false));
        assert_eq!(may_begin_array(b"{}"), Some(false));
    }

    #[test]
    fn the_form_is_the_same_however_many_bytes_come_at_a_time() {
        for text in ["\u{feff} [ {", "\u{feff}\n[x", " [ ]", "[[", "{", "\u{feff}", "[ ", "[INFO]"] {
            let whole = FirstLook::default().at(text.as_bytes(), true);
            let mut look = FirstLook::default();
            let mut forms = (0..=text.len()).map(|length| look.at(&text.as_bytes()[..length], length == text.len()));
            assert_eq!(forms.find(|form| *form != InputForm::Open), Some(whole), "{text}");
        }
    }
}
