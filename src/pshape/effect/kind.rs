//! What a kind of effect is: its name, when it acts, and which lines it gets.

use super::{Effect, Setup};
use crate::error::Result;
use crate::pshape::spec::Spec;
use crate::record::event::Role;

/// The groups of effects, in the order in which they act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::pshape) enum Phase {
    /// Values get stand-ins. First, so that the truth about later effects has no other values.
    Redact,
    /// Timestamps move.
    Retime,
    /// A service fails for a while.
    Incidents,
    /// Values change.
    Values,
    /// Events are dropped, copied or held back.
    Stream,
    /// Lines break.
    Bytes,
}

/// Which lines an effect gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::pshape) enum Share {
    /// The share `p`.
    Asked,
    /// The share `p`, which is 1 by default.
    AskedOrAll,
    /// All lines. The effect selects by itself.
    All,
    /// One line in `every`.
    Every,
}

/// How the command line gives an effect its options.
#[derive(Debug)]
pub(in crate::pshape) enum GivenBy {
    /// As the value of the effect's flag.
    Flag(Flag),
    /// As the values of `--shift`, `--start` and `--stretch`, one option each.
    ShiftStartStretch,
}

/// The flag of an effect.
#[derive(Debug)]
pub(in crate::pshape) struct Flag {
    /// The name of its value in help.
    pub value: &'static str,
    /// The form of its value.
    pub form: Form,
    /// Whether it may be given several times.
    pub repeatable: bool,
    /// What it does, in one line.
    pub help: &'static str,
    /// The rest of its help.
    pub details: &'static str,
}

/// The form of a flag's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pshape) enum Form {
    /// Options.
    Options,
    /// Options, or nothing for the share 1.
    OptionalOptions,
    /// A text that is not taken for the name of a flag.
    Text,
    /// Paths, separated by commas. They are the option `paths`.
    Paths,
    /// Options that may name files. `--from` gives the option `from`.
    Curve,
}

/// A kind of effect.
pub(in crate::pshape) struct Kind {
    /// Its flag, and its name in a scenario.
    pub flag: &'static str,
    /// Its flag in the singular: the name of the fault in truth, and of its random choices.
    pub fault: &'static str,
    /// The option that may come first without its name.
    pub head: Option<&'static str>,
    /// How the command line gives it its options.
    pub given_by: GivenBy,
    /// Its group.
    pub phase: Phase,
    /// Which lines it gets.
    pub share: Share,
    /// Whether `from` and `until` may narrow it. Other effects have their own times.
    pub windowed: bool,
    /// Completes the sentence "N more …" about events that it cannot apply to.
    pub spared: &'static str,
    /// The fields that it needs.
    pub needs: &'static [Role],
    /// Reads its own options.
    pub build: fn(&mut Spec, &mut Setup<'_>) -> Result<Box<dyn Effect>>,
}
