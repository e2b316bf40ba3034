//! Divides the values of one member into classes, and says how the values of each are made.

use std::collections::BTreeMap;

use super::form::{self, Counted};
use super::model::{Class, Literal, Numbers, Value};
use super::numbers::{self, Bin};
use super::rows::Cell;
use super::{moments, standin};
use crate::cli::numbers::{count as digits, counted};
use crate::clock::Micros;
use crate::plearn::config::Rules;
use crate::plearn::count::{self, Class as Kind, Member};
use crate::record::private::{holds_key, is_identifying, is_personal, is_secret, words};

/// Numbers are divided into this many classes, so that others can depend on them.
const BANDS: usize = 8;

/// The most numbers that are listed one by one.
const MOST_NUMBERS: usize = 64;

/// Arrays within this many others are not looked into.
const DEEPEST: usize = 4;

/// What is known of a member beside its values.
pub(super) struct About<'a> {
    pub(super) path: &'a str,
    pub(super) rules: &'a Rules,
    /// Whether values that look like identifiers are shown.
    pub(super) keeps: bool,
    /// How often each row came.
    pub(super) counts: &'a [u64],
    /// What was counted of all lines; `None` within arrays.
    pub(super) all: Option<&'a mut Member>,
    /// How many arrays are around.
    pub(super) depth: usize,
}

/// The classes of a member.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) classes: Vec<Class>,
    /// The class of each cell.
    pub(super) of: Vec<u16>,
    pub(super) whole: Option<Value>,
    pub(super) notes: Vec<String>,
    /// Why it looks like a secret.
    pub(super) secret: Option<&'static str>,
    /// The moment in each cell, if they are times.
    pub(super) moments: Option<Vec<Option<Micros>>>,
}

impl Values {
    fn class(&mut self, label: impl Into<String>, weight: f64, value: Value) -> u16 {
        self.classes.push(Class { label: label.into(), weight, value });
        u16::try_from(self.classes.len() - 1).unwrap_or(u16::MAX)
    }

    fn note(&mut self, words: impl Into<String>) {
        self.notes.push(words.into());
    }
}

#[allow(clippy::cast_precision_loss)] // counts far below 2^53
fn float(count: u64) -> f64 {
    count as f64
}

/// Learns the values of a member.
pub(super) fn learn(cells: &[Cell<'_>], mut about: About<'_>) -> Values {
    let mut out = Values { of: vec![0; cells.len()], ..Values::default() };
    let mut sampled = [0u64; count::CLASSES];
    for cell in cells {
        sampled[cell.class as usize] += about.counts[cell.row as usize];
    }
    let classes = about.all.as_ref().map_or(sampled, |all| all.classes);
    let is_secret = is_secret(about.path);
    if is_secret {
        out.secret = Some("its name");
    }
    let single = [
        (Kind::Null, Value::Null, "null"),
        (Kind::False, Value::Literal(Literal::Json("false".to_owned())), "false"),
        (Kind::True, Value::Literal(Literal::Json("true".to_owned())), "true"),
        (Kind::Empty, Value::Literal(Literal::Json("{}".to_owned())), "{}"),
        (Kind::Deep, Value::Literal(Literal::Json("{}".to_owned())), "deep object"),
    ];
    for (kind, value, label) in single {
        if sampled[kind as usize] > 0 {
            let class = out.class(label, float(classes[kind as usize]), value);
            cells.iter().zip(&mut out.of).filter(|(cell, _)| cell.class == kind).for_each(|(_, of)| *of = class);
            if kind == Kind::Deep {
                out.note("objects too deep to be looked into: written as {}");
            }
        }
    }
    for kind in [Kind::Number, Kind::Text, Kind::Array] {
        let places: Vec<usize> = (0..cells.len()).filter(|at| cells[*at].class == kind).collect();
        if places.is_empty() {
            continue;
        }
        let weight = float(classes[kind as usize]);
        let from = out.classes.len();
        match kind {
            Kind::Number => numeric(cells, &places, &mut about, &mut out),
            Kind::Text => text(cells, &places, &mut about, &mut out),
            _ => array(cells, &places, &mut about, &mut out),
        }
        scale(&mut out.classes[from..], weight);
    }
    if out.classes.len() == 1 && out.whole.is_none() {
        out.whole = Some(out.classes[0].value.clone());
    }
    if out.classes.iter().any(|class| class.value == Value::Null) && out.classes.len() > 1 {
        out.whole = None;
    }
    out
}

/// Brings weights to a sum.
fn scale(classes: &mut [Class], sum: f64) {
    let all: f64 = classes.iter().map(|class| class.weight).sum();
    if all > 0.0 {
        classes.iter_mut().for_each(|class| class.weight *= sum / all);
    }
}

/// Raw values with their counts in all lines, if these are known, else in the sample; and their places.
type Dictionary<'c> = BTreeMap<&'c [u8], (u64, Vec<usize>)>;

fn dictionary<'c>(cells: &[Cell<'c>], places: &[usize], about: &About<'_>) -> Dictionary<'c> {
    let mut all = Dictionary::new();
    for at in places {
        let (sum, of) = all.entry(cells[*at].raw).or_default();
        *sum += about.counts[cells[*at].row as usize];
        of.push(*at);
    }
    if let Some(member) = &about.all {
        for (raw, (sum, _)) in &mut all {
            *sum = member.values.exact(count::hash(raw)).unwrap_or(*sum).max(*sum);
        }
    }
    all
}

/// How many values the lines hold beyond those of the sample.
fn estimate(about: &mut About<'_>, sampled: usize) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let sampled = sampled as f64;
    about.all.as_mut().map_or(sampled, |all| all.values.estimate()).max(sampled)
}

fn numeric(cells: &[Cell<'_>], places: &[usize], about: &mut About<'_>, out: &mut Values) {
    let found: Vec<(f64, u32)> = places.iter().map(|at| count::number(cells[*at].raw).unwrap_or((0.0, 0))).collect();
    if let Some(form) = times(cells, places, out, |cell| moments::number(std::str::from_utf8(cell.raw).ok()?)) {
        let class = out.class("time", 1.0, Value::Time { form, plus: None });
        places.iter().for_each(|at| out.of[*at] = class);
        return;
    }
    if places.iter().all(|at| cells[*at].raw.iter().all(u8::is_ascii_digit)) {
        let longest = places.iter().map(|at| cells[*at].raw.len()).max().unwrap_or(0);
        // Doubles do not hold them exactly.
        if longest > 15 {
            let pattern = format!("{{n:1-9}}{{n:{}}}", longest - 1);
            let class = out.class("number", 1.0, Value::Pattern { pattern, is_number: true });
            places.iter().for_each(|at| out.of[*at] = class);
            out.note(format!("random numbers of {longest} digits"));
            return;
        }
    }
    let dictionary = dictionary(cells, places, about);
    let total: u64 = dictionary.values().map(|(sum, _)| sum).sum();
    let distinct = estimate(about, dictionary.len());
    let lines = about.all.as_ref().map_or(total, |all| all.classes[Kind::Number as usize]);
    let decimals = decimals(&found);
    let is_hidden = is_personal(about.path) && !about.keeps;
    let may_show = |raw: &[u8], sum: u64| {
        sum >= about.rules.min_count && !is_hidden && (about.keeps || raw.len() <= 5 || raw.ends_with(b"000"))
    };
    // A few numbers: codes rather than amounts.
    let frequent: u64 = dictionary.iter().filter(|(raw, (sum, _))| may_show(raw, *sum)).map(|(_, (sum, _))| sum).sum();
    #[allow(clippy::cast_precision_loss)]
    let is_listed = distinct <= MOST_NUMBERS.min(about.rules.max_values) as f64 && frequent * 50 >= total * 49;
    let bounds = about.all.as_ref().map_or_else(
        || {
            let mut bins = count::Bins::default();
            found.iter().zip(places).for_each(|((n, _), at)| bins.add(*n, about.counts[cells[*at].row as usize]));
            bins.bounds()
        },
        |all| all.bins.bounds(),
    );
    let (least, most) = found.iter().fold((f64::MAX, f64::MIN), |(low, high), (n, _)| (low.min(*n), high.max(*n)));
    let beyond = if lines > total { (f64::MIN, f64::MAX) } else { (least, most) };
    if is_listed {
        let mut rest = Vec::new();
        let mut shown = 0;
        for (raw, (sum, of)) in ordered(&dictionary) {
            if may_show(raw, sum) {
                let json = String::from_utf8_lossy(raw).into_owned();
                let class = out.class(json.clone(), float(sum), Value::Literal(Literal::Json(json)));
                of.iter().for_each(|at| out.of[*at] = class);
                shown += 1;
            } else {
                rest.push((sum, of));
            }
        }
        // The others take the value that is most frequent.
        let hidden: u64 = rest.iter().map(|(sum, _)| sum).sum();
        let first = u16::try_from(out.classes.len() - shown).unwrap_or(0);
        rest.iter().flat_map(|(_, of)| of.iter()).for_each(|at| out.of[*at] = first);
        out.note(format!("{} kept", counted(shown as u64, "value", "values")));
        if hidden > 0 {
            out.note(format!("{} left out, which too few lines hold", counted(rest.len() as u64, "value", "values")));
        }
        return;
    }
    if let Some(start) = counter(&found, lines, distinct, decimals) {
        let class = out.class("number", 1.0, Value::Counter(start));
        places.iter().for_each(|at| out.of[*at] = class);
        out.note("a counter; its first number is rounded");
        return;
    }
    let bins = numbers::of_bins(&bounds, decimals, beyond.0, beyond.1);
    let bins = numbers::joined(&bins, float(about.rules.min_count));
    let whole = numbers::table(&bins, decimals).map(Value::Numbers);
    let cuts = numbers::cuts(&bins, BANDS);
    let first = out.classes.len();
    let mut from = f64::MIN;
    let mut class_of_part = Vec::new();
    for (part, to) in cuts.iter().copied().chain([f64::MAX]).enumerate() {
        let within: Vec<Bin> = bins.iter().filter(|bin| bin.0 >= from && bin.0 < to).copied().collect();
        let weight = within.iter().map(|bin| bin.2).sum();
        if let Some(numbers) = numbers::table(&within, decimals) {
            class_of_part.push(out.class(format!("band {}", part + 1), weight, Value::Numbers(numbers)));
        } else {
            class_of_part.push(u16::try_from(out.classes.len().saturating_sub(1).max(first)).unwrap_or(0));
        }
        from = to;
    }
    for ((number, _), at) in found.iter().zip(places) {
        out.of[*at] = class_of_part[cuts.partition_point(|cut| cut <= number)];
    }
    if first == 0 {
        out.whole = whole;
    }
    out.note("a distribution; its bounds are rounded");
}

/// The decimal places of all but a thousandth of the numbers.
fn decimals(found: &[(f64, u32)]) -> u32 {
    let mut places: Vec<u32> = found.iter().map(|(_, places)| *places).collect();
    places.sort_unstable();
    places[(places.len() - 1) - places.len() / 1000].min(9)
}

/// The first number, if the numbers count lines: all different, and as many as there are between the first and the last.
fn counter(found: &[(f64, u32)], lines: u64, distinct: f64, decimals: u32) -> Option<i64> {
    let (least, most) = found.iter().fold((f64::MAX, f64::MIN), |(low, high), (n, _)| (low.min(*n), high.max(*n)));
    let span = (most - least + 1.0) / float(lines);
    let is_all_different = distinct > 0.8 * float(lines);
    if decimals > 0 || lines < 100 || !is_all_different || !(0.9..1.1).contains(&span) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation)] // a double that a JSON reader holds exactly
    let start = numbers::significant(least, 2).clamp(-9e15, 9e15) as i64;
    Some(start)
}

/// An entry of a dictionary.
type Entry<'d> = (&'d [u8], (u64, &'d Vec<usize>));

/// Entries of a dictionary, the most frequent first.
fn ordered<'d>(dictionary: &'d Dictionary<'_>) -> Vec<Entry<'d>> {
    let mut all: Vec<_> = dictionary.iter().map(|(raw, (sum, of))| (*raw, (*sum, of))).collect();
    all.sort_by(|a, b| b.1.0.cmp(&a.1.0).then(a.0.cmp(b.0)));
    all
}

/// The form of nearly all values, if they are times. Sets the moments.
fn times(
    cells: &[Cell<'_>],
    places: &[usize],
    out: &mut Values,
    read: impl Fn(&Cell<'_>) -> Option<moments::Written>,
) -> Option<moments::Form> {
    let is_any = places.iter().take(20).any(|at| read(&cells[*at]).is_some());
    if !is_any {
        return None;
    }
    let mut forms: BTreeMap<moments::Form, usize> = BTreeMap::new();
    let mut moments = vec![None; cells.len()];
    for at in places {
        let Some(written) = read(&cells[*at]) else { continue };
        *forms.entry(written.form).or_insert(0) += 1;
        moments[*at] = Some(written.at);
    }
    let read: usize = forms.values().sum();
    let (form, _) = forms.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))?;
    (read * 100 >= places.len() * 98).then(|| {
        out.moments = Some(moments);
        form
    })
}

fn text(cells: &[Cell<'_>], places: &[usize], about: &mut About<'_>, out: &mut Values) {
    let read = |cell: &Cell<'_>| moments::text(crate::jsonl::value::text(cell.raw)?.as_ref());
    if let Some(form) = times(cells, places, out, read) {
        let class = out.class("time", 1.0, Value::Time { form, plus: None });
        places.iter().for_each(|at| out.of[*at] = class);
        return;
    }
    let dictionary = dictionary(cells, places, about);
    let sampled: u64 = dictionary.values().map(|(sum, _)| sum).sum();
    let distinct = estimate(about, dictionary.len());
    let min_count = about.rules.min_count;
    let values: Vec<(String, u64, &Vec<usize>)> = ordered(&dictionary)
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
        forms(&values, about, out);
    }
}

/// A member with few values: each is shown, or has a stand-in.
fn list(values: &[(String, u64, &Vec<usize>)], about: &About<'_>, out: &mut Values) {
    let min_count = about.rules.min_count;
    let is_hidden = is_personal(about.path) && !about.keeps;
    // Words that enough lines hold may stay within a stand-in.
    let mut word_counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (text, sum, _) in values {
        let mut seen: Vec<&str> = words(text).collect();
        seen.sort_unstable();
        seen.dedup();
        seen.into_iter().for_each(|word| *word_counts.entry(word).or_insert(0) += sum);
    }
    // A word of one value alone is that value's own.
    let uses = |word: &str| values.iter().filter(|(text, ..)| words(text).any(|other| other == word)).count();
    let is_shown = |word: &str| {
        !is_hidden
            && word_counts.get(word).is_some_and(|sum| *sum >= min_count)
            && (values.len() == 1 || uses(word) > 1)
    };
    let stream = standin::stream(about.path);
    let mut taken: Vec<String> = values.iter().map(|(text, ..)| text.clone()).collect();
    let (mut kept, mut made, mut rest) = (0u64, 0u64, Vec::new());
    let total: u64 = values.iter().map(|(_, sum, _)| sum).sum();
    for (at, (text, sum, of)) in (0u64..).zip(values) {
        let may_show = *sum >= min_count && (about.keeps || !is_hidden && !is_identifying(text));
        let value = if may_show || text.is_empty() && *sum >= min_count {
            kept += 1;
            text.clone()
        } else if *sum >= 3 || sum * 200 >= total {
            // Another draw if a value has the same text by chance; a text without letters and digits stays as it is.
            let tries = (0..100).map(|n| standin::text(text, stream.stream(at).stream(n), &is_shown));
            let Some(made_up) = tries.into_iter().find(|new| !taken.contains(new)) else {
                rest.push((sum, of));
                continue;
            };
            taken.push(made_up.clone());
            made += 1;
            made_up
        } else {
            rest.push((sum, of));
            continue;
        };
        let class = out.class(value.clone(), float(*sum), Value::Literal(Literal::Text(value)));
        of.iter().for_each(|at| out.of[*at] = class);
    }
    if !rest.is_empty() {
        // Too rare to have a share of their own.
        let texts: Vec<Counted<'_>> =
            values.iter().skip(values.len() - rest.len()).map(|(text, sum, _)| (&**text, *sum)).collect();
        let pattern = form::forms(&texts, u64::MAX, true).swap_remove(0).pattern;
        let weight = rest.iter().map(|(sum, _)| float(**sum)).sum();
        let class = out.class("others", weight, Value::Pattern { pattern, is_number: false });
        rest.iter().flat_map(|(_, of)| of.iter()).for_each(|at| out.of[*at] = class);
    }
    if kept > 0 {
        out.note(format!("{} kept", counted(kept, "value", "values")));
    }
    if made > 0 {
        out.note(format!("{} made up in place of {}", digits(made), counted(made, "value", "values")));
    }
}

/// A member with many values: their forms.
fn forms(values: &[(String, u64, &Vec<usize>)], about: &About<'_>, out: &mut Values) {
    let hides = (is_personal(about.path) || out.secret.is_some()) && !about.keeps;
    let texts: Vec<Counted<'_>> = values.iter().map(|(text, sum, _)| (&**text, *sum)).collect();
    let forms = form::forms(&texts, about.rules.min_count, hides);
    for form in &forms {
        let value = Value::Pattern { pattern: form.pattern.clone(), is_number: false };
        let class = out.class(format!("form {}", out.classes.len() + 1), float(form.count), value);
        for text in &form.texts {
            values[*text].2.iter().for_each(|at| out.of[*at] = class);
        }
    }
    out.note(format!("made up after {}", counted(forms.len() as u64, "form", "forms")));
}

fn array(cells: &[Cell<'_>], places: &[usize], about: &mut About<'_>, out: &mut Values) {
    let dictionary = dictionary(cells, places, about);
    let min_count = about.rules.min_count;
    let total: u64 = dictionary.values().map(|(sum, _)| sum).sum();
    let may_show = |raw: &[u8], sum: u64| {
        sum >= min_count && (about.keeps || std::str::from_utf8(raw).is_ok_and(|text| !is_identifying(text)))
    };
    let is_flat =
        |raw: &[u8]| !raw[1..].iter().any(|byte| matches!(byte, b'[' | b'{')) && !raw.windows(4).any(|w| w == b"null");
    let frequent: u64 = dictionary.iter().filter(|(raw, (sum, _))| may_show(raw, *sum)).map(|(_, (sum, _))| sum).sum();
    if dictionary.len() <= MOST_NUMBERS && frequent * 50 >= total * 49 && dictionary.keys().all(|raw| is_flat(raw)) {
        let first = u16::try_from(out.classes.len()).unwrap_or(0);
        for (raw, (sum, of)) in ordered(&dictionary) {
            let mut class = first;
            if may_show(raw, sum) {
                let json = String::from_utf8_lossy(raw).into_owned();
                class = out.class(json.clone(), float(sum), Value::Literal(Literal::Json(json)));
            }
            of.iter().for_each(|at| out.of[*at] = class);
        }
        out.note(format!("{} kept", counted((out.classes.len() - usize::from(first)) as u64, "array", "arrays")));
        return;
    }
    if about.depth >= DEEPEST {
        let class = out.class("[]", 1.0, Value::Literal(Literal::Json("[]".to_owned())));
        places.iter().for_each(|at| out.of[*at] = class);
        out.note("arrays too deep to be looked into: written as []");
        return;
    }
    let items: Vec<Vec<&serde_json::value::RawValue>> =
        places.iter().map(|at| serde_json::from_slice(cells[*at].raw).unwrap_or_default()).collect();
    let mut inner: Vec<Cell<'_>> = Vec::new();
    let mut lengths = count::Bins::default();
    for (items, at) in items.iter().zip(places) {
        let row = cells[*at].row;
        #[allow(clippy::cast_precision_loss)]
        lengths.add(items.len().min(10_000) as f64, about.counts[row as usize]);
        for item in items.iter().take(1000) {
            let raw = item.get().as_bytes();
            let class = match raw.first() {
                Some(b'"') => Kind::Text,
                Some(b'[') => Kind::Array,
                Some(b'{') => Kind::Deep,
                Some(b't') => Kind::True,
                Some(b'f') => Kind::False,
                Some(b'n') => Kind::Null,
                _ => Kind::Number,
            };
            inner.push(Cell { row, class, raw });
        }
    }
    let separator =
        if places.iter().any(|at| cells[*at].raw.windows(2).any(|pair| pair == b", ")) { ", " } else { "," };
    let bins = numbers::of_bins(&lengths.bounds(), 0, 0.0, 10_000.0);
    let bins = numbers::joined(&bins, float(min_count));
    let numbers = numbers::table(&bins, 0).unwrap_or(Numbers {
        places: 0,
        points: vec![(0.0, 0.0), (1.0, 0.0)],
        is_quoted: false,
    });
    let of_items = About {
        path: about.path,
        rules: about.rules,
        keeps: about.keeps,
        counts: about.counts,
        all: None,
        depth: about.depth + 1,
    };
    let items = if inner.is_empty() { Values::default() } else { learn(&inner, of_items) };
    out.notes.extend(items.notes.iter().map(|note| format!("items: {note}")));
    out.secret = out.secret.or(items.secret);
    let value = Value::Array { items: items.classes, lengths: numbers, separator: separator.to_owned() };
    let class = out.class("array", 1.0, value);
    places.iter().for_each(|at| out.of[*at] = class);
}
