//! A dialect as its file has it, before it is checked and compiled.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::rules::{Codes, Rule};
use super::value::Map;
use crate::jsonl::Lookup;
use crate::psend::meaning::Meaning;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DialectWritten {
    pub(super) request: RequestWritten,
    #[serde(default)]
    pub(super) rules: Vec<Rule>,
    pub(super) batch: Option<BatchWritten>,
    pub(super) verify: Option<VerifyWritten>,
    /// Tables that translate values.
    #[serde(default)]
    pub(super) maps: BTreeMap<String, Map>,
    #[serde(default)]
    pub(super) samples: Vec<Sample>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestWritten {
    pub(super) method: String,
    pub(super) path: String,
    #[serde(default)]
    pub(super) query: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default = "event")]
    pub(super) body: String,
    #[serde(default)]
    pub(super) escape: EscapeWritten,
    #[serde(default)]
    pub(super) key: KeyNeed,
    pub(super) compression: Option<Compression>,
    /// How requests are signed.
    pub(super) sign: Option<SignWord>,
    pub(super) service: Option<String>,
    pub(super) region: Option<String>,
    pub(super) idempotent: Option<bool>,
    #[serde(default)]
    pub(super) error: Vec<Lookup>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchWritten {
    pub(super) method: Option<String>,
    pub(super) path: String,
    pub(super) query: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) before: String,
    #[serde(default = "event")]
    pub(super) wrap: String,
    #[serde(default = "comma")]
    pub(super) between: String,
    #[serde(default)]
    pub(super) after: String,
    #[serde(default)]
    pub(super) escape: EscapeWritten,
    #[serde(default)]
    pub(super) group_by: Vec<String>,
    #[serde(default)]
    pub(super) group_before: String,
    #[serde(default = "comma")]
    pub(super) group_between: String,
    #[serde(default)]
    pub(super) group_after: String,
    pub(super) most: Option<usize>,
    pub(super) results: Option<Lookup>,
    #[serde(default)]
    pub(super) lines: bool,
    pub(super) id: Option<Lookup>,
    pub(super) faults: Option<Lookup>,
    pub(super) index: Option<Lookup>,
    #[serde(default)]
    pub(super) first_index: u64,
    pub(super) accepted_count: Option<Lookup>,
    pub(super) refused_count: Option<Lookup>,
    pub(super) results_on: Option<Codes>,
    pub(super) status: Option<Lookup>,
    #[serde(default)]
    pub(super) split: Codes,
    #[serde(default)]
    pub(super) error: Vec<Lookup>,
    #[serde(default)]
    pub(super) rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyWritten {
    pub(super) path: String,
    #[serde(default)]
    pub(super) event: String,
    #[serde(default)]
    pub(super) other_paths: Vec<String>,
    #[serde(default)]
    pub(super) rules: Vec<Rule>,
}

/// How values in a body are escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum EscapeWritten {
    #[default]
    Json,
    Form,
    None,
}

/// Whether the server takes requests without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::psend) enum KeyNeed {
    /// It may not.
    #[default]
    Required,
    /// It may: a key is sent if one is given.
    Optional,
}

/// How requests are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum SignWord {
    /// AWS Signature Version 4.
    #[serde(rename = "aws-v4")]
    AwsV4,
}

/// How bodies are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::psend) enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// The word for it in `Content-Encoding`.
    pub(in crate::psend) fn coding(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// An answer, and its expected classification.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::psend) struct Sample {
    /// A name for people.
    pub name: Option<String>,
    /// The answer's status.
    pub status: u16,
    /// The answer's body.
    #[serde(default)]
    pub body: String,
    /// For an answer to a batch: the ids of its events.
    pub events: Option<Vec<String>>,
    /// Whether it answers a request of `--verify`.
    #[serde(default)]
    pub verify: bool,
    /// The expected classification.
    pub expect: Expected,
}

/// The expected classification of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected an outcome such as \"accepted\", \"split\" or \"unclear\", or a list of these")]
pub(in crate::psend) enum Expected {
    /// The same for all events.
    All(Word),
    /// One for each event of the batch.
    Each(Vec<Word>),
}

/// One word of what a sample expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(in crate::psend) enum Word {
    /// An outcome.
    Outcome(Meaning),
    /// What only `--check-dialect` calls a classification.
    Batch(BatchWord),
}

/// Classifications that are no outcome: most are of answers to batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::psend) enum BatchWord {
    /// It is sent again in halves.
    Split,
    /// The answer does not say what happened to the events.
    Unclear,
}

fn event() -> String {
    "{event}".to_owned()
}

fn comma() -> String {
    ",".to_owned()
}
