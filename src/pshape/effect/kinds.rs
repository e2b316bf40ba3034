//! The table of effects: how each is called, when it acts, and which lines it can be given.

use super::{
    Effect, Setup, curve, drop, duplicates, encoding, errors, flash, gap, incident, late, malformed, new_ids, oversize,
    poison, recover, reorder, schema, shift, skew, slow, spikes,
};
use crate::error::Result;
use crate::pshape::spec::Spec;
use crate::record::event::Role;

/// The groups of effects, in the order in which they act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::pshape) enum Phase {
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
pub(in crate::pshape) enum Share {
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
pub(in crate::pshape) struct Kind {
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
    /// What it has to read of an event.
    pub needs: &'static [Role],
    /// Reads its own options.
    pub build: fn(&mut Spec, &mut Setup<'_>) -> Result<Box<dyn Effect>>,
}

/// All kinds, in the order in which they act.
pub(in crate::pshape) const KINDS: [Kind; 20] = [
    Kind {
        flag: "shift",
        fault: "shift",
        head: Some("by"),
        phase: Phase::Retime,
        share: Share::All,
        windowed: true,
        spared: "lacked a timestamp",
        needs: &[Role::Timestamp],
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
        needs: &[Role::Timestamp],
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
        needs: &[Role::Timestamp],
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
        needs: &[Role::Timestamp],
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
        needs: &[Role::Timestamp, Role::Status, Role::Latency],
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
        needs: &[Role::Latency],
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
        needs: &[Role::Latency],
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
        needs: &[Role::Status],
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
        needs: &[Role::Status],
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
        needs: &[],
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
        needs: &[Role::Timestamp],
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
        needs: &[],
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
        needs: &[Role::Timestamp],
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
        needs: &[Role::Timestamp],
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
        needs: &[],
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
        needs: &[],
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
        needs: &[],
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
        needs: &[],
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
        needs: &[],
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
        needs: &[],
        build: malformed::build,
    },
];
