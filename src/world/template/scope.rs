//! Names and what they mean: which field a name leads to from where it stands.

use std::collections::{BTreeMap, HashMap};

use super::reference::{EVENT, FieldId, Reference, SESSION, ScopeId};

/// The name under which each event can be asked for its kind.
pub(super) const KIND: &str = "event";

/// The name under which the fields of a session can be asked for.
pub(super) const SESSION_NAME: &str = "session";

/// What the fields of a scope are fixed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Event,
    Session,
    Member,
    Item,
}

#[derive(Debug)]
struct Scope {
    owner: Owner,
    /// The scope whose fields can be used too.
    outer: Option<ScopeId>,
    names: BTreeMap<String, FieldId>,
}

/// All scopes of a world.
#[derive(Debug)]
pub(super) struct Scopes {
    scopes: Vec<Scope>,
    /// The scope of each field that has fields.
    leads: HashMap<FieldId, ScopeId>,
}

impl Scopes {
    /// The scopes of events and sessions.
    pub(super) fn new() -> Self {
        let mut scopes = Self { scopes: Vec::new(), leads: HashMap::new() };
        let (event, session) = (scopes.add(Owner::Event, None), scopes.add(Owner::Session, None));
        debug_assert!((event, session) == (EVENT, SESSION));
        scopes
    }

    pub(super) fn add(&mut self, owner: Owner, outer: Option<ScopeId>) -> ScopeId {
        self.scopes.push(Scope { owner, outer, names: BTreeMap::new() });
        self.scopes.len() - 1
    }

    pub(super) fn declare(&mut self, scope: ScopeId, name: &str, field: FieldId) {
        self.scopes[scope].names.insert(name.to_owned(), field);
    }

    /// A field whose fields are those of another scope.
    pub(super) fn lead(&mut self, field: FieldId, to: ScopeId) {
        self.leads.insert(field, to);
    }

    /// Whether fields of this scope have a moment: members of populations have none.
    pub(super) fn has_time(&self, scope: ScopeId) -> bool {
        let mut chain = std::iter::successors(Some(scope), |scope| self.scopes[*scope].outer);
        chain.all(|scope| self.scopes[scope].owner != Owner::Member)
    }

    /// The field that a name leads to.
    ///
    /// # Errors
    /// Why it leads to none.
    pub(super) fn resolve(&self, scope: ScopeId, name: &str) -> Result<Reference, String> {
        let mut chain = std::iter::successors(Some(scope), |scope| self.scopes[*scope].outer);
        let mut steps = name.split('.');
        let first = steps.next().unwrap_or_default();
        let found = chain.find_map(|scope| self.scopes[scope].names.get(first).copied());
        let mut field = found.ok_or_else(|| format!("there is no field '{first}'{}", self.hint(scope)))?;
        let mut path = vec![field];
        let mut before = first;
        for step in steps {
            let scope =
                *self.leads.get(&field).ok_or_else(|| format!("'{before}' has no fields: it draws no member"))?;
            let names = &self.scopes[scope].names;
            let list = || names.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            field = *names.get(step).ok_or_else(|| format!("'{before}' has no field '{step}': expected {}", list()))?;
            path.push(field);
            before = step;
        }
        if let Some(scope) = self.leads.get(&field) {
            let list = self.scopes[*scope].names.keys().map(|name| format!("{before}.{name}"));
            return Err(format!(
                "'{before}' is a member: expected one of its fields, {}",
                list.collect::<Vec<_>>().join(", ")
            ));
        }
        Ok(Reference { path })
    }

    fn hint(&self, scope: ScopeId) -> String {
        let names: Vec<&str> =
            self.scopes[scope].names.keys().map(String::as_str).filter(|name| *name != KIND).collect();
        if names.is_empty() { String::new() } else { format!(": expected one of {}", names.join(", ")) }
    }
}
