//! How each member is written: in the template, or by one or two fields.

use super::toml::name_of;
use crate::plearn::learn::model::{Class, Learned, On, Value};

/// How a member is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// In the template, as it is the same everywhere.
    Constant,
    /// A list of values, by whose names others may depend on it.
    List,
    /// One field, on which nothing depends.
    Alone,
    /// A field for the class, and one for the value.
    Cases,
}

/// The role of each member.
pub(super) fn roles(members: &[Learned]) -> Vec<Role> {
    let adds_by_class = |class: &Class, place: usize| match &class.value {
        Value::Sum { of, by, .. } => *of == place && by.iter().any(Option::is_some),
        _ => false,
    };
    let is_asked = |place: usize| {
        members.iter().any(|other| {
            other.given.as_ref().is_some_and(|given| given.is_on(On::Member(place)))
                || other.classes.iter().any(|class| adds_by_class(class, place))
        })
    };
    members.iter().enumerate().map(|(place, member)| role(member, is_asked(place))).collect()
}

fn role(member: &Learned, is_asked: bool) -> Role {
    if let [Class { value: Value::Literal(_), .. }] = &member.classes[..] {
        return Role::Constant;
    }
    let mut names: Vec<String> = member
        .classes
        .iter()
        .filter_map(|class| match &class.value {
            Value::Literal(value) => Some(name_of(value)),
            _ => None,
        })
        .collect();
    let all = names.len();
    names.sort();
    names.dedup();
    if all == member.classes.len() && names.len() == all {
        return Role::List;
    }
    let is_alone = member.whole.is_some() || main_class(member).is_some();
    if member.given.is_none() && !is_asked && is_alone { Role::Alone } else { Role::Cases }
}

/// The only class beside absent and null.
pub(super) fn main_class(member: &Learned) -> Option<&Class> {
    let mut others = member.classes.iter().filter(|class| !matches!(class.value, Value::Absent | Value::Null));
    others.next().filter(|_| others.next().is_none())
}
