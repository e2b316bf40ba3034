//! The routes to fields, as a finite automaton. Its states are positions in a line. Its steps are keys and elements.
//!
//! A path of n keys can be written in 2^(n-1) ways, because each dot either separates two keys of the line or belongs to one. These ways
//! share their states, so the automaton has about as many states as the paths have keys. The walk keeps the [`Route`] that led to
//! a state.

use std::collections::{BTreeMap, HashMap};

use super::fields::{FieldSet, NONE, index};
use crate::jsonl::value::same;

/// The way to a state: one bit for each dot of the path, from the left, set if the dot belongs to a key. The smaller of two routes to
/// a field takes precedence.
pub(super) type Route = u64;

/// Dots after this many always separate keys, so no route has all bits set.
const MOST_JOINED: usize = 63;

/// A prefix of a field's path: the keys that have been passed. The field is here or below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Prefix {
    pub(super) field: u32,
    passed: u32,
}

impl Prefix {
    /// All routes to the field that begin with `route`, which led here.
    pub(super) fn routes(self, route: Route) -> std::ops::RangeInclusive<Route> {
        route..=route | Route::MAX.unbounded_shr(self.passed)
    }
}

#[derive(Debug, Default)]
struct State {
    /// The fields that are here, then those below.
    prefixes: Box<[Prefix]>,
    /// How many of these fields are here.
    ends: usize,
    /// Sorted by the length of the key.
    steps: Box<[Step]>,
    /// For each length: where the steps with a key of at least this length begin. The last is the number of steps.
    lengths: Box<[usize]>,
    /// The steps whose key is also the number of an element.
    elements: Box<[(u64, usize)]>,
}

/// A step from one state to another.
#[derive(Debug)]
pub(super) struct Step {
    key: Box<[u8]>,
    pub(super) to: u32,
    from: Box<[(u32, Route)]>,
}

impl Step {
    /// For each prefix of the next state: the prefix of the previous state that it extends, and the bits that it adds to the
    /// route.
    #[inline]
    pub(super) fn from(&self) -> &[(u32, Route)] {
        &self.from
    }
}

/// The automaton of a set of fields.
#[derive(Debug)]
pub(super) struct Routes {
    states: Vec<State>,
    fields: usize,
}

impl Default for Routes {
    fn default() -> Self {
        Self::new(&FieldSet::default())
    }
}

impl Routes {
    /// The state at the start of a line.
    pub(super) const ROOT: u32 = 0;

    pub(super) fn new(fields: &FieldSet) -> Self {
        let paths: Vec<Vec<String>> = fields.keys().collect();
        let is_end = |prefix: &Prefix| prefix.passed as usize == paths[prefix.field as usize].len();
        let root: Vec<Prefix> = (0..paths.len()).map(|field| Prefix { field: index(field), passed: 0 }).collect();
        let mut known = HashMap::from([(root.clone(), Self::ROOT)]);
        let mut open = vec![root];
        let mut states = Vec::new();
        // States are numbered as they are found, and built in that order.
        while let Some(prefixes) = open.get(states.len()).cloned() {
            let mut steps = Vec::new();
            for ((_, key), mut moves) in moves(&prefixes, &paths) {
                moves.sort_by_key(|to| (!is_end(&to.prefix), to.prefix));
                let prefixes: Vec<Prefix> = moves.iter().map(|to| to.prefix).collect();
                let to = *known.entry(prefixes).or_insert_with_key(|prefixes| {
                    open.push(prefixes.clone());
                    index(open.len() - 1)
                });
                steps.push(Step { key, to, from: moves.iter().map(|to| (to.from, to.joined)).collect() });
            }
            let longest = steps.last().map_or(0, |step: &Step| step.key.len());
            let lengths =
                (0..longest + 2).map(|length| steps.partition_point(|step| step.key.len() < length)).collect();
            let elements = steps.iter().enumerate().filter_map(|(nth, step)| Some((element(&step.key)?, nth)));
            let (elements, ends) = (elements.collect(), prefixes.iter().filter(|prefix| is_end(prefix)).count());
            states.push(State { prefixes: prefixes.into(), ends, steps: steps.into(), lengths, elements });
        }
        Self { states, fields: paths.len() }
    }

    /// How many fields there are.
    pub(super) fn fields(&self) -> usize {
        self.fields
    }

    /// The fields at a state, then those below it.
    #[inline]
    pub(super) fn prefixes(&self, state: u32) -> &[Prefix] {
        &self.states[state as usize].prefixes
    }

    /// The fields at a state. [`NONE`] has none.
    #[inline]
    pub(super) fn ends(&self, state: u32) -> &[Prefix] {
        if state == NONE { &[] } else { &self.prefixes(state)[..self.states[state as usize].ends] }
    }

    /// The step for a key of an object.
    #[inline]
    pub(super) fn member(&self, state: u32, key: &[u8]) -> Option<&Step> {
        let state = &self.states[state as usize];
        // Most keys are told apart by their length alone.
        let (from, to) = (state.lengths.get(key.len())?, state.lengths.get(key.len() + 1)?);
        state.steps[*from..*to].iter().find(|step| same(&step.key, key))
    }

    /// The step for an element of an array, by its number from 0.
    #[inline]
    pub(super) fn element(&self, state: u32, number: u64) -> Option<&Step> {
        let state = &self.states[state as usize];
        let (_, nth) = state.elements.iter().find(|(element, _)| *element == number)?;
        Some(&state.steps[*nth])
    }
}

/// How a key moves one of the fields that are looked for.
struct Move {
    /// The prefix that it makes.
    prefix: Prefix,
    /// The prefix that it extends, by its number in the state.
    from: u32,
    /// The bits that it adds to the route.
    joined: Route,
}

/// Each key that extends one of these prefixes, sorted by length first, and the fields that it moves.
fn moves(prefixes: &[Prefix], paths: &[Vec<String>]) -> BTreeMap<(usize, Box<[u8]>), Vec<Move>> {
    let mut moves: BTreeMap<_, Vec<Move>> = BTreeMap::new();
    for (from, prefix) in prefixes.iter().enumerate() {
        let (first, keys) = (prefix.passed as usize, &paths[prefix.field as usize]);
        let most = keys.len().min((first + 1).max(MOST_JOINED + 1));
        for passed in first + 1..=most {
            let key: Box<[u8]> = keys[first..passed].join(".").into_bytes().into();
            let joined = (first..passed - 1).fold(0, |bits, dot| bits | (1 << (63 - dot)));
            let prefix = Prefix { passed: index(passed), ..*prefix };
            moves.entry((key.len(), key)).or_default().push(Move { prefix, from: index(from), joined });
        }
    }
    moves
}

/// The number of an element that a key stands for: digits without a leading zero.
fn element(key: &[u8]) -> Option<u64> {
    let is_number = key.iter().all(u8::is_ascii_digit) && (key.len() == 1 || key.first() != Some(&b'0'));
    std::str::from_utf8(key).ok().filter(|_| is_number)?.parse().ok()
}
