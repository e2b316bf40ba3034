//! From the command line to a [`Config`]: reads requirements and the base report, refuses flags that contradict each other.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::args::Args;
use super::config::Config;
use super::joins::Sources;
use super::layout::Layout;
use super::report::{Allow, Report};
use super::require::{Catalogue, Requirement};
use super::settings::Settings;
use crate::cli::input;
use crate::cli::values::Span;
use crate::error::{Error, Result};
use crate::record::event::FieldMap;

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
    let fields = args.fields.as_deref().map(str::parse::<FieldMap>).transpose();
    let fields = fields.map_err(|e| Error::usage(format!("--fields: {e}")))?;
    let given = !by.is_empty() || args.window.is_some() || args.filter.is_some() || args.fields.is_some();
    let mut settings = Settings {
        window: args.window.map(Span::micros),
        filter: args.filter,
        max_groups: size(args.max_groups.0).min(MOST_GROUPS),
        exact_ids: size(args.exact_ids.0),
        fields: fields.unwrap_or_default(),
        fields_text: args.fields,
        by: Vec::new(),
    };
    let base = args.compare.as_deref().map(base_report).transpose()?;
    settings.by = by.iter().fold(Vec::new(), with_grouping);
    let requirements = requirements(&settings, &args.require, &args.require_file)?;
    if let (None, Some(requirement)) = (&base, requirements.iter().find(|requirement| requirement.needs_base())) {
        return Err(Error::usage(format!("--require: '{requirement}' needs --compare BASE.json")));
    }
    let groups = requirements.iter().map(Requirement::group_fields).filter(|fields| !fields.is_empty());
    settings.by = groups.fold(std::mem::take(&mut settings.by), |known, fields| with_grouping(known, &fields));
    Ok(Config {
        files: args.files,
        form: args.format,
        output: args.output,
        settings,
        given,
        live: args.live,
        tee: args.tee,
        threads: args.threads,
        reports: args.report,
        every: args.every.0,
        base,
        sources: Sources { truth: args.truth, against: args.against, stored: args.stored },
        requirements,
        allow: Allow { empty: args.allow_empty, partial: args.partial },
        max_line: size(args.max_line.0),
        quiet: args.quiet,
    })
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

fn base_report(path: &Path) -> Result<(String, Value)> {
    let text = input::named_text("--compare", path)?;
    let report: Value = serde_json::from_str(&text)
        .map_err(|e| Error::usage(format!("--compare: {} is not a JSON report of pstats: {e}", path.display())))?;
    if !report["input"].is_object() {
        return Err(Error::usage(format!("--compare: {} is not a JSON report of pstats", path.display())));
    }
    Ok((path.display().to_string(), report))
}
