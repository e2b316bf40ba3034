//! A summary as JSON Lines that pstats reads back: states added up equal one run over all of their lines (contracts §5).
//!
//! A state begins with its settings and ends with `end`, which says how many lines it has: one that broke off is noticed.
//! Integers and text only, so that nothing is rounded on the way.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::distinct::Parts;
use super::figures::Figures;
use super::input::Input;
use super::order::Order;
use super::settings::{Layout, STATE_KEY, Settings};
use super::sketch::{Coarse, Fine, Latency};
use super::stream::Stream;
use super::summary::Summary;
use crate::cli::console::visible;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::record::outcome::{Answer, RunRecord, Word};

/// The form's version; a state of another is refused.
pub const VERSION: u64 = 1;

/// Hashes of ids on one line: with base64 some 350 kB, well below --max-line.
const HASHES_A_LINE: usize = 1 << 15;

#[derive(Serialize, Deserialize)]
struct StateLine {
    pstats_state: u64,
    #[serde(flatten)]
    part: Part,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Events,
    Outcomes,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "snake_case")]
enum Part {
    Settings {
        by: Vec<Vec<String>>,
        window_us: Option<Micros>,
        #[serde(rename = "where")]
        filter: Option<String>,
        max_groups: usize,
        exact_ids: usize,
        fields: Option<String>,
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
    },
    Ids {
        of: Kind,
        /// On the first of these lines alone; 0 on the others.
        total: u64,
        hashes: Option<String>,
        registers: Option<String>,
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
        answers: [u64; Answer::ALL.len()],
        end_to_end: Latency<Fine>,
        ended_us: Option<Micros>,
        request_bytes: u64,
        #[serde(default)]
        unsent: u64,
        #[serde(default)]
        firsts: u64,
        #[serde(default)]
        left_out: u64,
    },
    Run {
        run: RunRecord,
    },
    End {
        lines: u64,
    },
}

/// Writes the state of a summary.
pub fn write(summary: &mut Summary, settings: &Settings, layout: &Layout) -> Vec<u8> {
    let mut to = Lines { out: Vec::new(), lines: 0 };
    to.put(Part::Settings {
        by: settings.by.clone(),
        window_us: settings.window,
        filter: settings.filter.clone(),
        max_groups: settings.max_groups,
        exact_ids: settings.exact_ids,
        fields: settings.fields_text.clone(),
    });
    to.put(Part::Input { input: summary.input });
    let events = &mut summary.events;
    to.put(Part::Events { classes: events.classes, cache: events.cache });
    to.stream(Kind::Events, &mut events.stream, layout.of_events.all.iter().map(|g| g.name()));
    let outcomes = &mut summary.outcomes;
    to.put(Part::Outcomes {
        words: outcomes.words,
        own_retries: outcomes.own_retries,
        attempts: outcomes.attempts,
        retried: outcomes.retried,
        answers: outcomes.answers,
        end_to_end: outcomes.end_to_end.clone(),
        ended_us: outcomes.ended,
        request_bytes: outcomes.request_bytes,
        unsent: outcomes.unsent,
        firsts: outcomes.firsts,
        left_out: outcomes.left_out,
    });
    to.stream(Kind::Outcomes, &mut outcomes.stream, layout.of_outcomes.all.iter().map(|g| g.name()));
    outcomes.runs.iter().for_each(|run| to.put(Part::Run { run: run.clone() }));
    let lines = to.lines + 1;
    to.put(Part::End { lines });
    to.out
}

struct Lines {
    out: Vec<u8>,
    lines: u64,
}

impl Lines {
    fn put(&mut self, part: Part) {
        let line = StateLine { pstats_state: VERSION, part };
        serde_json::to_writer(&mut self.out, &line).expect("numbers and text are JSON");
        self.out.push(b'\n');
        self.lines += 1;
    }

    fn stream(&mut self, of: Kind, stream: &mut Stream, names: impl Iterator<Item = String>) {
        self.put(Part::Figures { of, figures: stream.figures.clone(), order: stream.order });
        for (groups, by) in stream.groups.each().iter().zip(names) {
            for group in groups.iter() {
                self.put(Part::Group {
                    of,
                    by: by.clone(),
                    key: Some(group.key.clone()),
                    figures: group.figures.clone(),
                });
            }
            if let Some(rest) = groups.rest() {
                self.put(Part::Group { of, by, key: None, figures: rest.clone() });
            }
        }
        let width_us = stream.windows.width();
        for (start_us, figures) in stream.windows.iter() {
            self.put(Part::Window { of, start_us, width_us, figures: figures.clone() });
        }
        let mut total = stream.ids.total();
        match stream.ids.parts() {
            Parts::Exact(hashes) => {
                for some in hashes.chunks(HASHES_A_LINE) {
                    let bytes: Vec<u8> = some.iter().flat_map(|hash| hash.to_le_bytes()).collect();
                    self.put(Part::Ids { of, total, hashes: Some(BASE64.encode(bytes)), registers: None });
                    total = 0;
                }
            }
            Parts::Estimate(registers) => {
                self.put(Part::Ids { of, total, hashes: None, registers: Some(BASE64.encode(registers)) });
            }
        }
    }
}

/// What a line of state did.
pub enum Step {
    /// A state begins; these are its settings.
    Begins(Box<Settings>),
    /// It goes on.
    Goes,
    /// It is whole.
    Whole(Box<Summary>),
}

/// Reads states line by line.
#[derive(Default)]
pub struct StateReader {
    current: Option<(Summary, u64)>,
    cut_off: u64,
}

impl StateReader {
    /// How many states broke off before their end; to be asked at the end of the input.
    pub fn cut_off(&mut self) -> u64 {
        self.cut_off += u64::from(self.current.take().is_some());
        self.cut_off
    }

    /// Whether a state has begun that has not ended yet.
    pub fn is_amid(&self) -> bool {
        self.current.is_some()
    }

    /// Begins the state whose settings a [`Step::Begins`] told.
    pub fn begin(&mut self, settings: &Settings, layout: &Layout) {
        self.current = Some((Summary::new(settings, layout), 1));
    }

    /// Reads the line with this number.
    ///
    /// # Errors
    /// Where it is of another version, or no line of state at all though it says so.
    pub fn take(&mut self, seq: u64, line: &[u8], layout: &Layout) -> Result<Step> {
        let wrong = |what: String| Error::failed(format!("line {seq}: {}", visible(&what)));
        let part = parse(line).map_err(wrong)?;
        let Some((summary, lines)) = &mut self.current else {
            return match part {
                Part::Settings { .. } => Ok(Step::Begins(Box::new(settings(part).map_err(wrong)?))),
                _ => Err(wrong("a line of state without the settings that a state begins with".to_owned())),
            };
        };
        *lines += 1;
        match part {
            Part::Settings { .. } => {
                self.cut_off += 1;
                self.current = None;
                return Ok(Step::Begins(Box::new(settings(part).map_err(wrong)?)));
            }
            Part::End { lines: told } if told == *lines => {
                let (summary, _) = self.current.take().expect("it was just there");
                return Ok(Step::Whole(Box::new(summary)));
            }
            Part::End { lines: told } => {
                return Err(wrong(format!("the state says that it has {told} lines, but {lines} came")));
            }
            part => absorb(summary, part, layout).map_err(wrong)?,
        }
        Ok(Step::Goes)
    }
}

fn parse(line: &[u8]) -> Result<Part, String> {
    #[derive(Deserialize)]
    struct Version {
        pstats_state: u64,
    }
    let version = serde_json::from_slice::<Version>(line).map_err(|e| format!("'{STATE_KEY}' is no version: {e}"))?;
    if version.pstats_state != VERSION {
        return Err(format!("a state of version {}, where this pstats knows {VERSION}", version.pstats_state));
    }
    let line = simd_json::serde::from_slice::<StateLine>(&mut line.to_vec());
    line.map(|line| line.part).map_err(|e| format!("no line of state: {e}"))
}

fn settings(part: Part) -> Result<Settings, String> {
    let Part::Settings { by, window_us, filter, max_groups, exact_ids, fields } = part else {
        return Err("no settings".to_owned());
    };
    let map = fields.as_deref().map(str::parse).transpose()?.unwrap_or_default();
    if window_us.is_some_and(|width| width < 1) {
        return Err("a window's width is above 0".to_owned());
    }
    Ok(Settings { by, window: window_us, filter, max_groups, exact_ids, fields: map, fields_text: fields })
}

fn absorb(summary: &mut Summary, part: Part, layout: &Layout) -> Result<(), String> {
    let (events, outcomes) = (&mut summary.events, &mut summary.outcomes);
    match part {
        Part::Settings { .. } | Part::End { .. } => {}
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
        }
        Part::Run { run } => summary.add_run(run),
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
            let place = place.ok_or_else(|| format!("a group of '{by}', which is none of the state's groupings"))?;
            if key.as_ref().is_some_and(|key| key.len() != groupings[place].fields.len()) {
                return Err(format!("a group of '{by}' with another number of values"));
            }
            stream_of(summary, of).groups.absorb(place, key.as_deref(), &figures);
        }
        Part::Window { of, start_us, width_us, figures } => {
            if width_us < 1 {
                return Err("a window's width is above 0".to_owned());
            }
            stream_of(summary, of).windows.absorb(start_us, width_us, &figures);
        }
        Part::Ids { of, total, hashes, registers } => {
            let decode = |text: String| BASE64.decode(text).map_err(|e| format!("ids that are no base64: {e}"));
            let parts = match (hashes, registers) {
                (Some(hashes), None) => {
                    let bytes = decode(hashes)?;
                    let (hashes, rest) = bytes.as_chunks::<8>();
                    if !rest.is_empty() {
                        return Err("ids that are cut off".to_owned());
                    }
                    Parts::Exact(hashes.iter().map(|hash| u64::from_le_bytes(*hash)).collect())
                }
                (None, Some(registers)) => Parts::Estimate(decode(registers)?),
                _ => return Err("ids with neither hashes nor registers".to_owned()),
            };
            stream_of(summary, of).ids.absorb(total, parts)?;
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
