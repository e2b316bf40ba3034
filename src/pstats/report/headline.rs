//! The report in one sentence: what was sent or read, how it went, and which requirements are not met. Every form that people
//! read begins with it.

use super::words::{milliseconds, moment, percent};
use super::{EventsReport, OutcomesReport, Report};
use crate::cli::numbers::{count, counted, duration, exact};
use crate::pstats::require::Verdict;

/// So many failures are named; the others are counted.
const MOST_NAMED: usize = 2;

/// The longest name of a failure, in characters. The table of requirements has the whole.
const LONGEST: usize = 90;

/// How the run is judged as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A requirement is not met.
    Failed,
    /// Nothing was required, or all of it is met, and something is wrong or cannot be told.
    Doubtful,
    /// All requirements are met.
    Passed,
    /// Nothing was required.
    NotJudged,
}

/// The report in one sentence.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Headline {
    pub(crate) standing: Standing,
    /// How many lines, in which time, how fast, and how many injected faults were detected if all were.
    pub(crate) figures: String,
    /// Requirements, comparison, missed faults and alerts; empty if there are none of them and the run is complete.
    pub(crate) verdict: String,
}

impl Headline {
    /// The sentence on this report.
    pub(crate) fn of(report: &Report) -> Self {
        let figures: Vec<String> = match (&report.outcomes, &report.events) {
            (Some(outcomes), _) => of_outcomes(outcomes),
            (None, Some(events)) => of_events(events),
            (None, None) if report.run.compared.is_some() || report.alerts.is_some() => Vec::new(),
            (None, None) => vec!["The input has no events and no outcomes".to_owned()],
        };
        let failed = report.has_failed();
        let requirements = requirements(&report.requirements);
        let incomplete = report.incomplete().map(|_| "the run is not complete".to_owned());
        let compared = compared(report);
        let faults = faults(report);
        let is_doubtful = incomplete.is_some()
            || compared.as_ref().is_some_and(|(_, is_worse)| *is_worse)
            || faults.as_ref().is_some_and(|(_, are_missed)| *are_missed);
        let standing = match () {
            () if failed => Standing::Failed,
            () if is_doubtful => Standing::Doubtful,
            () if requirements.is_some() => Standing::Passed,
            () => Standing::NotJudged,
        };
        // What a failed requirement says is not said again.
        let told = requirements.clone().unwrap_or_default();
        let faults = faults.filter(|(text, _)| !told.contains(text.as_str()));
        let (missed, detected) = match faults {
            Some((text, true)) => (Some(text), None),
            faults => (None, faults.map(|(text, _)| text)),
        };
        let is_told = report.requirements.iter().any(|verdict| verdict.requirement.starts_with("the run is complete"));
        let rest = [incomplete.filter(|_| !is_told), compared.map(|(text, _)| text), missed, alarms(report)];
        let verdict: Vec<String> = requirements.into_iter().chain(rest.into_iter().flatten()).collect();
        let figures: Vec<String> = figures.into_iter().chain(detected).collect();
        Self { standing, figures: figures.join("; "), verdict: verdict.join("; ") }
    }

    /// The whole sentence, without a full stop.
    pub(crate) fn sentence(&self) -> String {
        let parts = [&self.figures, &self.verdict];
        parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("; ")
    }
}

fn of_outcomes(outcomes: &OutcomesReport) -> Vec<String> {
    let whole = outcomes.figures.count;
    let verified = outcomes.present + outcomes.missing + outcomes.differs;
    let (part, done) = match verified == whole && whole > 0 {
        true => (outcomes.present, "on the server"),
        false => (outcomes.delivered, "delivered"),
    };
    let were = if whole == 1 { "was" } else { "were" };
    let first = match super::units::share(part, whole) {
        None => "No event was sent".to_owned(),
        share => {
            let time = outcomes.time.span_s.filter(|span| *span > 0.0);
            let time = time.map_or(String::new(), |span| format!(" in {}", duration(span)));
            format!("{} of {} {were} {done}{time}", percent(share), counted(whole, "event", "events"))
        }
    };
    let (p99, name) = match outcomes.is_open_loop() {
        true => (outcomes.end_to_end.p99_ms, "P99 end to end"),
        false => (outcomes.figures.latency.p99_ms, "P99"),
    };
    std::iter::once(first).chain(p99.map(|p99| format!("{name} {}", milliseconds(Some(p99))))).collect()
}

fn of_events(events: &EventsReport) -> Vec<String> {
    let time = events.time.span_s.filter(|span| *span > 0.0);
    let time = time.map_or(String::new(), |span| format!(" over {}", duration(span)));
    let first = format!("{}{time}", counted(events.figures.count, "event", "events"));
    let (all, rated) = (events.figures.count, events.figures.rated);
    let of = if rated < all { format!(" of the {} with a status code", count(rated)) } else { String::new() };
    let errors = events.figures.error_rate.map(|rate| format!("error rate {}{of}", percent(Some(rate))));
    let p99 = events.figures.latency.p99_ms.map(|p99| format!("P99 {}", milliseconds(Some(p99))));
    [Some(first), errors, p99].into_iter().flatten().collect()
}

/// How many requirements are met, and the first that are not.
fn requirements(verdicts: &[Verdict]) -> Option<String> {
    if verdicts.is_empty() {
        return None;
    }
    let failed: Vec<&Verdict> = verdicts.iter().filter(|verdict| !verdict.met).collect();
    let all = count(verdicts.len() as u64);
    let whole = match (failed.len(), verdicts.len()) {
        (0, 1) => return Some("the requirement is met".to_owned()),
        (0, _) => return Some(format!("all {all} requirements are met")),
        (_, 1) => "the requirement is not met".to_owned(),
        (1, _) => format!("1 of {all} requirements is not met"),
        (failed, _) => format!("{} of {all} requirements are not met", count(failed as u64)),
    };
    let named: Vec<String> = failed.iter().take(MOST_NAMED).map(|verdict| shortened(in_words(verdict))).collect();
    let more = failed.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!("; and {} more", count(more as u64)) } else { String::new() };
    Some(format!("{whole}: {}{more}", named.join("; ")))
}

/// A text of at most [`LONGEST`] characters.
fn shortened(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text,
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
    }
}

/// A requirement that is not met, as a reader would say it: `38 injected faults missed`, `error rate 7.3%, not < 5%`.
pub(crate) fn in_words(verdict: &Verdict) -> String {
    let path = verdict.figure.as_deref().unwrap_or_default();
    if let (Some(what), Some(n)) = (path.strip_prefix("truth."), verdict.value)
        && n >= 1.0
    {
        let fault = |n: f64| if (n - 1.0).abs() < 0.5 { "fault" } else { "faults" };
        let n_faults = |kind: &str| format!("{} {kind} {}", exact(n), fault(n));
        match what.rsplit_once('.') {
            None if what == "missed" => return format!("{} missed", n_faults("injected")),
            None if what == "undecidable" => return format!("{} undecidable", n_faults("injected")),
            None if what == "false_alarm" => {
                return format!("{} false {}", exact(n), if n > 1.0 { "alarms" } else { "alarm" });
            }
            Some((kind, "missed")) if kind.starts_with("faults.") => {
                return format!("{} missed", n_faults(&kind["faults.".len()..]));
            }
            _ => {}
        }
    }
    let is_sign = |c: char| matches!(c, '<' | '>' | '=' | '!');
    let name = |left: &str| {
        let (group, figure) = left.rsplit_once(':').map_or(("", left), |(group, figure)| (group.trim(), figure));
        // P95, as the tables call it.
        let word = |word: &str| match word.strip_prefix('p') {
            Some(n) if n.parse::<u32>().is_ok() => format!("P{n}"),
            _ => word.to_owned(),
        };
        let words: Vec<String> = figure.trim().split(['_', '.']).map(word).collect();
        let figure = words.join(" ");
        if group.is_empty() { figure } else { format!("{group}: {figure}") }
    };
    let text = verdict.requirement.as_str();
    match (text.rfind(is_sign), text.rsplit_once(" not worse")) {
        (_, Some((left, _))) if verdict.unsure => format!("cannot tell if {} is worse", name(left)),
        (_, Some((left, _))) => format!("{} {}", name(left), verdict.message),
        (Some(end), None) if verdict.value.is_some() || !path.is_empty() => {
            let (left, bound) = text.split_at(text[..=end].trim_end_matches(is_sign).len());
            let (sign, bound) =
                bound.trim().split_at(bound.trim().len() - bound.trim().trim_start_matches(is_sign).len());
            format!("{} {}, not {sign} {}", name(left), verdict.message, bound.trim())
        }
        (Some(_), None) => format!("{text}: {}", verdict.message),
        // The requirement on the parts and on the end of a run is a sentence; the message says what is wrong.
        (None, None) => verdict.message.clone(),
    }
}

/// What the comparison found, and whether something is worse.
fn compared(report: &Report) -> Option<(String, bool)> {
    report.run.compared.as_ref()?;
    let about = report.run.comparison.as_ref()?;
    let of = |n: usize, word: &str| (n > 0).then(|| format!("{} {word}", count(n as u64)));
    let all = [of(about.worse, "worse"), of(about.better, "better"), of(about.same, "the same")];
    let told: Vec<String> = all.into_iter().chain([of(about.cannot_tell, "not certain")]).flatten().collect();
    let text = match told.as_slice() {
        [] => "nothing in common with the base".to_owned(),
        told => format!("compared with the base: {}", told.join(", ")),
    };
    Some((text, about.worse > 0))
}

/// How many injected faults the server missed, and whether it missed any.
fn faults(report: &Report) -> Option<(String, bool)> {
    let truth = report.truth.as_ref().filter(|truth| truth.count > 0)?;
    let missed = truth.missed?;
    let text = match (missed, truth.detected) {
        (0, Some(detected)) => {
            format!("{} of {} detected", count(detected), counted(truth.count, "injected fault", "injected faults"))
        }
        (missed, _) => format!("{} missed", counted(missed, "injected fault", "injected faults")),
    };
    Some((text, missed > 0))
}

/// For how many episodes of faults an alert rang, and how many rang for none.
fn alarms(report: &Report) -> Option<String> {
    let alerts = report.alerts.as_ref()?;
    let of = counted(alerts.episodes, "episode", "episodes");
    let false_pages = counted(alerts.false_pages, "false page", "false pages");
    Some(format!("an alert rang for {} of {of} of faults, with {false_pages}", count(alerts.detected)))
}

/// The title of a page: `--title`, or else the target, or the names of the files.
pub(crate) fn title(report: &Report) -> String {
    let run = &report.run;
    let targets = circumstances(report).into_iter().find(|(name, _)| *name == "target");
    match targets {
        _ if !run.title.is_empty() => run.title.clone(),
        Some((_, target)) => target,
        None if run.files.is_empty() => "pstats report".to_owned(),
        None if run.files.len() > 3 => format!("{} and {} more", run.files[..2].join(", "), run.files.len() - 2),
        None => run.files.join(", "),
    }
}

/// What was sent where and how, as pairs of a name and its value: target, mode, rate, concurrency, and when. Each value once if
/// there are several runs.
pub(crate) fn circumstances(report: &Report) -> Vec<(&'static str, String)> {
    let mut facts: Vec<(&'static str, String)> = Vec::new();
    if let Some(outcomes) = &report.outcomes {
        let each = |of: &dyn Fn(&crate::record::outcome::RunRecord) -> Option<String>| {
            let mut values: Vec<String> = Vec::new();
            for value in outcomes.runs.iter().filter_map(of) {
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            let more = values.len().saturating_sub(3);
            values.truncate(3);
            let more = (more > 0).then(|| format!("{more} more"));
            let all: Vec<String> = values.into_iter().chain(more).collect();
            (!all.is_empty()).then(|| all.join(", "))
        };
        facts.extend(each(&|run| Some(run.target.clone())).map(|target| ("target", target)));
        facts.extend(each(&|run| Some(run.mode.clone())).map(|mode| ("mode", mode)));
        facts.extend(each(&|run| run.rate.map(|rate| format!("{}/s", exact(rate)))).map(|rate| ("rate", rate)));
        facts.extend(each(&|run| Some(count(run.concurrency))).map(|most| ("concurrency", most)));
    }
    let time = report.outcomes.as_ref().map(|o| &o.time).or(report.events.as_ref().map(|e| &e.time));
    if let Some(time) = time
        && let (Some(first), Some(last)) = (&time.first, &time.last)
    {
        facts.push(("from", format!("{} UTC", moment(first))));
        facts.push(("to", format!("{} UTC", moment(last))));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(requirement: &str, figure: Option<&str>, value: Option<f64>, met: bool, message: &str) -> Verdict {
        let (requirement, message) = (requirement.to_owned(), message.to_owned());
        Verdict { requirement, figure: figure.map(str::to_owned), value, met, unsure: false, message }
    }

    #[test]
    fn a_requirement_that_is_not_met_is_told_in_words() {
        let told = |text, figure, value, message| in_words(&verdict(text, figure, value, false, message));
        assert_eq!(told("truth.missed = 0", Some("truth.missed"), Some(38.0), "38"), "38 injected faults missed");
        let duplicates = "truth.faults.duplicate.missed";
        assert_eq!(told("x = 0", Some(duplicates), Some(1.0), "1"), "1 duplicate fault missed");
        let rate = Some("outcomes.error_rate");
        assert_eq!(told("error_rate < 5%", rate, Some(0.0734), "7.3%"), "error rate 7.3%, not < 5%");
        let p95 = Some("outcomes.end_to_end.p95_ms");
        assert_eq!(told("end_to_end.p95<200ms", p95, Some(212.0), "212 ms"), "end to end P95 212 ms, not < 200ms");
        let group = "service=a.b: error_rate < 5%";
        assert_eq!(told(group, rate, Some(0.1), "10%"), "service=a.b: error rate 10%, not < 5%");
        let spelt = told("service=a.é1:latency.p95<5ms", p95, Some(9.0), "9.00 ms");
        assert_eq!(spelt, "service=a.é1: latency P95 9.00 ms, not < 5ms");
        assert_eq!(told("error_rate < 5%", None, None, "no data"), "error_rate < 5%: no data");
        assert_eq!(told("latency.p95 not worse", rate, Some(0.1), "+8%: worse"), "latency P95 +8%: worse");
        assert_eq!(told("the run is complete", None, None, "it was cut off"), "it was cut off");
    }

    #[test]
    fn the_first_failures_are_named_and_the_others_counted() {
        let failed = |text| verdict(text, Some("outcomes.lost"), Some(1.0), false, "1");
        let met = verdict("a < 1", Some("outcomes.a"), Some(0.0), true, "0");
        assert_eq!(requirements(&[]), None);
        assert_eq!(requirements(std::slice::from_ref(&met)).as_deref(), Some("the requirement is met"));
        assert_eq!(requirements(&[met.clone(), met.clone()]).as_deref(), Some("all 2 requirements are met"));
        let verdicts = [failed("lost = 0"), met.clone(), failed("failed = 0"), failed("unknown = 0")];
        let one = [failed("lost = 0")];
        assert_eq!(requirements(&one).as_deref(), Some("the requirement is not met: lost 1, not = 0"));
        let two = [met, failed("lost = 0")];
        assert_eq!(requirements(&two).as_deref(), Some("1 of 2 requirements is not met: lost 1, not = 0"));
        let told = "3 of 4 requirements are not met: lost 1, not = 0; failed 1, not = 0; and 1 more";
        assert_eq!(requirements(&verdicts).as_deref(), Some(told));
    }
}
