//! What is known of a pattern of pgen by its parts.

/// About how many texts a pattern has.
pub(in crate::plearn::learn) fn texts(pattern: &str) -> f64 {
    // Doubled braces are text.
    parts(&pattern.replace("{{", "").replace("}}", "")).map(of_part).product()
}

/// The parts in braces, without them.
fn parts(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.split('{').filter_map(|rest| rest.split_once('}')).map(|(part, _)| part).filter(|part| !part.is_empty())
}

fn of_part(part: &str) -> f64 {
    let (name, length) = part.split_once(':').unwrap_or((part, ""));
    let characters: f64 = match name {
        "n" => {
            let Some((low, high)) = length.split_once('-') else { return power(10.0, length) };
            let number = |text: &str| text.parse().unwrap_or(0.0);
            return number(high) - number(low) + 1.0;
        }
        "hex" | "HEX" => 16.0,
        "lower" | "upper" => 26.0,
        "alnum" => 36.0,
        "base32" => 32.0,
        "base62" => 62.0,
        "base64" => 64.0,
        "words" => return 1e6,
        _ => return 1e9,
    };
    power(characters, length)
}

fn power(base: f64, length: &str) -> f64 {
    libm::pow(base, length.parse().unwrap_or(1.0)).min(1e30)
}

/// The pattern without the event's time, which a member of a population has not.
pub(in crate::plearn::learn) fn timeless(pattern: &str) -> String {
    pattern.replace("{uuid7}", "{uuid4}").replace("{ulid}", "0{base32:25}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_a_pattern_are_counted() {
        for (pattern, expected) in [
            ("x", 1.0),
            ("{{x}}", 1.0),
            ("a{n:1-99}b", 99.0),
            ("{n:3}-{lower:2}", 676_000.0),
            ("{hex:2}{uuid4}", 2.56e11),
        ] {
            assert_eq!(texts(pattern), expected, "{pattern}");
        }
        assert_eq!(timeless("a-{uuid7}"), "a-{uuid4}");
    }
}
