//! HTTP status codes in events.

use std::fmt;

use super::number;

/// Why a value is not a status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoStatus {
    /// A whole number that is not a status code. Load generators and proxies write 0 if no answer came, so it counts as a failure.
    NoAnswer,
    /// Not a whole number. It says nothing about the request.
    NotANumber,
}

impl fmt::Display for NoStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAnswer => {
                "status codes are 100 to 999; it counts as an error, because it means that no answer came"
            }
            Self::NotANumber => "it is not a whole number",
        })
    }
}

/// Reads the status code in a raw value, quoted or not.
///
/// # Errors
/// If it is not a status code.
#[inline]
pub(crate) fn read(raw: &[u8]) -> Result<u16, NoStatus> {
    if let [hundreds @ b'1'..=b'9', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] = raw {
        let digit = |byte: &u8| u16::from(byte - b'0');
        return Ok(digit(hundreds) * 100 + digit(tens) * 10 + digit(ones));
    }
    let Some(number) = number::integer(raw) else {
        return Err(if number::is_whole(raw) { NoStatus::NoAnswer } else { NoStatus::NotANumber });
    };
    u16::try_from(number).ok().filter(|code| (100..1000).contains(code)).ok_or(NoStatus::NoAnswer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_no_answer_has_are_told_apart_from_what_is_no_number() {
        for raw in ["200", "\"200\"", "200.0", "2e2"] {
            assert_eq!(read(raw.as_bytes()), Ok(200), "{raw}");
        }
        for raw in ["0", "\"0\"", "0.0", "99", "1000", "-1", "65736", "99999999999", "99999999999999999999", "1e99"] {
            assert_eq!(read(raw.as_bytes()), Err(NoStatus::NoAnswer), "{raw}");
        }
        // curl's %{http_code} without an answer, and codes that are padded.
        for raw in ["\"000\"", "\"00\"", "\"007\""] {
            assert_eq!(read(raw.as_bytes()), Err(NoStatus::NoAnswer), "{raw}");
        }
        for raw in ["200.5", "\"-\"", "\"\"", "true", "[200]", "\"OK\"", "\"200 OK\""] {
            assert_eq!(read(raw.as_bytes()), Err(NoStatus::NotANumber), "{raw}");
        }
        assert_eq!(read(b"100"), Ok(100));
        assert_eq!(read(b"999"), Ok(999));
    }
}
