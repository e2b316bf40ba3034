//! Counts the input by kind, and what could not be read. Nothing is dropped without being counted.

use serde::{Deserialize, Serialize};

/// Lines and their bytes, including line ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Amount {
    /// Lines.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Amount {
    /// Counts a line of this many bytes.
    #[inline]
    pub(super) fn add(&mut self, bytes: u64) {
        self.lines += 1;
        self.bytes += bytes;
    }

    fn merge(&mut self, other: Self) {
        self.lines += other.lines;
        self.bytes += other.bytes;
    }
}

/// Declares the counts of `input`, so that none is forgotten when two inputs are added.
macro_rules! counts {
    ($(#[$meta:meta])* $name:ident: $type:ty { $($(#[$doc:meta])* $field:ident,)* } $merge:expr) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub(super) struct $name { $($(#[$doc])* pub $field: $type,)* }

        impl $name {
            /// Adds what another counted.
            pub(super) fn merge(&mut self, other: &Self) {
                $($merge(&mut self.$field, other.$field);)*
            }

            /// The counts with their names.
            pub(super) fn each(&self) -> impl Iterator<Item = (&'static str, $type)> {
                [$((stringify!($field), self.$field)),*].into_iter()
            }
        }
    };
}

counts! {
    /// Lines by kind. Lines of state are not included, but their contents are.
    Kinds: Amount {
        /// Events.
        events,
        /// Outcomes.
        outcomes,
        /// psend's run records.
        run_records,
        /// pshape's truth.
        truth,
        /// Outcomes of lines for which another outcome counts.
        repeated,
        /// JSON objects that are none of these.
        unknown,
        /// Events and outcomes that `--where` left out, and outcomes of a warm-up.
        left_out,
        /// White space only.
        blank,
        /// Not JSON.
        not_json,
        /// JSON, but not an object.
        not_object,
        /// Bytes that are not UTF-8.
        not_utf8,
        /// Longer than `--max-line`.
        too_long,
    }
    |a: &mut Amount, b| a.merge(b)
}

counts! {
    /// Fields of events and outcomes that were missing or could not be counted.
    Flaws: u64 {
        /// No event_id, or null.
        id_missing,
        /// No time, or null.
        time_missing,
        /// A value that is not a time (`record::moment`).
        time_invalid,
        /// No status code, or null.
        status_missing,
        /// A value that is not a status code: not a whole number from 100 to 999.
        status_invalid,
        /// No latency, or null.
        latency_missing,
        /// A latency below 0.
        latency_negative,
        /// A latency that is not a number, or is above 285 years.
        latency_invalid,
    }
    |a: &mut u64, b| *a += b
}

/// The section `input`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Input {
    /// Lines by kind.
    pub kinds: Kinds,
    /// Missing or unreadable fields of events.
    pub event_flaws: Flaws,
    /// Missing or unreadable fields of outcomes. Without an answer, status and latency are null by contract.
    pub outcome_flaws: Flaws,
    /// JSON arrays without their `]`.
    pub arrays_cut_off: u64,
}

impl Input {
    /// All lines and bytes.
    pub(super) fn total(&self) -> Amount {
        let mut total = Amount::default();
        self.kinds.each().for_each(|(_, amount)| total.merge(amount));
        total
    }

    /// Lines that could not be read as an object.
    pub(super) fn unreadable(&self) -> u64 {
        let kinds = &self.kinds;
        kinds.not_json.lines + kinds.not_object.lines + kinds.not_utf8.lines + kinds.too_long.lines
    }

    /// Adds what another counted.
    pub(super) fn merge(&mut self, other: &Self) {
        self.kinds.merge(&other.kinds);
        self.event_flaws.merge(&other.event_flaws);
        self.outcome_flaws.merge(&other.outcome_flaws);
        self.arrays_cut_off += other.arrays_cut_off;
    }
}
