//! The truth (contracts §4): what pshape did, with one line per fault, so that pstats can judge the outcomes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::cli::part_of_run::PartOfRun;
use crate::cli::shard::Shard;
use crate::clock::Micros;
use crate::time;

/// The faults that truth may name: the effects' flags in the singular.
pub(crate) const FAULTS: [&str; 21] = [
    "spike",
    "slow",
    "error",
    "recover",
    "new_id",
    "curve",
    "shift",
    "flash",
    "gap",
    "incident",
    "duplicate",
    "drop",
    "late",
    "reorder",
    "skew",
    "malformed",
    "schema",
    "encoding",
    "oversize",
    "poison",
    "label",
];

/// How a correct server answers a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Expect {
    /// It accepts the event.
    Accepted,
    /// It says that it already has the event.
    Duplicate,
    /// It rejects the line.
    Rejected,
    /// It may accept the event or reject the line: the standard allows both.
    Either,
    /// It never sees the event.
    Absent,
}

impl Expect {
    /// The word in the JSON.
    fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
            Self::Either => "either",
            Self::Absent => "absent",
        }
    }
}

/// A change of the line's bytes: the offset, the number of bytes deleted, and the bytes inserted in base64.
pub(crate) type Edit = (u64, u64, String);

/// A field's raw value before and after.
pub(crate) type Change = (Box<RawValue>, Box<RawValue>);

/// One injected fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Truth {
    /// The line in pshape's output, from 1; `None` for an event that was dropped.
    pub seq: Option<u64>,
    /// The line in pshape's input, from 1.
    pub source_seq: u64,
    /// The raw value of the event's id.
    pub event_id: Option<Box<RawValue>>,
    /// When the event happened: its time before this fault and after those before it. `None` if it has no time.
    #[serde(default, with = "rfc3339::optional")]
    pub at: Option<Micros>,
    /// The effect's flag in the singular.
    pub fault: String,
    /// Each field that changed, with its raw value before and after (null if it was absent).
    pub changes: Option<BTreeMap<String, Change>>,
    /// Changes below the level of values.
    pub edits: Option<Vec<Edit>>,
    /// The paths of the members that were redacted. Their values are not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted: Option<Vec<String>>,
    /// How a correct server answers the line, all its faults taken together.
    pub expect: Expect,
    /// `3/8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
}

/// A line of a truth file.
#[derive(Debug, Clone)]
pub(crate) enum TruthLine {
    /// A fault.
    Fault(Truth),
    /// The last line.
    Summary(TruthSummary),
}

impl TruthLine {
    /// Reads a line of a truth file. Returns `None` for any other line, even an event with a field `fault`.
    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        // Faults come first: there are many, and no line is both.
        serde_json::from_slice(line).ok().map(Self::Fault).or_else(|| {
            let summary =
                serde_json::from_slice::<TruthSummary>(line).ok().filter(|summary| summary.fault == "summary");
            summary.map(Self::Summary)
        })
    }
}

/// The last line of a truth file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TruthSummary {
    /// Always `summary`.
    pub fault: String,
    /// Lines read.
    pub lines_in: u64,
    /// Lines written.
    pub lines_out: u64,
    /// The number of times that each fault was injected.
    pub totals: BTreeMap<String, u64>,
    /// Whether all input was read.
    pub complete: bool,
    /// The earliest time of an event: of those that were shaped, and of the ends of each block that was read.
    #[serde(default, with = "rfc3339::optional", skip_serializing_if = "Option::is_none")]
    pub first_at: Option<Micros>,
    /// The latest such time.
    #[serde(default, with = "rfc3339::optional", skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Micros>,
    /// The windows of effects that have one and that changed events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<FaultWindow>,
    /// With a run id or a shard: the seed of all random choices of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The id that all shards of the run share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// `3/8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// How often this shard was begun, from 1, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u64>,
}

impl TruthSummary {
    /// The summary of a run.
    pub(crate) fn new(lines_in: u64, lines_out: u64, totals: BTreeMap<String, u64>, complete: bool) -> Self {
        let fault = "summary".to_owned();
        let (first_at, last_at, windows) = (None, None, Vec::new());
        Self {
            fault,
            lines_in,
            lines_out,
            totals,
            complete,
            first_at,
            last_at,
            windows,
            seed: None,
            run_id: None,
            shard: None,
            attempt: None,
        }
    }

    /// The same summary, with these windows.
    #[must_use]
    pub(crate) fn with_windows(self, windows: Vec<FaultWindow>) -> Self {
        Self { windows, ..self }
    }

    /// The same summary, of events between these times.
    #[must_use]
    pub(crate) fn between(self, times: Option<(Micros, Micros)>) -> Self {
        let (first_at, last_at) = times.unzip();
        Self { first_at, last_at, ..self }
    }

    /// The same summary, of this part of a run with this seed.
    #[must_use]
    pub(crate) fn of(self, part: &PartOfRun, seed: u64) -> Self {
        let PartOfRun { run_id, shard, attempt } = part.clone();
        let seed = (run_id.is_some() || shard.is_some()).then_some(seed);
        Self { seed, run_id, shard, attempt, ..self }
    }

    /// Appends the line.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&serde_json::to_vec(self).expect("a summary has string keys"));
        out.push(b'\n');
    }
}

/// The window of event time in which an effect acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultWindow {
    /// The effect's flag in the singular.
    pub fault: String,
    /// When it began.
    #[serde(with = "rfc3339")]
    pub from: Micros,
    /// When it was over.
    #[serde(with = "rfc3339")]
    pub to: Micros,
}

/// A change of a field: its path, and its raw value before and after (`None` if it is absent).
pub(crate) type RawChange<'a> = (&'a str, Option<&'a [u8]>, Option<&'a [u8]>);

/// An [`Edit`] whose inserted bytes are raw.
pub(crate) type RawEdit<'a> = (usize, usize, &'a [u8]);

/// The event that a fault struck.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FaultyEvent<'a> {
    /// Its line in the input.
    pub source_seq: u64,
    /// The raw value of its id.
    pub event_id: Option<&'a [u8]>,
    /// Its time before the fault.
    pub at: Option<Micros>,
}

/// The faults of one event, as lines that lack what is known only once the event is written: its line in the output, and how a
/// correct server answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Vec<u8>);

impl Faults {
    /// Forgets all faults, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether there are no faults.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The memory in use, in bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Gives back memory that is not in use.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Adds a fault of an event. `redacted` are the paths of the members that it redacted.
    pub(crate) fn add<'a>(
        &mut self,
        FaultyEvent { source_seq, event_id, at }: FaultyEvent<'_>,
        fault: &str,
        changes: impl Iterator<Item = RawChange<'a>>,
        edit: Option<RawEdit<'_>>,
        redacted: &[String],
    ) {
        let out = &mut self.0;
        out.extend_from_slice(b",\"source_seq\":");
        out.extend_from_slice(itoa::Buffer::new().format(source_seq).as_bytes());
        out.extend_from_slice(b",\"event_id\":");
        out.extend_from_slice(event_id.unwrap_or(b"null"));
        out.extend_from_slice(b",\"at\":");
        match at {
            Some(at) => {
                out.push(b'"');
                time::write(at, out);
                out.push(b'"');
            }
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"fault\":\"");
        out.extend_from_slice(fault.as_bytes());
        out.extend_from_slice(b"\",\"changes\":");
        write_changes(changes, edit.is_some(), out);
        out.extend_from_slice(b",\"edits\":");
        match edit {
            None => out.extend_from_slice(b"null"),
            Some((at, deleted, inserted)) => {
                out.extend_from_slice(format!("[[{at},{deleted},\"{}\"]]", BASE64.encode(inserted)).as_bytes());
            }
        }
        if !redacted.is_empty() {
            out.extend_from_slice(b",\"redacted\":");
            out.extend_from_slice(&serde_json::to_vec(redacted).expect("strings are JSON"));
        }
        out.push(b'\n');
    }

    /// Removes a fault that changed no byte of the event.
    pub(crate) fn remove_unchanged(&mut self, fault: &str) {
        let end = format!(",\"fault\":\"{fault}\",\"changes\":{{}},\"edits\":null\n");
        let lines = std::mem::take(&mut self.0);
        let kept = lines.split_inclusive(|b| *b == b'\n').filter(|line| !line.ends_with(end.as_bytes()));
        self.0 = kept.flatten().copied().collect();
    }

    /// Appends the lines of truth. `seq` is the event's line in the output, `None` if it was dropped.
    pub(crate) fn write(&self, seq: Option<u64>, expect: Expect, shard: Option<Shard>, out: &mut Vec<u8>) {
        let mut end = format!(",\"expect\":\"{}\"", expect.as_str());
        if let Some(shard) = shard {
            end += &format!(",\"shard\":\"{shard}\"");
        }
        for fault in self.0.split_inclusive(|b| *b == b'\n') {
            out.extend_from_slice(b"{\"seq\":");
            match seq {
                Some(seq) => out.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes()),
                None => out.extend_from_slice(b"null"),
            }
            out.extend_from_slice(fault.trim_ascii_end());
            out.extend_from_slice(end.as_bytes());
            out.extend_from_slice(b"}\n");
        }
    }
}

/// Appends the changes as an object; null if an edit says it all.
fn write_changes<'a>(changes: impl Iterator<Item = RawChange<'a>>, has_edit: bool, out: &mut Vec<u8>) {
    let mut changes = changes.peekable();
    if has_edit && changes.peek().is_none() {
        out.extend_from_slice(b"null");
        return;
    }
    out.push(b'{');
    for (at, (path, before, after)) in changes.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&serde_json::to_vec(path).expect("a string is JSON"));
        out.extend_from_slice(b":[");
        out.extend_from_slice(before.unwrap_or(b"null"));
        out.push(b',');
        out.extend_from_slice(after.unwrap_or(b"null"));
        out.push(b']');
    }
    out.push(b'}');
}

/// A moment as RFC 3339 text.
mod rfc3339 {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    use crate::clock::Micros;
    use crate::time;

    #[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde calls
    pub(super) fn serialize<S: Serializer>(at: &Micros, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&time::format(*at))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Micros, D::Error> {
        read(&String::deserialize(from)?)
    }

    fn read<E: de::Error>(text: &str) -> Result<Micros, E> {
        time::parse(text.as_bytes()).ok_or_else(|| E::custom("not a time of RFC 3339"))
    }

    /// The same, or null.
    pub(super) mod optional {
        use serde::{Deserialize as _, Deserializer, Serializer};

        use crate::clock::Micros;

        #[allow(clippy::ref_option)] // the signature that serde calls
        pub(in crate::record::truth) fn serialize<S: Serializer>(
            at: &Option<Micros>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            match at {
                Some(at) => super::serialize(at, to),
                None => to.serialize_none(),
            }
        }

        pub(in crate::record::truth) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Micros>, D::Error> {
            Option::<String>::deserialize(from)?.map(|text| super::read(&text)).transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let all = [Expect::Accepted, Expect::Duplicate, Expect::Rejected, Expect::Either, Expect::Absent];
        for (expect, seq) in all.into_iter().zip([Some(17), Some(18), None, None, None]) {
            let mut faults = Faults::default();
            let changes = [("a\"\\.\t\u{1}\u{e9}", Some(&b"1.10"[..]), None)];
            let at = Some(1_767_571_200_000_000);
            let event = FaultyEvent { source_seq: 16, event_id: Some(b"\"e\""), at };
            faults.add(event, "spike", changes.into_iter(), Some((1, 2, b"x")), &["a.b".to_owned()]);
            let mut out = Vec::new();
            faults.write(seq, expect, None, &mut out);
            let Some(TruthLine::Fault(truth)) = TruthLine::read(&out) else { panic!("{expect:?} is not read back") };
            assert_eq!((truth.seq, truth.source_seq, truth.at, truth.expect), (seq, 16, at, expect));
            assert_eq!((&*truth.fault, truth.event_id.expect("an id").get()), ("spike", "\"e\""));
            let changes = truth.changes.expect("changes");
            let (path, (before, after)) = changes.first_key_value().expect("a change");
            assert_eq!((&**path, before.get(), after.get()), ("a\"\\.\t\u{1}\u{e9}", "1.10", "null"));
            assert_eq!(truth.edits, Some(vec![(1, 2, "eA==".to_owned())]));
            assert_eq!(truth.redacted, Some(vec!["a.b".to_owned()]));
        }
        let mut out = Vec::new();
        let summary = TruthSummary::new(2, 1, BTreeMap::from([("drop".to_owned(), 1)]), true).between(Some((5, 7)));
        let summary = summary.with_windows(vec![FaultWindow { fault: "gap".to_owned(), from: 5, to: 6 }]);
        summary.write(&mut out);
        assert!(matches!(TruthLine::read(&out), Some(TruthLine::Summary(read)) if read == summary));
    }

    #[test]
    fn a_fault_that_changed_nothing_can_be_taken_out() {
        let mut faults = Faults::default();
        let event = FaultyEvent { source_seq: 1, event_id: None, at: None };
        faults.add(event, "late", [("t", Some(&b"1"[..]), Some(&b"2"[..]))].into_iter(), None, &[]);
        let before = faults.0.clone();
        faults.add(event, "late", std::iter::empty(), None, &[]);
        faults.remove_unchanged("late");
        assert_eq!(faults.0, before);
    }
}
