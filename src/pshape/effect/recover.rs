//! `--recover P`: an error becomes a success, in every field that describes it. The reverse of `--errors`.

use crate::error::Result;
use crate::pshape::event::EditableEvent;
use crate::pshape::levels::Level;
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::record::event::Role;
use crate::record::truth::Expect;
use crate::seed::Choice;
use crate::world::profile::Profile;

use super::ending::Ending;
use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "recover",
    fault: "recover",
    head: Some("p"),
    given_by: GivenBy::Flag(Flag {
        value: "P",
        form: Form::OptionalOptions,
        repeatable: false,
        help: "Turn errors into successes, all or a share",
        details: "Options: P[,burst=20]",
    }),
    phase: Phase::Values,
    share: Share::AskedOrAll,
    windowed: true,
    spared: "lacked a status of 400 or above, or had a field of another type",
    needs: &[Role::Status],
    build,
};

struct Recover {
    ending: Ending,
    world: Profile,
    draws: Choice,
}

/// It has no further options.
#[allow(clippy::unnecessary_wraps)] // the form of all builders
fn build(_spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    setup.counts_runs_over("status>=400");
    let draws = setup.draws("size");
    Ok(Box::new(Recover { ending: Ending::new(setup), world: Profile::built_in(), draws }))
}

impl Effect for Recover {
    fn apply(&mut self, event: &mut EditableEvent, position: &Position) -> Applied {
        let is_error = event.status(self.ending.status).is_some_and(|status| (400..600).contains(&status));
        if !is_error || !self.ending.has_its_types(event) {
            return Applied::Passed;
        }
        let method = event.label(self.ending.method);
        let known = self.world.methods.iter().find(|known| *known.name == *method).unwrap_or(&self.world.methods[0]);
        let (status, bytes) = (if method == "POST" { 201 } else { 200 }, known.response_bytes);
        let size = u64::from(bytes.low) + self.draws.at(position.seq) % (u64::from(bytes.high - bytes.low) + 1);
        self.ending.write(event, status, Level::Info, &self.world.event.success, size);
        if !event.remove(self.ending.details) {
            event.set(self.ending.details, b"null");
        }
        Applied::Changed(Expect::Accepted)
    }
}
