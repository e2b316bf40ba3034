//! The values of one member: what is known of them, and the classes into which they are divided.

use std::collections::BTreeMap;

use super::model::{Class, Objects, Value};
use super::moments;
use super::rows::Cell;
use crate::clock::Micros;
use crate::plearn::config::Rules;
use crate::plearn::count::{self, Member};

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
    /// Whether the texts hold signs for the values of other members, so that they are not those that were counted of all lines.
    pub(super) is_rewritten: bool,
    /// How many arrays are around.
    pub(super) depth: usize,
    /// Learns the objects in an array, whose values are learnt like these.
    pub(super) objects: LearnObjects,
}

/// Takes objects, each with how often its line came, how many of them a line has at most, and what is known of the array.
pub(super) type LearnObjects = fn(&[(u64, &[u8])], usize, &About<'_>) -> Option<Nested>;

/// The objects in an array, and why they look like secrets.
pub(super) type Nested = (Objects, Option<&'static str>);

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
    pub(super) fn class(&mut self, label: impl Into<String>, weight: f64, value: Value) -> u16 {
        self.classes.push(Class { label: label.into(), weight, value });
        u16::try_from(self.classes.len() - 1).unwrap_or(u16::MAX)
    }

    pub(super) fn note(&mut self, words: impl Into<String>) {
        self.notes.push(words.into());
    }
}

#[allow(clippy::cast_precision_loss)] // counts far below 2^53
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

/// Raw values with their counts in all lines, if these are known, else in the sample; and their places.
pub(super) type Dictionary<'c> = BTreeMap<&'c [u8], (u64, Vec<usize>)>;

pub(super) fn dictionary<'c>(cells: &[Cell<'c>], places: &[usize], about: &About<'_>) -> Dictionary<'c> {
    let mut all = Dictionary::new();
    for at in places {
        let (sum, of) = all.entry(cells[*at].raw).or_default();
        let row = cells[*at].row;
        // An array that holds a value often is still one line.
        if of.last().is_none_or(|last: &usize| cells[*last].row != row) {
            *sum += about.counts[row as usize];
        }
        of.push(*at);
    }
    if let Some(member) = about.all.as_ref().filter(|_| !about.is_rewritten) {
        for (raw, (sum, _)) in &mut all {
            *sum = member.values.exact(count::hash(raw)).unwrap_or(*sum).max(*sum);
        }
    }
    all
}

/// How many values the lines hold, with those that are not in the sample.
pub(super) fn estimate(about: &mut About<'_>, sampled: usize) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let sampled = sampled as f64;
    about.all.as_mut().filter(|_| !about.is_rewritten).map_or(sampled, |all| all.distinct()).max(sampled)
}

/// An entry of a dictionary.
pub(super) type Entry<'d> = (&'d [u8], (u64, &'d Vec<usize>));

/// Entries of a dictionary, the most frequent first.
pub(super) fn ordered<'d>(dictionary: &'d Dictionary<'_>) -> Vec<Entry<'d>> {
    let mut all: Vec<_> = dictionary.iter().map(|(raw, (sum, of))| (*raw, (*sum, of))).collect();
    all.sort_by(|a, b| b.1.0.cmp(&a.1.0).then(a.0.cmp(b.0)));
    all
}

/// The form of nearly all values, if they are times. Sets the moments.
pub(super) fn times(
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
