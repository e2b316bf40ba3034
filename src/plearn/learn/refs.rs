//! Texts that hold the value of another member of the same event, as a title its method and path.
//!
//! Before a text is learnt, such a value is replaced by a sign that stands for the member, so that what is left has fewer forms. In the
//! world the sign becomes the member's name.

use super::model::{Class, Literal, Part, Value};
use super::moments;
use super::rows::{Cell, Column};
use crate::plearn::braces;
use crate::plearn::count::Class as Kind;

/// Rows by which references are found, and by which most members are ruled out.
const SCREENED: u32 = 1000;
const FIRST: usize = 60;

/// The most members that a text refers to.
const MOST: usize = 6;

/// Shorter values may stand in a text by chance.
const SHORTEST: usize = 3;

/// Longer texts are not looked into.
const LONGEST: usize = 500;

/// Texts with fewer values are a list, which depends on the other member.
const FEWEST: usize = 5;

/// At least this share of the texts hold the value, in at least so many rows.
const LEAST: f64 = 0.2;
const FEWEST_ROWS: usize = 20;

/// They hold the value of another row this much more rarely.
const CHANCE: f64 = 0.7;

/// The first of the signs, which are private to this program.
const SIGNS: u32 = 0xF_0000;

fn sign(member: usize) -> char {
    let code = SIGNS + u32::try_from(member).unwrap_or(0);
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn member(sign: char) -> Option<usize> {
    u32::from(sign).checked_sub(SIGNS).and_then(|place| usize::try_from(place).ok())
}

/// The raw texts of a member's cells, with signs.
pub(super) type Rewritten = Vec<Option<Vec<u8>>>;

/// Finds the references of each member. `takes_part` says which are in any kind of event.
pub(super) fn find(columns: &[Column<'_>], takes_part: &dyn Fn(usize) -> bool) -> Vec<Option<Rewritten>> {
    let screened: Vec<Vec<Option<Cow<'_>>>> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| if takes_part(place) { screened(column) } else { Vec::new() })
        .collect();
    let mut edges: Vec<Vec<usize>> = vec![Vec::new(); columns.len()];
    for (place, texts) in screened.iter().enumerate() {
        let is_text = columns[place].cells.iter().any(|cell| cell.class == Kind::Text);
        if !is_text || distinct(texts) <= FEWEST {
            continue;
        }
        let mut rest: Vec<Option<String>> =
            texts.iter().map(|text| text.as_ref().map(|text| text.clone().into_owned())).collect();
        let referring = referring(&edges, place);
        while edges[place].len() < MOST {
            let others = (0..columns.len())
                .filter(|other| !screened[*other].is_empty() && !referring[*other] && !edges[place].contains(other));
            let found = others.filter_map(|other| Some((held(&rest, &screened[other])?, other)));
            let best = found.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
            let Some((_, other)) = best else { break };
            for (text, value) in rest.iter_mut().zip(&screened[other]) {
                if let (Some(text), Some(value)) = (text, value) {
                    *text = replaced(text, value, other).unwrap_or_else(|| std::mem::take(text));
                }
            }
            edges[place].push(other);
        }
    }
    let rewrite =
        |(place, others): (usize, &Vec<usize>)| (!others.is_empty()).then(|| rewritten(columns, place, others));
    edges.iter().enumerate().map(rewrite).collect()
}

type Cow<'s> = std::borrow::Cow<'s, str>;

/// The values of the first rows; empty if it can neither refer nor be referred to.
fn screened<'s>(column: &Column<'s>) -> Vec<Option<Cow<'s>>> {
    let mut out = vec![None; SCREENED as usize];
    for cell in column.cells.iter().take_while(|cell| cell.row < SCREENED) {
        out[cell.row as usize] = value(cell).filter(|text| text.len() <= LONGEST);
    }
    let is_plain = |text: &Cow<'_>| moments::text(text).is_none() && !text.chars().any(|c| member(c).is_some());
    if !out.iter().flatten().all(is_plain) || distinct(&out) < 2 { Vec::new() } else { out }
}

/// A text or number as it stands in a text.
fn value<'s>(cell: &Cell<'s>) -> Option<Cow<'s>> {
    match cell.class {
        Kind::Text => crate::jsonl::value::text(cell.raw),
        Kind::Number => std::str::from_utf8(cell.raw).ok().map(Cow::Borrowed),
        _ => None,
    }
}

fn distinct(texts: &[Option<Cow<'_>>]) -> usize {
    texts.iter().flatten().collect::<std::collections::BTreeSet<_>>().len()
}

/// Which members refer to this one, directly or not. It is one of them.
fn referring(edges: &[Vec<usize>], to: usize) -> Vec<bool> {
    let mut found = vec![false; edges.len()];
    found[to] = true;
    let mut left = vec![to];
    while let Some(at) = left.pop() {
        for (from, others) in edges.iter().enumerate() {
            if !found[from] && others.contains(&at) {
                found[from] = true;
                left.push(from);
            }
        }
    }
    found
}

/// The mean length of the values that the texts hold, if they hold more than by chance.
#[allow(clippy::cast_precision_loss)] // a thousand rows
fn held(texts: &[Option<String>], values: &[Option<Cow<'_>>]) -> Option<f64> {
    let pairs = texts.iter().zip(values).filter_map(|(text, value)| Some((&**text.as_ref()?, &**value.as_ref()?)));
    let holds = |(text, value): &(&str, &str)| find_in(text, value).is_some();
    // Most members are ruled out here.
    if !pairs.clone().take(FIRST).any(|pair| holds(&pair)) {
        return None;
    }
    let both: Vec<(&str, &str)> = pairs.collect();
    let found: Vec<usize> = both.iter().filter(|pair| holds(pair)).map(|(_, value)| value.len()).collect();
    let shifted = both.iter().zip(both.iter().cycle().skip(1)).filter(|((text, _), (_, other))| holds(&(text, other)));
    let (share, chance) = (found.len() as f64 / both.len() as f64, shifted.count() as f64 / both.len() as f64);
    let is_enough = found.len() >= FEWEST_ROWS && share >= LEAST && chance <= CHANCE * share;
    is_enough.then(|| found.iter().sum::<usize>() as f64 / found.len() as f64)
}

/// Where a text holds a value as whole words.
fn find_in(text: &str, value: &str) -> Option<usize> {
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    if value.len() < SHORTEST {
        return None;
    }
    let mut places = text.match_indices(value).map(|(at, _)| at);
    places.find(|at| is_edge(text[..*at].chars().next_back()) && is_edge(text[at + value.len()..].chars().next()))
}

fn replaced(text: &str, value: &str, member: usize) -> Option<String> {
    let at = find_in(text, value)?;
    Some(format!("{}{}{}", &text[..at], sign(member), &text[at + value.len()..]))
}

/// All texts of a member with signs for the others.
fn rewritten(columns: &[Column<'_>], place: usize, others: &[usize]) -> Rewritten {
    let cells = &columns[place].cells;
    let mut nexts: Vec<_> = others.iter().map(|other| columns[*other].cells.iter().peekable()).collect();
    let rewrite = |cell: &Cell<'_>| {
        let mut text = value(cell).filter(|_| cell.class == Kind::Text)?.into_owned();
        for (other, next) in others.iter().zip(&mut nexts) {
            while next.next_if(|other| other.row < cell.row).is_some() {}
            let known = next.peek().filter(|other| other.row == cell.row).and_then(|other| value(other));
            if let Some(new) = known.and_then(|known| replaced(&text, &known, *other)) {
                text = new;
            }
        }
        Some(serde_json::Value::from(text).to_string().into_bytes())
    };
    cells.iter().map(rewrite).collect()
}

/// Turns signs into references.
pub(super) fn resolve(classes: &mut [Class]) {
    let mut patterns = 0;
    for at in 0..classes.len() {
        resolve_class(&mut classes[at], &mut patterns);
        let label = classes[at].label.clone();
        if classes[..at].iter().any(|other| other.label == label) {
            classes[at].label = format!("{label} {}", at + 1);
        }
    }
}

fn is_random(pattern: &str) -> bool {
    pattern.replace("{{", "").contains('{')
}

/// How many parts of a pattern between signs are random.
pub(super) fn random_parts(pattern: &str) -> usize {
    pattern.split(|c| member(c).is_some()).filter(|part| is_random(part)).count()
}

fn resolve_class(class: &mut Class, patterns: &mut usize) {
    let (text, is_pattern, pool) = match &class.value {
        Value::Literal(Literal::Text(text)) => (text, false, None),
        Value::Pattern { pattern, .. } => (pattern, true, None),
        Value::Drawn { pattern, pool, .. } => (pattern, true, Some(*pool)),
        _ => return,
    };
    if !text.chars().any(|c| member(c).is_some()) {
        return;
    }
    let mut parts = Vec::new();
    let mut rest = String::new();
    let mut end = |rest: &mut String, parts: &mut Vec<Part>| {
        let text = std::mem::take(rest);
        if text.is_empty() {
            return;
        }
        if is_pattern && is_random(&text) {
            parts.push(Part::Pattern { pattern: text, pool, nth: *patterns });
            *patterns += 1;
        } else {
            parts.push(Part::Text(if is_pattern { braces::single(&text) } else { text }));
        }
    };
    let mut label = String::new();
    for c in text.chars() {
        match member(c) {
            Some(place) => {
                end(&mut rest, &mut parts);
                parts.push(Part::Member(place));
                label.push('…');
            }
            None => {
                rest.push(c);
                label.push(c);
            }
        }
    }
    end(&mut rest, &mut parts);
    if !is_pattern {
        class.label = label;
    }
    class.value = Value::Joined(parts);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_as_whole_words_only() {
        assert_eq!(find_in("GET /api/items", "/api/items"), Some(4));
        assert_eq!(find_in("user_4711 and user_471", "user_471"), Some(14));
        assert_eq!([find_in("to do", "to"), find_in("tools", "too"), find_in("", "too")], [None; 3]);
        assert_eq!(replaced("GET /a/b?x", "/a/b", 3), Some(format!("GET {}?x", sign(3))));
    }

    #[test]
    fn signs_become_references_and_what_is_random_between_them_patterns() {
        let text = format!("{} {{{{x}}}} {{n:1-9}}{}", sign(1), sign(2));
        let value = Value::Pattern { pattern: text, is_number: false };
        let mut class = Class { label: "form 1".to_owned(), weight: 1.0, value };
        let mut patterns = 4;
        resolve_class(&mut class, &mut patterns);
        let pattern = Part::Pattern { pattern: " {{x}} {n:1-9}".to_owned(), pool: None, nth: 4 };
        assert_eq!(class.value, Value::Joined(vec![Part::Member(1), pattern, Part::Member(2)]));
        assert_eq!(patterns, 5);
    }
}
