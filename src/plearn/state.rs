//! A summary as JSON Lines that plearn reads back: the states of parts add up to the state of the whole (contracts §5).
//!
//! Its lines form a [`Chain`]. The last checksum is the identity of the state: a state that was added is not added again. A state holds
//! a sample of the lines as they are: it is as secret as the log.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::count::{CLASSES, Distinct, Input, Summary, Times};
use crate::cli::console::visible;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::record::chain::{Chain, cut_off, hex, ids};

/// The version of the format. A state with another version is refused.
const VERSION: u64 = 1;

/// What each line of a state begins with.
pub(super) const BEGINS: &[u8] = b"{\"plearn_state\":";

/// Bytes of a sampled line on one line of state: escaped at most twice as many, below --max-line.
const PIECE: usize = 256 << 10;

#[derive(Serialize, Deserialize)]
struct StateLine {
    plearn_state: u64,
    /// The number of the line in its state, from 1.
    line: u64,
    #[serde(flatten)]
    part: Part,
}

/// Hashes or bins with their counts, in base64.
#[derive(Serialize, Deserialize)]
struct Pairs {
    pairs: String,
    /// Whether there were more; for bins, how often neighbours were joined.
    cut: u32,
}

impl Pairs {
    fn of(pairs: &[(u64, u64)], cut: u32) -> Self {
        let bytes: Vec<u8> = pairs.iter().flat_map(|(a, b)| [a.to_le_bytes(), b.to_le_bytes()]).flatten().collect();
        Self { pairs: BASE64.encode(bytes), cut }
    }

    fn of_distinct(distinct: &mut Distinct) -> Self {
        let (kept, is_cut) = distinct.kept();
        Self::of(&kept, u32::from(is_cut))
    }

    fn read(&self) -> Result<Vec<(u64, u64)>, String> {
        let bytes = BASE64.decode(&self.pairs).map_err(|e| format!("counts that are not base64: {e}"))?;
        let (numbers, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() || numbers.len() % 2 > 0 {
            return Err("counts that are cut off".to_owned());
        }
        let number = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
        Ok(numbers.chunks(2).map(|pair| (number(&pair[0]), number(&pair[1]))).collect())
    }
}

#[derive(Serialize, Deserialize)]
struct TimesPart {
    hours: Vec<u64>,
    first_us: Micros,
    last_us: Micros,
    seconds: Pairs,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "snake_case")]
enum Part {
    Begin {
        /// The names of the files that were counted. It distinguishes states with equal content.
        origin: String,
        /// The identities of the states that were added to this one.
        holds: Vec<String>,
    },
    Input {
        input: Input,
        layouts: Pairs,
        /// Members and lines with hashes from here on were not kept.
        members_below: u64,
        lines_below: u64,
    },
    Member {
        path: u64,
        classes: [u64; CLASSES],
        values: Pairs,
        bins: Pairs,
        times: Option<TimesPart>,
    },
    /// A sampled line, in pieces if it is long.
    Sample {
        count: u64,
        text: String,
        /// Whether the next line of the state continues it.
        more: bool,
    },
    End {
        lines: u64,
    },
}

/// Writes a state, piece by piece.
struct Lines<'a> {
    put: &'a mut dyn FnMut(&[u8]) -> Result<()>,
    chain: Chain,
}

impl Lines<'_> {
    fn put(&mut self, part: Part) -> Result<()> {
        let line = StateLine { plearn_state: VERSION, line: self.chain.lines + 1, part };
        let mut out = serde_json::to_vec(&line).expect("numbers and text are JSON");
        self.chain.seal(&mut out, 0);
        (self.put)(&out)
    }
}

/// Writes the state of a summary, to which these states were added. `origin` says what was counted.
///
/// # Errors
/// Those of `put`.
pub(super) fn write(
    summary: &mut Summary,
    origin: &str,
    added: &Added,
    put: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut to = Lines { put, chain: Chain::default() };
    to.put(Part::Begin { origin: origin.to_owned(), holds: added.0.iter().map(|id| hex(*id)).collect() })?;
    to.put(Part::Input {
        input: summary.input,
        layouts: Pairs::of_distinct(&mut summary.layouts),
        members_below: summary.members.limit(),
        lines_below: summary.sample.limit(),
    })?;
    for (path, member) in summary.members.ordered() {
        let (bins, joined) = member.bins.kept();
        let times = member.times.as_mut().map(|times| TimesPart {
            hours: times.hours.to_vec(),
            first_us: times.first,
            last_us: times.last,
            seconds: Pairs::of_distinct(&mut times.seconds),
        });
        let values = Pairs::of_distinct(&mut member.values);
        to.put(Part::Member { path, classes: member.classes, values, bins: Pairs::of(&bins, joined), times })?;
    }
    for (count, line) in summary.sample.lines() {
        let text = std::str::from_utf8(line).expect("a line that is JSON is UTF-8");
        let mut rest = text;
        loop {
            let most = PIECE.min(rest.len());
            let end = (0..=most).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(0);
            let (piece, behind) = rest.split_at(end);
            to.put(Part::Sample { count, text: piece.to_owned(), more: !behind.is_empty() })?;
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
    }
    let lines = to.chain.lines + 1;
    to.put(Part::End { lines })
}

/// The identities of the states that were added up.
#[derive(Debug, Clone, Default)]
pub(super) struct Added(BTreeSet<u64>);

/// A state that is being read.
#[derive(Debug, Default)]
struct Current {
    /// The line of the input that it began on.
    began: u64,
    chain: Chain,
    holds: BTreeSet<u64>,
    /// The pieces of a sampled line so far.
    line: Option<(u64, Vec<u8>)>,
}

/// Reads states line by line into a summary.
#[derive(Debug, Default)]
pub(super) struct StateReader {
    current: Option<Current>,
    added: Added,
    lines: u64,
}

impl StateReader {
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

    /// Whether a state has begun and not ended.
    pub(super) fn is_amid(&self) -> bool {
        self.current.is_some()
    }

    /// Reads the line with this number into the summary.
    ///
    /// # Errors
    /// If it is of another version, not what plearn wrote, or not the next line of its state, or if the state was added already.
    pub(super) fn take(&mut self, seq: u64, line: &[u8], summary: &mut Summary) -> Result<()> {
        self.lines += 1;
        self.read(seq, line, summary).map_err(|what| Error::failed(format!("line {seq}: {}", visible(&what))))
    }

    fn read(&mut self, seq: u64, line: &[u8], summary: &mut Summary) -> Result<(), String> {
        check_version(line)?;
        let found: StateLine = serde_json::from_slice(line).map_err(|e| format!("not a line of a state: {e}"))?;
        let (before, began) =
            self.current.as_ref().map_or((Chain::default(), None), |state| (state.chain, Some(state.began)));
        let chain = before.follow(line, found.line, began)?;
        let Some(state) = &mut self.current else {
            let Part::Begin { holds, .. } = found.part else {
                return Err("expected the beginning of a state on its first line".to_owned());
            };
            self.current = Some(Current { began: seq, chain, holds: ids(&holds)?, line: None });
            return Ok(());
        };
        state.chain = chain;
        if let Part::End { lines } = found.part {
            if lines != chain.lines {
                return Err(format!("the state says that it has {lines} lines, but it has {}", chain.lines));
            }
            state.holds.insert(chain.checksum);
            if let Some(id) = state.holds.iter().find(|id| self.added.0.contains(id)) {
                return Err(format!(
                    "state {} was added already and would count twice; if it was made of other lines that are the same, make it \
                     again from a named file (plearn --format state FILE)",
                    hex(*id)
                ));
            }
            self.added.0.append(&mut state.holds);
            self.current = None;
            return Ok(());
        }
        absorb(summary, found.part, &mut state.line)
    }
}

fn absorb(summary: &mut Summary, part: Part, partial: &mut Option<(u64, Vec<u8>)>) -> Result<(), String> {
    match part {
        Part::Begin { .. } | Part::End { .. } => return Err("a part that does not belong here".to_owned()),
        Part::Input { input, layouts, members_below, lines_below } => {
            summary.input.absorb(&input);
            summary.layouts.absorb(&layouts.read()?, layouts.cut > 0);
            summary.members.cut(members_below);
            summary.sample.cut(lines_below);
        }
        Part::Member { path, classes, values, bins, times } => {
            let Some(member) = summary.members.at(path) else { return Ok(()) };
            member.classes.iter_mut().zip(classes).for_each(|(sum, count)| *sum += count);
            member.values.absorb(&values.read()?, values.cut > 0);
            if bins.cut > 45 {
                return Err(format!("bins that were joined {} times", bins.cut));
            }
            member.bins.absorb(&bins.read()?, bins.cut);
            if let Some(part) = times {
                let sum = member.times.get_or_insert_default();
                let hours: [u64; 168] = part.hours.try_into().map_err(|_| "expected 168 hours".to_owned())?;
                sum.absorb(&Times { hours, first: part.first_us, last: part.last_us, seconds: Distinct::new(0) });
                sum.seconds.absorb(&part.seconds.read()?, part.seconds.cut > 0);
            }
        }
        Part::Sample { count, text, more } => {
            let (first, mut line) = partial.take().unwrap_or((count, Vec::new()));
            if first != count {
                return Err("pieces of a line with different counts".to_owned());
            }
            line.extend_from_slice(text.as_bytes());
            if more {
                *partial = Some((count, line));
            } else {
                summary.sample.add(&line, count);
            }
        }
    }
    Ok(())
}

fn check_version(line: &[u8]) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Version {
        plearn_state: u64,
    }
    let version = serde_json::from_slice::<Version>(line).map_err(|e| format!("not a line of a state: {e}"))?;
    if version.plearn_state != VERSION {
        return Err(format!(
            "a state of version {}, but this plearn reads version {VERSION}: make the state again from its lines",
            version.plearn_state
        ));
    }
    Ok(())
}
