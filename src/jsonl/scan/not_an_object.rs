//! Why a line is not a JSON object.

use std::fmt;

/// Why a line is not a JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnObject {
    /// The byte offset of the problem, from the start of the line.
    pub at: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong at a place in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The line is blank, or begins with something other than an object.
    NotAnObject,
    /// A byte that is not valid UTF-8.
    NotUtf8,
    /// The line ends inside the object.
    EndOfLine,
    /// A key is missing.
    Key,
    /// The colon after a key is missing.
    Colon,
    /// A value is missing, or is not valid JSON.
    Value,
    /// A number has no digits where JSON requires them.
    Digits,
    /// A backslash does not begin one of JSON's escapes.
    Escape,
    /// A string holds an unescaped control character.
    Control,
    /// A value is followed by neither a comma nor the closing bracket that fits.
    CommaOrBracket,
    /// The object is followed by more than white space.
    Trailing,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnObject => "expected an object",
            Self::NotUtf8 => "invalid UTF-8",
            Self::EndOfLine => "unexpected end of the line",
            Self::Key => "expected a key",
            Self::Colon => "expected ':' after a key",
            Self::Value => "expected a value",
            Self::Digits => "expected a digit",
            Self::Escape => "invalid escape",
            Self::Control => "unescaped control character",
            Self::CommaOrBracket => "expected ',' or a closing bracket",
            Self::Trailing => "unexpected text after the object",
        })
    }
}

impl fmt::Display for NotAnObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.problem, self.at + 1)
    }
}

impl std::error::Error for NotAnObject {}
