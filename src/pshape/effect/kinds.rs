//! The list of effects.

use super::{
    Kind, curve, drop, duplicates, encoding, errors, flash, gap, incident, late, malformed, new_ids, oversize, poison,
    recover, redact, reorder, schema, shift, skew, slow, spikes,
};

/// All kinds, in the order in which they act.
pub(in crate::pshape) const KINDS: [&Kind; 21] = [
    &redact::KIND,
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
    fn the_documentation_has_the_same_list() {
        let page = include_str!("../../../docs/pshape.md");
        let section =
            page.split("\n## ").find(|section| section.starts_with("Effects\n")).expect("a section on effects");
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `--")).map(|row| {
            let flag = row.split(|c: char| !c.is_ascii_lowercase() && c != '-').next().expect("a flag");
            let fault = row.trim_end_matches("` |").rsplit('`').next().expect("a fault");
            (flag, fault)
        });
        assert_eq!(rows.collect::<Vec<_>>(), KINDS.map(|kind| (kind.flag, kind.fault)));
    }

    #[test]
    fn the_list_is_in_the_order_of_the_phases() {
        assert!(KINDS.is_sorted_by_key(|kind| kind.phase));
    }
}
