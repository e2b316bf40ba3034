//! Which members depend on which, by the classes of their values.

use super::cells::Values;
use super::kinds::Kinds;
use super::model::Value;
use super::tree::{self, Variable};

/// Finds what each depends on. The first is the kind of event, which depends on nothing.
pub(super) fn find(kinds: &Kinds, learned: &[Values], counts: &[u64]) -> Vec<Option<tree::Parent>> {
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
    tree::parents(&variables, counts)
}
