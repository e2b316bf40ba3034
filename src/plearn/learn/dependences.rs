//! Which members depend on which, by the classes of their values.

use super::cells::Values;
use super::kinds::Kinds;
use super::model::{Given, On, Value};
use super::tree::{self, Parent, Variable};

/// Finds what each member depends on.
pub(super) fn find(kinds: &Kinds, learned: &[Values], counts: &[u64], min_count: u64) -> Vec<Option<Given>> {
    #[allow(clippy::cast_precision_loss)]
    let weights = kinds.kinds.iter().map(|kind| kind.count as f64).collect();
    let all = if kinds.kinds.len() >= 64 { u64::MAX } else { (1 << kinds.kinds.len()) - 1 };
    let kind = Variable { of: kinds.of.clone(), weights, kinds: all, is_plain: true, takes_part: true };
    let members = learned.iter().zip(&kinds.having).map(|(values, having)| {
        let is_plain = values.classes.iter().all(|class| matches!(class.value, Value::Literal(_)));
        Variable {
            of: values.of.clone(),
            weights: values.classes.iter().map(|class| class.weight).collect(),
            kinds: *having,
            is_plain,
            takes_part: *having > 0,
        }
    });
    let variables: Vec<Variable> = std::iter::once(kind).chain(members).collect();
    tree::parents(&variables, counts, min_count).into_iter().skip(1).map(|parent| parent.map(given)).collect()
}

fn given(parent: Parent) -> Given {
    let on = if parent.on == 0 { On::Kind } else { On::Member(parent.on - 1) };
    let further = parent.further.into_iter().map(|further| further.map(|further| Box::new(given(*further))));
    Given { on, weights: parent.weights, further: further.collect() }
}
