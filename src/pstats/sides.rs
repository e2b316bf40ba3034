//! The two sides of a comparison, read file by file, so that each file is a run or a shard of one.

use std::path::PathBuf;

use serde_json::Value;

use super::compare::{About, Asked, Comparison, NamedReport, Run, RunPart, Runs, compare};
use super::config::{Against, Config};
use super::engine::Engine;
use super::joins::Sources;
use super::settings::Settings;
use crate::cli::input::Inputs;
use crate::cli::{Console, Stop};
use crate::error::{Error, Result};
use crate::jsonl::LineReader;

/// Counts these files one after the other, and adds them up.
///
/// # Errors
/// If one cannot be read, or they do not fit together.
pub(super) fn count(
    files: &[PathBuf],
    settings: (&Settings, bool),
    required: &[String],
    max_line: usize,
    stop: &Stop,
    console: &Console,
) -> Result<Engine> {
    let (settings, given) = settings;
    let new = |origin: String| {
        Ok::<_, Error>(Engine::new(settings.clone(), given, Sources::default(), origin)?.keeping_parts(required))
    };
    let mut all = new(String::new())?;
    for file in files {
        let mut engine = new(file.display().to_string())?;
        let mut reader = LineReader::new(Inputs::open(std::slice::from_ref(file), stop, console)?, max_line);
        let named = |e: Error| match e {
            Error::Failed(why) => Error::failed(format!("{}: {why}", file.display())),
            other => other,
        };
        while let Some(chunk) = reader.next_chunk()? {
            let lines = engine.take(&chunk).map_err(named)?;
            reader.counted(lines);
        }
        engine.note_arrays_cut_off(reader.unclosed_arrays());
        all.append(engine).map_err(named)?;
    }
    Ok(all)
}

/// The base: its runs, and its report as a whole if its inputs add up to one.
pub(super) struct Base {
    runs: Runs,
    settings: Option<Settings>,
    /// What `110% of base` refers to.
    pub(super) report: Option<Value>,
}

impl Base {
    /// Reads the base.
    ///
    /// # Errors
    /// If a file cannot be read, or holds nothing to compare with.
    pub(super) fn read(config: &Config, against: &Against, stop: &Stop, console: &Console) -> Result<Self> {
        let reports = runs_of(&against.base_reports);
        if against.base_files.is_empty() {
            let report = match &against.base_reports[..] {
                [(_, only)] => Some(only.clone()),
                _ => None,
            };
            return Ok(Self { runs: Runs::of(Vec::new(), reports)?, settings: None, report });
        }
        let settings = (&config.settings, false);
        let mut engine = count(&against.base_files, settings, &against.groupings, config.max_line, stop, console)?;
        engine.read_beside(console, config.max_line, stop)?;
        let parts = engine.take_parts()?;
        for file in &against.base_files {
            let name = file.display().to_string();
            let is_of_it = |part: &RunPart| part.name == name || part.name.starts_with(&format!("{name}: line "));
            if !parts.iter().any(|part| is_of_it(part) && !part.counts.is_empty()) {
                return Err(Error::usage(format!(
                    "--base {name}: it has no events and no outcomes; expected a state, a JSON report, or lines"
                )));
            }
        }
        let report = against.base_reports.is_empty().then(|| engine.report(Default::default()).to_value());
        Ok(Self { runs: Runs::of(parts, reports)?, settings: Some(engine.settings().clone()), report })
    }

    /// Holds what was counted now against the base.
    ///
    /// # Errors
    /// If the two sides cannot be compared.
    pub(super) fn compare(&self, engine: &mut Engine, against: &Against) -> Result<(Comparison, About)> {
        if let Some(what) = self.settings.as_ref().and_then(|base| engine.settings().reads_otherwise(base))
            && engine.lines() > 0
        {
            return Err(Error::failed(format!("--base: the two sides were counted by other rules ({what})")));
        }
        let now = Runs::of(engine.take_parts()?, runs_of(&against.now_reports))?;
        let asked = Asked {
            tolerances: against.tolerances.clone(),
            alpha: against.alpha,
            grouping: against
                .grouping
                .clone()
                .or_else(|| RunPart::first_grouping(engine.settings()).filter(|_| engine.state_lines() > 0)),
            required: against.required.clone(),
        };
        let comparison = compare(&self.runs, &now, &asked);
        let about = About::of(&comparison, &self.runs, &now, &asked);
        Ok((comparison, about))
    }
}

fn runs_of(reports: &[NamedReport]) -> Vec<Run> {
    reports.iter().map(|(name, report)| Run::read(name.clone(), report)).collect()
}
