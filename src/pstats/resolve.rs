//! From the command line to a [`Config`]: reads requirements and JSON reports, refuses flags that contradict each other.

use std::path::PathBuf;

use super::alerts::{AlertForm, Watch};
use super::args::{Args, AttemptsWord, Confidence, ToleranceText, UnsureWord};
use super::compare::{NamedReport, Required, RunPart, Tolerances, report_in};
use super::config::{Against, Attempts, Config};
use super::joins::Sources;
use super::layout::{Grouping, Layout};
use super::parts::Expected;
use super::report::{Allow, Report};
use super::require::{Catalogue, Requirement, Unsure};
use super::settings::Settings;
use crate::cli::input;
use crate::cli::part_of_run::PartOfRun;
use crate::cli::values::{Count, Span};
use crate::error::{Error, Result};
use crate::jsonl::scan::plain_path;
use crate::record::event::FieldMap;
use crate::record::truth::FAULTS;

/// Resolves the flags.
///
/// # Errors
/// A usage error that names the flag, or the file and line.
pub(super) fn resolve(args: Args) -> Result<Config> {
    let by = args.by.iter().map(|list| list.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>());
    let by: Vec<Vec<String>> = by.collect();
    if by.iter().flatten().any(String::is_empty) {
        return Err(Error::usage("--by: a name is empty; expected fields such as service,endpoint"));
    }
    let of_fields = |e: String| Error::usage(format!("--fields: {e}"));
    // Without alerts, their roles are none.
    let (alert_form, fields_text) = match &args.fields {
        Some(text) if !args.alerts.is_empty() => AlertForm::from_fields(text).map_err(of_fields)?,
        text => (AlertForm::default(), text.clone()),
    };
    let fields = fields_text.as_deref().map(str::parse::<FieldMap>).transpose().map_err(of_fields)?;
    // A comparison takes the groups that states have.
    let given = !by.is_empty() && args.base.is_empty()
        || args.window.is_some()
        || args.filter.is_some()
        || fields_text.is_some();
    let mut settings = Settings {
        window: args.window.map(Span::micros),
        filter: args.filter.clone(),
        max_groups: size(args.max_groups.0).min(MOST_GROUPS),
        exact_ids: size(args.exact_ids.0),
        fields: fields.unwrap_or_default(),
        fields_text,
        by: Vec::new(),
    };
    settings.by = by.iter().fold(Vec::new(), with_grouping);
    let mut requirements = requirements(&settings, &args.require, &args.require_file)?;
    if args.base.is_empty() {
        if let Some(requirement) = requirements.iter().find(|requirement| requirement.needs_base()) {
            return Err(Error::usage(format!("--require: '{requirement}' needs --base FILE")));
        }
        if !args.tolerance.is_empty() {
            return Err(Error::usage("--tolerance is of differences from a base: it needs --base FILE"));
        }
    }
    let groups = requirements.iter().map(Requirement::group_fields).filter(|fields| !fields.is_empty());
    settings.by = groups.fold(std::mem::take(&mut settings.by), |known, fields| with_grouping(known, &fields));
    let against = match args.base.is_empty() {
        true => None,
        false => Some(against(&args, &settings, &mut requirements)?),
    };
    let alerts = watch(&args, alert_form)?;
    let is_report = |file: &PathBuf| {
        against
            .as_ref()
            .is_some_and(|against| against.now_reports.iter().any(|(name, _)| *name == file.display().to_string()))
    };
    Ok(Config {
        files: args.files.iter().filter(|file| !is_report(file)).cloned().collect(),
        title: args.title.unwrap_or_default(),
        missed: args.missed,
        form: args.format,
        color: args.color,
        suite: args.name,
        full: args.full,
        output: args.output,
        settings,
        given,
        live: args.live,
        tee: args.tee,
        threads: args.threads,
        reports: args.report,
        every: args.every.map(|every| every.0),
        against,
        sources: Sources {
            alerts,
            truth: args.truth,
            against: args.against,
            stored: args.stored,
            chaos: args.chaos_truth,
        },
        requirements,
        expected: Expected {
            part: PartOfRun::resolve(args.run_id, args.shard)?,
            shards: match args.expect_shards {
                Some(Count(0)) => return Err(Error::usage("--expect-shards 0: expected a number from 1")),
                shards => shards.map(|count| count.0),
            },
            events: args.expect_events.map(|count| count.0),
        },
        attempts: args.attempts.map(|word| match word {
            AttemptsWord::First => Attempts::First,
            AttemptsWord::Last => Attempts::Last,
        }),
        allow: Allow { empty: args.allow_empty, partial: args.partial },
        max_line: size(args.max_line.0),
        quiet: args.quiet,
    })
}

/// The faults that alarms should not ring for by themselves: what pshape does to all traffic, and what does it no harm.
const HARMLESS: [&str; 5] = ["curve", "label", "new_id", "recover", "shift"];

/// What `--alerts` asks for.
fn watch(args: &Args, form: AlertForm) -> Result<Option<Watch>> {
    if args.alerts.is_empty() {
        return match args.fault.is_empty() {
            true => Ok(None),
            false => Err(Error::usage("--fault is about alerts: it needs --alerts FILE")),
        };
    }
    let counts = |fault: &&str| match &*args.fault {
        [] => !HARMLESS.contains(fault),
        chosen => chosen.iter().any(|known| known == fault),
    };
    let faults = FAULTS.into_iter().filter(counts).collect();
    let Confidence(confidence) = args.confidence;
    Ok(Some(Watch { files: args.alerts.clone(), form, grace: args.grace.micros(), faults, alpha: 1.0 - confidence }))
}

/// The most that `--max-groups` may ask for: a group takes a few kilobytes.
const MOST_GROUPS: usize = 1 << 24;

fn size(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// The groupings with one more, unless they have it in another order; a field named twice stands once.
fn with_grouping(mut known: Vec<Vec<String>>, fields: &Vec<String>) -> Vec<Vec<String>> {
    let mut once: Vec<String> = Vec::new();
    for field in fields {
        if !once.contains(field) {
            once.push(field.clone());
        }
    }
    if !known.iter().any(|fields| fields.len() == once.len() && once.iter().all(|field| fields.contains(field))) {
        known.push(once);
    }
    known
}

/// Reads the requirements of the command line and of the files. An error names the file and line.
fn requirements(settings: &Settings, texts: &[String], files: &[PathBuf]) -> Result<Vec<Requirement>> {
    let layout = Layout::new(settings)?;
    let catalogue = Catalogue::new(Report::on_nothing(settings, &layout), layout.group_fields());
    let read = |text: &str, place: String| {
        Requirement::parse(text, &catalogue).map_err(|e| Error::usage(format!("{place}: {e}")))
    };
    let mut all: Vec<Requirement> =
        texts.iter().map(|text| read(text, "--require".to_owned())).collect::<Result<_>>()?;
    for file in files {
        let text = input::named_text("--require-file", file)?;
        for (number, line) in (1..).zip(text.lines()) {
            let line = without_comment(line);
            if !line.is_empty() {
                all.push(read(line, format!("--require-file: {}: line {number}", file.display()))?);
            }
        }
    }
    Ok(all)
}

/// A line up to its comment: a `#` at the start or behind white space, for a group's value may hold one.
fn without_comment(line: &str) -> &str {
    let begins = |(at, _): &(usize, &str)| line[..*at].chars().next_back().is_none_or(char::is_whitespace);
    line.match_indices('#').find(begins).map_or(line, |(at, _)| &line[..at]).trim()
}

/// Sorts the files of both sides, and finds what requirements ask of the comparison.
fn against(args: &Args, settings: &Settings, requirements: &mut [Requirement]) -> Result<Against> {
    let mut tolerances = Tolerances::default();
    for ToleranceText(text) in &args.tolerance {
        tolerances.add(text).map_err(|e| Error::usage(format!("--tolerance {e}")))?;
    }
    let layout = Layout::new(settings)?;
    let grouping = RunPart::first_grouping(settings).filter(|_| !args.by.is_empty());
    let (mut required, mut groupings) = (Vec::new(), Vec::from_iter(grouping.clone()));
    for requirement in requirements {
        let Requirement::NotWorse(not_worse, group) = requirement else { continue };
        *group = match not_worse.group() {
            [] => None,
            fields => {
                let all = layout.of_outcomes.all.iter().chain(&layout.of_events.all);
                let grouping = all.clone().find(|grouping| has_fields(grouping, fields));
                let grouping = grouping.expect("each group that a requirement names has a grouping");
                let value = |name: &String| {
                    fields.iter().find(|(field, _)| plain_path(field) == *name).map(|(_, value)| value.as_str().into())
                };
                groupings.push(grouping.name());
                Some((grouping.name(), grouping.fields.iter().map(value).collect()))
            }
        };
        let (kind, figure) = not_worse.figure();
        required.push(Required { kind, figure, group: group.clone() });
    }
    once("--base", &args.base)?;
    once("the input", &args.files)?;
    let (base_reports, base_files) = reports_among("--base", &args.base)?;
    let (now_reports, _) = reports_among("the input", &args.files)?;
    let Confidence(confidence) = args.confidence;
    Ok(Against {
        base_files,
        base_reports,
        now_reports,
        tolerances,
        alpha: 1.0 - confidence,
        unsure: if args.unsure == UnsureWord::Pass { Unsure::Pass } else { Unsure::Fail },
        grouping,
        required,
        groupings,
    })
}

/// Whether a grouping goes by just these fields.
fn has_fields(grouping: &Grouping, fields: &[(String, String)]) -> bool {
    let names = || fields.iter().map(|(field, _)| plain_path(field));
    names().all(|name| grouping.fields.contains(&name))
        && grouping.fields.iter().all(|field| names().any(|n| n == *field))
}

/// A file that is given twice would count as two runs.
fn once(what: &str, files: &[PathBuf]) -> Result<()> {
    let same = |(place, file): (usize, &PathBuf)| files[..place].contains(file);
    match files.iter().enumerate().find(|(place, file)| same((*place, file))) {
        Some((_, file)) => Err(Error::usage(format!("{what}: {} is given twice", file.display()))),
        None => Ok(()),
    }
}

/// The JSON reports among these files, and the other files.
fn reports_among(flag: &str, files: &[PathBuf]) -> Result<(Vec<NamedReport>, Vec<PathBuf>)> {
    let (mut reports, mut others) = (Vec::new(), Vec::new());
    for file in files {
        match report_in(flag, file)? {
            Some(report) => reports.push(report),
            None => others.push(file.clone()),
        }
    }
    Ok((reports, others))
}
