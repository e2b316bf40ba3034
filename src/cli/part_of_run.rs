//! Which part of which run a process is: what its records say, so that pstats can tell whether all parts came.

use std::fmt;
use std::str::FromStr;

use super::shard::{Shard, job_in};
use crate::error::{Error, Result};

/// The id that all parts of a run share, as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunId(pub String);

/// The longest id, in bytes.
const LONGEST: usize = 200;

impl FromStr for RunId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_fit = |c: char| !c.is_whitespace() && !c.is_control();
        if (1..=LONGEST).contains(&text.len()) && text.chars().all(is_fit) && !text.starts_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "expected 1 to {LONGEST} bytes without blanks and without - at the start, such as load-2026-01-05"
            ))
        }
    }
}

/// A part of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PartOfRun {
    /// The id that all parts of the run share.
    pub run_id: Option<String>,
    /// `None` if the run is not divided.
    pub shard: Option<Shard>,
    /// How often this part was begun, from 1, if that is known.
    pub attempt: Option<u64>,
}

impl PartOfRun {
    /// The part that `--run-id` and `--shard` name. The environment says what they do not (contracts §6).
    ///
    /// # Errors
    /// A usage error if a variable is not what it has to be.
    pub(crate) fn resolve(run_id: Option<RunId>, shard: Option<Shard>) -> Result<Self> {
        Self::within(run_id, shard, |name| std::env::var(name).ok()).map_err(Error::usage)
    }

    fn within(
        run_id: Option<RunId>,
        shard: Option<Shard>,
        get: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let ours = |name: &str| get(name).filter(|text| !text.is_empty());
        let wrong = |name: &str, text: &str, why: &str| format!("{name} is '{text}': {why}");
        // A job that is not a part of a run, such as the one that merges, has an id of its own.
        let (job, attempt) = if shard.is_some() { job_in(&get)? } else { (None, None) };
        let asked =
            ours("PULSE_RUN_ID").map(|text| text.parse::<RunId>().map_err(|e| wrong("PULSE_RUN_ID", &text, &e)));
        let job = job.and_then(|job| job.parse().ok());
        let run_id = match run_id {
            None => asked.transpose()?.or(job),
            given => given,
        };
        let asked = ours("PULSE_ATTEMPT").map(|text| match text.parse::<u64>() {
            Ok(attempt) if attempt > 0 => Ok(attempt),
            _ => Err(wrong("PULSE_ATTEMPT", &text, "expected a whole number from 1")),
        });
        Ok(Self { run_id: run_id.map(|RunId(id)| id), shard, attempt: asked.transpose()?.or(attempt) })
    }
}

impl fmt::Display for PartOfRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.run_id, self.shard) {
            (Some(run), Some(shard)) => write!(f, "{shard} of run {run}"),
            (Some(run), None) => write!(f, "run {run}"),
            (None, Some(shard)) => write!(f, "{shard}"),
            (None, None) => f.write_str("a run without an id"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(run_id: Option<&str>, shard: Option<&str>, environment: &[(&str, &str)]) -> Result<PartOfRun, String> {
        let get = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        let shard = shard.map(|text| Shard::read(text).expect("a shard"));
        PartOfRun::within(run_id.map(|id| id.parse().expect("an id")), shard, get)
    }

    #[test]
    fn what_is_given_goes_before_our_variables_and_these_before_the_schedulers() {
        let slurm = [("SLURM_ARRAY_TASK_ID", "1"), ("SLURM_ARRAY_JOB_ID", "77")];
        let ours = [slurm[0], slurm[1], ("PULSE_RUN_ID", "r"), ("PULSE_ATTEMPT", "4")];
        let told = |given, environment: &[_]| {
            let part = part(given, Some("1/2"), environment).expect("a part");
            (part.run_id, part.attempt)
        };
        assert_eq!(told(None, &slurm), (Some("77".to_owned()), Some(1)));
        assert_eq!(told(None, &ours), (Some("r".to_owned()), Some(4)));
        assert_eq!(told(Some("given"), &ours), (Some("given".to_owned()), Some(4)));
        assert_eq!(told(None, &[]), (None, None));
        // The job that merges is not a part.
        assert_eq!(part(None, None, &slurm), Ok(PartOfRun::default()));
    }

    #[test]
    fn a_variable_that_is_not_fit_is_named() {
        let error = part(None, None, &[("PULSE_RUN_ID", "a b")]).expect_err("a blank");
        assert!(error.starts_with("PULSE_RUN_ID is 'a b': expected 1 to 200 bytes"), "{error}");
        let error = part(None, None, &[("PULSE_ATTEMPT", "0")]).expect_err("no first attempt");
        assert_eq!(error, "PULSE_ATTEMPT is '0': expected a whole number from 1");
    }
}
