//! Turns a template world into flat programs: literal text and fields to write, and the order in which fields are evaluated.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::calendar::Clockwork;
use super::members::Draw;
use super::node::{Chance, FixedFor, Node, NodeId, Part, Pick, Plus, What, Write};
use super::number::Numbers;
use super::tokens;
use crate::pgen::alias::AliasTable;
use crate::pgen::line::{Piece, Pieces};
use crate::seed::{Choice, Seed};
use crate::world::template::{
    self, EVENT, Field, FieldId, Item, Literal, Reference, SESSION, ScopeId, TemplateWorld, TimeUnit, ValueSource,
};

/// The largest bound of a length. Larger ones are cut to it, so that sums and products stay in range. No event may be that long.
const FAR_TOO_LONG: usize = 1 << 32;

/// What a scope's fields are fixed for, from where a name stands.
type Keys = BTreeMap<ScopeId, FixedFor>;

/// The steps and fields of one kind of event.
#[derive(Debug)]
pub(super) struct Program {
    /// Steps of [`Compiled::writes`].
    pub(super) writes: Range<usize>,
    /// Fields to evaluate first, in this order.
    pub(super) order: Box<[NodeId]>,
}

/// A compiled world.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    pub(super) programs: Vec<Program>,
    pub(super) nodes: Vec<Node>,
    pub(super) writes: Vec<Write>,
    pub(super) pieces: Pieces,
    /// How many forms of times, and arrays, there are.
    pub(super) clocks: usize,
    pub(super) arrays: usize,
    /// A bound of an event's length in bytes.
    pub(super) longest: usize,
    /// Whether a field is multiplied by `--spikes`.
    pub(super) has_spikes: bool,
}

/// Compiles a world.
pub(super) fn compile(world: &TemplateWorld, seed: Seed) -> Compiled {
    let mut compiler = Compiler { world, seed, out: Compiled::default(), known: BTreeMap::new(), names: Vec::new() };
    let keys = Keys::from([(EVENT, FixedFor::Event), (SESSION, FixedFor::Session)]);
    for kind in &world.kinds {
        let (writes, roots, longest) = compiler.program(&kind.template, &keys);
        let order = compiler.order(&roots, None);
        compiler.out.programs.push(Program { writes, order });
        compiler.out.longest = compiler.out.longest.max(longest);
    }
    compiler.out
}

struct Compiler<'w> {
    world: &'w TemplateWorld,
    seed: Seed,
    out: Compiled,
    known: BTreeMap<(FieldId, FixedFor), NodeId>,
    /// For each node that has a list of values, their names, as others depend on them.
    names: Vec<Option<Vec<String>>>,
}

/// How a branch depends on its field.
#[derive(Debug, Clone, Copy)]
struct Branch {
    /// The slot that they share.
    slot: NodeId,
    /// Whether the field is quoted.
    quoted: bool,
    /// How many values the branches before it have.
    base: usize,
}

/// Steps that are being collected.
#[derive(Default)]
struct Steps {
    writes: Vec<Write>,
    /// Text that is not yet a step.
    text: String,
    roots: Vec<NodeId>,
    longest: usize,
}

impl Steps {
    fn literal(&mut self, text: &str) {
        self.text.push_str(text);
        self.longest += text.len();
    }

    fn flush(&mut self, pieces: &mut Pieces) {
        if !self.text.is_empty() {
            self.writes.push(Write::Literal(pieces.add(&self.text)));
            self.text.clear();
        }
    }
}

impl Compiler<'_> {
    fn choice(&self, field: &Field, what: &str) -> Choice {
        self.seed.choice(&format!("{what} {}", field.name))
    }

    /// The node that a name leads to.
    fn node(&mut self, reference: &Reference, keys: &Keys) -> NodeId {
        let mut keys = keys.clone();
        let mut found = 0;
        for field in &reference.path {
            found = self.field(*field, &keys);
            if let ValueSource::Member(members) = &self.world.fields[*field].generator {
                keys = Keys::from([(members.scope, FixedFor::Member(found))]);
            }
        }
        found
    }

    fn field(&mut self, id: FieldId, keys: &Keys) -> NodeId {
        let is_of_session = self.world.sessions.as_ref().is_some_and(|sessions| sessions.of == id);
        let key = if is_of_session { FixedFor::Session } else { keys[&self.world.fields[id].scope] };
        if let Some(known) = self.known.get(&(id, key)) {
            return *known;
        }
        let made = self.make(id, key, keys, None);
        self.known.insert((id, key), made);
        made
    }

    /// Makes a node, which may be a branch of another.
    fn make(&mut self, id: FieldId, key: FixedFor, keys: &Keys, branch: Option<Branch>) -> NodeId {
        let field = &self.world.fields[id];
        let own = self.out.nodes.len();
        let chance = |share: f64, what: &str| Chance::new(self.choice(field, what), share);
        let home = match key {
            FixedFor::Event | FixedFor::Session => None,
            FixedFor::Member(member) => self.out.nodes[member].home,
            FixedFor::Item(array) => Some(array),
        };
        self.out.nodes.push(Node {
            slot: branch.map_or(own, |branch| branch.slot),
            key,
            home,
            draw: self.choice(field, "field"),
            presence: (field.presence < 1.0).then(|| chance(field.presence, "presence")),
            null: (field.null > 0.0).then(|| chance(field.null, "null")),
            quoted: field.quoted.unwrap_or(branch.is_some_and(|branch| branch.quoted)),
            what: What::Nothing,
            needs: Vec::new(),
            longest: 4,
        });
        self.names.push(None);
        if let FixedFor::Member(member) = key {
            self.out.nodes[own].needs.push(member);
        }
        let (what, needs, longest) = self.what(field, own, keys, branch.map_or(0, |branch| branch.base));
        let node = &mut self.out.nodes[own];
        node.what = what;
        node.needs.extend(needs);
        node.longest = longest.max(4) + 2;
        own
    }

    fn what(&mut self, field: &Field, own: NodeId, keys: &Keys, base: usize) -> (What, Vec<NodeId>, usize) {
        let none = Vec::new();
        match &field.generator {
            ValueSource::Nothing => (What::Nothing, none, 4),
            ValueSource::Session => (What::Session, none, 0),
            ValueSource::Kind => {
                let of = |kind: &template::EventKind| (Literal::of_text(&kind.name), 1.0);
                let values: Vec<(Literal, f64)> = self.world.kinds.iter().map(of).collect();
                self.values(own, &values, Pick::Kind, base)
            }
            ValueSource::Choice(values) => {
                let weights: Vec<f64> = values.iter().map(|(_, weight)| *weight).collect();
                let pick = if values.len() == 1 { Pick::First } else { Pick::Weighted(AliasTable::new(&weights)) };
                self.values(own, values, pick, base)
            }
            ValueSource::Number { distribution, places } => {
                self.out.has_spikes |= field.spikes;
                let numbers = Numbers::new(distribution, *places);
                (What::Number { numbers, places: *places, spikes: field.spikes }, none, 42)
            }
            ValueSource::Counter { start, step } => (What::Counter { start: *start, step: *step }, none, 21),
            ValueSource::Pattern(tokens) => {
                let (tokens, longest) = tokens::compile(tokens, &mut self.out.pieces);
                let node = &mut self.out.nodes[own];
                // A text has quotes unless it is to be a number.
                node.quoted = field.quoted != Some(false);
                (What::Text(tokens), none, longest)
            }
            ValueSource::Time { moment, shift } => {
                let clockwork = Clockwork::new(moment);
                let shift = shift.as_ref().map(|shift| (self.node(&shift.by, keys), shift));
                let needs = shift.iter().map(|(node, _)| *node).collect();
                let plus = shift.map(|(node, shift)| {
                    let Plus { factor, divisor } = self.micros(node, shift.unit);
                    (node, Plus { factor: if shift.is_back { -factor } else { factor }, divisor })
                });
                self.out.nodes[own].quoted |= !clockwork.is_number();
                let longest = clockwork.longest();
                self.out.clocks += 1;
                (What::Time { clock: self.out.clocks - 1, clockwork, plus }, needs, longest)
            }
            ValueSource::Member(members) => {
                let within = self.choice(field, "member");
                (What::Member(Draw::new(*members, within)), none, 0)
            }
            ValueSource::Given { of, branches, otherwise } => self.given(own, of, branches, *otherwise, keys, base),
            ValueSource::Sum { of, plus } => {
                let of: Vec<NodeId> = of.iter().map(|reference| self.node(reference, keys)).collect();
                let places = of.iter().map(|node| self.places(*node)).max().unwrap_or(0);
                let plus = plus.saturating_mul(10_i64.pow(places));
                (What::Sum { of: of.clone().into(), plus, places }, of, 42)
            }
            ValueSource::Concat(parts) => {
                self.out.nodes[own].quoted = true;
                let (parts, needs, longest) = self.parts(parts, keys);
                (What::Concat(parts), needs, longest)
            }
            ValueSource::Hash { of, digits } => {
                self.out.nodes[own].quoted = true;
                let of: Vec<NodeId> = of.iter().map(|reference| self.node(reference, keys)).collect();
                let longest = of.iter().map(|node| self.out.nodes[*node].longest).sum::<usize>() + *digits;
                (What::Hash { of: of.clone().into(), digits: *digits }, of, longest)
            }
            ValueSource::Array { item, lengths, separator } => {
                let number = self.out.arrays;
                self.out.arrays += 1;
                let mut inner = keys.clone();
                inner.insert(self.world.fields[*item].scope, FixedFor::Item(number));
                let node = self.field(*item, &inner);
                let order = self.order(&[node], Some(number));
                let each = self.out.nodes[node].longest + separator.len();
                let separator = self.out.pieces.add(separator);
                let lengths_of = Numbers::new(&lengths.distribution, 0);
                let what = What::Array { number, lengths: lengths_of, item: node, order, separator };
                (what, vec![node], (lengths.most as usize * each + 2).min(FAR_TOO_LONG))
            }
            ValueSource::Object { scope, template } => {
                let mut inner = keys.clone();
                if let Some(scope) = scope {
                    inner.insert(*scope, self.out.nodes[own].key);
                }
                let (writes, needs, longest) = self.program(template, &inner);
                (What::Object(writes), needs, longest)
            }
        }
    }

    fn values(
        &mut self,
        own: NodeId,
        values: &[(Literal, f64)],
        pick: Pick,
        base: usize,
    ) -> (What, Vec<NodeId>, usize) {
        let places = values.iter().filter_map(|(value, _)| value.number).map(|(_, places)| places).max().unwrap_or(0);
        let scaled = |(number, own): (i64, u32)| number.saturating_mul(10_i64.pow(places - own));
        let is_quoted = self.out.nodes[own].quoted;
        let pieces = &mut self.out.pieces;
        let json = |(value, _): &(Literal, f64)| match is_quoted {
            true => pieces.add(&format!("\"{}\"", value.text)),
            false => pieces.add(&value.json),
        };
        let json: Box<[Piece]> = values.iter().map(json).collect();
        let text = values.iter().map(|(value, _)| self.out.pieces.add(&value.text)).collect();
        let numbers = values.iter().map(|(value, _)| value.number.map_or(0, scaled)).collect();
        self.names[own] = Some(values.iter().map(|(value, _)| value.name.clone()).collect());
        let longest = values.iter().map(|(value, _)| value.json.len().max(value.text.len())).max().unwrap_or(0);
        (What::Values { pick, base, json, text, numbers, places }, Vec::new(), longest)
    }

    fn given(
        &mut self,
        own: NodeId,
        of: &Reference,
        branches: &[(String, FieldId)],
        otherwise: Option<FieldId>,
        keys: &Keys,
        base: usize,
    ) -> (What, Vec<NodeId>, usize) {
        let parent = self.node(of, keys);
        let fields: BTreeSet<FieldId> = branches.iter().map(|(_, field)| *field).chain(otherwise).collect();
        let (mut made, mut names) = (BTreeMap::new(), Some(Vec::new()));
        let key = self.out.nodes[own].key;
        for field in fields {
            let Node { slot, quoted, .. } = self.out.nodes[own];
            let base = base + names.as_ref().map_or(0, Vec::len);
            let node = self.make(field, key, keys, Some(Branch { slot, quoted, base }));
            made.insert(field, (made.len(), node));
            names = names.zip(self.names[node].clone()).map(|(all, more)| [all, more].concat());
        }
        self.names[own] = names;
        let values = self.names[parent].clone().expect("the profile's check refuses a field without a list of values");
        let branch = |value: &String| {
            let found = branches.iter().find(|(name, _)| name == value).map(|(_, field)| *field).or(otherwise);
            let (place, _) = made[&found.expect("the profile's check refuses a value without a branch")];
            u32::try_from(place).expect("a profile has fewer branches")
        };
        let table = values.iter().map(branch).collect();
        let mut nodes: Vec<(usize, NodeId)> = made.values().copied().collect();
        nodes.sort_unstable();
        let nodes: Vec<NodeId> = nodes.into_iter().map(|(_, node)| node).collect();
        let places = nodes.iter().map(|node| self.places(*node)).max().unwrap_or(0);
        let longest = nodes.iter().map(|node| self.out.nodes[*node].longest).max().unwrap_or(0);
        let needs = nodes.iter().copied().chain([parent]).collect();
        (What::Given { of: parent, table, branches: nodes.into(), places }, needs, longest)
    }

    /// The decimal places of a node that is a number.
    fn places(&self, node: NodeId) -> u32 {
        match &self.out.nodes[node].what {
            What::Values { places, .. }
            | What::Number { places, .. }
            | What::Sum { places, .. }
            | What::Given { places, .. } => *places,
            _ => 0,
        }
    }

    fn micros(&self, node: NodeId, unit: TimeUnit) -> Plus {
        let places = 10_i64.pow(self.places(node));
        let (factor, divisor) = match unit {
            TimeUnit::Seconds => (1_000_000, places),
            TimeUnit::Millis => (1000, places),
            TimeUnit::Micros => (1, places),
            TimeUnit::Nanos => (1, places.saturating_mul(1000)),
        };
        Plus { factor, divisor }
    }

    fn parts(&mut self, parts: &[template::Part], keys: &Keys) -> (Box<[Part]>, Vec<NodeId>, usize) {
        let (mut needs, mut longest) = (Vec::new(), 0);
        let parts = parts.iter().map(|part| match part {
            template::Part::Literal(text) => {
                longest += text.len();
                Part::Literal(self.out.pieces.add(text))
            }
            template::Part::Field(reference) => {
                let node = self.node(reference, keys);
                longest += self.out.nodes[node].longest;
                needs.push(node);
                Part::Field(node)
            }
        });
        (parts.collect(), needs, longest)
    }

    /// The steps of a template, the fields in it, and a bound of its length.
    fn program(&mut self, template: &template::Node, keys: &Keys) -> (Range<usize>, Vec<NodeId>, usize) {
        let mut steps = Steps::default();
        self.value(template, keys, &mut steps);
        steps.flush(&mut self.out.pieces);
        let from = self.out.writes.len();
        self.out.writes.extend(steps.writes);
        (from..self.out.writes.len(), steps.roots, steps.longest)
    }

    fn value(&mut self, node: &template::Node, keys: &Keys, steps: &mut Steps) {
        match node {
            template::Node::Literal(json) => steps.literal(json),
            template::Node::Hole(reference) => {
                let node = self.node(reference, keys);
                self.hole(node, Write::Value(node), steps);
            }
            template::Node::Text(parts) => {
                steps.literal("\"");
                self.text(parts, keys, steps);
                steps.literal("\"");
            }
            template::Node::List { open, items, close } => {
                steps.literal(open);
                self.items(items, keys, steps);
                steps.literal(close);
            }
        }
    }

    fn hole(&mut self, node: NodeId, write: Write, steps: &mut Steps) {
        steps.roots.push(node);
        steps.longest += self.out.nodes[node].longest;
        steps.flush(&mut self.out.pieces);
        steps.writes.push(write);
    }

    fn text(&mut self, parts: &[template::Part], keys: &Keys, steps: &mut Steps) {
        for part in parts {
            match part {
                template::Part::Literal(text) => steps.literal(text),
                template::Part::Field(reference) => {
                    let node = self.node(reference, keys);
                    self.hole(node, Write::Text(node), steps);
                }
            }
        }
    }

    fn items(&mut self, items: &[Item], keys: &Keys, steps: &mut Steps) {
        // Once an item is always there, what stands before each later one is fixed.
        let mut is_begun = false;
        let leads_with_optional = items.first().is_some_and(|item| !self.conditions(item, keys).is_empty());
        if leads_with_optional {
            steps.flush(&mut self.out.pieces);
            steps.writes.push(Write::Open);
        }
        for item in items {
            let conditions = self.conditions(item, keys);
            let mut jumps = Vec::new();
            if !conditions.is_empty() {
                steps.flush(&mut self.out.pieces);
                for (node, is_key) in conditions {
                    steps.roots.push(node);
                    jumps.push(steps.writes.len());
                    steps.writes.push(if is_key {
                        Write::UnlessKey { missing: node, skip: 0 }
                    } else {
                        Write::Unless { absent: node, skip: 0 }
                    });
                }
            }
            if is_begun {
                steps.literal(&item.before);
            } else if leads_with_optional {
                steps.flush(&mut self.out.pieces);
                // The first item that is there has nothing before it.
                steps.writes.push(Write::Separator(self.out.pieces.add(&item.before)));
                steps.longest += item.before.len();
            }
            self.text(&item.key, keys, steps);
            self.value(&item.value, keys, steps);
            if leads_with_optional && !is_begun && matches!(item.value, template::Node::List { .. }) {
                steps.flush(&mut self.out.pieces);
                steps.writes.push(Write::Close);
            }
            if jumps.is_empty() {
                is_begun = true;
                continue;
            }
            steps.flush(&mut self.out.pieces);
            let end = steps.writes.len();
            for jump in jumps {
                match &mut steps.writes[jump] {
                    Write::Unless { skip, .. } | Write::UnlessKey { skip, .. } => *skip = end - jump,
                    _ => {}
                }
            }
        }
    }

    /// The fields that decide whether an item is there, and whether each is part of its key.
    fn conditions(&mut self, item: &Item, keys: &Keys) -> Vec<(NodeId, bool)> {
        let mut found = Vec::new();
        for part in &item.key {
            if let template::Part::Field(reference) = part {
                let node = self.node(reference, keys);
                if self.may_lack(node, true) {
                    found.push((node, true));
                }
            }
        }
        if let template::Node::Hole(reference) = &item.value {
            let node = self.node(reference, keys);
            if self.may_lack(node, false) {
                found.push((node, false));
            }
        }
        found
    }

    /// Whether a field can be absent, or null if that counts.
    fn may_lack(&self, node: NodeId, null_counts: bool) -> bool {
        let node = &self.out.nodes[node];
        let by_itself = node.presence.is_some() || null_counts && node.null.is_some();
        by_itself
            || match &node.what {
                What::Given { branches, .. } => branches.iter().any(|branch| self.may_lack(*branch, null_counts)),
                _ => false,
            }
    }

    /// What to evaluate before these nodes are written, among those of one array or of none, in order.
    fn order(&self, roots: &[NodeId], home: Option<usize>) -> Box<[NodeId]> {
        let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
        for root in roots {
            self.visit(*root, home, &mut order, &mut seen);
        }
        order.into()
    }

    fn visit(&self, node: NodeId, home: Option<usize>, order: &mut Vec<NodeId>, seen: &mut BTreeSet<NodeId>) {
        if !seen.insert(node) {
            return;
        }
        for need in &self.out.nodes[node].needs {
            self.visit(*need, home, order, seen);
        }
        let of = &self.out.nodes[node];
        // A branch is evaluated by its field.
        if of.home == home && of.slot == node {
            order.push(node);
        }
    }
}
