//! Writes a state, line by line.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Added, Kind, Part, VERSION, line};
use crate::cli::part_of_run::PartOfRun;
use crate::pstats::layout::Layout;
use crate::pstats::parts::Parts;
use crate::pstats::settings::Settings;
use crate::pstats::stream::Stream;
use crate::pstats::summary::Summary;
use crate::record::chain::{Chain, hex};

/// Hashes of ids on one line: with base64 some 350 kB, well below --max-line.
const HASHES_A_LINE: usize = 1 << 15;

/// Parts of runs on one line: some 200 bytes each.
const PARTS_A_LINE: usize = 1000;

/// Writes the state of a summary, to which these states were added. `origin` says what was counted, and `own` which part of a
/// run the lines are that came in no state.
pub(in crate::pstats) fn write(
    summary: &mut Summary,
    settings: &Settings,
    layout: &Layout,
    (origin, own): (&str, Option<&PartOfRun>),
    added: &Added,
) -> Vec<u8> {
    let mut to = Lines { out: Vec::new(), chain: Chain::default(), content: 0 };
    to.put(Part::Settings {
        by: settings.by.clone(),
        window_us: settings.window,
        filter: settings.filter.clone(),
        max_groups: settings.max_groups,
        exact_ids: settings.exact_ids,
        fields: settings.fields_text.clone(),
        origin: origin.to_owned(),
    });
    if !added.0.is_empty() {
        to.put(Part::Holds { states: added.0.iter().map(|id| hex(*id)).collect() });
    }
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
        apart: outcomes.apart,
        reasons: outcomes.reasons.clone(),
    });
    to.stream(Kind::Outcomes, &mut outcomes.stream, layout.of_outcomes.all.iter().map(|g| g.name()));
    outcomes.runs.iter().for_each(|run| to.put(Part::Run { run: run.clone() }));
    to.parts(&summary.parts, own);
    let lines = to.chain.lines + 1;
    to.put(Part::End { lines });
    to.out
}

struct Lines {
    out: Vec<u8>,
    chain: Chain,
    /// The checksum without what two attempts at one part differ in: the names of files and the number of the attempt.
    content: u64,
}

impl Lines {
    fn parts(&mut self, parts: &Parts, own: Option<&PartOfRun>) {
        let with_own = own.map(|own| {
            let mut parts = parts.clone();
            parts.counted(own, self.content);
            parts
        });
        let parts = with_own.as_ref().unwrap_or(parts);
        let (mut again, mut cut_off) = parts.remarks();
        let mut kept = parts.kept().peekable();
        while kept.peek().is_some() || again + cut_off > 0 {
            self.put(Part::Parts { parts: kept.by_ref().take(PARTS_A_LINE).collect(), again, cut_off });
            (again, cut_off) = (0, 0);
        }
    }

    fn put(&mut self, part: Part) {
        let is_content = !matches!(part, Part::Settings { .. } | Part::Holds { .. } | Part::Parts { .. });
        let begins = self.out.len();
        line::write(&mut self.out, VERSION, self.chain.lines + 1, &part);
        if is_content {
            self.content = xxh3_64_with_seed(&self.out[begins..self.out.len() - 1], self.content);
        }
        self.chain.seal(&mut self.out, begins);
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
        for (start_us, window) in stream.windows.each() {
            let (figures, counts) = (window.figures.clone(), window.counts);
            self.put(Part::Window { of, start_us, width_us, figures, counts });
        }
        let mut total = stream.ids.total();
        match stream.ids.hashes() {
            Ok(hashes) => {
                for some in hashes.chunks(HASHES_A_LINE) {
                    let bytes: Vec<u8> = some.iter().flat_map(|hash| hash.to_le_bytes()).collect();
                    self.put(Part::Ids { of, total, hashes: Some(BASE64.encode(bytes)), at_least: None });
                    total = 0;
                }
            }
            Err(least) => self.put(Part::Ids { of, total, hashes: None, at_least: Some(least) }),
        }
    }
}
