//! One of the N parts of a run, as typed or as the scheduler that started the process says.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::values::plain;

/// Part `index` of `count`: `3/8`, or `auto` for what a scheduler put into the environment (contracts §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Shard {
    /// Which part, from 1.
    pub index: u64,
    /// The number of parts.
    pub count: u64,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return from_environment(|name| std::env::var(name).ok());
        }
        Self::read(text).map_err(|form| format!("{form}, or auto"))
    }
}

impl Serialize for Shard {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Shard {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Shard {
    /// A shard as a record has it.
    ///
    /// # Errors
    /// If it is not I/N with I from 1 to N.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let form = || "expected a shard I/N with I from 1 to N, such as 1/4".to_owned();
        let (index, count) = text.split_once('/').ok_or_else(form)?;
        let shard = Self { index: plain(index).ok_or_else(form)?, count: plain(count).ok_or_else(form)? };
        if shard.index >= 1 && shard.index <= shard.count { Ok(shard) } else { Err(form()) }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// A scheduler that runs one command many times.
struct Scheduler {
    name: &'static str,
    /// The variable with the task's number.
    index: &'static str,
    numbering: Numbering,
    /// The variable with the id that all tasks share, if there is one.
    run: Option<&'static str>,
    attempts: Attempts,
}

/// What a scheduler says of how often it ran a task.
enum Attempts {
    Unsaid,
    /// The variable holds the number of the attempt, and that of the first one. A variable that is not set means the first.
    From(&'static str, u64),
}

/// What a scheduler says of its tasks' numbers.
enum Numbering {
    /// They start at 0. The variable holds how many there are.
    FromZero { count: Option<&'static str> },
    /// They start at `first` and are evenly spaced up to `last`. `count` or `step` says how closely.
    Range { first: &'static str, last: &'static str, spacing: Spacing },
    /// The user chose them, and they are not passed on.
    Chosen,
}

enum Spacing {
    Count(&'static str),
    Step(&'static str),
}

/// The number of shards, for a scheduler that does not say it.
const COUNT: &str = "PULSE_SHARDS";
/// The first task's number, for a scheduler that does not say it.
const FIRST: &str = "PULSE_SHARD_FIRST";

/// Each as its documentation says: Kubernetes "Indexed Job", Slurm "Job Array Support" and `sbatch(1)` "Output environment
/// variables", AWS Batch "Job environment variables", Grid Engine `qsub(1)` -t and "Environmental variables", PBS
/// Professional's User's Guide "Job Arrays", HyperQueue "Task Arrays" and "Environment variables", Nomad "Runtime
/// environment", Cloud Run "Container runtime contract".
const SCHEDULERS: [Scheduler; 8] = [
    Scheduler {
        name: "Kubernetes",
        index: "JOB_COMPLETION_INDEX",
        numbering: Numbering::FromZero { count: None },
        run: None,
        attempts: Attempts::Unsaid,
    },
    Scheduler {
        name: "Slurm",
        index: "SLURM_ARRAY_TASK_ID",
        numbering: Numbering::Range {
            first: "SLURM_ARRAY_TASK_MIN",
            last: "SLURM_ARRAY_TASK_MAX",
            spacing: Spacing::Count("SLURM_ARRAY_TASK_COUNT"),
        },
        run: Some("SLURM_ARRAY_JOB_ID"),
        attempts: Attempts::From("SLURM_RESTART_COUNT", 0),
    },
    Scheduler {
        name: "AWS Batch",
        index: "AWS_BATCH_JOB_ARRAY_INDEX",
        numbering: Numbering::FromZero { count: Some("AWS_BATCH_JOB_ARRAY_SIZE") },
        run: Some("AWS_BATCH_JOB_ID"),
        attempts: Attempts::From("AWS_BATCH_JOB_ATTEMPT", 1),
    },
    Scheduler {
        name: "Grid Engine",
        index: "SGE_TASK_ID",
        numbering: Numbering::Range {
            first: "SGE_TASK_FIRST",
            last: "SGE_TASK_LAST",
            spacing: Spacing::Step("SGE_TASK_STEPSIZE"),
        },
        run: Some("JOB_ID"),
        attempts: Attempts::Unsaid,
    },
    Scheduler {
        name: "PBS",
        index: "PBS_ARRAY_INDEX",
        numbering: Numbering::Chosen,
        run: Some("PBS_ARRAY_ID"),
        attempts: Attempts::Unsaid,
    },
    Scheduler {
        name: "HyperQueue",
        index: "HQ_TASK_ID",
        numbering: Numbering::Chosen,
        run: Some("HQ_JOB_ID"),
        attempts: Attempts::From("HQ_INSTANCE_ID", 0),
    },
    Scheduler {
        name: "Nomad",
        index: "NOMAD_ALLOC_INDEX",
        numbering: Numbering::FromZero { count: None },
        run: Some("NOMAD_JOB_ID"),
        attempts: Attempts::Unsaid,
    },
    Scheduler {
        name: "Cloud Run",
        index: "CLOUD_RUN_TASK_INDEX",
        numbering: Numbering::FromZero { count: Some("CLOUD_RUN_TASK_COUNT") },
        run: Some("CLOUD_RUN_EXECUTION"),
        attempts: Attempts::From("CLOUD_RUN_TASK_ATTEMPT", 0),
    },
];

/// What a variable holds. Grid Engine sets its own to "undefined" outside an array.
fn said(get: &impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    get(name).filter(|text| !text.is_empty() && text != "undefined")
}

/// The id of the run and the number of the attempt, from 1, as the one scheduler in the environment says them.
///
/// # Errors
/// If the attempt is not a number.
pub(super) fn job_in(get: impl Fn(&str) -> Option<String>) -> Result<(Option<String>, Option<u64>), String> {
    let get = |name: &str| said(&get, name);
    let mut found = SCHEDULERS.iter().filter(|scheduler| get(scheduler.index).is_some());
    let (Some(scheduler), None) = (found.next(), found.next()) else { return Ok((None, None)) };
    // AWS Batch names a child of an array JOB:INDEX.
    let run = scheduler.run.and_then(get).map(|run| run.split(':').next().unwrap_or_default().to_owned());
    let attempt = match scheduler.attempts {
        Attempts::Unsaid => None,
        Attempts::From(name, first) => {
            let number = Variables { get: &get }.number(name)?.unwrap_or(first);
            Some((number + 1).saturating_sub(first))
        }
    };
    Ok((run, attempt))
}

/// The shard that the one scheduler in the environment names.
fn from_environment(get: impl Fn(&str) -> Option<String>) -> Result<Shard, String> {
    let get = |name: &str| said(&get, name);
    let mut found = SCHEDULERS.iter().filter(|scheduler| get(scheduler.index).is_some());
    let Some(scheduler) = found.next() else {
        let names: Vec<_> = SCHEDULERS.iter().map(|scheduler| scheduler.index).collect();
        return Err(format!("auto found no scheduler: none of {} is set; use --shard I/N", names.join(", ")));
    };
    if let Some(other) = found.next() {
        return Err(format!(
            "auto found two schedulers: {}'s {} and {}'s {} are both set; use --shard I/N",
            scheduler.name, scheduler.index, other.name, other.index
        ));
    }
    scheduler.shard(&Variables { get: &get })
}

/// The environment, read as whole numbers.
struct Variables<'a> {
    get: &'a dyn Fn(&str) -> Option<String>,
}

impl Variables<'_> {
    fn number(&self, name: &str) -> Result<Option<u64>, String> {
        let parse = |text: String| plain(&text).ok_or_else(|| format!("{name} is '{text}', expected a whole number"));
        (self.get)(name).map(parse).transpose()
    }
}

impl Scheduler {
    fn shard(&self, variables: &Variables<'_>) -> Result<Shard, String> {
        let Some(index) = variables.number(self.index)? else { return Err(self.missing(self.index)) };
        let required = |name| variables.number(name)?.ok_or_else(|| self.missing(name));
        let asked = variables.number(COUNT)?;
        let (first, step, count) = match &self.numbering {
            Numbering::FromZero { count } => {
                let said = count.map(|name| variables.number(name)).transpose()?.flatten();
                (0, 1, said.or(asked).ok_or_else(|| self.missing(count.unwrap_or(COUNT)))?)
            }
            Numbering::Range { first, last, spacing } => {
                let first = required(first)?;
                let last = required(last)?;
                let length = last.checked_sub(first).ok_or_else(|| self.uneven())?;
                let (step, count) = match *spacing {
                    Spacing::Step(name) => {
                        let step = required(name)?.max(1);
                        (step, length / step + 1)
                    }
                    Spacing::Count(name) => match required(name)? {
                        0 => return Err(self.uneven()),
                        1 => (1, 1),
                        count if length % (count - 1) != 0 => return Err(self.uneven()),
                        count => ((length / (count - 1)).max(1), count),
                    },
                };
                (first, step, count)
            }
            Numbering::Chosen => (required(FIRST)?, 1, required(COUNT)?),
        };
        if let Some(asked) = asked.filter(|asked| *asked != count) {
            return Err(format!("{COUNT} is {asked}, but {} runs {count} tasks", self.name));
        }
        let from_first = index.checked_sub(first).filter(|from_first| from_first % step == 0);
        let Some(place) = from_first.map(|from_first| from_first / step).filter(|place| *place < count) else {
            return Err(format!(
                "{} is {index}, which is not one of {count} numbers from {first} in steps of {step}",
                self.index
            ));
        };
        Ok(Shard { index: place + 1, count })
    }

    fn missing(&self, name: &str) -> String {
        let is_ours = name == COUNT || name == FIRST;
        let what = match name {
            COUNT => ", the number of shards,",
            FIRST => ", the number of the first task,",
            _ => "",
        };
        let who = if is_ours { format!("; {} does not say it", self.name) } else { String::new() };
        format!("{} is set, but {name}{what} is not{who}", self.index)
    }

    fn uneven(&self) -> String {
        format!("the numbers of {}'s tasks are not evenly spaced; use --shard I/N", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_count_from_1() {
        assert_eq!("3/8".parse(), Ok(Shard { index: 3, count: 8 }));
        for bad in ["0/3", "4/3", "1", "a/b", "1/"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }

    /// A variable of `NAME=VALUE` pairs, separated by blanks.
    fn variable(environment: &str, name: &str) -> Option<String> {
        let mut pairs = environment.split(' ').filter_map(|pair| pair.split_once('='));
        pairs.find(|(n, _)| *n == name).map(|(_, value)| value.to_owned())
    }

    fn auto(environment: &str) -> Result<String, String> {
        from_environment(|name| variable(environment, name)).map(|shard| shard.to_string())
    }

    #[test]
    fn auto_reads_each_schedulers_variables() {
        for (environment, shard) in [
            ("JOB_COMPLETION_INDEX=0 PULSE_SHARDS=4", "1/4"),
            ("SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_MAX=8 SLURM_ARRAY_TASK_COUNT=4", "3/4"),
            ("SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_COUNT=4", "3/4"),
            ("SLURM_ARRAY_TASK_ID=9 SLURM_ARRAY_TASK_MIN=9 SLURM_ARRAY_TASK_MAX=9 SLURM_ARRAY_TASK_COUNT=1", "1/1"),
            ("AWS_BATCH_JOB_ARRAY_INDEX=9 AWS_BATCH_JOB_ARRAY_SIZE=10", "10/10"),
            ("AWS_BATCH_JOB_ARRAY_INDEX=9 PULSE_SHARDS=10", "10/10"),
            ("SGE_TASK_ID=5 SGE_TASK_FIRST=1 SGE_TASK_LAST=10 SGE_TASK_STEPSIZE=2", "3/5"),
            ("PBS_ARRAY_INDEX=0 PULSE_SHARD_FIRST=0 PULSE_SHARDS=8", "1/8"),
            ("HQ_TASK_ID=8 PULSE_SHARD_FIRST=1 PULSE_SHARDS=8", "8/8"),
            ("NOMAD_ALLOC_INDEX=2 PULSE_SHARDS=3", "3/3"),
            ("CLOUD_RUN_TASK_INDEX=1 CLOUD_RUN_TASK_COUNT=3", "2/3"),
            ("JOB_COMPLETION_INDEX=1 PULSE_SHARDS=3 SGE_TASK_ID=undefined", "2/3"),
        ] {
            assert_eq!(auto(environment).as_deref(), Ok(shard), "{environment}");
        }
    }

    #[test]
    fn a_scheduler_says_what_its_tasks_share_and_how_often_one_ran() {
        let slurm = "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_JOB_ID=77";
        for (environment, run, attempt) in [
            ("", None, None),
            ("JOB_COMPLETION_INDEX=0 SLURM_JOB_ID=7", None, None),
            (slurm, Some("77"), Some(1)),
            (&*format!("{slurm} SLURM_RESTART_COUNT=2"), Some("77"), Some(3)),
            ("AWS_BATCH_JOB_ARRAY_INDEX=9 AWS_BATCH_JOB_ID=ab-cd:9 AWS_BATCH_JOB_ATTEMPT=2", Some("ab-cd"), Some(2)),
            ("SGE_TASK_ID=5 JOB_ID=12", Some("12"), None),
            ("PBS_ARRAY_INDEX=0 PBS_ARRAY_ID=1234[].server", Some("1234[].server"), None),
            ("HQ_TASK_ID=8 HQ_JOB_ID=3 HQ_INSTANCE_ID=1", Some("3"), Some(2)),
            ("NOMAD_ALLOC_INDEX=2 NOMAD_JOB_ID=load", Some("load"), None),
            ("CLOUD_RUN_TASK_INDEX=1 CLOUD_RUN_EXECUTION=load-x1 CLOUD_RUN_TASK_ATTEMPT=0", Some("load-x1"), Some(1)),
            (&*format!("{slurm} NOMAD_ALLOC_INDEX=2 NOMAD_JOB_ID=load"), None, None),
        ] {
            assert_eq!(
                job_in(|name| variable(environment, name)),
                Ok((run.map(str::to_owned), attempt)),
                "{environment}"
            );
        }
        assert!(job_in(|name| variable(&format!("{slurm} SLURM_RESTART_COUNT=x"), name)).is_err());
    }

    #[test]
    fn auto_asks_by_name_for_what_it_cannot_know() {
        for (environment, complaint) in [
            ("", "none of JOB_COMPLETION_INDEX, SLURM_ARRAY_TASK_ID"),
            ("JOB_COMPLETION_INDEX=0", "PULSE_SHARDS, the number of shards, is not; Kubernetes does not say it"),
            ("AWS_BATCH_JOB_ARRAY_INDEX=0", "AWS_BATCH_JOB_ARRAY_SIZE is not"),
            ("NOMAD_ALLOC_INDEX=0", "PULSE_SHARDS"),
            ("PBS_ARRAY_INDEX=1 PULSE_SHARDS=8", "PULSE_SHARD_FIRST, the number of the first task, is not"),
            ("HQ_TASK_ID=1 PULSE_SHARD_FIRST=1", "PULSE_SHARDS"),
            ("SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=3", "SLURM_ARRAY_TASK_COUNT is not"),
        ] {
            let error = auto(environment).expect_err(environment);
            assert!(error.contains(complaint), "{environment}: {error}");
        }
    }

    #[test]
    fn auto_refuses_numbers_that_contradict_each_other() {
        for (environment, complaint) in [
            ("JOB_COMPLETION_INDEX=4 PULSE_SHARDS=4", "not one of 4 numbers from 0"),
            ("JOB_COMPLETION_INDEX=x PULSE_SHARDS=4", "JOB_COMPLETION_INDEX is 'x', expected a whole number"),
            ("JOB_COMPLETION_INDEX=0 PULSE_SHARDS=0", "not one of 0 numbers"),
            (
                "CLOUD_RUN_TASK_INDEX=1 CLOUD_RUN_TASK_COUNT=3 PULSE_SHARDS=4",
                "PULSE_SHARDS is 4, but Cloud Run runs 3 tasks",
            ),
            (
                "SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=9 SLURM_ARRAY_TASK_COUNT=4",
                "not evenly spaced",
            ),
            (
                "SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=1 SLURM_ARRAY_TASK_COUNT=2",
                "not evenly spaced",
            ),
            ("PBS_ARRAY_INDEX=0 PULSE_SHARD_FIRST=1 PULSE_SHARDS=8", "PBS_ARRAY_INDEX is 0"),
            (
                "JOB_COMPLETION_INDEX=0 PULSE_SHARDS=2 NOMAD_ALLOC_INDEX=1",
                "two schedulers: Kubernetes's JOB_COMPLETION_INDEX",
            ),
        ] {
            let error = auto(environment).expect_err(environment);
            assert!(error.contains(complaint), "{environment}: {error}");
        }
    }
}
