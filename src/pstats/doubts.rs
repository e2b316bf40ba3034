//! Warnings about doubtful figures: values that could not be read, and implausible latencies.

use super::examples::Examples;
use super::input::Flaws;
use super::settings::Settings;
use super::sketch::Sketch;
use super::summary::Summary;
use crate::cli::numbers::count;
use crate::record::event::{FieldMap, Role};

/// The unit is not doubted if there are fewer latencies.
const FEW: u64 = 20;

/// If most latencies are below this many µs, they are implausible: seconds that are read as milliseconds look like this.
const SHORT_US: u64 = 100;

/// If most are above this many µs, they are implausible too: few clients wait that long.
const LONG_US: u64 = 30_000_000;

/// The warnings for stderr.
pub(super) fn doubts(summary: &Summary, settings: &Settings) -> Vec<String> {
    let Summary { input, events, outcomes, examples, parts: _ } = summary;
    let path = |role| settings.fields.path(role);
    let paths = [path(Role::Timestamp), path(Role::Status), path(Role::Latency)];
    let mut doubts = unread("events", events.stream.figures.count(), paths, &input.event_flaws, &examples.0);
    let paths = ["sent_at", "status", "latency_ms"];
    doubts.extend(unread("outcomes", outcomes.stream.figures.count(), paths, &input.outcome_flaws, &examples.1));
    doubts.extend(implausible(summary, path(Role::Latency)));
    doubts.extend(absent(events.stream.figures.count(), settings, &input.event_flaws));
    doubts
}

/// The fields that were asked for and that no event has.
fn absent(of: u64, settings: &Settings, flaws: &Flaws) -> Vec<String> {
    let usual = FieldMap::default();
    let rows = [
        (Role::Id, "id", flaws.id_missing),
        (Role::Timestamp, "timestamp", flaws.time_missing),
        (Role::Status, "status", flaws.status_missing),
        (Role::Latency, "latency", flaws.latency_missing),
    ];
    let is_absent = |missing: u64| of > 0 && missing == of;
    let named = rows.into_iter().filter_map(|(role, name, missing)| {
        let path = settings.fields.path(role);
        (is_absent(missing) && path != usual.path(role))
            .then(|| format!("--fields {name}={path}: no event has this field"))
    });
    let path = settings.fields.path(Role::Timestamp);
    let has_no_windows =
        settings.window.is_some() && path == usual.path(Role::Timestamp) && is_absent(flaws.time_missing);
    named
        .chain(
            has_no_windows
                .then(|| format!("--window: no event has a '{path}'; --fields timestamp=PATH names another field")),
        )
        .collect()
}

/// The values of one kind of line that could not be read, with examples.
fn unread(kind: &str, of: u64, paths: [&str; 3], flaws: &Flaws, examples: &Examples) -> Vec<String> {
    let [time, status, latency] = paths;
    let rows = [
        (flaws.time_invalid, time, "time", &examples.time),
        (flaws.status_invalid, status, "status code", &examples.status),
        (flaws.latency_invalid + flaws.latency_negative, latency, "latency", &examples.latency),
    ];
    let told = rows.into_iter().filter(|(n, ..)| *n > 0).map(|(n, path, what, example)| {
        // A state has counts, but no examples.
        let example = example.as_ref().map_or_else(String::new, |example| format!(", such as {example}"));
        let have = if n == 1 { "has" } else { "have" };
        format!("{} of {} {kind} {have} no {what} in '{path}' that could be read{example}", count(n), count(of))
    });
    told.collect()
}

/// Whether most latencies of events are implausible. A latency of 0 does not count, because it may have been rounded.
fn implausible(summary: &Summary, path: &str) -> Option<String> {
    let buckets = summary.events.stream.figures.latency().sketch().buckets();
    let sum = |fits: fn(u64) -> bool| -> u64 { buckets.iter().filter(|(us, _)| fits(*us)).map(|(_, n)| n).sum() };
    let all = sum(|us| us > 0);
    let what = match all {
        0..FEW => return None,
        _ if sum(|us| (1..SHORT_US).contains(&us)) > all / 2 => "below 0.1 ms",
        _ if sum(|us| us > LONG_US) > all / 2 => "above 30 s",
        _ => return None,
    };
    Some(format!("most latencies are {what}: is the unit right? --fields latency={path}:UNIT takes ns, us, ms and s"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jsonl::Line;
    use crate::pstats::intake::Intake;
    use crate::pstats::layout::Layout;

    fn said(fields: &str, latencies: &[&str]) -> Vec<String> {
        let settings = Settings { fields: fields.parse().expect("fields"), ..Settings::default() };
        let mut intake = Intake::new(settings.clone(), Layout::new(&settings).expect("no filter"), None);
        let mut summary = Summary::new(&settings, intake.layout());
        for latency in latencies {
            let text = format!("{{\"took\":{latency}}}");
            intake.take(Line { seq: 1, text: text.as_bytes(), end: b"\n" }, &mut summary);
        }
        summary.settle();
        doubts(&summary, &settings)
    }

    #[test]
    fn a_unit_that_most_latencies_speak_against_is_doubted() {
        let say = |fields: &str, value: &str, n: usize| said(fields, &vec![value; n]).join("|");
        assert_eq!(
            say("latency=took", "0.046812", 60),
            "most latencies are below 0.1 ms: is the unit right? --fields latency=took:UNIT takes ns, us, ms and s"
        );
        assert!(say("latency=took", "46812000", 60).starts_with("most latencies are above 30 s"));
        assert_eq!(say("latency=took:s", "0.046812", 60), "");
        assert_eq!(say("latency=took:ns", "46812000", 60), "");
        assert_eq!(say("latency=took", "0", 60), "");
        assert_eq!(say("latency=took", "0.046812", 10), "");
        let half: Vec<&str> = (0..60).map(|n| if n % 2 == 0 { "0.05" } else { "5" }).collect();
        assert!(said("latency=took", &half).is_empty());
    }

    #[test]
    fn a_field_that_was_named_and_that_no_event_has_is_told() {
        assert_eq!(said("latency=took,status=cod", &["1", "2"]), ["--fields status=cod: no event has this field"]);
        assert!(said("latency=took", &["1", "2"]).is_empty());
    }

    #[test]
    fn a_value_that_could_not_be_read_is_shown() {
        assert_eq!(
            said("latency=took", &["1", "\"soon\"", "-2"]),
            [
                "2 of 3 events have no latency in 'took' that could be read, such as \"soon\": it is not a number or a duration \
              such as 12.3ms"
            ]
        );
    }
}
