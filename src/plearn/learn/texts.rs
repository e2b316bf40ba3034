//! Texts of a member: a list of a few, or the forms of many, with those that come again.

use std::collections::BTreeMap;

use super::amounts::{MOST_NUMBERS, numeric};
use super::cells::{About, Values, dictionary, estimate, float, ordered, times};
use super::form::{self, Counted};
use super::model::{Literal, Value};
use super::pool::{self, Drawn};
use super::rows::Cell;
use super::{moments, refs, standin};
use crate::cli::numbers::{count as digits, counted};
use crate::plearn::count::Class as Kind;
use crate::record::private::{holds_key, is_identifying, is_personal, words};

/// Of many texts, those in at least this share of the lines have a share of their own, and `--max-values` may have. A text that may be
/// shown needs `--min-count` lines only.
const FREQUENT: f64 = 0.001;

/// A text in fewer lines of the sample is not called frequent.
const FEWEST: u64 = 5;

/// A whole number of more digits is an identifier.
const LONGEST_AMOUNT: usize = 7;

/// A population needs a pattern that has so many times as many texts.
const ROOM: f64 = 4.0;

/// A text, in how many lines it stands, and in which cells.
type Text<'v> = (String, u64, &'v Vec<usize>);

/// Learns the texts at these places.
pub(super) fn learn(cells: &[Cell<'_>], places: &[usize], about: &mut About<'_>, out: &mut Values) {
    let read = |cell: &Cell<'_>| moments::text(crate::jsonl::value::text(cell.raw)?.as_ref());
    if let Some(form) = times(cells, places, out, read) {
        let class = out.class("time", 1.0, Value::Time { form, shift: None });
        places.iter().for_each(|at| out.of[*at] = class);
        return;
    }
    let (amounts, places): (Vec<usize>, Vec<usize>) = places.iter().partition(|at| is_amount(cells[**at].raw));
    let (amounts, places) = if are_amounts(cells, &amounts, about) {
        quoted(cells, &amounts, about, out);
        (amounts.len(), places)
    } else {
        (0, [amounts, places].concat())
    };
    if places.is_empty() {
        return;
    }
    // What was counted of all lines holds the amounts too.
    let all = if amounts > 0 { None } else { about.all.as_deref_mut() };
    let about = &mut About { all, ..*about };
    let dictionary = dictionary(cells, &places, about);
    let sampled: u64 = dictionary.values().map(|(sum, _)| sum).sum();
    let distinct = estimate(about, dictionary.len());
    let min_count = about.rules.min_count;
    let values: Vec<Text<'_>> = ordered(&dictionary)
        .into_iter()
        .map(|(raw, (sum, of))| (crate::jsonl::value::text(raw).unwrap_or_default().into_owned(), sum, of))
        .collect();
    if out.secret.is_none() && values.iter().take(1000).any(|(text, ..)| holds_key(text)) {
        out.secret = Some("its values");
    }
    let frequent: u64 = values.iter().filter(|(_, sum, _)| *sum >= min_count).map(|(_, sum, _)| sum).sum();
    let total: u64 = values.iter().map(|(_, sum, _)| sum).sum();
    #[allow(clippy::cast_precision_loss)]
    let is_closed =
        distinct <= about.rules.max_values as f64 && (frequent * 10 >= total * 9 || float(sampled) >= 3.0 * distinct);
    if is_closed {
        list(&values, about, out);
    } else {
        open(&values, distinct, about, out);
    }
}

/// Whether a raw string holds a number that is no identifier: with a point, or of a few digits.
fn is_amount(raw: &[u8]) -> bool {
    let text = &raw[1..raw.len() - 1];
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let has_point = digits.get(whole) == Some(&b'.');
    let is_rest = digits.len() == whole
        || has_point && digits.len() > whole + 1 && digits[whole + 1..].iter().all(u8::is_ascii_digit);
    let is_padded = whole > 1 && digits[0] == b'0';
    whole > 0 && !is_padded && is_rest && whole <= if has_point { 12 } else { LONGEST_AMOUNT }
}

/// Whether numbers in strings have a distribution.
fn are_amounts(cells: &[Cell<'_>], places: &[usize], about: &About<'_>) -> bool {
    let distinct = places.iter().map(|at| cells[*at].raw).collect::<std::collections::BTreeSet<_>>().len();
    let has_point = places.iter().take(100).any(|at| cells[*at].raw.contains(&b'.'));
    let may_repeat = has_point || distinct * 5 < places.len() * 4;
    !is_personal(about.path) && distinct > MOST_NUMBERS && may_repeat && places.len() * 20 >= cells.len()
}

/// Numbers in strings.
fn quoted(cells: &[Cell<'_>], places: &[usize], about: &About<'_>, out: &mut Values) {
    let mut plain = cells.to_vec();
    for at in places {
        let raw = cells[*at].raw;
        plain[*at] = Cell { class: Kind::Number, raw: &raw[1..raw.len() - 1], ..cells[*at] };
    }
    let from = out.classes.len();
    let mut about = About { all: None, ..*about };
    numeric(&plain, places, &mut about, out);
    for value in out.classes[from..].iter_mut().map(|class| &mut class.value).chain(&mut out.whole) {
        match value {
            Value::Numbers(numbers) => numbers.is_quoted = true,
            Value::Literal(Literal::Json(json)) => *value = Value::Literal(Literal::Text(std::mem::take(json))),
            _ => {}
        }
    }
}

/// What each text becomes that has a share of its own: itself, or a text of its form.
struct Shown<'v> {
    values: &'v [Text<'v>],
    min_count: u64,
    keeps: bool,
    is_hidden: bool,
    stream: crate::seed::Choice,
    /// In how many lines each word is, and in how many texts.
    words: BTreeMap<&'v str, (u64, usize)>,
    taken: Vec<String>,
    kept: u64,
    made: u64,
}

impl<'v> Shown<'v> {
    fn new(values: &'v [Text<'v>], about: &About<'_>) -> Self {
        let mut all: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
        for (text, sum, _) in values {
            let mut seen: Vec<&str> = words(text).collect();
            seen.sort_unstable();
            seen.dedup();
            for word in seen {
                let (lines, texts) = all.entry(word).or_insert((0, 0));
                *lines += sum;
                *texts += 1;
            }
        }
        Self {
            values,
            min_count: about.rules.min_count,
            keeps: about.keeps,
            is_hidden: is_personal(about.path) && !about.keeps,
            stream: standin::stream(about.path),
            words: all,
            taken: values.iter().map(|(text, ..)| text.clone()).collect(),
            kept: 0,
            made: 0,
        }
    }

    /// Whether a text may stand in the world as it is.
    fn may_show(&self, text: &str, sum: u64) -> bool {
        sum >= self.min_count && (text.is_empty() || self.keeps || !self.is_hidden && !is_identifying(text))
    }

    /// A made-up text in place of one. `None` if none differs from the real ones.
    fn stand_in(&mut self, at: usize) -> Option<String> {
        let text = &self.values[at].0;
        // Words that enough lines hold may stay, but a word of one text alone is that text's own.
        let is_shown = |word: &str| {
            !self.is_hidden
                && self
                    .words
                    .get(word)
                    .is_some_and(|(lines, texts)| *lines >= self.min_count && (self.values.len() == 1 || *texts > 1))
        };
        // Another draw if a value has the same text by chance; a text without letters and digits stays as it is.
        let stream = self.stream.stream(at as u64);
        let tries = (0..100).map(|n| standin::text(text, stream.stream(n), &is_shown));
        let made = tries.into_iter().find(|new| !self.taken.contains(new))?;
        self.taken.push(made.clone());
        self.made += 1;
        Some(made)
    }

    fn note(&self, out: &mut Values) {
        if self.kept > 0 {
            out.note(format!("{} kept", counted(self.kept, "value", "values")));
        }
        if self.made > 0 {
            out.note(format!("{} made up in place of {}", digits(self.made), counted(self.made, "value", "values")));
        }
    }
}

/// A class of its own for a text.
fn own(text: String, sum: u64, of: &[usize], out: &mut Values) {
    let class = out.class(text.clone(), float(sum), Value::Literal(Literal::Text(text)));
    of.iter().for_each(|at| out.of[*at] = class);
}

/// A member with few values: each is shown, or has a stand-in.
fn list(values: &[Text<'_>], about: &About<'_>, out: &mut Values) {
    let mut shown = Shown::new(values, about);
    let mut rest = Vec::new();
    let total: u64 = values.iter().map(|(_, sum, _)| sum).sum();
    for (at, (text, sum, of)) in values.iter().enumerate() {
        if shown.may_show(text, *sum) {
            shown.kept += 1;
            own(text.clone(), *sum, of, out);
        } else if (*sum >= 3 || sum * 200 >= total)
            && let Some(made) = shown.stand_in(at)
        {
            own(made, *sum, of, out);
        } else {
            rest.push((text, *sum, *of));
        }
    }
    if !rest.is_empty() {
        // Too rare to have a share of their own.
        let texts: Vec<Counted<'_>> = rest.iter().map(|(text, sum, _)| (&***text, *sum)).collect();
        for form in form::forms(&texts, u64::MAX, true) {
            let label = if form.texts.len() == rest.len() {
                "others".to_owned()
            } else {
                format!("others {}", out.classes.len())
            };
            let class = out.class(label, float(form.count), Value::Pattern { pattern: form.pattern, is_number: false });
            form.texts.iter().flat_map(|text| rest[*text].2).for_each(|at| out.of[*at] = class);
        }
    }
    shown.note(out);
}

/// A member with many values: those that are frequent, and the forms of the others.
fn open(values: &[Text<'_>], distinct: f64, about: &About<'_>, out: &mut Values) {
    let total: u64 = values.iter().map(|(_, sum, _)| sum).sum();
    let mut shown = Shown::new(values, about);
    let least = FEWEST.max(about.rules.min_count);
    let is_frequent = |(text, sum, _): &Text<'_>| {
        *sum >= least && (float(*sum) >= FREQUENT * float(total) || shown.may_show(text, *sum))
    };
    let frequent = values.iter().take(about.rules.max_values).take_while(|text| is_frequent(text)).count();
    let mut groups: BTreeMap<String, Vec<(String, usize)>> = BTreeMap::new();
    let mut rest: Vec<usize> = (frequent..values.len()).collect();
    for (at, (text, sum, of)) in values[..frequent].iter().enumerate() {
        if shown.may_show(text, *sum) {
            shown.kept += 1;
            own(text.clone(), *sum, of, out);
        } else if let Some(made) = (!about.is_rewritten).then(|| shown.stand_in(at)).flatten() {
            groups.entry(form::separators(text)).or_default().push((made, at));
        } else {
            rest.push(at);
        }
    }
    for group in groups.into_values() {
        let weight = group.iter().map(|(_, at)| float(values[*at].1)).sum();
        let made = group.iter().map(|(made, at)| (made.clone(), float(values[*at].1))).collect();
        let class = out.class(format!("frequent {}", out.classes.len() + 1), weight, Value::Choice(made));
        group.iter().flat_map(|(_, at)| values[*at].2).for_each(|at| out.of[*at] = class);
    }
    shown.note(out);
    let hides = (is_personal(about.path) || out.secret.is_some()) && !about.keeps;
    let texts: Vec<Counted<'_>> = rest.iter().map(|at| (&*values[*at].0, values[*at].1)).collect();
    let forms = form::forms(&texts, about.rules.min_count, hides);
    // How many lines and values there are for each of the sample.
    let lines =
        about.all.as_ref().map_or(float(total), |all| float(all.classes[Kind::Text as usize])) / float(total.max(1));
    let distinct = distinct / float(values.len() as u64);
    let mut pools = 0u64;
    for form in &forms {
        let counts: Vec<u64> = form.texts.iter().map(|text| texts[*text].1).collect();
        let drawn = Drawn {
            counts: &counts,
            lines: lines.max(1.0) * float(form.count),
            distinct: distinct.max(1.0) * float(counts.len() as u64),
            before: (values.len() - rest.len()) * counts.len() / rest.len().max(1),
        };
        let may_repeat = about.depth == 0 && (!about.is_rewritten || refs::random_parts(&form.pattern) == 1);
        let pool = may_repeat.then(|| pool::find(drawn)).flatten();
        let label = format!("form {}", out.classes.len() + 1);
        let value = match pool.filter(|pool| form::texts(&form.pattern) >= ROOM * float(pool.size)) {
            Some(pool) => {
                pools += 1;
                let nth = out.classes.len();
                Value::Drawn { pattern: form::timeless(&form.pattern), pool, nth }
            }
            None => Value::Pattern { pattern: form.pattern.clone(), is_number: false },
        };
        let class = out.class(label, float(form.count), value);
        form.texts.iter().flat_map(|text| values[rest[*text]].2).for_each(|at| out.of[*at] = class);
    }
    if !forms.is_empty() {
        let again = if pools > 0 { ", of which some come again" } else { "" };
        out.note(format!("made up after {}{again}", counted(forms.len() as u64, "form", "forms")));
    }
}
