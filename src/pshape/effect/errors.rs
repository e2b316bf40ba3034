//! `--errors P[,codes=500:3/503:2]`: a success becomes an error, in every field that tells of it.

use crate::error::Result;
use crate::pshape::effect::fail::Failure;
use crate::pshape::event::Event;
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::record::truth::Expect;

use super::{Effect, Setup, Verdict};

struct Errors {
    failure: Failure,
}

/// Reads `codes`.
pub(super) fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    setup.counts_runs_over("status>=100,status<400");
    Ok(Box::new(Errors { failure: Failure::from_spec(spec, setup)? }))
}

impl Effect for Errors {
    fn apply(&mut self, event: &mut Event, position: &Position) -> Verdict {
        if self.failure.is_success(event) && self.failure.inject(event, position.seq) {
            Verdict::Changed(Expect::Accepted)
        } else {
            Verdict::Passed
        }
    }
}
