//! TOML as people write it.

use crate::plearn::learn::model::Literal;

/// The width of a comment or template that is broken into lines.
pub(super) const WIDTH: usize = 120;

/// A comment, broken into lines.
pub(super) fn comment(out: &mut String, text: &str) {
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width == 0 {
            out.push_str("# ");
            width = 1;
        } else if width + length + 1 > WIDTH {
            out.push_str("\n# ");
            width = 1;
        } else {
            out.push(' ');
        }
        out.extend(word.chars().map(|c| if c.is_control() { '?' } else { c }));
        width += length + 1;
    }
    out.push('\n');
}

/// A string. Literal if it can be.
pub(super) fn text(text: &str) -> String {
    let is_plain = !text.chars().any(|c| c.is_control());
    if is_plain && !text.contains(['"', '\\']) {
        return format!("\"{text}\"");
    }
    if is_plain && !text.contains('\'') {
        return format!("'{text}'");
    }
    // JSON's escapes are TOML's too, except that TOML wants one for DEL.
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

/// A string of more than one line, or a long one.
pub(super) fn long_text(content: &str) -> String {
    let is_plain = !content.chars().any(|c| c.is_control() && c != '\n');
    if is_plain && !content.contains("'''") && !content.ends_with('\'') {
        return format!("'''\n{content}\n'''");
    }
    text(content)
}

/// A key.
pub(super) fn key(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if is_bare { name.to_owned() } else { text(name) }
}

/// How a profile names a value as a key.
pub(super) fn name_of(literal: &Literal) -> String {
    match literal {
        Literal::Text(text) => text.clone(),
        Literal::Json(json) => json.clone(),
    }
}

/// A number, without a point if it is whole.
pub(super) fn number(number: f64) -> String {
    // Adding 0 turns -0 into 0.
    let number = number + 0.0;
    let plain = format!("{number}");
    if number.abs() < 10_000.0 || number.fract() != 0.0 {
        return plain;
    }
    // 60_000 reads better.
    let (sign, digits) = plain.strip_prefix('-').map_or(("", &*plain), |digits| ("-", digits));
    let mut out = sign.to_owned();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('_');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_read_back() {
        for original in
            ["plain", "it's", "say \"hi\"", "both ' and \"", "back\\slash", "tab\there", "\u{7f}\u{0}", "é {x}", ""]
        {
            let table: toml::Table = format!("{} = {}\nlong = {}", key(original), text(original), long_text(original))
                .parse()
                .unwrap_or_else(|e| panic!("{original:?}: {e}"));
            assert_eq!(table.get(original).and_then(toml::Value::as_str), Some(original));
            let long = table["long"].as_str().expect("a string");
            assert_eq!(long.trim_end_matches('\n'), original, "{original:?}");
        }
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!([0.5, -0.0, 404.0, 60_000.0, -1_234_567.0].map(number), ["0.5", "0", "404", "60_000", "-1_234_567"]);
    }
}
