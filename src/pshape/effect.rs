//! The effects: each is one file behind one small trait, and a row in the table that says how it is called and when it acts.

mod curve;
mod drop;
mod duplicates;
mod encoding;
mod ending;
mod errors;
mod fail;
mod flash;
mod gap;
mod incident;
pub(super) mod label;
mod late;
mod malformed;
mod new_ids;
mod oversize;
mod poison;
mod recover;
mod reorder;
mod schema;
mod shift;
mod skew;
mod slow;
mod spikes;

use crate::cli::values::Probability;
use crate::clock::Micros;
use crate::error::Result;
use crate::record::event::FieldMap;
use crate::record::filter::{Condition, Filter};
use crate::record::truth::Expect;
use crate::seed::{Choice, Seed};

use super::event::{Event, Field, Fields};
use super::pick::Pick;
use super::spec::Spec;
use super::window::{Origin, Period, When, Window};

/// What happens to an event that an effect takes.
pub(super) trait Effect {
    /// Works on an event. Every random choice is drawn by the number of its line alone.
    fn apply(&mut self, event: &mut Event, place: &Place) -> Verdict;

    /// Sets a copy of an event apart from the event.
    fn set_apart(&mut self, _copy: &mut Event, _place: &Place) {}

    /// What the user should know at the end.
    fn remark(&self) -> Option<String> {
        None
    }
}

/// Where an event stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The number of its line in the input.
    pub seq: u64,
    /// The first timestamp of the input, as it was read, once one was seen.
    pub first: Option<Micros>,
    /// Where the stream starts: what `+2h` counts from.
    pub start: Option<Micros>,
}

/// What an effect made of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// It cannot apply to this event, and left it as it was.
    Passed,
    /// The event has what it works on, but no other value to take: a product that rounds back to the value, or cannot be written.
    Stuck,
    /// It is not about this event, or leaves it as it is.
    Kept,
    /// It changed the event, of which a right server makes this.
    Changed(Expect),
    /// The event is gone.
    Gone,
    /// The event is sent again.
    Again(Again),
    /// The event takes its place in the stream when this much event time has passed.
    Late(Micros),
    /// The event takes its place so many lines later.
    Behind(u64),
}

/// How an event is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Again {
    /// How many copies.
    pub copies: u32,
    /// The event time between an event and its first copy, and between copies.
    pub delay: Micros,
}

/// The groups of effects, in the order in which they act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Timestamps move.
    Retime,
    /// A service fails for a while.
    Incidents,
    /// Values change.
    Values,
    /// Events are lost, copied, held back.
    Stream,
    /// Lines break.
    Bytes,
}

/// Which lines an effect can be given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Share {
    /// The share that `p` says.
    Asked,
    /// The same, and all where it says nothing.
    AskedOrAll,
    /// All: the effect has another rule of its own.
    All,
    /// One in so many, as `every` says.
    Every,
}

/// A kind of effect.
pub(super) struct Kind {
    /// Its flag, and its name in a scenario.
    pub flag: &'static str,
    /// Its flag in the singular: the fault's name in truth, and of its random choices.
    pub fault: &'static str,
    /// The option that may stand first without its name.
    pub head: Option<&'static str>,
    /// Its group.
    pub phase: Phase,
    /// Which lines it is given.
    pub share: Share,
    /// Whether `from` and `until` may narrow it; others have times of their own.
    pub windowed: bool,
    /// What is said of events that it cannot apply to.
    pub spared: &'static str,
    /// Reads its own options.
    pub build: fn(&mut Spec, &mut Setup<'_>) -> Result<Box<dyn Effect>>,
}

/// All kinds, in the order in which they act.
pub(super) const KINDS: [Kind; 20] = [
    Kind {
        flag: "shift",
        fault: "shift",
        head: Some("by"),
        phase: Phase::Retime,
        share: Share::All,
        windowed: true,
        spared: "lacked a timestamp",
        build: shift::build,
    },
    Kind {
        flag: "curve",
        fault: "curve",
        head: Some("name"),
        phase: Phase::Retime,
        share: Share::All,
        windowed: false,
        spared: "lacked a timestamp in the window",
        build: curve::build,
    },
    Kind {
        flag: "flash",
        fault: "flash",
        head: None,
        phase: Phase::Retime,
        share: Share::All,
        windowed: false,
        spared: "lacked a timestamp",
        build: flash::build,
    },
    Kind {
        flag: "gap",
        fault: "gap",
        head: None,
        phase: Phase::Retime,
        share: Share::All,
        windowed: false,
        spared: "lacked a timestamp",
        build: gap::build,
    },
    Kind {
        flag: "incident",
        fault: "incident",
        head: None,
        phase: Phase::Incidents,
        share: Share::All,
        windowed: false,
        spared: "lacked a timestamp, or had a field of another type",
        build: incident::build,
    },
    Kind {
        flag: "spikes",
        fault: "spike",
        head: Some("p"),
        phase: Phase::Values,
        share: Share::Asked,
        windowed: true,
        spared: "lacked a response time above 0",
        build: spikes::build,
    },
    Kind {
        flag: "slow",
        fault: "slow",
        head: Some("factor"),
        phase: Phase::Values,
        share: Share::AskedOrAll,
        windowed: true,
        spared: "lacked a response time above 0",
        build: slow::build,
    },
    Kind {
        flag: "errors",
        fault: "error",
        head: Some("p"),
        phase: Phase::Values,
        share: Share::Asked,
        windowed: true,
        spared: "lacked a status below 400, or had a field of another type",
        build: errors::build,
    },
    Kind {
        flag: "recover",
        fault: "recover",
        head: Some("p"),
        phase: Phase::Values,
        share: Share::AskedOrAll,
        windowed: true,
        spared: "lacked a status of 400 or above, or had a field of another type",
        build: recover::build,
    },
    Kind {
        flag: "new-ids",
        fault: "new_id",
        head: Some("prefix"),
        phase: Phase::Values,
        share: Share::All,
        windowed: true,
        spared: "lacked an id",
        build: new_ids::build,
    },
    Kind {
        flag: "skew",
        fault: "skew",
        head: None,
        phase: Phase::Stream,
        share: Share::AskedOrAll,
        windowed: true,
        spared: "lacked a timestamp",
        build: skew::build,
    },
    Kind {
        flag: "drop",
        fault: "drop",
        head: Some("p"),
        phase: Phase::Stream,
        share: Share::Asked,
        windowed: true,
        spared: "lacked nothing",
        build: drop::build,
    },
    Kind {
        flag: "duplicates",
        fault: "duplicate",
        head: Some("p"),
        phase: Phase::Stream,
        share: Share::Asked,
        windowed: true,
        spared: "lacked a timestamp",
        build: duplicates::build,
    },
    Kind {
        flag: "late",
        fault: "late",
        head: Some("p"),
        phase: Phase::Stream,
        share: Share::Asked,
        windowed: true,
        spared: "lacked a timestamp",
        build: late::build,
    },
    Kind {
        flag: "reorder",
        fault: "reorder",
        head: Some("p"),
        phase: Phase::Stream,
        share: Share::Asked,
        windowed: true,
        spared: "lacked nothing",
        build: reorder::build,
    },
    Kind {
        flag: "schema",
        fault: "schema",
        head: Some("p"),
        phase: Phase::Bytes,
        share: Share::Asked,
        windowed: true,
        spared: "lacked a field of the schema",
        build: schema::build,
    },
    Kind {
        flag: "oversize",
        fault: "oversize",
        head: Some("p"),
        phase: Phase::Bytes,
        share: Share::Asked,
        windowed: true,
        spared: "were as large already",
        build: oversize::build,
    },
    Kind {
        flag: "poison",
        fault: "poison",
        head: Some("every"),
        phase: Phase::Bytes,
        share: Share::Every,
        windowed: true,
        spared: "lacked an object to nest in",
        build: poison::build,
    },
    Kind {
        flag: "encoding",
        fault: "encoding",
        head: Some("p"),
        phase: Phase::Bytes,
        share: Share::Asked,
        windowed: true,
        spared: "lacked a text to break",
        build: encoding::build,
    },
    Kind {
        flag: "malformed",
        fault: "malformed",
        head: Some("p"),
        phase: Phase::Bytes,
        share: Share::Asked,
        windowed: true,
        spared: "lacked an object to break",
        build: malformed::build,
    },
];

/// What effects are built from, beside their own options.
pub(super) struct Setup<'a> {
    /// Where an effect says which fields it wants.
    pub fields: &'a mut Fields,
    /// The root of the run's random choices.
    pub seed: Seed,
    /// The name of this effect's choices.
    pub name: String,
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
pub(super) struct Wants {
    /// The stream's start.
    pub start: bool,
    /// The event time at every line.
    pub clock: bool,
    /// A look at every event, until each filter has met one.
    pub matches: bool,
}

impl Setup<'_> {
    /// The draws for one kind of choice of this effect.
    pub(super) fn draws(&self, what: &str) -> Choice {
        self.seed.choice(&format!("{}.{what}", self.name))
    }

    /// Narrows the effect to events that meet these conditions as they were read.
    pub(super) fn narrow(&mut self, conditions: &[Condition]) {
        let asked = self.asked(conditions);
        self.filter.extend(asked);
    }

    /// Has runs counted over the events that meet this condition as they were read: those that the effect can apply to.
    pub(super) fn counts_runs_over(&mut self, condition: &str) {
        let filter = Filter::parse(condition, self.fields.map()).expect("an effect's own condition is one");
        self.runs_over = self.asked(filter.conditions());
    }

    /// Has the stream's start looked for where one of these points counts from it.
    pub(super) fn wants_start(&mut self, points: impl IntoIterator<Item = When>) {
        self.wants.start |= points.into_iter().any(|point| matches!(point, When::Into(_)));
    }

    /// Conditions with the fields that they look at.
    pub(super) fn asked(&mut self, conditions: &[Condition]) -> Vec<(Field, Condition)> {
        conditions.iter().map(|c| (self.fields.path(c.path()), c.clone())).collect()
    }

    /// The options that name a field (`service`, `context.tags.region`) as conditions on it. To be read when the effect's own options
    /// are taken; `kept` are others that are yet to be.
    pub(super) fn given_conditions(&mut self, spec: &mut Spec, kept: &[&str]) -> Vec<Condition> {
        let map = self.fields.map();
        spec.knows(FieldMap::names());
        let given = spec.fields(|name| !kept.contains(&name) && (name.contains('.') || map.knows(name)));
        given.iter().map(|(name, text)| Condition::equals(name, text, map)).collect()
    }
}

/// An effect at work: which lines it is given, what it does with them, and how often it did.
pub(super) struct Active {
    /// Its kind.
    pub kind: &'static Kind,
    /// Which lines it is given.
    pub pick: Pick,
    /// What events have to meet, as they were read.
    filter: Vec<(Field, Condition)>,
    /// Whether an event met it.
    is_met: bool,
    /// What events have to meet beside it to count for the length of runs.
    runs_over: Vec<(Field, Condition)>,
    /// When events have to have happened.
    window: Option<Window>,
    /// What it does.
    effect: Box<dyn Effect>,
    /// What it did.
    pub counts: Counts,
}

/// What became of the lines that an effect was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Events that did not meet the filter, before one did.
    pub unmet: u64,
    /// Events outside the window.
    pub outside: u64,
    /// Events that it cannot apply to.
    pub passed: u64,
    /// Events that had no other value to take.
    pub stuck: u64,
    /// Events that it changed.
    pub injected: u64,
}

impl Active {
    /// Builds an effect from its options; `filter` is the command line's, which an option `where` narrows further.
    ///
    /// # Errors
    /// Where an option is unknown, missing, or does not parse.
    pub(super) fn build(
        kind: &'static Kind,
        mut spec: Spec,
        filter: Option<&Filter>,
        mut setup: Setup<'_>,
    ) -> Result<Self> {
        let draws = setup.seed.choice(&setup.name);
        let mut pick = match kind.share {
            Share::Asked => Pick::from_spec(&mut spec, None, draws)?,
            Share::AskedOrAll => Pick::from_spec(&mut spec, Some(Probability::ONE), draws)?,
            Share::All => Pick::all(),
            Share::Every => match spec.need("every")? {
                0 => return Err(spec.invalid("every", "0", "a number of lines above 0 is wanted")),
                every => Pick::every(every),
            },
        };
        let effect = (kind.build)(&mut spec, &mut setup)?;
        if let Some(filter) = filter {
            setup.narrow(filter.conditions());
        }
        if let Some(text) = spec.text("where") {
            let own = Filter::parse(&text, setup.fields.map()).map_err(|why| spec.invalid("where", &text, why))?;
            setup.narrow(own.conditions());
        }
        let window = if kind.windowed { Window::from_spec(&mut spec, &mut setup)? } else { None };
        spec.finish()?;
        let Setup { filter, runs_over, wants, .. } = setup;
        wants.matches |= !filter.is_empty();
        if !filter.is_empty() || !runs_over.is_empty() {
            pick.counts_runs_over_some();
        }
        Ok(Self { kind, pick, is_met: filter.is_empty(), filter, runs_over, window, effect, counts: Counts::default() })
    }

    /// Takes note of whether an event, as it was read, meets the filter. `true` once one did.
    pub(super) fn watch(&mut self, event: &Event) -> bool {
        self.is_met = self.is_met || meets(event, &self.filter);
        self.counts.unmet += u64::from(!self.is_met);
        self.is_met
    }

    /// Whether the event, as it was read, is one that the effect may take. Events are asked about in ascending order.
    pub(super) fn admits(&mut self, event: &Event, seq: u64) -> bool {
        meets(event, &self.filter) && self.pick.confirms(seq, || meets(event, &self.runs_over))
    }

    /// Lets the effect work on an event, and enters what it did.
    pub(super) fn apply(&mut self, event: &mut Event, place: &Place) -> Verdict {
        if !self.is_open(event, place) {
            self.counts.outside += 1;
            return Verdict::Passed;
        }
        event.begin();
        let verdict = self.effect.apply(event, place);
        match verdict {
            Verdict::Passed => self.counts.passed += 1,
            Verdict::Stuck => self.counts.stuck += 1,
            Verdict::Kept => {}
            // The fault is each copy.
            Verdict::Again(again) => self.counts.injected += u64::from(again.copies),
            _ => {
                self.counts.injected += 1;
                event.commit(self.kind.fault);
            }
        }
        verdict
    }

    /// Lets the effect work on a trial of an event: whether it changes it. Changes are not entered; where there is none, it is.
    pub(super) fn attempt(&mut self, trial: &mut Event, place: &Place) -> bool {
        if !self.is_open(trial, place) {
            self.counts.outside += 1;
            return false;
        }
        let verdict = self.effect.apply(trial, place);
        self.counts.passed += u64::from(verdict == Verdict::Passed);
        matches!(verdict, Verdict::Changed(_))
    }

    /// Makes a copy of an event the fault that it is.
    pub(super) fn make_copy(&mut self, copy: &mut Event, place: &Place) {
        copy.begin();
        self.effect.set_apart(copy, place);
        copy.commit(self.kind.fault);
        copy.fold(self.kind.fault);
    }

    /// Whether the event lies in the window.
    fn is_open(&self, event: &Event, place: &Place) -> bool {
        self.window.is_none_or(|window| event.timestamp().is_some_and(|at| window.holds(at, place)))
    }

    /// What the user should know at the end.
    pub(super) fn remark(&self) -> Option<String> {
        let Counts { unmet, .. } = self.counts;
        if !self.is_met && unmet > 0 {
            return Some(format!("--{}: none of the {unmet} events met its filter", self.kind.flag));
        }
        self.effect.remark()
    }
}

/// Whether an event meets all of these.
fn meets(event: &Event, conditions: &[(Field, Condition)]) -> bool {
    conditions.iter().all(|(field, condition)| condition.holds(event.raw(*field)))
}
