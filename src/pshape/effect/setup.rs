//! What an effect is built from, and what it needs from the run.

use crate::error::Result;
use crate::pshape::event::{FieldIndex, FieldRegistry};
use crate::pshape::levels::Levels;
use crate::pshape::redact::Key;
use crate::pshape::spec::Spec;
use crate::pshape::window::{Period, StreamStart, When, Window};
use crate::record::event::FieldMap;
use crate::record::filter::{Condition, Filter};
use crate::seed::{Choice, Seed};

/// What effects are built from, besides their options.
pub(in crate::pshape) struct Setup<'a> {
    /// Registers the fields that the effect needs.
    pub fields: &'a mut FieldRegistry,
    /// The root of the run's random choices.
    pub seed: Seed,
    /// The name of this effect's random choices.
    pub name: String,
    /// The key of `--redact`, if there is one.
    pub redact_key: Option<&'a Key>,
    /// The severity levels.
    pub levels: &'a Levels,
    /// The time that the run covers.
    pub period: Period,
    /// The stream's start after the effects before this one.
    pub origin: &'a mut StreamStart,
    /// What the effects need from the engine.
    pub wants: &'a mut Wants,
    /// The conditions that events must meet, as they were read.
    pub filter: Vec<(FieldIndex, Condition)>,
    /// Further conditions for events to count for the length of runs.
    pub runs_over: Vec<(FieldIndex, Condition)>,
}

/// What effects need from the engine besides the lines that they take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::pshape) struct Wants {
    /// The stream's start.
    pub start: bool,
    /// The event time at every line.
    pub clock: bool,
    /// Lines that cannot be redacted are left out.
    pub withholding: bool,
    /// Every event is checked until each filter has met one.
    pub matches: bool,
    /// The seed decides something: another one gives other output.
    pub chance: bool,
}

impl Setup<'_> {
    /// The random draws for one kind of choice of this effect.
    pub(in crate::pshape) fn draws(&mut self, what: &str) -> Choice {
        self.draws_if(true, what)
    }

    /// The same, for an effect whose options say whether it uses them.
    pub(in crate::pshape) fn draws_if(&mut self, is_used: bool, what: &str) -> Choice {
        self.wants.chance |= is_used;
        self.seed.choice(&format!("{}.{what}", self.name))
    }

    /// Narrows the effect to events that meet these conditions as they were read.
    pub(in crate::pshape) fn narrow(&mut self, conditions: &[Condition]) {
        let asked = self.asked(conditions);
        self.filter.extend(asked);
    }

    /// Counts the length of runs only over events that meet this condition as they were read: those that the effect can apply
    /// to.
    pub(in crate::pshape) fn counts_runs_over(&mut self, condition: &str) {
        let filter = Filter::parse(condition, self.fields.map()).expect("an effect's own condition is one");
        self.runs_over = self.asked(filter.conditions());
    }

    /// Asks for the stream's start if one of these points counts from it.
    pub(in crate::pshape) fn wants_start(&mut self, points: impl IntoIterator<Item = When>) {
        self.wants.start |= points.into_iter().any(|point| matches!(point, When::Into(_)));
    }

    /// Reads `from` and `until`; `None` if neither is given.
    ///
    /// # Errors
    /// If one does not parse, or `from` is not before `until`.
    pub(in crate::pshape) fn window(&mut self, spec: &mut Spec) -> Result<Option<Window>> {
        let (from, until) = (spec.take("from")?, spec.take("until")?);
        let window = Window::new(from, until).map_err(|why| spec.wrong(why))?;
        self.wants_start(from.into_iter().chain(until));
        Ok(window)
    }

    /// Conditions with their fields.
    pub(in crate::pshape) fn asked(&mut self, conditions: &[Condition]) -> Vec<(FieldIndex, Condition)> {
        conditions.iter().map(|c| (self.fields.path(c.path()), c.clone())).collect()
    }

    /// Takes the options that name a field (`service`, `context.tags.region`) as conditions on it. Call it after the effect
    /// has taken its own options. `kept` are options that are still to be taken.
    pub(in crate::pshape) fn given_conditions(&mut self, spec: &mut Spec, kept: &[&str]) -> Vec<Condition> {
        let map = self.fields.map();
        spec.knows(FieldMap::names());
        let given = spec.fields(|name| !kept.contains(&name) && (name.contains('.') || map.knows(name)));
        given.iter().map(|(name, text)| Condition::equals(name, text, map)).collect()
    }
}
