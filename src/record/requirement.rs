//! Requirements on the figures of a report, as `--require` takes them. What figures there are is each tool's own.

mod text;
mod verdict;

use super::bound::Operator;
pub(crate) use text::show;
pub(crate) use verdict::{Met, Verdict};

/// What compares a figure with a bound is made of these.
pub(crate) fn is_sign(c: char) -> bool {
    matches!(c, '<' | '>' | '=' | '!')
}

/// Divides `auc <= 0.55` into its left side, the comparison and its right side. A left side may hold any sign, the right one none: the
/// last is the comparison. `None` if there is none.
pub(crate) fn divide(text: &str) -> Option<(&str, Operator, &str)> {
    let end = text.rfind(is_sign)? + 1;
    let (left, sign) = text[..end].split_at(text[..end].trim_end_matches(is_sign).len());
    Some((left, Operator::parse(sign)?, text[end..].trim()))
}
