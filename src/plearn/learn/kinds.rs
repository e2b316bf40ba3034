//! Kinds of events: lines whose keys, their order and spacing are the same.

use std::collections::BTreeMap;

use super::model::{Kind, Node};
use super::rows::Rows;
use super::shape;
use super::tree::NONE;
use crate::plearn::config::Rules;
use crate::plearn::count::{Distinct, Leaf, Walker};

/// The most kinds.
const MOST: usize = 40;

/// The most layouts that are joined, the most frequent first.
const MOST_JOINED: usize = 2000;

/// Kinds, and what is known of them.
#[derive(Debug)]
pub(super) struct Kinds {
    pub(super) kinds: Vec<Kind>,
    /// The kind of each row, or [`NONE`].
    pub(super) of: Vec<u16>,
    /// The kinds that have each member, one bit each.
    pub(super) having: Vec<u64>,
    /// Whether members may be absent, because lines of many layouts were joined.
    pub(super) is_joined: bool,
    /// How many lines have a layout that is not a kind.
    pub(super) left_out: u64,
}

impl Kinds {
    /// The kinds that have a member.
    pub(super) fn kinds_of(&self, member: usize) -> impl Iterator<Item = &Kind> {
        let having = self.having[member];
        self.kinds.iter().enumerate().filter(move |(place, _)| having >> place & 1 == 1).map(|(_, kind)| kind)
    }
}

/// Finds the kinds of the rows.
pub(super) fn find(rows: &Rows<'_>, layouts: &Distinct, events: u64, rules: &Rules) -> Kinds {
    let mut found: BTreeMap<u64, (u64, usize)> = BTreeMap::new();
    for (at, row) in rows.rows.iter().enumerate() {
        found.entry(row.layout).or_insert((0, at)).0 += row.count;
    }
    let sampled: u64 = rows.rows.iter().map(|row| row.count).sum();
    let of_all = |layout: u64, count: u64| {
        let scaled = u128::from(count) * u128::from(events) / u128::from(sampled.max(1));
        layouts.exact(layout).unwrap_or_else(|| u64::try_from(scaled).unwrap_or(u64::MAX))
    };
    let mut all: Vec<(u64, u64, usize)> =
        found.into_iter().map(|(layout, (count, row))| (of_all(layout, count), layout, row)).collect();
    all.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let frequent = all.iter().take(MOST).take_while(|(count, ..)| *count >= rules.min_count).count();
    let covered: u64 = all[..frequent].iter().map(|(count, ..)| count).sum();
    let mut shaper = Shaper::new(rows);
    let mut shape_of = |row: usize| shaper.shape(rows.rows[row].line);
    let is_joined = covered * 100 < events * 97;
    let mut of_layout: BTreeMap<u64, u16> = BTreeMap::new();
    let mut kinds: Vec<Kind> = Vec::new();
    if is_joined {
        let shapes: Vec<Node> = all.iter().map(|(.., row)| shape_of(*row)).collect();
        for group in groups(&shapes, &all, events, rules.min_count) {
            let joined = joined(group.iter().take(MOST_JOINED).map(|at| shapes[*at].clone()));
            kinds.extend(joined.map(|shape| Kind { name: String::new(), count: sum(&all, &group), shape }));
            let place = u16::try_from(kinds.len() - 1).unwrap_or(NONE);
            of_layout.extend(group.into_iter().map(|at| (all[at].1, place)));
        }
    } else {
        for (count, layout, row) in &all[..frequent] {
            let shape = shape_of(*row);
            // Layouts that differ only in what is left out are one kind.
            let known = kinds.iter().position(|kind| kind.shape == shape);
            let place = known.unwrap_or_else(|| {
                kinds.push(Kind { name: String::new(), count: 0, shape });
                kinds.len() - 1
            });
            kinds[place].count += count;
            of_layout.insert(*layout, u16::try_from(place).unwrap_or(NONE));
        }
    }
    let of = rows.rows.iter().map(|row| of_layout.get(&row.layout).copied().unwrap_or(NONE)).collect();
    let mut having = vec![0u64; rows.columns.len()];
    for (place, kind) in kinds.iter().enumerate() {
        shape::members(&kind.shape).into_iter().for_each(|member| having[member] |= 1 << place);
    }
    let covered = if is_joined { kinds.iter().map(|kind| kind.count).sum() } else { covered };
    let is_whole = is_joined && of_layout.len() == all.len();
    let left_out = if is_whole { 0 } else { events.saturating_sub(covered) };
    Kinds { kinds, of, having, is_joined, left_out }
}

/// How many lines a layout has, its hash, and a row that has it.
type Layout = (u64, u64, usize);

fn sum(all: &[Layout], group: &[usize]) -> u64 {
    group.iter().map(|at| all[*at].0).sum()
}

/// Divides layouts that are joined, so that lines of a group have the same objects: an object that some have would be empty in others.
/// All are one group if groups with enough lines leave more than a tenth of the events out.
fn groups(shapes: &[Node], all: &[Layout], events: u64, min_count: u64) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, shape) in shapes.iter().enumerate() {
        groups.entry(shape::objects(shape)).or_default().push(at);
    }
    let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
    groups.sort_by_key(|group| (u64::MAX - sum(all, group), group[0]));
    groups.truncate(MOST);
    groups.retain(|group| sum(all, group) >= min_count);
    let covered: u64 = groups.iter().map(|group| sum(all, group)).sum();
    if covered * 10 < events * 9 { vec![(0..shapes.len()).collect()] } else { groups }
}

/// Takes all rows as one kind in which members may be absent.
pub(super) fn one(rows: &Rows<'_>) -> Kinds {
    let mut shaper = Shaper::new(rows);
    let mut layouts: BTreeMap<u64, (u64, usize)> = BTreeMap::new();
    for (at, row) in rows.rows.iter().enumerate() {
        layouts.entry(row.layout).or_insert((0, at)).0 += row.count;
    }
    let mut all: Vec<(u64, usize)> = layouts.into_values().collect();
    all.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let count = all.iter().map(|(count, _)| count).sum();
    let shapes = all.iter().take(MOST_JOINED).map(|(_, row)| shaper.shape(rows.rows[*row].line));
    let kinds: Vec<Kind> =
        joined(shapes).map(|shape| Kind { name: "event".to_owned(), count, shape }).into_iter().collect();
    let mut having = vec![0; rows.columns.len()];
    kinds.iter().flat_map(|kind| shape::members(&kind.shape)).for_each(|member| having[member] = 1);
    Kinds { kinds, of: vec![0; rows.rows.len()], having, is_joined: true, left_out: 0 }
}

fn joined(mut shapes: impl Iterator<Item = Node>) -> Option<Node> {
    let mut base = shapes.next()?;
    shapes.for_each(|other| shape::join(&mut base, &other));
    Some(base)
}

/// Reads the shapes of lines.
struct Shaper {
    walker: Walker,
    /// The places of the members, by the hashes of their paths.
    members: BTreeMap<u64, usize>,
}

impl Shaper {
    fn new(rows: &Rows<'_>) -> Self {
        let members = rows.columns.iter().enumerate().map(|(at, column)| (column.hash, at)).collect();
        Self { walker: Walker::default(), members }
    }

    fn shape(&mut self, line: &[u8]) -> Node {
        self.walker.walk(line);
        let leaf = |leaf: &Leaf| {
            (leaf.start as usize, leaf.end as usize, self.members.get(&self.walker.hash(leaf.path)).copied())
        };
        let leaves: Vec<_> = self.walker.leaves().iter().map(leaf).collect();
        let empty = || Node::Object { open: "{".to_owned(), items: Vec::new(), close: "}".to_owned() };
        shape::of(line, &leaves).unwrap_or_else(empty)
    }
}
