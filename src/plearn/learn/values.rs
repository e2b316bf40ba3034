//! Divides the values of one member into classes, and says how the values of each are made.

use super::amounts::{MOST_NUMBERS, numeric};
use super::cells::{About, Values, dictionary, float, ordered};
use super::model::{Class, Literal, Numbers, Objects, Value};
use super::rows::Cell;
use super::{numbers, texts};
use crate::cli::numbers::counted;
use crate::plearn::count::{self, Class as Kind};
use crate::record::private::{is_identifying, is_secret};

/// Arrays within this many others are not looked into.
const DEEPEST: usize = 4;

/// The most items of an array, and about how many bytes they may have.
const MOST_ITEMS: usize = 10_000;
const MOST_BYTES: usize = 300_000;

/// The most objects of a line that are looked at. A value is shown only if so many times `--min-count` objects hold it, since one line
/// may hold it so often.
const MOST_OF_A_LINE: usize = 8;

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
            Kind::Text => texts::learn(cells, &places, &mut about, &mut out),
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
    // So many of the longest are no event that pgen refuses.
    let longest = items.iter().flatten().map(|item| item.get().len()).max().unwrap_or(0);
    let most_items = (MOST_BYTES / (longest + 1)).clamp(1, MOST_ITEMS);
    let mut inner: Vec<Cell<'_>> = Vec::new();
    let mut found: Vec<(u64, &[u8])> = Vec::new();
    let (mut of_a_line, mut all_objects) = (0, 0);
    let mut lengths = count::Bins::default();
    for (items, at) in items.iter().zip(places) {
        let row = cells[*at].row;
        #[allow(clippy::cast_precision_loss)]
        lengths.add(items.len().min(most_items) as f64, about.counts[row as usize]);
        let before = found.len();
        for item in items.iter().take(1000) {
            let raw = item.get().as_bytes();
            if raw[0] == b'{' {
                all_objects += 1;
                if found.len() - before < MOST_OF_A_LINE {
                    found.push((about.counts[row as usize], raw));
                }
            }
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
        of_a_line = of_a_line.max(found.len() - before);
    }
    let separator =
        if places.iter().any(|at| cells[*at].raw.windows(2).any(|pair| pair == b", ")) { ", " } else { "," };
    #[allow(clippy::cast_precision_loss)] // exact
    let bins = numbers::of_bins(&lengths.bounds(), 0, 0.0, MOST_ITEMS as f64);
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
        is_rewritten: about.is_rewritten,
        depth: about.depth + 1,
        objects: about.objects,
    };
    let learnt = if all_objects * 2 > inner.len() { (of_items.objects)(&found, of_a_line, &of_items) } else { None };
    let items = match learnt {
        Some((learnt, secret)) => {
            let notes = vec!["objects, as below".to_owned()];
            Values { classes: vec![of_objects(learnt)], secret, notes, ..Values::default() }
        }
        None if inner.is_empty() => Values::default(),
        None => learn(&inner, of_items),
    };
    out.notes.extend(items.notes.iter().map(|note| format!("items: {note}")));
    out.secret = out.secret.or(items.secret);
    let value = Value::Array { items: items.classes, lengths: numbers, separator: separator.to_owned() };
    let class = out.class("array", 1.0, value);
    places.iter().for_each(|at| out.of[*at] = class);
}

/// Objects as the items of an array.
fn of_objects(objects: Objects) -> Class {
    Class { label: "object".to_owned(), weight: 1.0, value: Value::Objects(Box::new(objects)) }
}
