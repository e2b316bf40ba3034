//! The list of effects.

use super::{
    Kind, curve, drop, duplicates, encoding, errors, flash, gap, incident, late, malformed, new_ids, oversize, poison,
    recover, reorder, schema, shift, skew, slow, spikes,
};

/// All kinds, in the order in which they act.
pub(in crate::pshape) const KINDS: [&Kind; 20] = [
    &shift::KIND,
    &curve::KIND,
    &flash::KIND,
    &gap::KIND,
    &incident::KIND,
    &spikes::KIND,
    &slow::KIND,
    &errors::KIND,
    &recover::KIND,
    &new_ids::KIND,
    &skew::KIND,
    &drop::KIND,
    &duplicates::KIND,
    &late::KIND,
    &reorder::KIND,
    &schema::KIND,
    &oversize::KIND,
    &poison::KIND,
    &encoding::KIND,
    &malformed::KIND,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_each_effect_with_its_fault() {
        let page = include_str!("../../../docs/pshape.md");
        for kind in KINDS {
            let row = page.lines().find(|line| line.starts_with(&format!("| `--{}", kind.flag)));
            let row = row.unwrap_or_else(|| panic!("docs/pshape.md has no row for --{}", kind.flag));
            assert!(row.ends_with(&format!("| `{}` |", kind.fault)), "{row}");
        }
    }

    #[test]
    fn the_list_is_in_the_order_of_the_phases() {
        assert!(KINDS.is_sorted_by_key(|kind| kind.phase));
    }
}
