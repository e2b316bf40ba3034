//! Checks between the fields of a world: circles, fields that nothing uses, and references to a field of the wrong type.

use std::collections::BTreeSet;

use super::field::{EventKind, Field, Literal, SessionChain, ValueSource};
use super::json::Node;
use super::reference::{FieldId, Part, Reference};
use crate::error::{Error, Result};
use crate::world::origin::ProfileText;

/// Fields that depend on each other are followed by recursion, which needs a bound.
const DEEPEST: usize = 200;

/// A world's fields, with what else is needed to judge them.
pub(super) struct Check<'w> {
    pub(super) origin: &'w ProfileText,
    pub(super) fields: &'w mut Vec<Field>,
    pub(super) kinds: &'w [EventKind],
    pub(super) sessions: Option<&'w SessionChain>,
}

impl Check<'_> {
    pub(super) fn run(&mut self) -> Result<()> {
        self.no_circles()?;
        self.no_spare_fields()?;
        for id in 0..self.fields.len() {
            let field = &self.fields[id];
            match &field.generator {
                ValueSource::Given { .. } => self.spell_out(id)?,
                ValueSource::Sum { of, .. } => {
                    for reference in of {
                        self.numeric(field, "sum", reference)?;
                    }
                }
                ValueSource::Time { shift: Some(shift), .. } => {
                    self.numeric(field, if shift.is_back { "minus" } else { "plus" }, &shift.by)?;
                }
                ValueSource::Array { .. } | ValueSource::Object { .. } if field.quoted.is_some() => {
                    return Err(self.fault(field, "quoted: expected only for a number, a text or a boolean"));
                }
                _ => {}
            }
            let field = &self.fields[id];
            if field.quoted == Some(false) && !matches!(field.generator, ValueSource::Pattern(_)) {
                return Err(self.fault(field, "quoted = false: expected only for a pattern of digits"));
            }
        }
        Ok(())
    }

    fn fault(&self, field: &Field, words: impl std::fmt::Display) -> Error {
        self.origin.fault(field.at, format_args!("{}: {words}", field.path))
    }

    fn numeric(&self, field: &Field, key: &str, reference: &Reference) -> Result<()> {
        if self.is_numeric(reference.last()) {
            return Ok(());
        }
        let other = &self.fields[reference.last()];
        Err(self.fault(field, format_args!("{key}: {} is not a number", other.path)))
    }

    fn is_numeric(&self, id: FieldId) -> bool {
        match &self.fields[id].generator {
            ValueSource::Number { .. } | ValueSource::Counter { .. } | ValueSource::Sum { .. } => true,
            ValueSource::Choice(values) => values.iter().all(|(literal, _)| literal.number.is_some()),
            ValueSource::Given { branches, otherwise, .. } => {
                branches.iter().map(|(_, branch)| branch).chain(otherwise).all(|branch| self.is_numeric(*branch))
            }
            _ => false,
        }
    }

    /// The values of a field that has a list of them.
    fn values(&self, id: FieldId) -> Option<Vec<String>> {
        match &self.fields[id].generator {
            ValueSource::Kind => Some(self.kinds.iter().map(|kind| kind.name.clone()).collect()),
            ValueSource::Choice(values) => Some(values.iter().map(|(Literal { name, .. }, _)| name.clone()).collect()),
            ValueSource::Given { branches, otherwise, .. } => {
                let mut all = Vec::new();
                for branch in branches.iter().map(|(_, branch)| branch).chain(otherwise) {
                    all.extend(self.values(*branch)?);
                }
                Some(all)
            }
            _ => None,
        }
    }

    /// Gives each value of the field that a field depends on one branch, where a key may name several.
    fn spell_out(&mut self, id: FieldId) -> Result<()> {
        let field = &self.fields[id];
        let ValueSource::Given { of, branches, otherwise } = &field.generator else { return Ok(()) };
        let on = &self.fields[of.last()];
        let Some(values) = self.values(of.last()) else {
            let words = format!("given: {} has no list of values: expected a constant, choice or boolean", on.path);
            return Err(self.fault(field, words));
        };
        let mut all = Vec::new();
        for (key, branch) in branches {
            let is_whole = values.contains(key);
            let names: Vec<&str> = if is_whole { vec![key] } else { key.split('|').map(str::trim).collect() };
            for name in names {
                if !values.iter().any(|value| value == name) {
                    let at = &self.fields[*branch];
                    return Err(self.fault(at, format_args!("'{name}' is no value of {}", on.path)));
                }
                if all.iter().any(|(other, _)| other == name) {
                    return Err(self.fault(&self.fields[*branch], format_args!("'{name}' has another branch")));
                }
                all.push((name.to_owned(), *branch));
            }
        }
        if let Some(missing) =
            values.iter().find(|value| otherwise.is_none() && !all.iter().any(|(name, _)| name == *value))
        {
            return Err(self.fault(field, format_args!("when: there is no branch for '{missing}', and no otherwise")));
        }
        if let ValueSource::Given { branches, .. } = &mut self.fields[id].generator {
            *branches = all;
        }
        Ok(())
    }

    fn no_circles(&self) -> Result<()> {
        let mut done = BTreeSet::new();
        for id in 0..self.fields.len() {
            let mut way = Vec::new();
            self.walk(id, &mut way, &mut done)?;
        }
        Ok(())
    }

    fn walk(&self, id: FieldId, way: &mut Vec<FieldId>, done: &mut BTreeSet<FieldId>) -> Result<()> {
        if let Some(from) = way.iter().position(|other| *other == id) {
            let names: Vec<&str> = way[from..].iter().chain([&id]).map(|id| &*self.fields[*id].name).collect();
            return Err(self.fault(&self.fields[id], format_args!("depends on itself: {}", names.join(" → "))));
        }
        if done.contains(&id) {
            return Ok(());
        }
        if way.len() >= DEEPEST {
            let words =
                format!("it takes more than {DEEPEST} fields, each needed by the one before, to reach this one");
            return Err(self.fault(&self.fields[id], words));
        }
        way.push(id);
        for next in uses(&self.fields[id].generator) {
            self.walk(next, way, done)?;
        }
        way.pop();
        done.insert(id);
        Ok(())
    }

    fn no_spare_fields(&self) -> Result<()> {
        let mut ahead: Vec<FieldId> = self.kinds.iter().flat_map(|kind| holes(&kind.template)).collect();
        ahead.extend(self.sessions.map(|sessions| sessions.of));
        let mut used = BTreeSet::new();
        while let Some(id) = ahead.pop() {
            if used.insert(id) {
                ahead.extend(uses(&self.fields[id].generator));
            }
        }
        let is_spare = |(id, field): &(usize, &Field)| {
            !used.contains(id) && !matches!(field.generator, ValueSource::Kind | ValueSource::Session)
        };
        match self.fields.iter().enumerate().find(is_spare) {
            Some((_, field)) => Err(self.fault(field, "no template uses this field")),
            None => Ok(()),
        }
    }
}

/// The fields that a generator needs.
fn uses(generator: &ValueSource) -> Vec<FieldId> {
    let all = |references: &[Reference]| references.iter().flat_map(|reference| reference.path.clone()).collect();
    match generator {
        ValueSource::Given { of, branches, otherwise } => {
            let branches = branches.iter().map(|(_, branch)| *branch).chain(*otherwise);
            of.path.iter().copied().chain(branches).collect()
        }
        ValueSource::Sum { of, .. } | ValueSource::Hash { of, .. } => all(of),
        ValueSource::Time { shift: Some(shift), .. } => shift.by.path.clone(),
        ValueSource::Concat(parts) => fields(parts),
        ValueSource::Array { item, .. } => vec![*item],
        ValueSource::Object { template, .. } => holes(template),
        _ => Vec::new(),
    }
}

fn fields(parts: &[Part]) -> Vec<FieldId> {
    let references = parts.iter().filter_map(|part| match part {
        Part::Field(reference) => Some(reference.path.clone()),
        Part::Literal(_) => None,
    });
    references.flatten().collect()
}

/// The fields that a template shows.
fn holes(node: &Node) -> Vec<FieldId> {
    match node {
        Node::Literal(_) => Vec::new(),
        Node::Hole(reference) => reference.path.clone(),
        Node::Text(parts) => fields(parts),
        Node::List { items, .. } => {
            items.iter().flat_map(|item| fields(&item.key).into_iter().chain(holes(&item.value))).collect()
        }
    }
}
