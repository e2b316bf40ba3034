//! Names in a world, resolved: indices of fields and of scopes.

/// An index into the world's fields.
pub(crate) type FieldId = usize;

/// An index into the world's scopes.
pub(crate) type ScopeId = usize;

/// The scope of the fields of an event.
pub(crate) const EVENT: ScopeId = 0;

/// The scope of the fields of a session.
pub(crate) const SESSION: ScopeId = 1;

/// A field, by itself or of a member: `status`, or `user.city`.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    /// A field, and for each dot one of what the field before draws.
    pub(crate) path: Vec<FieldId>,
}

impl Reference {
    /// The field whose value is meant.
    pub(crate) fn last(&self) -> FieldId {
        self.path[self.path.len() - 1]
    }
}

/// A part of a text with holes.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// Text, escaped for JSON.
    Literal(String),
    /// The text of a field.
    Field(Reference),
}
