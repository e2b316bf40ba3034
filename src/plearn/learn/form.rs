//! Forms of texts: templates with typed holes.
//!
//! Texts are divided into words and what separates them. Texts with the same separators form a group. A group is divided by the words
//! at a place if these are few and frequent; words that differ otherwise are holes. This is the idea of Drain (He et al. 2017), for
//! a sample that is known as a whole.

mod lengths;
mod patterns;

use std::collections::BTreeMap;

use self::lengths::Words;
pub(super) use self::patterns::{texts, timeless};
use crate::plearn::braces;
use crate::record::private::is_identifier;

/// The most forms of a member.
const MOST_FORMS: usize = 64;

/// The most words by which a group is divided at one place.
const MOST_WORDS: usize = 32;

/// The most forms that differ in the lengths of words.
const MOST_LENGTHS: usize = 24;

/// The most parts of a text that are looked at. A longer one is described by its length.
const MOST_PARTS: usize = 200;

/// A form: a pattern of pgen, and which texts have it.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) pattern: String,
    /// Indices of the texts.
    pub(super) texts: Vec<usize>,
    pub(super) count: u64,
}

/// A text, and in how many lines it stands.
pub(super) type Counted<'t> = (&'t str, u64);

/// Finds the forms of texts. A word that stands in fewer lines than `min_count` is not shown; with `hides`, none is.
pub(super) fn forms(texts: &[Counted<'_>], min_count: u64, hides: bool) -> Vec<Form> {
    let split: Vec<Vec<&str>> = texts.iter().map(|(text, _)| parts(text)).collect();
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, parts) in split.iter().enumerate() {
        groups.entry(signature(parts)).or_default().push(at);
    }
    let weigh = |group: &[usize]| group.iter().map(|at| texts[*at].1).sum::<u64>();
    let mut groups: Vec<(u64, String, Vec<usize>)> =
        groups.into_iter().map(|(signature, group)| (weigh(&group), signature, group)).collect();
    groups.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut forms = Vec::new();
    let mut rest: Vec<usize> = Vec::new();
    let total: u64 = texts.iter().map(|(_, count)| count).sum();
    let many = groups.len() > MOST_FORMS;
    for (at, (count, signature, group)) in groups.into_iter().enumerate() {
        // Of many groups, a rare one is described together with the others.
        if at >= MOST_FORMS / 2 || signature.is_empty() || many && count * 400 < total {
            rest.extend(group);
            continue;
        }
        let room = MOST_FORMS.saturating_sub(forms.len() + 1).max(1);
        let divided = divide(&split, texts, group, min_count, hides, room);
        forms.extend(divided.into_iter().map(|group| Form {
            pattern: pattern(&split, texts, &group, min_count, hides),
            count: weigh(&group),
            texts: group,
        }));
    }
    if !rest.is_empty() {
        let pattern = loose(&rest.iter().map(|at| texts[*at]).collect::<Vec<_>>());
        forms.push(Form { pattern, count: weigh(&rest), texts: rest });
    }
    forms
}

/// Words, and single characters between them.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        if !c.is_alphanumeric() {
            if start < at {
                parts.push(&text[start..at]);
            }
            start = at + c.len_utf8();
            parts.push(&text[at..start]);
        }
        if parts.len() > MOST_PARTS {
            return parts;
        }
    }
    if start < text.len() {
        parts.push(&text[start..]);
    }
    parts
}

fn is_word(part: &str) -> bool {
    part.starts_with(char::is_alphanumeric)
}

/// What separates the words of a text.
pub(super) fn separators(text: &str) -> String {
    signature(&parts(text))
}

/// What separates the words; empty if there are too many parts.
fn signature(parts: &[&str]) -> String {
    if parts.len() > MOST_PARTS {
        return String::new();
    }
    let sign = parts.iter().map(|part| if is_word(part) { "\u{1}" } else { part });
    // An empty text has a signature too.
    std::iter::once("\u{2}").chain(sign).collect()
}

/// The words of a group at a place.
fn words_at<'t>(split: &[Vec<&'t str>], texts: &[Counted<'_>], group: &[usize], place: usize) -> Words<'t> {
    let mut words = Words::new();
    for at in group {
        *words.entry(split[*at][place]).or_insert(0) += texts[*at].1;
    }
    words
}

fn is_digits(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The frequent words at a place, by which a group is divided, if they make up enough of it.
fn frequent<'t>(words: &Words<'t>, min_count: u64, most: usize) -> Option<Vec<&'t str>> {
    if words.len() < 2 {
        return None;
    }
    let is_numbers = words.keys().all(|word| is_digits(word));
    let (mut found, mut sum) = (Vec::new(), 0);
    for (word, count) in words.iter().filter(|(word, count)| **count >= min_count && !is_identifier(word)) {
        found.push(*word);
        sum += count;
    }
    let total: u64 = words.values().sum();
    let most = if is_numbers { most.min(4) } else { most };
    // Numbers that are not all frequent are counts or identifiers.
    let is_enough = if is_numbers { sum == total } else { sum * 5 >= total };
    (is_enough && !found.is_empty() && found.len() <= most).then_some(found)
}

/// Divides a group by the words at places where some are frequent, then by the lengths of other words.
fn divide(
    split: &[Vec<&str>],
    texts: &[Counted<'_>],
    group: Vec<usize>,
    min_count: u64,
    hides: bool,
    room: usize,
) -> Vec<Vec<usize>> {
    if room < 2 {
        return vec![group];
    }
    let columns: Vec<Words<'_>> =
        (0..split[group[0]].len()).map(|place| words_at(split, texts, &group, place)).collect();
    let places = || (0..columns.len()).filter(|place| is_word(split[group[0]][*place]));
    let found = places().filter(|_| !hides).filter_map(|place| {
        let frequent = frequent(&columns[place], min_count, MOST_WORDS.min(room - 1));
        frequent.map(|frequent| (frequent.len(), place, frequent))
    });
    let mut divided: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    let mut by_length: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    if let Some((_, place, frequent)) = found.min_by_key(|(words, place, _)| (*words, *place)) {
        for at in group {
            let word = split[at][place];
            divided.entry(frequent.contains(&word).then_some(word)).or_default().push(at);
        }
    } else {
        let varied = lengths::varied(&columns, compounds(&columns), min_count, room.min(MOST_LENGTHS));
        let Some((place, lengths)) = varied else { return vec![group] };
        for at in group {
            by_length.entry(lengths.nearest(split[at][place])).or_default().push(at);
        }
    }
    let parts: Vec<Vec<usize>> = divided.into_values().chain(by_length.into_values()).collect();
    let mut done: Vec<Vec<usize>> = Vec::new();
    let mut left = parts.len();
    if left == 1 {
        return parts;
    }
    for group in parts {
        left -= 1;
        let room = room.saturating_sub(done.len() + left);
        done.extend(divide(split, texts, group, min_count, hides, room));
    }
    done
}

/// The places that are part of an identifier of several words.
fn compounds(columns: &[Words<'_>]) -> Vec<bool> {
    let mut part = vec![false; columns.len()];
    for place in 0..columns.len() {
        if let Some((_, taken)) = compound(&columns[place..]) {
            part[place..place + taken].fill(true);
        }
    }
    part
}

/// The pattern of a group.
fn pattern(split: &[Vec<&str>], texts: &[Counted<'_>], group: &[usize], min_count: u64, hides: bool) -> String {
    let length = split[group[0]].len();
    let columns: Vec<Words<'_>> = (0..length).map(|place| words_at(split, texts, group, place)).collect();
    let mut out = String::new();
    let mut place = 0;
    while place < length {
        if let Some((token, taken)) = compound(&columns[place..]) {
            out.push_str(token);
            place += taken;
            continue;
        }
        let words = &columns[place];
        let shown = words.iter().next().filter(|(word, count)| {
            let may_show = **count >= min_count && !is_identifier(word) && !hides;
            words.len() == 1 && (!is_word(word) || may_show)
        });
        match shown {
            Some((word, _)) => out.push_str(&braces::doubled(word)),
            None => out.push_str(&hole(words, min_count, hides)),
        }
        place += 1;
    }
    out
}

/// Identifiers that span several words: UUIDs and IP addresses.
fn compound(columns: &[Words<'_>]) -> Option<(&'static str, usize)> {
    let all = |place: usize, holds: &dyn Fn(&str) -> bool| {
        columns.get(place).is_some_and(|words| words.keys().all(|word| holds(word)))
    };
    let is = |place: usize, sign: &str| all(place, &|word| word == sign);
    let hex = |place: usize, length: usize| {
        all(place, &|word| {
            word.len() == length && word.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    };
    let varies = |places: &[usize]| places.iter().any(|place| columns[*place].len() > 1);
    let is_uuid = [(0, 8), (2, 4), (4, 4), (6, 4), (8, 12)].iter().all(|(place, length)| hex(*place, *length))
        && [1, 3, 5, 7].iter().all(|place| is(*place, "-"));
    if is_uuid && varies(&[0, 8]) {
        let version = |digit: char| all(4, &|word| word.starts_with(digit));
        return Some((if version('7') { "{uuid7}" } else { "{uuid4}" }, 9));
    }
    let octet = |place: usize| all(place, &|word| word.len() <= 3 && word.parse::<u8>().is_ok());
    let is_address = [0, 2, 4, 6].iter().all(|place| octet(*place)) && [1, 3, 5].iter().all(|place| is(*place, "."));
    let is_192 = is(0, "192") && is(2, "168");
    let is_random = |place: usize| lengths::are_as_of_octets(&columns[place]);
    // Addresses of some networks keep the lengths of their numbers instead.
    let are_random = || (is_192 || is_random(2)) && is_random(4) && is_random(6);
    let is_any = || is(0, "10") || is(0, "127") || is_192 || is_random(0);
    // A version has few values in most of its places.
    if is_address && is_any() && are_random() && columns[4].len() + columns[6].len() > 20 {
        let private = [("10", "{ipv4:10.0.0.0/8}"), ("127", "{ipv4:127.0.0.0/8}")];
        let found = private.iter().find(|(octet, _)| is(0, octet)).map(|(_, token)| *token);
        return Some((found.unwrap_or(if is_192 { "{ipv4:192.168.0.0/16}" } else { "{ipv4}" }), 7));
    }
    None
}

/// What stands for words that are not shown.
fn hole(words: &Words<'_>, min_count: u64, hides: bool) -> String {
    let total: u64 = words.values().sum();
    let all: Vec<&str> = words.keys().copied().collect();
    if all.iter().all(|word| is_digits(word)) {
        return digits(&all);
    }
    // Letters that all have in common, such as the u of u4711.
    let first = all[0];
    let common = all.iter().fold(first.len(), |length, word| {
        let same = first.bytes().zip(word.bytes()).take(length).take_while(|(a, b)| a == b && a.is_ascii_alphabetic());
        same.count()
    });
    let is_rest_digits = all.iter().all(|word| word.len() > common && is_digits(&word[common..]));
    if common > 0 && is_rest_digits {
        let rest: Vec<&str> = all.iter().map(|word| &word[common..]).collect();
        let prefix = &first[..common];
        let may_show = total >= min_count && !is_identifier(prefix) && common <= if hides { 4 } else { 8 };
        let prefix = if may_show { prefix.to_owned() } else { letters(&[prefix]) };
        return prefix + &digits(&rest);
    }
    let (total_length, same_length) = lengths(words);
    let fixed = same_length.unwrap_or(total_length);
    if same_length == Some(26) && all.iter().all(|word| word.starts_with('0') && is_crockford(word)) {
        return "{ulid}".to_owned();
    }
    let holds = |allowed: &dyn Fn(u8) -> bool| all.iter().all(|word| word.bytes().all(allowed));
    let has_digits = all.iter().any(|word| word.bytes().any(|b| b.is_ascii_digit()));
    let token = if has_digits && fixed >= 4 && holds(&|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        "hex"
    } else if has_digits && fixed >= 4 && holds(&|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)) {
        "HEX"
    } else if has_digits && fixed >= 8 && holds(&|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b)) {
        "base32"
    } else if has_digits {
        let token = if holds(&|b| b.is_ascii_digit() || b.is_ascii_lowercase()) { "alnum" } else { "base62" };
        let has_both =
            |word: &&str| word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic());
        if fixed > 2 && fixed < 12 && all.iter().all(has_both) {
            return format!("{{lower:1}}{{{token}:{}}}{{n:1}}", fixed - 2);
        }
        token
    } else {
        return letters(&all);
    };
    format!("{{{token}:{fixed}}}")
}

fn is_crockford(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase() && !b"ILOU".contains(&b))
}

/// The mean length in characters, and the length if all have the same.
fn lengths(words: &Words<'_>) -> (usize, Option<usize>) {
    let (mut sum, mut count) = (0, 0);
    let mut one = None;
    let mut is_same = true;
    for (word, weight) in words {
        let length = word.chars().count() as u64;
        sum += length * weight;
        count += weight;
        is_same &= *one.get_or_insert(length) == length;
    }
    let mean = usize::try_from((sum + count / 2) / count.max(1)).unwrap_or(1).max(1);
    (mean, one.filter(|_| is_same).and_then(|length| usize::try_from(length).ok()))
}

/// Random letters of the same case and mean length.
fn letters(all: &[&str]) -> String {
    let (mut length, mut uppers, mut capitals) = (0, 0, 0);
    for word in all {
        length += word.chars().count();
        uppers += usize::from(word.chars().count() > 1 && word.chars().all(char::is_uppercase));
        capitals += usize::from(word.starts_with(char::is_uppercase));
    }
    let mean = ((length + all.len() / 2) / all.len()).max(1);
    if uppers * 2 > all.len() {
        format!("{{upper:{mean}}}")
    } else if capitals * 2 > all.len() && mean > 1 {
        format!("{{upper:1}}{{lower:{}}}", mean - 1)
    } else {
        format!("{{lower:{mean}}}")
    }
}

/// Random numbers of the same range, with bounds that are rounded outwards.
fn digits(all: &[&str]) -> String {
    let (least, most) = (all.iter().map(|word| word.len()).min(), all.iter().map(|word| word.len()).max());
    let (least, most) = (least.unwrap_or(1), most.unwrap_or(1));
    let has_zeros = all.iter().any(|word| word.len() > 1 && word.starts_with('0'));
    if has_zeros || most > 15 {
        return format!("{{n:{}}}", if least == most { most } else { usize::midpoint(least, most) });
    }
    let numbers = all.iter().filter_map(|word| word.parse::<u64>().ok());
    let (low, high) = numbers.fold((u64::MAX, 0), |(low, high), n| (low.min(n), high.max(n)));
    if least == most && most > 1 && all.len() > 20 {
        let power = 10_u64.pow(u32::try_from(most - 1).unwrap_or(0));
        return format!("{{n:{power}-{}}}", power * 10 - 1);
    }
    let power = |n: u64| 10_u64.pow(n.checked_ilog10().unwrap_or(0));
    let high = if high < 10 { high } else { high.div_ceil(power(high)) * power(high) - 1 };
    format!("{{n:{}-{}}}", if low < 10 { low } else { low / power(low) * power(low) }, high.max(low))
}

/// A pattern for texts that have no form in common.
fn loose(texts: &[Counted<'_>]) -> String {
    let counted: u64 = texts.iter().map(|(_, count)| count).sum();
    let mean = |of: &dyn Fn(&str) -> usize| {
        let sum: u64 = texts.iter().map(|(text, count)| of(text) as u64 * count).sum();
        sum.div_ceil(counted.max(1))
    };
    let spaces = mean(&|text| text.matches(' ').count());
    let length = mean(&|text| text.chars().count()).clamp(1, 4096);
    if spaces > 0 {
        // A random word and a space have about seven characters.
        let words = (length / 7).clamp(1, 900);
        return format!("{{words:{}-{}}}", (words / 2).max(1), words + words / 2);
    }
    format!("{{base64:{length}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[String], min_count: u64) -> Vec<(String, u64)> {
        let texts: Vec<Counted<'_>> = texts.iter().map(|text| (&**text, 1)).collect();
        forms(&texts, min_count, false).into_iter().map(|form| (form.pattern, form.count)).collect()
    }

    #[test]
    fn texts_become_templates_with_typed_holes() {
        let routes = (0..300u64).map(|n| match n % 3 {
            0 => format!("GET /users/{}", 10_000 + n * 37),
            1 => format!("GET /items/{:08x}", n * 7_654_321),
            _ => "POST /users".to_owned(),
        });
        let mut found = patterns(&routes.collect::<Vec<_>>(), 20);
        found.sort();
        let expected = [("GET /items/{hex:8}", 100), ("GET /users/{n:10000-99999}", 100), ("POST /users", 100)];
        assert_eq!(found, expected.map(|(pattern, count)| (pattern.to_owned(), count)));
    }

    #[test]
    fn identifiers_have_their_form() {
        let many = |of: &dyn Fn(u64) -> String| patterns(&(0..200).map(of).collect::<Vec<_>>(), 20);
        let hash = |n: u64| crate::seed::mix(n + 1);
        assert_eq!(many(&|n| format!("user_{}", 10_000 + hash(n) % 90_000))[0].0, "user_{n:10000-99999}");
        assert_eq!(many(&|n| format!("u{:06}", hash(n) % 1_000_000))[0].0, "u{n:6}");
        let uuid = |n: u64| format!("{:08x}-1a2b-4c3d-8e4f-{:012x}", hash(n) as u32, hash(n) >> 16);
        assert_eq!(many(&uuid)[0].0, "{uuid4}");
        let address = |n: u64| format!("10.{}.{}.{}:80", hash(n) % 256, hash(n) / 256 % 256, hash(n) / 65_536 % 256);
        assert_eq!(many(&address)[0].0, "{ipv4:10.0.0.0/8}:80");
        assert_eq!(many(&|n| format!("{{{:x}}}", hash(n) | 1 << 63))[0].0, "{{{hex:16}}}");
    }

    #[test]
    fn a_rare_word_is_not_shown() {
        let texts: Vec<String> =
            (0..100).map(|n| format!("hello {}", if n == 7 { "Wilhelmina" } else { "world" })).collect();
        let found = patterns(&texts, 20);
        assert!(found.iter().all(|(pattern, _)| !pattern.contains("Wilhelmina")), "{found:?}");
    }
}
