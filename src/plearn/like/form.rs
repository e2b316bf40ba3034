//! The form of a text: what kinds of words it has, and what separates them.

/// The most characters of a form.
const LONGEST: usize = 60;

/// `GET /users/4711` becomes `a /a/9`: letters are `a`, digits `9`, and words of both `x`.
pub(super) fn form(text: &str) -> String {
    let mut out = String::new();
    let mut word: Option<(bool, bool)> = None;
    let mut length = 0;
    for c in text.chars().map(Some).chain([None]) {
        match c.filter(|c| c.is_alphanumeric()) {
            Some(c) => {
                let (letters, digits) = word.unwrap_or_default();
                word = Some((letters || !c.is_numeric(), digits || c.is_numeric()));
            }
            None => {
                if let Some(kinds) = word.take() {
                    out.push(match kinds {
                        (true, true) => 'x',
                        (true, false) => 'a',
                        _ => '9',
                    });
                    length += 1;
                }
                out.extend(c);
                length += 1;
            }
        }
        if length > LONGEST {
            out.push('…');
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_keeps_what_separates_words_and_hides_the_words() {
        assert_eq!(form("GET /users/4711?key=a1"), "a /a/9?a=x");
        assert_eq!(form("2fd4e1c6-7a2d"), "x-x");
        assert_eq!([form(""), form("São Paulo")], ["", "a a"]);
        assert_eq!(form(&"a ".repeat(100)).chars().count(), LONGEST + 3);
    }
}
