//! Finds the newest events that match a search, and counts those that match.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use memchr::memmem::Finder;

use super::bits::Bits;
use super::numbers::Numbers;
use super::texts::{Texts, held};
use super::{Head, ID, NUMBER, Place, STATUS, Source, TENANT, TEXTS, TIME, ids};
use crate::clock::Micros;
use crate::pserve::store::{COUNTED, Search, StoreError, sql};

/// The most places that are kept at once. Pages further from the newest event take several passes.
const KEPT: usize = 1 << 20;

/// What a search has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::pserve::store) struct Found {
    /// The numbers of the events of the page and, if there are older ones, of one more.
    pub numbers: Vec<i64>,
    /// How many match, at most one more than [`COUNTED`]. Counted only if the search has conditions.
    pub matches: u64,
}

/// Finds events of a tenant.
///
/// # Errors
/// If the source fails, or a block is damaged.
pub(in crate::pserve::store) fn find(
    source: &mut dyn Source,
    tenant: &str,
    search: &Search,
) -> Result<Found, StoreError> {
    find_with(KEPT, source, tenant, search)
}

fn find_with(most: usize, source: &mut dyn Source, tenant: &str, search: &Search) -> Result<Found, StoreError> {
    let mut heads = source.heads()?;
    heads.sort_unstable_by_key(|head| Reverse((head.newest, head.last)));
    let tail = source.tail(tenant, search)?;
    let mut pass = Pass { source, heads: &heads, tail: &tail, conditions: &Conditions::of(tenant, search) };
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let (mut skip, page) = (size(search.offset), size(search.limit.saturating_add(1)));
    let most = most.max(page);
    let (mut newest, matches) = pass.go(skip.saturating_add(page).min(most), None, search.is_filtered())?;
    while skip.saturating_add(page) > most && !newest.is_empty() {
        let passed = skip.min(newest.len());
        let oldest = newest[passed - 1];
        skip -= passed;
        newest = pass.go(skip.saturating_add(page).min(most), Some(oldest), false)?.0;
    }
    let numbers = newest.into_iter().skip(skip).take(page).map(|(_, number)| number).collect();
    Ok(Found { numbers, matches: matches.min(COUNTED + 1) })
}

/// What an event must meet.
struct Conditions<'a> {
    /// Columns, and the texts that they must have.
    texts: Vec<(usize, Vec<u8>)>,
    start: Micros,
    end: Micros,
    id: Option<Finder<'a>>,
}

impl<'a> Conditions<'a> {
    fn of(tenant: &str, search: &'a Search) -> Self {
        let mut texts = vec![(TENANT, held(tenant).into_owned())];
        if let Some(code) = search.fields.status_code {
            texts.push((STATUS, code.to_string().into_bytes()));
        }
        let given = (TEXTS..).zip(sql::texts(&search.fields));
        texts.extend(given.filter_map(|(column, (_, text))| Some((column, held(text?).into_owned()))));
        Self {
            texts,
            start: search.start.unwrap_or(Micros::MIN),
            end: search.end.unwrap_or(Micros::MAX),
            id: search.id_contains.as_ref().map(Finder::new),
        }
    }

    /// The events of a block that meet them.
    fn matching(&self, source: &mut dyn Source, head: &Head) -> Result<Bits, StoreError> {
        let mut bits = Bits::all(head.events);
        bits.remove(&head.gone);
        for (column, text) in &self.texts {
            if bits.is_none() {
                return Ok(bits);
            }
            source.column(head.last, *column, &mut |bytes| {
                Texts::read(bytes, head.events)?.keep(text, &mut bits);
                Some(())
            })?;
        }
        if (head.oldest < self.start || head.newest > self.end) && !bits.is_none() {
            source.column(head.last, TIME, &mut |bytes| {
                let times = Numbers::read(bytes, head.events)?;
                bits.keep_at(|at| (self.start..=self.end).contains(&times.get(at)));
                Some(())
            })?;
        }
        if let Some(id) = self.id.as_ref().filter(|_| !bits.is_none()) {
            source.column(head.last, ID, &mut |bytes| ids::keep(bytes, id, &mut bits))?;
        }
        Ok(bits)
    }
}

/// The blocks, from the one with the newest event to the one whose newest is oldest.
struct Pass<'a> {
    source: &'a mut dyn Source,
    heads: &'a [Head],
    tail: &'a [Place],
    conditions: &'a Conditions<'a>,
}

impl Pass<'_> {
    /// The so many newest places before another, newest first; and how many match if that is to be counted, as far as needed.
    fn go(&mut self, wanted: usize, before: Option<Place>, is_counted: bool) -> Result<(Vec<Place>, u64), StoreError> {
        let mut newest = Newest { places: BinaryHeap::new(), wanted, before };
        self.tail.iter().for_each(|place| newest.add(*place));
        let mut matches = self.tail.len() as u64;
        for head in self.heads {
            let is_open = newest.wants(head);
            let is_counting = is_counted && matches <= COUNTED;
            if !is_open && !is_counting {
                // Those that follow are no newer.
                if newest.is_full() {
                    break;
                }
                continue;
            }
            if head.newest < self.conditions.start || head.oldest > self.conditions.end {
                continue;
            }
            let bits = self.conditions.matching(self.source, head)?;
            matches += bits.count() as u64;
            if is_open && !bits.is_none() {
                newest.add_all(self.source, head, &bits)?;
            }
        }
        Ok((newest.sorted(), matches))
    }
}

/// The newest places.
struct Newest {
    places: BinaryHeap<Reverse<Place>>,
    wanted: usize,
    /// Only older ones count.
    before: Option<Place>,
}

impl Newest {
    fn is_full(&self) -> bool {
        self.places.len() >= self.wanted
    }

    /// Whether a block may have places to add.
    fn wants(&self, head: &Head) -> bool {
        let is_older = self.before.is_none_or(|(time, _)| head.oldest <= time);
        let is_new = || self.places.peek().is_none_or(|Reverse(oldest)| (head.newest, head.last) > *oldest);
        is_older && (!self.is_full() || is_new())
    }

    fn add(&mut self, place: Place) {
        if self.before.is_some_and(|before| place >= before) {
            return;
        }
        if !self.is_full() {
            self.places.push(Reverse(place));
        } else if let Some(mut oldest) = self.places.peek_mut().filter(|oldest| place > oldest.0) {
            *oldest = Reverse(place);
        }
    }

    /// Adds the events of a block whose bits are set.
    fn add_all(&mut self, source: &mut dyn Source, head: &Head, bits: &Bits) -> Result<(), StoreError> {
        let mut times = Vec::with_capacity(bits.count());
        source.column(head.last, TIME, &mut |bytes| {
            let read = Numbers::read(bytes, head.events)?;
            times.extend(bits.set().map(|at| read.get(at)));
            Some(())
        })?;
        source.column(head.last, NUMBER, &mut |bytes| {
            let read = Numbers::read(bytes, head.events)?;
            let numbers = bits.set().map(|at| number_at(&read, at));
            times.iter().zip(numbers).for_each(|(time, number)| self.add((*time, number)));
            Some(())
        })
    }

    fn sorted(self) -> Vec<Place> {
        self.places.into_sorted_vec().into_iter().map(|Reverse(place)| place).collect()
    }
}

/// The number of the event at this place, from the column of numbers.
pub(super) fn number_at(numbers: &Numbers<'_>, at: usize) -> i64 {
    numbers.get(at).wrapping_add(i64::try_from(at).unwrap_or(0))
}

/// Where in its block the event with this number is. `None` if it is not in it.
pub(in crate::pserve::store) fn place_of(
    source: &mut dyn Source,
    head: &Head,
    number: i64,
) -> Result<Option<usize>, StoreError> {
    let mut found = None;
    source.column(head.last, NUMBER, &mut |bytes| {
        let numbers = Numbers::read(bytes, head.events)?;
        found = (0..head.events).find(|at| number_at(&numbers, *at) == number);
        Some(())
    })?;
    Ok(found)
}
