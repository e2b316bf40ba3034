//! Splits a text at its holes: `GET {path}` has one, and `{{` and `}}` are braces.

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Text(String),
    /// What stands between the braces, and the offset of the first.
    Hole(&'t str, usize),
}

/// Splits a text.
///
/// # Errors
/// The offset of a brace that has no other, and why it is wrong.
pub(super) fn split(text: &str) -> Result<Vec<Piece<'_>>, (usize, &'static str)> {
    let (mut pieces, mut literal, mut at) = (Vec::new(), String::new(), 0);
    while let Some(next) = text[at..].find(['{', '}']) {
        let brace = at + next;
        literal.push_str(&text[at..brace]);
        let rest = &text[brace..];
        if rest.starts_with("{{") || rest.starts_with("}}") {
            literal.push_str(&rest[..1]);
            at = brace + 2;
        } else if rest.starts_with('}') {
            return Err((brace, "'}' closes nothing: write }} for a brace"));
        } else {
            let length = rest.find('}').ok_or((brace, "'{' is not closed: write {{ for a brace"))?;
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Hole(&rest[1..length], brace));
            at = brace + length + 1;
        }
    }
    literal.push_str(&text[at..]);
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_at_its_holes() {
        let text = |text: &str| Piece::Text(text.to_owned());
        assert_eq!(
            split("GET {path} é{{}}{x.y}"),
            Ok(vec![text("GET "), Piece::Hole("path", 4), text(" é{}"), Piece::Hole("x.y", 17)])
        );
        assert_eq!(split(""), Ok(vec![]));
        assert_eq!(split("a{b").map_err(|e| e.0), Err(1));
        assert_eq!(split("ab}").map_err(|e| e.0), Err(2));
        assert_eq!(split("{{{}}}"), Ok(vec![text("{"), Piece::Hole("", 2), text("}")]));
    }
}
