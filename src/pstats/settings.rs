//! The settings that counts depend on.

use std::time::Duration;

use crate::cli::values::Span;
use crate::clock::Micros;
use crate::jsonl::scan::plain_path;
use crate::record::event::FieldMap;

/// `--max-groups` if it is not given.
pub(super) const DEFAULT_MAX_GROUPS: u64 = 1000;

/// `--exact-ids` if it is not given.
pub(super) const DEFAULT_EXACT_IDS: u64 = 1_000_000;

/// The settings that a summary depends on. Summaries with other settings do not add up.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    /// `--by`, in addition to the groupings of every report.
    pub by: Vec<Vec<String>>,
    /// `--window` in µs; `None` chooses it from the data.
    pub window: Option<Micros>,
    /// `--where`, as typed.
    pub filter: Option<String>,
    /// `--max-groups`.
    pub max_groups: usize,
    /// `--exact-ids`.
    pub exact_ids: usize,
    /// `--fields`.
    pub fields: FieldMap,
    /// `--fields`, as typed.
    pub fields_text: Option<String>,
}

impl Settings {
    /// The names of the groupings in reports: paths without backslashes.
    pub(super) fn groupings(&self) -> impl Iterator<Item = String> {
        let name = |fields: &Vec<String>| fields.iter().map(|field| plain_path(field)).collect::<Vec<_>>().join(",");
        self.by.iter().map(name)
    }

    /// The settings of a state instead of these, except for caps that were given. States that stayed below their caps add up
    /// under any.
    pub(super) fn adopted(&self, theirs: Self) -> Self {
        let usual = Self::default();
        let asked = |ours: usize, usual: usize, theirs: usize| if ours == usual { theirs } else { ours };
        Self {
            max_groups: asked(self.max_groups, usual.max_groups, theirs.max_groups),
            exact_ids: asked(self.exact_ids, usual.exact_ids, theirs.exact_ids),
            ..theirs
        }
    }

    /// Describes the first setting that differs of those that say which lines count and what is in them.
    pub(super) fn reads_otherwise(&self, other: &Self) -> Option<String> {
        let ours = Self { by: Vec::new(), window: None, ..self.clone() };
        ours.differs_from(&Self { by: Vec::new(), window: None, ..other.clone() })
    }

    /// Describes the first setting that differs; `None` if all are the same.
    pub(super) fn differs_from(&self, other: &Self) -> Option<String> {
        let by = |settings: &Self| settings.by.iter().map(|fields| fields.join(",")).collect::<Vec<_>>().join(" ");
        let window =
            |settings: &Self| settings.window.map(|us| Span(Duration::from_micros(us.unsigned_abs())).to_string());
        let pairs = [
            ("--by", Some(by(self)), Some(by(other))),
            ("--window", window(self), window(other)),
            ("--where", self.filter.clone(), other.filter.clone()),
            ("--fields", self.fields_text.clone(), other.fields_text.clone()),
        ];
        let say = |value: Option<String>| value.filter(|text| !text.is_empty()).unwrap_or_else(|| "none".to_owned());
        pairs
            .into_iter()
            .find(|(_, ours, theirs)| ours != theirs)
            .map(|(flag, ours, theirs)| format!("{flag} {} there, {} here", say(theirs), say(ours)))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            by: Vec::new(),
            window: None,
            filter: None,
            max_groups: usize::try_from(DEFAULT_MAX_GROUPS).unwrap_or(usize::MAX),
            exact_ids: usize::try_from(DEFAULT_EXACT_IDS).unwrap_or(usize::MAX),
            fields: FieldMap::default(),
            fields_text: None,
        }
    }
}
