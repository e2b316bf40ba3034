//! A search in words, for a person on stderr.

use std::fmt::Write;

use crate::cli::numbers::{count, duration, milliseconds, number, percent};
use crate::record::capacity::{AfterOverload, Capacity, Ending, StepRecord};

/// A step, in one line.
pub(in crate::psend) fn step(step: &StepRecord) -> String {
    let p99 = |ms: Option<f64>| ms.map_or("none".to_owned(), milliseconds);
    format!(
        "step {}, {}: {}/s for {} after {}: P99 {} end to end, errors {}: {}",
        step.step,
        step.phase,
        number(step.rate),
        duration(step.seconds),
        duration(step.left_out_s),
        p99(step.end_to_end.p99_ms),
        step.error_rate.map_or("unknown".to_owned(), percent),
        step.verdict.in_words()
    )
}

/// What a search found, in lines of the summary.
pub(in crate::psend) fn summary(found: &Capacity) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = match (found.rate, found.interval_in_words(), found.at_least) {
        (Some(rate), Some(interval), _) => writeln!(text, "Holds:       {}/s ({interval})", number(rate)),
        (_, _, Some(least)) => writeln!(text, "Holds:       at least {}/s", number(least)),
        _ => writeln!(text, "Holds:       not known"),
    };
    if let Some(condition) = &found.limited_by {
        let _ = writeln!(text, "Limited by:  {condition}");
    }
    let _ = writeln!(text, "Ended:       {}", found.why);
    if let Some(after) = &found.after_overload {
        let _ = writeln!(text, "Overload:    {}", after_overload(after));
    } else if found.ended == Ending::NeverBack {
        let _ = writeln!(text, "Overload:    the server does not come back from it");
    }
    let _ = writeln!(text, "Steps:       {}", count(found.steps.len() as u64));
    text.truncate(text.trim_end().len());
    text
}

fn after_overload(after: &AfterOverload) -> String {
    let overload = number(after.overload);
    match (after.held, after.seconds) {
        (Some(held), Some(seconds)) if after.hysteresis => format!(
            "after {overload}/s it does not hold {}/s again, but {}/s after {} (hysteresis)",
            number(after.tried),
            number(held),
            duration(seconds)
        ),
        (Some(held), Some(seconds)) => {
            format!("after {overload}/s it holds {}/s again after {}", number(held), duration(seconds))
        }
        _ => {
            format!("after {overload}/s it does not come back: it holds none of the rates that were tried (hysteresis)")
        }
    }
}
