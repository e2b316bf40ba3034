//! What an effect is built from, and what it asks of the run.

use crate::error::Result;
use crate::pshape::event::{Field, FieldRegistry};
use crate::pshape::levels::Levels;
use crate::pshape::spec::Spec;
use crate::pshape::window::{Origin, Period, When, Window};
use crate::record::event::FieldMap;
use crate::record::filter::{Condition, Filter};
use crate::seed::{Choice, Seed};

/// What effects are built from, beside their own options.
pub(in crate::pshape) struct Setup<'a> {
    /// Where an effect says which fields it wants.
    pub fields: &'a mut FieldRegistry,
    /// The root of the run's random choices.
    pub seed: Seed,
    /// The name of this effect's choices.
    pub name: String,
    /// The words for levels.
    pub levels: &'a Levels,
    /// The time that the run is about.
    pub period: Period,
    /// Where the stream starts, as far as the effects before this one move it.
    pub origin: &'a mut Origin,
    /// What the run has to keep an eye on for its effects.
    pub wants: &'a mut Wants,
    /// What events have to meet, as they were read, for the effect to be about them.
    pub filter: Vec<(Field, Condition)>,
    /// What else they have to meet to count for the length of runs.
    pub runs_over: Vec<(Field, Condition)>,
}

/// What effects want of the engine, beyond the lines that they take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::pshape) struct Wants {
    /// The stream's start.
    pub start: bool,
    /// The event time at every line.
    pub clock: bool,
    /// A look at every event, until each filter has met one.
    pub matches: bool,
}

impl Setup<'_> {
    /// The draws for one kind of choice of this effect.
    pub(in crate::pshape) fn draws(&self, what: &str) -> Choice {
        self.seed.choice(&format!("{}.{what}", self.name))
    }

    /// Narrows the effect to events that meet these conditions as they were read.
    pub(in crate::pshape) fn narrow(&mut self, conditions: &[Condition]) {
        let asked = self.asked(conditions);
        self.filter.extend(asked);
    }

    /// Has runs counted over the events that meet this condition as they were read: those that the effect can apply to.
    pub(in crate::pshape) fn counts_runs_over(&mut self, condition: &str) {
        let filter = Filter::parse(condition, self.fields.map()).expect("an effect's own condition is one");
        self.runs_over = self.asked(filter.conditions());
    }

    /// Has the stream's start looked for where one of these points counts from it.
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

    /// Conditions with the fields that they look at.
    pub(in crate::pshape) fn asked(&mut self, conditions: &[Condition]) -> Vec<(Field, Condition)> {
        conditions.iter().map(|c| (self.fields.path(c.path()), c.clone())).collect()
    }

    /// The options that name a field (`service`, `context.tags.region`) as conditions on it. To be read when the effect's own options
    /// are taken; `kept` are others that are yet to be.
    pub(in crate::pshape) fn given_conditions(&mut self, spec: &mut Spec, kept: &[&str]) -> Vec<Condition> {
        let map = self.fields.map();
        spec.knows(FieldMap::names());
        let given = spec.fields(|name| !kept.contains(&name) && (name.contains('.') || map.knows(name)));
        given.iter().map(|(name, text)| Condition::equals(name, text, map)).collect()
    }
}
