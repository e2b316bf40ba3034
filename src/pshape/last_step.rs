//! The last step of an event's shaping: its label, and the effects after which it may no longer be an event.

use crate::record::truth::Expect;

use super::active::Active;
use super::effect::Applied;
use super::effect::label::Label;
use super::event::{BYTE_ORDER_MARK, EditableEvent};
use super::position::Position;

/// The result of the last step for an event.
pub(super) struct Finished {
    /// How a correct server answers the line.
    pub expect: Expect,
    /// Whether a byte order mark at the line's start is the only reason to refuse it.
    pub is_marked: bool,
    /// Whether it was labelled.
    pub is_labelled: bool,
    /// The version of the event for the case that it keeps its place although effects should move it. `None` if it is the
    /// same.
    pub unmoved: Option<Box<Unmoved>>,
}

/// An event whose label does not name the effects that should have moved it.
pub(super) struct Unmoved {
    pub event: EditableEvent,
    /// Whether it has a label.
    pub is_labelled: bool,
}

/// Labels an event if there is a `label`, and then applies these effects. `movers` are the effects that move it to another
/// place.
pub(super) fn finish(
    event: &mut EditableEvent,
    label: Option<&mut Label>,
    effects: &mut [Active],
    taken: &[usize],
    movers: &[usize],
    position: &Position,
) -> Finished {
    let (mut is_labelled, mut unmoved) = (false, None);
    let mut named = None;
    if let Some(label) = label {
        let coming = coming(event, label, effects, taken, position);
        let names = names(effects, &coming);
        unmoved = (!movers.is_empty()).then(|| {
            let mut still = event.sibling();
            still.copy(event);
            movers.iter().for_each(|number| still.withdraw(effects[*number].kind.fault));
            let is_labelled = label.write(&mut still, &names);
            Box::new(Unmoved { event: still, is_labelled })
        });
        is_labelled = label.write(event, &names);
        named = Some(coming);
    }
    let mut refusals = 0;
    for number in named.as_deref().unwrap_or(taken) {
        let verdict = effects[*number].apply(event, position);
        refusals += usize::from(verdict == Applied::Changed(Expect::Rejected));
        if let Some(unmoved) = &mut unmoved {
            effects[*number].repeat(&mut unmoved.event, position);
        }
    }
    let is_marked = refusals == 1 && event.text().starts_with(BYTE_ORDER_MARK);
    let expect = match refusals {
        0 => Expect::Accepted,
        _ if is_marked => Expect::Either,
        _ => Expect::Rejected,
    };
    Finished { expect, is_marked, is_labelled, unmoved }
}

/// Those of these effects that will change the event.
/// They are tried before the label is written, because after them there may be no object to write a label into. They are
/// applied to a copy with the longest possible label, so that there is room for both the label and what it names.
fn coming(
    event: &EditableEvent,
    label: &mut Label,
    effects: &mut [Active],
    taken: &[usize],
    position: &Position,
) -> Vec<usize> {
    if taken.is_empty() {
        return Vec::new();
    }
    let mut trial = event.sibling();
    trial.copy(event);
    label.write(&mut trial, &names(effects, taken));
    taken.iter().copied().filter(|number| effects[*number].attempt(&mut trial, position)).collect()
}

fn names(effects: &[Active], of: &[usize]) -> Vec<&'static str> {
    of.iter().map(|number| effects[*number].kind.fault).collect()
}
