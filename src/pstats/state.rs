//! A summary as JSON Lines that pstats reads back: states added up equal one run over all of their lines (contracts §5).
//! A state begins with its settings and ends with `end`. Its lines form a [`Chain`]. The last checksum is the identity of the
//! state: a state that was added is not added again. It names the parts of runs that it holds. It has only integers and text, so
//! nothing is rounded.

mod check;
mod line;
mod tail;
mod write;

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use line::Line;
pub(super) use tail::{Tail, tail};
pub(super) use write::write;

use super::figures::Figures;
use super::input::Input;
use super::layout::{Layout, STATE_KEY};
use super::order::Order;
use super::parts::{Kept, Overlap, Parts, Segment};
use super::settings::Settings;
use super::sketch::{Coarse, Fine, LatencySketch};
use super::stream::Stream;
use super::summary::Summary;
use super::windows::{CourseCounts, Window};
use crate::cli::console::visible;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::record::chain::{CHANGED, Chain, NO_CHECKSUM, cut_off, has_checksum, hex, ids};
use crate::record::outcome::{AttemptResult, RunRecord, Word};
use crate::record::reason::Reasons;

/// The version of the format. A state of a version that is not known is refused.
pub(super) const VERSION: u64 = 3;

/// The oldest version that is read. It names no parts of runs.
const OLDEST: u64 = 2;

/// The most states whose identities are kept, to recognise a state that is added twice.
const MOST_STATES: usize = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Events,
    Outcomes,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    Settings {
        by: Vec<Vec<String>>,
        window_us: Option<Micros>,
        #[serde(rename = "where")]
        filter: Option<String>,
        max_groups: usize,
        exact_ids: usize,
        fields: Option<String>,
        /// The names of the files that were counted. It distinguishes states with equal content.
        origin: String,
    },
    /// The identities of the states that were added to this one.
    Holds {
        states: Vec<String>,
    },
    Input {
        input: Input,
    },
    Figures {
        of: Kind,
        figures: Figures<Fine>,
        order: Order,
    },
    Group {
        of: Kind,
        by: String,
        key: Option<Vec<Option<Box<str>>>>,
        figures: Figures<Coarse>,
    },
    Window {
        of: Kind,
        start_us: Micros,
        width_us: Micros,
        figures: Figures<Coarse>,
        /// States of earlier versions have none.
        #[serde(default)]
        counts: CourseCounts,
    },
    Ids {
        of: Kind,
        /// Only on the first of these lines; 0 on the others.
        total: u64,
        hashes: Option<String>,
        /// A lower bound, if there are more distinct ids than are counted exactly.
        at_least: Option<u64>,
    },
    Events {
        classes: [u64; 6],
        cache: (u64, u64),
    },
    Outcomes {
        words: [u64; Word::ALL.len()],
        own_retries: u64,
        attempts: u64,
        retried: u64,
        answers: [u64; AttemptResult::ALL.len()],
        end_to_end: LatencySketch<Fine>,
        ended_us: Option<Micros>,
        request_bytes: u64,
        unsent: u64,
        firsts: u64,
        left_out: u64,
        apart: u64,
        /// States of earlier versions have none.
        #[serde(default)]
        reasons: Reasons,
    },
    Run {
        run: RunRecord,
    },
    /// Which parts of runs these are.
    Parts {
        parts: Vec<Kept>,
        /// Only on the first of these lines; 0 on the others.
        again: u64,
        cut_off: u64,
    },
    End {
        lines: u64,
    },
}

/// The identities of the states that were added up.
#[derive(Debug, Clone, Default)]
pub(super) struct Added(BTreeSet<u64>);

impl Added {
    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// Whether some of these were added already, and whether all were.
    fn holds(&self, states: &Self) -> (bool, bool) {
        let is_there = |id| self.0.contains(id);
        (states.0.iter().any(is_there), !states.0.is_empty() && states.0.iter().all(is_there))
    }

    /// Whether some of these were added already.
    pub(super) fn shares(&self, states: &Self) -> bool {
        self.holds(states).0
    }

    /// Adds these.
    ///
    /// # Errors
    /// If one of them was added already. The error is this one.
    pub(super) fn add(&mut self, states: &Self) -> Result<(), String> {
        match states.0.iter().find(|id| self.0.contains(id)) {
            Some(id) => Err(hex(*id)),
            None => {
                let room = MOST_STATES.saturating_sub(self.0.len());
                self.0.extend(states.0.iter().take(room));
                Ok(())
            }
        }
    }
}

/// What a line of state did.
pub(super) enum Step {
    /// A state begins; these are its settings.
    Begins(Box<Settings>),
    /// It goes on.
    Goes,
    /// It is complete.
    Whole(Box<Complete>),
}

/// A state that was read as a whole and is not added yet.
pub(super) struct Complete {
    /// The line of the input that it began on.
    began: u64,
    pub(super) summary: Summary,
    /// Its identity, and those of the states in it.
    holds: Added,
}

/// What to do with a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is new.
    Adds,
    /// The same bytes were added already.
    CameAgain,
    /// Parts of the same names with other bytes were added already.
    IsOther,
}

/// A state that is being read.
struct Current {
    /// The line of the input that it began on.
    began: u64,
    summary: Summary,
    chain: Chain,
    holds: Added,
}

/// Reads states line by line.
#[derive(Default)]
pub(super) struct StateReader {
    current: Option<Current>,
    /// The line of the input on which a state begins, and the chain with its first line.
    begins: (u64, Chain),
    added: Added,
}

impl StateReader {
    /// Whether a state has begun and not ended yet.
    pub(super) fn is_amid(&self) -> bool {
        self.current.is_some()
    }

    /// The states that were added so far.
    pub(super) fn added(&self) -> &Added {
        &self.added
    }

    /// Checks that the input does not end within a state.
    ///
    /// # Errors
    /// If it does.
    pub(super) fn finish(&self) -> Result<()> {
        self.current.as_ref().map_or(Ok(()), |state| Err(cut_off(state.began)))
    }

    /// Adds the states that another reader read, whose lines came after ours.
    ///
    /// # Errors
    /// If both read the same.
    pub(super) fn append(&mut self, next: &Self) -> Result<()> {
        self.added.add(&next.added).map_err(|id| Error::failed(twice(&id)))
    }

    /// Begins the state whose settings came with a [`Step::Begins`].
    pub(super) fn begin(&mut self, settings: &Settings, layout: &Layout) {
        let (began, chain) = self.begins;
        let summary = Summary::new(settings, layout);
        self.current = Some(Current { began, summary, chain, holds: Added::default() });
    }

    /// Reads the line with this number.
    ///
    /// # Errors
    /// If it is of another version, not what pstats wrote, or not the next line of its state; or if the state was added
    /// already, or contradicts itself.
    pub(super) fn take(&mut self, seq: u64, line: &[u8], layout: &Layout) -> Result<Step> {
        let wrong = |what: String| Error::failed(format!("line {seq}: {}", visible(&what)));
        let line_of_state = read(line).map_err(wrong)?;
        let (before, began) =
            self.current.as_ref().map_or((Chain::default(), None), |state| (state.chain, Some(state.began)));
        let (number, is_old) = (line_of_state.number, line_of_state.version < VERSION);
        let chain = before.follow(line, number, began).map_err(wrong)?;
        let part = line_of_state.part().map_err(wrong)?;
        let Some(state) = &mut self.current else {
            return match part {
                Part::Settings { .. } => {
                    self.begins = (seq, chain);
                    Ok(Step::Begins(Box::new(settings(part).map_err(wrong)?)))
                }
                _ => Err(wrong("expected the settings of a state on its first line".to_owned())),
            };
        };
        state.chain = chain;
        match part {
            Part::End { lines } if lines == number => {
                let Current { began, mut summary, mut holds, .. } = self.current.take().expect("it was just there");
                check::check(&mut summary, layout).map_err(|what| {
                    wrong(format!("the state that began on line {began} contradicts itself: {what}"))
                })?;
                if !summary.is_empty() {
                    holds.0.insert(chain.checksum);
                }
                return Ok(Step::Whole(Box::new(Complete { began, summary, holds })));
            }
            Part::End { lines } => {
                return Err(wrong(format!("the state says that it has {lines} lines, but it has {number}")));
            }
            Part::Run { run } if is_old => {
                state.summary.parts.sent(&run, Segment::New);
                state.summary.add_run(run);
            }
            Part::Holds { states } => {
                state.holds.0 = ids(&states).map_err(wrong)?;
            }
            part => absorb(&mut state.summary, part, layout).map_err(wrong)?,
        }
        Ok(Step::Goes)
    }

    /// Says whether a state is to be added to these parts, and keeps its identity if so. `seq` is the line of its end.
    ///
    /// # Errors
    /// If some of what it holds was added already, but not all.
    pub(super) fn admit(&mut self, seq: u64, state: &Complete, parts: &Parts) -> Result<Admission> {
        let wrong = |what: &str| {
            Error::failed(format!("line {seq}: the state that began on line {}: {}", state.began, visible(what)))
        };
        if self.added.holds(&state.holds).1 {
            return Ok(Admission::CameAgain);
        }
        match parts.overlap(&state.summary.parts) {
            Overlap::Same => return Ok(Admission::CameAgain),
            Overlap::Other => return Ok(Admission::IsOther),
            Overlap::Some(name) => {
                return Err(wrong(&format!(
                    "{name} was added already, but not all that this state holds; give each part once"
                )));
            }
            Overlap::Nothing => {}
        }
        self.added.add(&state.holds).map_err(|id| wrong(&twice(&id)))?;
        Ok(Admission::Adds)
    }
}

/// Why a state is not added.
fn twice(id: &str) -> String {
    format!("state {id} was added already, but not all that this state holds; give each state once")
}

/// Whether a line is written as lines of states are, which is told without parsing it.
pub(super) fn is_written_as_state(line: &[u8]) -> bool {
    Line::read(line).is_some()
}

/// Whether a line has the marks of a state. One field is not enough, because events may have a field with the same name.
pub(super) fn is_state(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Marks {
        #[serde(rename = "pstats_state")]
        _version: u64,
        #[serde(rename = "part")]
        _part: String,
    }
    serde_json::from_slice::<Marks>(line).is_ok()
}

/// Reads a line that has the marks of a state.
fn read(line: &[u8]) -> Result<Line<'_>, String> {
    #[derive(Deserialize)]
    struct Version {
        pstats_state: u64,
    }
    let read = Line::read(line);
    let version = match read {
        Some(read) => read.version,
        None => {
            let version = serde_json::from_slice::<Version>(line);
            version.map_err(|e| format!("'{STATE_KEY}' is not a version: {e}"))?.pstats_state
        }
    };
    if !(OLDEST..=VERSION).contains(&version) {
        return Err(format!(
            "a state of version {version}, but this pstats reads versions {OLDEST} to {VERSION}: make the state again from its lines"
        ));
    }
    read.ok_or_else(|| if has_checksum(line) { CHANGED } else { NO_CHECKSUM }.to_owned())
}

fn settings(part: Part) -> Result<Settings, String> {
    let Part::Settings { by, window_us, filter, max_groups, exact_ids, fields, origin: _ } = part else {
        return Err("no settings".to_owned());
    };
    let map = fields.as_deref().map(str::parse).transpose()?.unwrap_or_default();
    if window_us.is_some_and(|width| width < 1) {
        return Err("expected a window width above 0".to_owned());
    }
    Ok(Settings { by, window: window_us, filter, max_groups, exact_ids, fields: map, fields_text: fields })
}

fn absorb(summary: &mut Summary, part: Part, layout: &Layout) -> Result<(), String> {
    let (events, outcomes) = (&mut summary.events, &mut summary.outcomes);
    match part {
        Part::Settings { .. } | Part::Holds { .. } | Part::End { .. } => {}
        Part::Input { input } => summary.input.merge(&input),
        Part::Events { classes, cache } => {
            events.classes = classes;
            events.cache = cache;
        }
        Part::Outcomes {
            words,
            own_retries,
            attempts,
            retried,
            answers,
            end_to_end,
            ended_us,
            request_bytes,
            unsent,
            firsts,
            left_out,
            apart,
            reasons,
        } => {
            outcomes.words = words;
            outcomes.own_retries = own_retries;
            outcomes.attempts = attempts;
            outcomes.retried = retried;
            outcomes.answers = answers;
            outcomes.end_to_end = end_to_end;
            outcomes.ended = ended_us;
            outcomes.request_bytes = request_bytes;
            outcomes.unsent = unsent;
            outcomes.firsts = firsts;
            outcomes.left_out = left_out;
            outcomes.apart = apart;
            outcomes.reasons = reasons;
        }
        Part::Run { run } => summary.add_run(run),
        Part::Parts { parts, again, cut_off } => summary.parts.absorb(parts, (again, cut_off)),
        Part::Figures { of, figures, order } => {
            let stream = stream_of(summary, of);
            stream.figures = figures;
            stream.order = order;
        }
        Part::Group { of, by, key, figures } => {
            let groupings = match of {
                Kind::Events => &layout.of_events.all,
                Kind::Outcomes => &layout.of_outcomes.all,
            };
            let place = groupings.iter().position(|grouping| grouping.name() == by);
            let place = place.ok_or_else(|| format!("a group of '{by}', which is not a grouping of the state"))?;
            if key.as_ref().is_some_and(|key| key.len() != groupings[place].fields.len()) {
                return Err(format!("a group of '{by}' with the wrong number of values"));
            }
            stream_of(summary, of).groups.absorb(place, key.as_deref(), &figures);
        }
        Part::Window { of, start_us, width_us, figures, counts } => {
            if width_us < 1 {
                return Err("expected a window width above 0".to_owned());
            }
            stream_of(summary, of).windows.absorb(start_us, width_us, &Window { figures, counts });
        }
        Part::Ids { of, total, hashes, at_least } => {
            let ids = match (hashes, at_least) {
                (Some(text), None) => {
                    let bytes = BASE64.decode(text).map_err(|e| format!("ids that are not base64: {e}"))?;
                    let (hashes, rest) = bytes.as_chunks::<8>();
                    if !rest.is_empty() {
                        return Err("ids that are cut off".to_owned());
                    }
                    Ok(hashes.iter().map(|hash| u64::from_le_bytes(*hash)).collect())
                }
                (None, Some(least)) => Err(least),
                _ => return Err("expected ids with either hashes or a least number".to_owned()),
            };
            stream_of(summary, of).ids.absorb(total, ids);
        }
    }
    Ok(())
}

fn stream_of(summary: &mut Summary, of: Kind) -> &mut Stream {
    match of {
        Kind::Events => &mut summary.events.stream,
        Kind::Outcomes => &mut summary.outcomes.stream,
    }
}
