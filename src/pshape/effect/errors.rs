//! `--errors P[,codes=500:3/503:2]`: a success becomes an error, in every field that describes it.

use crate::error::Result;
use crate::pshape::effect::fail::Failure;
use crate::pshape::event::EditableEvent;
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::record::event::Role;
use crate::record::truth::Expect;

use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "errors",
    fault: "error",
    head: Some("p"),
    given_by: GivenBy::Flag(Flag {
        value: "P",
        form: Form::Options,
        repeatable: false,
        help: "Turn successes into errors",
        details: "Options: P[,codes=500:3/503:2][,burst=20]",
    }),
    phase: Phase::Values,
    share: Share::Asked,
    windowed: true,
    spared: "lacked a status below 400, or had a field of another type",
    needs: &[Role::Status],
    build,
};

struct Errors {
    failure: Failure,
}

/// Reads `codes`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    setup.counts_runs_over("status>=100,status<400");
    Ok(Box::new(Errors { failure: Failure::from_spec(spec, setup)? }))
}

impl Effect for Errors {
    fn apply(&mut self, event: &mut EditableEvent, position: &Position) -> Applied {
        if self.failure.is_success(event) && self.failure.inject(event, position.seq) {
            Applied::Changed(Expect::Accepted)
        } else {
            Applied::Passed
        }
    }
}
