//! One member: what is held against each other of its values, and what dependences and the classifier see of them.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::columns::Column;
use super::figure::{Figure, ordered};
use super::form::form;
use crate::clock::Micros;
use crate::plearn::config::Rules;
use crate::plearn::count::{Class, number};
use crate::plearn::learn::rows::{Cell, is_named};
use crate::plearn::learn::{codes, moments};
use crate::record::private::{is_identifying, is_personal};

/// Fewer values on either side say nothing.
const FEWEST: usize = 20;

/// Numbers of at most so many values are codes rather than amounts.
const MOST_CODES: usize = 64;

/// Numbers are divided into so many classes, so that others can depend on them.
const BANDS: usize = 8;

/// The most classes of a member that dependences tell apart: rows without it, null, other types, and those of its values.
pub(super) const MOST_CLASSES: usize = 32;

/// The first class of values.
const FIRST: usize = 8;

/// Stands for a member that is not there, in a feature.
const NOT_THERE: f64 = -1e18;

/// What the values of a member are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Values from a list.
    Values,
    Numbers,
    /// Whole numbers that grow from line to line.
    Counter,
    /// When the events happened.
    EventTime,
    /// Other times.
    Time,
    /// Texts that a world makes up: their forms count.
    Made,
    FreeText,
    Array,
    /// Only null, or objects that are empty or too deep.
    Other,
}

impl Kind {
    /// Its name in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Values => "values",
            Self::Numbers => "numbers",
            Self::Counter => "counter",
            Self::EventTime => "event time",
            Self::Time => "time",
            Self::Made => "form",
            Self::FreeText => "free text",
            Self::Array => "array",
            Self::Other => "other",
        }
    }
}

/// The moments of a member, by side and row.
pub(super) type Moments = [Vec<Option<Micros>>; 2];

/// What is known beside the values of a member.
#[derive(Clone, Copy)]
pub(super) struct Beside<'a> {
    pub(super) rules: &'a Rules,
    pub(super) rows: usize,
    /// The number of each row's event.
    pub(super) places: &'a [Vec<u64>; 2],
    /// How many real events a sampled one stands for.
    pub(super) stands_for: f64,
    /// The times of the events; `None` if no member tells them.
    pub(super) event_times: Option<&'a Moments>,
    /// Whether this member tells them.
    pub(super) is_event_time: bool,
}

/// A member.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) path: String,
    pub(super) kind: Kind,
    pub(super) figures: Vec<Figure>,
    /// Why its values are not judged, if they are not.
    pub(super) why_not: Option<&'static str>,
    /// The class of each row, by side.
    pub(super) classes: [Vec<u8>; 2],
    /// What a classifier sees: numbers for each row, by side.
    pub(super) features: Vec<[Vec<f64>; 2]>,
}

/// Types, by how values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Null,
    Boolean,
    Number,
    Text,
    Array,
    Object,
}

impl Type {
    const ALL: [Self; 6] = [Self::Null, Self::Boolean, Self::Number, Self::Text, Self::Array, Self::Object];

    fn of(cell: &Cell<'_>) -> Self {
        match cell.class {
            Class::Null => Self::Null,
            Class::False | Class::True => Self::Boolean,
            Class::Number => Self::Number,
            Class::Text => Self::Text,
            Class::Array => Self::Array,
            Class::Empty | Class::Deep => Self::Object,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Text => "text",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

/// The values of one side that have the most frequent type.
type Side<'s> = Vec<Cell<'s>>;

impl Member {
    pub(super) fn of(column: &Column<'_>, beside: Beside<'_>) -> Self {
        let mut member = Self {
            path: column.path(),
            kind: Kind::Other,
            figures: vec![presence(column, beside.rows)],
            why_not: None,
            classes: [vec![0; beside.rows], vec![0; beside.rows]],
            features: Vec::new(),
        };
        for (cells, classes) in column.sides.iter().zip(&mut member.classes) {
            cells.iter().for_each(|cell| classes[cell.row as usize] = 1 + Type::of(cell) as u8);
        }
        let type_seen = member.classes.each_ref().map(|side| side.iter().map(|class| f64::from(*class)).collect());
        member.features.push(type_seen);
        if column.sides.iter().any(|cells| cells.len() < FEWEST) {
            member.why_not = Some("one side has too few values");
            return member;
        }
        let types = column
            .sides
            .each_ref()
            .map(|cells| cells.iter().map(|cell| Type::of(cell).name().to_owned()).collect::<Vec<_>>());
        member.figures.push(Figure::words("type", [&types[0], &types[1]]));
        let count = |kind: &Type| column.sides[0].iter().filter(|cell| Type::of(cell) == *kind).count();
        let most =
            Type::ALL.into_iter().max_by_key(|kind| (*kind != Type::Null, count(kind))).filter(|kind| count(kind) > 0);
        let most = most.unwrap_or(Type::Null);
        let sides: [Side<'_>; 2] =
            column.sides.each_ref().map(|cells| cells.iter().filter(|cell| Type::of(cell) == most).copied().collect());
        if most == Type::Null || most == Type::Object {
            member.why_not = Some("there are no values to compare");
        } else if sides.iter().any(|side| side.len() < FEWEST) {
            member.why_not = Some("one side has too few values of the most frequent type");
        } else {
            match most {
                Type::Number => member.numeric(&sides, beside),
                Type::Text => member.text(&sides, beside),
                Type::Array => member.array(&sides, beside),
                _ => member.list(&sides, &sides.each_ref().map(raw_texts), "values"),
            }
        }
        member
    }

    /// Words for each value, held against each other.
    fn list(&mut self, sides: &[Side<'_>; 2], words: &[Vec<String>; 2], name: &'static str) {
        self.kind = Kind::Values;
        self.figures.push(Figure::words(name, [&words[0], &words[1]]));
        self.see_words(sides, words);
    }

    /// Shows the words to dependences and the classifier: each by its place among all, the most frequent first.
    fn see_words(&mut self, sides: &[Side<'_>; 2], words: &[Vec<String>; 2]) {
        let order = ordered([&words[0], &words[1]]);
        let places = words.each_ref().map(|words| words.iter().map(|word| order[word.as_str()]).collect::<Vec<_>>());
        let class = |place: &usize| (FIRST + place).min(MOST_CLASSES - 1);
        self.classify(sides, &places.each_ref().map(|places| places.iter().map(class).collect()));
        #[allow(clippy::cast_precision_loss)] // at most as many as rows
        self.show(sides, &places.map(|places| places.into_iter().map(|place| place as f64).collect()));
    }

    fn see_numbers(&mut self, sides: &[Side<'_>; 2], numbers: &[Vec<f64>; 2]) {
        let mut real = numbers[0].clone();
        real.sort_by(f64::total_cmp);
        let cuts: Vec<f64> = (1..BANDS).map(|band| real[band * real.len() / BANDS]).collect();
        let class = |number: &f64| FIRST + cuts.partition_point(|cut| cut <= number);
        self.classify(sides, &numbers.each_ref().map(|numbers| numbers.iter().map(class).collect()));
        self.show(sides, numbers);
    }

    fn classify(&mut self, sides: &[Side<'_>; 2], classes: &[Vec<usize>; 2]) {
        for ((cells, found), classes) in sides.iter().zip(classes).zip(&mut self.classes) {
            for (cell, class) in cells.iter().zip(found) {
                classes[cell.row as usize] = u8::try_from(*class).unwrap_or(u8::MAX);
            }
        }
    }

    fn show(&mut self, sides: &[Side<'_>; 2], numbers: &[Vec<f64>; 2]) {
        let mut feature = self.classes.each_ref().map(|rows| vec![NOT_THERE; rows.len()]);
        for ((cells, numbers), feature) in sides.iter().zip(numbers).zip(&mut feature) {
            cells.iter().zip(numbers).for_each(|(cell, number)| feature[cell.row as usize] = *number);
        }
        self.features.push(feature);
    }

    fn numeric(&mut self, sides: &[Side<'_>; 2], beside: Beside<'_>) {
        if self.times(sides, beside) {
            return;
        }
        let numbers = sides.each_ref().map(|side| side.iter().map(value).collect::<Vec<f64>>());
        if is_counter(&sides[0], &numbers[0], &beside.places[0]) {
            self.kind = Kind::Counter;
            let steps = |side: usize| steps(&sides[side], &numbers[side], &beside.places[side]);
            let (real, synthetic) = (steps(0), steps(1));
            self.figures.push(Figure::words("steps", [&real, &synthetic]));
            return;
        }
        let words = sides.each_ref().map(raw_texts);
        let keeps = beside.rules.keep.iter().any(|named| is_path(&self.path, named));
        let known = Known::of(&words[0], &beside, &self.path, |word| !keeps && !codes::may_show(word.as_bytes()));
        if known.distinct <= MOST_CODES && known.covered > 0.95 {
            let name =
                |word: &String| if known.shown.contains(word) { word.clone() } else { "another number".to_owned() };
            self.list(sides, &words.map(|words| words.iter().map(name).collect()), "values");
            return;
        }
        if !keeps && are_identifiers(&self.path, &words[0]) {
            self.made(sides, &words.each_ref().map(|words| words.iter().map(|word| form(word)).collect()), &words);
            return;
        }
        self.kind = Kind::Numbers;
        self.figures.push(Figure::numbers("values", [&numbers[0], &numbers[1]]));
        self.see_numbers(sides, &numbers);
    }

    /// Whether the values are times. Then they are held against each other by their forms, and their distances from the event's.
    fn times(&mut self, sides: &[Side<'_>; 2], beside: Beside<'_>) -> bool {
        let written = sides.each_ref().map(|side| side.iter().map(written).collect::<Vec<_>>());
        if !are_times(&written[0]) {
            return false;
        }
        let form = |written: &Option<moments::Written>| match written {
            Some(written) => {
                let settings = written.form.iter().map(|(key, value)| format!("{key} = {value}"));
                settings.collect::<Vec<_>>().join(", ")
            }
            None => "no time".to_owned(),
        };
        let forms = written.each_ref().map(|written| written.iter().map(form).collect::<Vec<_>>());
        self.figures.push(Figure::words("form", [&forms[0], &forms[1]]));
        self.kind = if beside.is_event_time { Kind::EventTime } else { Kind::Time };
        let Some(event_times) = beside.event_times.filter(|_| !beside.is_event_time) else {
            self.see_words(sides, &forms);
            return true;
        };
        let mut near: [Side<'_>; 2] = Default::default();
        let mut distances: [Vec<f64>; 2] = Default::default();
        for side in 0..2 {
            for (cell, written) in sides[side].iter().zip(&written[side]) {
                let event = event_times[side][cell.row as usize];
                if let (Some(written), Some(event)) = (written, event) {
                    near[side].push(*cell);
                    #[allow(clippy::cast_precision_loss)] // centuries of µs stay below 2^53
                    distances[side].push((written.at - event) as f64 / 1000.0);
                }
            }
        }
        if near.iter().all(|side| side.len() >= FEWEST) {
            self.figures.push(Figure::numbers("distance", [&distances[0], &distances[1]]));
            self.see_numbers(&near, &distances);
        }
        true
    }

    fn text(&mut self, sides: &[Side<'_>; 2], beside: Beside<'_>) {
        if self.times(sides, beside) {
            return;
        }
        let words = sides.each_ref().map(|side| {
            side.iter()
                .map(|cell| crate::jsonl::value::text(cell.raw).unwrap_or_default().into_owned())
                .collect::<Vec<_>>()
        });
        let keeps = beside.rules.keep.iter().any(|named| is_path(&self.path, named));
        let known = Known::of(&words[0], &beside, &self.path, |word| !keeps && is_identifying(word));
        if known.covered < 0.5 && has_sentences(&words[0]) {
            self.kind = Kind::FreeText;
            self.why_not = Some("free text");
            return;
        }
        let key = |word: &String| if known.shown.contains(word) { word.clone() } else { form(word) };
        let keys = words.each_ref().map(|words| words.iter().map(key).collect::<Vec<_>>());
        if known.covered >= 0.5 {
            self.list(sides, &keys, "values");
            return;
        }
        self.made(sides, &keys, &words);
    }

    /// Values that a world makes up, by their forms.
    fn made(&mut self, sides: &[Side<'_>; 2], keys: &[Vec<String>; 2], words: &[Vec<String>; 2]) {
        self.kind = Kind::Made;
        self.figures.push(Figure::words("form", [&keys[0], &keys[1]]));
        #[allow(clippy::cast_precision_loss)] // lengths of lines
        let lengths =
            words.each_ref().map(|words| words.iter().map(|word| word.chars().count() as f64).collect::<Vec<_>>());
        self.figures.push(Figure::numbers("length", [&lengths[0], &lengths[1]]));
        self.figures.push(Figure::repeats("repeats", [&words[0], &words[1]]));
        self.see_words(sides, keys);
        self.show(sides, &lengths);
    }

    fn array(&mut self, sides: &[Side<'_>; 2], beside: Beside<'_>) {
        let words = sides.each_ref().map(raw_texts);
        let known = Known::of(&words[0], &beside, &self.path, is_identifying);
        if known.covered > 0.9 {
            let name =
                |word: &String| if known.shown.contains(word) { word.clone() } else { "another array".to_owned() };
            self.list(sides, &words.map(|words| words.iter().map(name).collect()), "values");
            return;
        }
        self.kind = Kind::Array;
        let items = sides.each_ref().map(|side| side.iter().map(items).collect::<Vec<_>>());
        #[allow(clippy::cast_precision_loss)] // lengths of lines
        let lengths = items.each_ref().map(|side| side.iter().map(|(length, _)| *length as f64).collect::<Vec<_>>());
        let firsts = items.map(|side| side.into_iter().map(|(_, first)| first).collect::<Vec<_>>());
        self.figures.push(Figure::numbers("length", [&lengths[0], &lengths[1]]));
        self.figures.push(Figure::words("items", [&firsts[0], &firsts[1]]));
        self.see_words(sides, &firsts);
        self.show(sides, &lengths);
    }
}

/// The moments of a member, if it holds times.
pub(super) fn moments(column: &Column<'_>, rows: usize) -> Option<Moments> {
    let read = column.sides.each_ref().map(|side| side.iter().map(written).collect::<Vec<_>>());
    if column.sides[0].len() < FEWEST || !are_times(&read[0]) {
        return None;
    }
    let mut out = [vec![None; rows], vec![None; rows]];
    for ((cells, read), out) in column.sides.iter().zip(read).zip(&mut out) {
        cells.iter().zip(read).for_each(|(cell, read)| out[cell.row as usize] = read.map(|read| read.at));
    }
    Some(out)
}

fn written(cell: &Cell<'_>) -> Option<moments::Written> {
    match cell.class {
        Class::Text => moments::text(crate::jsonl::value::text(cell.raw)?.as_ref()),
        Class::Number => moments::number(std::str::from_utf8(cell.raw).ok()?),
        _ => None,
    }
}

fn are_times(written: &[Option<moments::Written>]) -> bool {
    written.iter().flatten().count() * 100 >= written.len() * 98
}

fn presence(column: &Column<'_>, rows: usize) -> Figure {
    let [real, synthetic] = column.sides.each_ref().map(|cells| {
        let there = vec!["there".to_owned(); cells.len()];
        there.into_iter().chain(vec!["not there".to_owned(); rows - cells.len()]).collect::<Vec<_>>()
    });
    Figure::words("presence", [&real, &synthetic])
}

fn raw_texts(side: &Side<'_>) -> Vec<String> {
    side.iter().map(|cell| String::from_utf8_lossy(cell.raw).into_owned()).collect()
}

/// Whether raw numbers are identifiers.
fn are_identifiers(path: &str, numbers: &[String]) -> bool {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    numbers.iter().for_each(|number| *counts.entry(number).or_insert(0) += 1);
    codes::are_identifiers(path, counts.into_iter().map(|(number, count)| (number.as_bytes(), count)))
}

fn value(cell: &Cell<'_>) -> f64 {
    number(cell.raw).map_or(0.0, |(number, _)| number)
}

fn is_path(path: &str, named: &str) -> bool {
    is_named(&path.split('.').map(str::to_owned).collect::<Vec<_>>(), named)
}

/// The values that a world may show.
struct Known {
    shown: HashSet<String>,
    /// The share of the real values that they make up.
    covered: f64,
    distinct: usize,
}

impl Known {
    /// A value is known if so many lines hold it that a world learnt from as many lines shows it too, if that lists so many values, and
    /// if it identifies nobody.
    fn of(words: &[String], beside: &Beside<'_>, path: &str, is_hidden: impl Fn(&str) -> bool) -> Self {
        let mut counts: HashMap<&str, u32> = HashMap::new();
        words.iter().for_each(|word| *counts.entry(word).or_insert(0) += 1);
        let keeps = beside.rules.keep.iter().any(|named| is_path(path, named));
        let is_often = |count: u32| {
            #[allow(clippy::cast_precision_loss)] // counts far below 2^53
            let enough = 1.5 * beside.rules.min_count as f64;
            count >= 5 && f64::from(count) * beside.stands_for >= enough
        };
        let may_show = !is_personal(path) || keeps;
        let distinct = counts.len();
        let is_shown = |(word, count): &(&str, u32)| may_show && is_often(*count) && !is_hidden(word);
        let mut shown: Vec<(&str, u32)> = counts.into_iter().filter(is_shown).collect();
        shown.sort_unstable_by_key(|(word, count)| (Reverse(*count), *word));
        shown.truncate(beside.rules.max_values);
        let covered = shown.iter().map(|(_, count)| f64::from(*count)).sum::<f64>();
        #[allow(clippy::cast_precision_loss)] // at most as many as rows
        let covered = covered / words.len().max(1) as f64;
        Self { shown: shown.into_iter().map(|(word, _)| word.to_owned()).collect(), covered, distinct }
    }
}

/// Whether at least half of the texts have three words or more.
fn has_sentences(words: &[String]) -> bool {
    words.iter().filter(|text| text.split_whitespace().nth(2).is_some()).count() * 2 >= words.len()
}

/// Values in the order of their lines.
fn in_order(side: &Side<'_>, numbers: &[f64], places: &[u64]) -> Vec<f64> {
    let mut ordered: Vec<(u64, f64)> =
        side.iter().zip(numbers).map(|(cell, number)| (places[cell.row as usize], *number)).collect();
    ordered.sort_by_key(|(place, _)| *place);
    ordered.into_iter().map(|(_, number)| number).collect()
}

/// Whether whole numbers grow from nearly every line to the next.
fn is_counter(side: &Side<'_>, numbers: &[f64], places: &[u64]) -> bool {
    let ordered = in_order(side, numbers, places);
    let grows = ordered.windows(2).filter(|pair| pair[1] > pair[0]).count();
    numbers.iter().all(|number| number.fract() == 0.0) && grows * 100 >= (ordered.len() - 1) * 99
}

/// Whether each number is larger than the one of the line before.
fn steps(side: &Side<'_>, numbers: &[f64], places: &[u64]) -> Vec<String> {
    let ordered = in_order(side, numbers, places);
    let word = |pair: &[f64]| match pair[1].total_cmp(&pair[0]) {
        std::cmp::Ordering::Greater => "larger",
        std::cmp::Ordering::Equal => "the same",
        std::cmp::Ordering::Less => "smaller",
    };
    ordered.windows(2).map(|pair| word(pair).to_owned()).collect()
}

/// How many items an array has, and what the first is.
fn items(cell: &Cell<'_>) -> (usize, String) {
    let items: Vec<&serde_json::value::RawValue> = serde_json::from_slice(cell.raw).unwrap_or_default();
    let first = items.first().map(|item| match item.get().as_bytes()[0] {
        b'"' => "text",
        b'{' => "object",
        b'[' => "array",
        b't' | b'f' => "boolean",
        b'n' => "null",
        _ => "number",
    });
    (items.len(), first.unwrap_or("nothing").to_owned())
}
