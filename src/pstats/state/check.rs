//! Checks that the parts of a state are consistent. This finds a state that was edited by hand together with its checksums.

use crate::pstats::figures::Figures;
use crate::pstats::input::{Amount, Flaws};
use crate::pstats::layout::{Grouping, Layout};
use crate::pstats::sketch::Sketch;
use crate::pstats::stream::Stream;
use crate::pstats::summary::Summary;
use crate::record::outcome::Word;

/// More lines than any stream has: counts below this can be added up without an overflow.
const MOST: u64 = 1 << 53;

/// Compares the parts of a summary with each other.
///
/// # Errors
/// What is not consistent.
pub(super) fn check(summary: &mut Summary, layout: &Layout) -> Result<(), String> {
    let kinds = &summary.input.kinds;
    for (kind, Amount { lines, bytes }) in kinds.each() {
        at_most(&format!("{kind}: lines"), lines, MOST)?;
        at_most(&format!("{kind}: bytes"), bytes, MOST)?;
    }
    stream("events", &mut summary.events.stream, &layout.of_events.all, kinds.events, &summary.input.event_flaws)?;
    stream(
        "outcomes",
        &mut summary.outcomes.stream,
        &layout.of_outcomes.all,
        kinds.outcomes,
        &summary.input.outcome_flaws,
    )?;

    let events = &summary.events;
    let flaws = &summary.input.event_flaws;
    let judged = events.stream.figures.judged();
    // A number that is not a status code, such as 0, may also mean a failure.
    let classes = sum(&events.classes)?;
    at_most("events: those with a status code", classes, judged)?;
    at_most("events: those that say whether they succeeded", judged, sum(&[classes, flaws.status_invalid])?)?;
    let all = sum(&[classes, flaws.status_missing, flaws.status_invalid])?;
    equal("events: those with a status code or without", all, events.stream.figures.count())?;
    at_most("events: cache hits", events.cache.1, events.cache.0)?;
    at_most("events: those that say whether a cache answered", events.cache.0, events.stream.figures.count())?;

    let outcomes = &summary.outcomes;
    let count = outcomes.stream.figures.count();
    equal("outcomes: their words", sum(&outcomes.words)?, count)?;
    let failed = Word::ALL.iter().zip(outcomes.words).filter(|(word, _)| !word.is_success()).map(|(_, n)| n);
    equal("outcomes: failures", failed.sum(), outcomes.stream.figures.failures())?;
    at_most("outcomes: own retries", outcomes.own_retries, count)?;
    at_most("outcomes: those retried", outcomes.retried, count)?;
    at_most("outcomes: those not sent", outcomes.unsent, count)?;
    at_most("outcomes: those sent", (count - outcomes.unsent).saturating_add(outcomes.retried), outcomes.attempts)?;
    at_most("outcomes: answers", sum(&outcomes.answers)?, outcomes.attempts)?;
    outcomes.end_to_end.check().map_err(|what| format!("outcomes: end to end: {what}"))?;
    at_most("outcomes: those with an end_to_end_ms", outcomes.end_to_end.count(), count)?;
    at_most("outcomes: those left out", outcomes.left_out, kinds.left_out.lines)?;
    at_most("outcomes: first lines", outcomes.firsts, count.saturating_add(outcomes.left_out))?;
    at_most("run records", outcomes.runs.len() as u64, kinds.run_records.lines)
}

fn stream(kind: &str, of: &mut Stream, groupings: &[Grouping], lines: Amount, flaws: &Flaws) -> Result<(), String> {
    let count = of.figures.count();
    equal(&format!("{kind}: lines"), lines.lines, count)?;
    figures(kind, &of.figures)?;
    let ids = of.ids.total();
    equal(&format!("{kind}: ids"), sum(&[ids, flaws.id_missing])?, count)?;
    at_most(&format!("{kind}: unique ids"), of.ids.unique().unwrap_or_else(|least| least), ids)?;
    let latencies =
        [of.figures.latency().count(), flaws.latency_missing, flaws.latency_negative, flaws.latency_invalid];
    equal(&format!("{kind}: latencies"), sum(&latencies)?, count)?;
    of.order.check().map_err(|what| format!("{kind}: {what}"))?;
    let times = of.order.count();
    equal(&format!("{kind}: times"), sum(&[times, flaws.time_missing, flaws.time_invalid])?, count)?;
    let mut in_windows = 0u64;
    for (_, window) in of.windows.iter() {
        figures(&format!("{kind}: a window"), window)?;
        in_windows = in_windows.saturating_add(window.count());
    }
    equal(&format!("{kind}: lines in windows"), in_windows, times)?;
    for (grouping, groups) in groupings.iter().zip(of.groups.each()) {
        let name = format!("{kind} by {}", grouping.name());
        let (mut grouped, mut failed) = (0u64, 0u64);
        for group in groups.iter().map(|group| &group.figures).chain(groups.rest()) {
            figures(&name, group)?;
            grouped = grouped.saturating_add(group.count());
            failed = failed.saturating_add(group.failures());
        }
        if grouping.only_present {
            at_most(&format!("{name}: lines"), grouped, count)?;
            at_most(&format!("{name}: failures"), failed, of.figures.failures())?;
        } else {
            equal(&format!("{name}: lines"), grouped, count)?;
            equal(&format!("{name}: failures"), failed, of.figures.failures())?;
        }
    }
    Ok(())
}

fn figures<S: Sketch>(what: &str, figures: &Figures<S>) -> Result<(), String> {
    figures.check().map_err(|why| format!("{what}: {why}"))
}

fn sum(counts: &[u64]) -> Result<u64, String> {
    let sum = counts.iter().try_fold(0u64, |sum, n| sum.checked_add(*n));
    sum.ok_or_else(|| "impossibly large counts".to_owned())
}

fn equal(what: &str, ours: u64, theirs: u64) -> Result<(), String> {
    if ours == theirs { Ok(()) } else { Err(format!("{what}: expected {theirs}, found {ours}")) }
}

fn at_most(what: &str, n: u64, most: u64) -> Result<(), String> {
    if n <= most { Ok(()) } else { Err(format!("{what}: expected at most {most}, found {n}")) }
}
