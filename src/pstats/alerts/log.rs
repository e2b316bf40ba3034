//! The log of alerts: each once, in the order of time.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cli::input::Inputs;
use crate::cli::numbers::{count, counted};
use crate::cli::{Console, Stop};
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::jsonl::{Chunk, LineReader};

use super::form::{Alert, AlertForm, AlertReader};

/// The most alerts that are kept.
const MOST: usize = 1_000_000;

/// How many lines that cannot be read are named.
const NAMED: usize = 5;

/// The alerts of all logs.
#[derive(Debug, Default)]
pub(super) struct AlertLog {
    /// When each ended, if that is known. A notification that comes again has the same begin, name and labels.
    alerts: BTreeMap<(Micros, String, String), Option<Micros>>,
    /// How often one came again.
    pub repeated: u64,
    /// Lines, or alerts in them, that could not be read.
    pub unreadable: u64,
    /// The first of these.
    unread: Vec<String>,
}

impl AlertLog {
    /// Reads these files.
    ///
    /// # Errors
    /// If one cannot be read, or there are too many alerts.
    pub(super) fn read(
        &mut self,
        files: &[PathBuf],
        form: &AlertForm,
        max_line: usize,
        stop: &Stop,
        console: &Console,
    ) -> Result<()> {
        let mut read = AlertReader::new(form);
        for path in files {
            let mut lines = LineReader::new(Inputs::open(std::slice::from_ref(path), stop, console)?, max_line);
            while let Some(chunk) = lines.next_chunk()? {
                if let Chunk::Overlong { seq, last: true, .. } = chunk {
                    self.note(format!("{}: line {seq}: longer than --max-line", path.display()));
                }
                for line in chunk.lines().filter(|line| !line.is_blank()) {
                    read.read(line.text, |alert| match alert {
                        Ok(alert) => self.add(alert),
                        Err(why) => self.note(format!("{}: line {}: {why}", path.display(), line.seq)),
                    });
                }
            }
            if lines.unclosed_arrays() > 0 {
                self.note(format!("{}: a JSON array is cut off: its ] is missing", path.display()));
            }
        }
        if self.alerts.len() > MOST {
            return Err(Error::failed(format!("--alerts: more than {} alerts", count(MOST as u64))));
        }
        Ok(())
    }

    fn note(&mut self, why: String) {
        self.unreadable += 1;
        if self.unread.len() < NAMED {
            self.unread.push(why);
        }
    }

    /// Adds an alert. If it came before, only its end may be new.
    pub(super) fn add(&mut self, alert: Alert) {
        let Alert { at, until, name, labels } = alert;
        if self.alerts.len() > MOST {
            return;
        }
        match self.alerts.entry((at, name, labels)) {
            std::collections::btree_map::Entry::Vacant(new) => {
                new.insert(until);
            }
            std::collections::btree_map::Entry::Occupied(mut known) => {
                self.repeated += 1;
                *known.get_mut() = (*known.get()).max(until);
            }
        }
    }

    /// Each alert in the order of time: when it began, when it ended if that is known, and its name.
    pub(super) fn alerts(&self) -> impl Iterator<Item = (Micros, Option<Micros>, &str)> {
        self.alerts.iter().map(|((at, name, _), until)| (*at, *until, name.as_str()))
    }

    /// What the user should know.
    pub(super) fn doubts(&self) -> Vec<String> {
        let more = self.unreadable - self.unread.len() as u64;
        let more =
            (more > 0).then(|| format!("--alerts: {} could not be read", counted(more, "more alert", "more alerts")));
        self.unread.iter().map(|why| format!("--alerts: {why}")).chain(more).collect()
    }
}
