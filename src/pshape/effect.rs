//! The effects: each is one file behind one small trait, and a row in the table that says how it is called and when it acts.

mod spikes;

use crate::cli::values::Probability;
use crate::error::Result;
use crate::record::truth::Expect;
use crate::seed::{Choice, Seed};

use super::event::{Event, Fields};
use super::pick::Pick;
use super::spec::Spec;

/// What happens to an event that an effect takes.
pub(super) trait Effect {
    /// Works on the event that stands in this line of the input. Every random choice is drawn by that number alone.
    fn apply(&mut self, event: &mut Event, seq: u64) -> Verdict;
}

/// What an effect made of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// It cannot apply to this event, and left it as it was.
    Passed,
    /// It changed the event, of which a right server makes this.
    Changed(Expect),
}

/// Which lines an effect can be given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Share {
    /// The share that `p` says.
    Asked,
}

/// A kind of effect.
pub(super) struct Kind {
    /// Its flag, and its name in a scenario.
    pub flag: &'static str,
    /// Its flag in the singular: the fault's name in truth, and of its random choices.
    pub fault: &'static str,
    /// The option that may stand first without its name.
    pub head: Option<&'static str>,
    /// Which lines it is given.
    pub share: Share,
    /// What an event has to have for it.
    pub needs: &'static str,
    /// Reads its own options.
    pub build: fn(&mut Spec, &mut Setup<'_>) -> Result<Box<dyn Effect>>,
}

/// All kinds, in the order in which they act.
pub(super) const KINDS: [Kind; 1] = [Kind {
    flag: "spikes",
    fault: "spike",
    head: Some("p"),
    share: Share::Asked,
    needs: "a response time above 0",
    build: spikes::build,
}];

/// What effects are built from, beside their own options.
pub(super) struct Setup<'a> {
    /// Where an effect says which fields it wants.
    pub fields: &'a mut Fields,
    /// The root of the run's random choices.
    pub seed: Seed,
    /// The name of this effect's choices.
    pub name: String,
}

impl Setup<'_> {
    /// The draws for one kind of choice of this effect.
    pub(super) fn draws(&self, what: &str) -> Choice {
        self.seed.choice(&format!("{}.{what}", self.name))
    }
}

/// An effect at work: which lines it is given, what it does with them, and how often it did.
pub(super) struct Active {
    /// Its kind.
    pub kind: &'static Kind,
    /// Which lines it is given.
    pub pick: Pick,
    /// What it does.
    pub effect: Box<dyn Effect>,
    /// Events that it changed.
    pub injected: u64,
    /// Events that it was given, and could not apply to.
    pub passed: u64,
}

impl Active {
    /// Builds an effect from its options.
    ///
    /// # Errors
    /// Where an option is unknown, missing, or does not parse.
    pub(super) fn build(kind: &'static Kind, mut spec: Spec, mut setup: Setup<'_>) -> Result<Self> {
        let effect = (kind.build)(&mut spec, &mut setup)?;
        let draws = setup.seed.choice(&setup.name);
        let pick = match kind.share {
            Share::Asked => Pick::from_spec(&mut spec, None::<Probability>, draws)?,
        };
        spec.finish()?;
        Ok(Self { kind, pick, effect, injected: 0, passed: 0 })
    }
}
