//! The engines in `deploy/`, the real ones, started by the tests on this host: what they make of a run in eight parts is what one run
//! makes of it, and a part that does not come is told. `DEPLOY_EVENTS=1m cargo test --release --test cli deploy::` runs them with
//! more events than the usual ones.

mod daemons;
mod hosts;
mod kubernetes;
mod parallel;
mod slurm;
mod spark;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Run, missing, path, shell_in};

/// Effects that take every line of a service or of all, so that parts make no other choices than the whole.
const EFFECTS: &str = "--shift 2h --slow 2x,where=service=payment-service";

/// A run in eight parts, in a folder of its own.
struct Load {
    folder: tempfile::TempDir,
    settings: Vec<(&'static str, String)>,
}

impl Load {
    fn new(id: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("out").to_str().expect("UTF-8").to_owned();
        let settings = [
            ("PULSE_COUNT", std::env::var("DEPLOY_EVENTS").unwrap_or_else(|_| "20000".to_owned())),
            ("PULSE_SEED", "7".to_owned()),
            ("PULSE_START", "2026-01-05".to_owned()),
            ("PULSE_SHARDS", "8".to_owned()),
            ("PULSE_EFFECTS", EFFECTS.to_owned()),
            ("PULSE_RUN_ID", id.to_owned()),
            ("PULSE_OUT", out),
        ];
        Self { folder, settings: settings.to_vec() }
    }

    fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.into()));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a shell line with the settings of the run, in the repository.
    fn shell(&self, script: &str) -> Run {
        let settings: Vec<(&str, &str)> = self.settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        shell_in(Path::new(env!("CARGO_MANIFEST_DIR")), script, &settings)
    }

    /// Judges what is in the folder of the states.
    fn merge(&self) -> Run {
        self.shell("bash deploy/merge.sh --format json")
    }

    /// The events and the report of one run on one machine.
    fn one_run(&self) -> (Vec<u8>, Value) {
        let events = self.path("one.jsonl");
        let report = self.shell(&format!(
            "pgen -q -n $PULSE_COUNT --seed 7 --start 2026-01-05 | pshape -q --seed 7 $PULSE_EFFECTS | tee '{}' |
             pstats -q --require 'input.lines > 0' --format json",
            events.display()
        ));
        (fs::read(events).expect("events"), report.expect_code(0).json())
    }

    /// Fails the test unless this report has the figures of one run.
    #[track_caller]
    fn expect_one_runs_figures(&self, report: &Value) {
        let (_, one) = self.one_run();
        for part in ["input", "events", "outcomes", "not_known"] {
            assert_eq!(report[part], one[part], "{part}");
        }
        assert_eq!(report["parts"]["complete"], true, "{}", report["parts"]);
        assert_eq!(report["parts"]["runs"][0]["came"], 8, "{}", report["parts"]);
    }

    /// Fails the test unless the parts' events, found in these folders, are those of one run.
    #[track_caller]
    fn expect_one_runs_events(&self, folders: &[PathBuf]) {
        let mut all = Vec::new();
        for part in 1..=8 {
            let name = format!("part-{part}.jsonl");
            let found = folders.iter().find_map(|folder| fs::read(folder.join(&name)).ok());
            all.extend(found.unwrap_or_else(|| panic!("no {name}")));
        }
        assert!(all == self.one_run().0, "the events of the parts are not those of one run");
    }

    /// A folder with the tools, in which pshape fails in part 5/8 as long as this condition of a shell holds.
    fn tools_that_fail(&self, condition: &str) -> PathBuf {
        let folder = self.path("tools");
        fs::create_dir_all(&folder).expect("a folder");
        for tool in ["pgen", "psend", "pstats"] {
            drop(std::os::unix::fs::symlink(path(tool), folder.join(tool)));
        }
        let pshape = path("pshape").display().to_string();
        let script =
            format!("#!/bin/bash\nif {condition}; then echo no luck >&2; exit 1; fi\nexec '{pshape}' \"$@\"\n");
        fs::write(folder.join("pshape"), script).expect("it is written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(folder.join("pshape"), mode).expect("it can be run");
        folder
    }
}

/// Whether a program or the right to start an engine is missing, which is said before the test is skipped.
#[allow(clippy::print_stderr)] // a test that cannot run says why
fn lacks(what: &str, programs: &[&str]) -> bool {
    if missing::lacks(what, programs) {
        return true;
    }
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("skipped: {what} needs root");
    }
    !is_root
}

#[test]
fn a_laptop_runs_the_parts_as_the_engines_do() {
    let mut load = Load::new("laptop");
    load.set("PULSE_KEEP", "1");
    for part in 1..=8 {
        load.shell(&format!("PULSE_SHARD={part}/8 bash deploy/part.sh {part}")).expect_code(0);
    }
    load.expect_one_runs_events(&[load.path("out")]);
    load.expect_one_runs_figures(&load.merge().expect_code(0).json());
    // The pipeline by itself, as a user tries it.
    let state = load.shell("PULSE_SHARD=1/1 PULSE_COUNT=100 bash deploy/pipeline.sh | pstats -q --format json");
    assert_eq!(state.expect_code(0).json()["events"]["count"], 100);
}

#[test]
fn a_part_of_which_a_tool_fails_leaves_no_state() {
    let load = Load::new("short");
    let tools = load.tools_that_fail("true");
    let told = load.shell(&format!("PATH='{}':$PATH PULSE_SHARD=5/8 bash deploy/part.sh 5", tools.display()));
    assert!(told.code() == 1 && told.stderr.contains("no luck"), "{}", told.stderr);
    assert_eq!(fs::read_dir(load.path("out")).expect("a folder").count(), 0);
    let told = load.merge();
    assert!(told.code() == 99 && told.stderr.contains("no part of 8 came"), "{}", told.stderr);
    // A shell that cannot see that a tool failed is refused.
    if !lacks("a shell without pipefail", &["dash"]) && load.shell("dash -c 'set -o pipefail' 2>&1").code() != 0 {
        let told = load.shell("PULSE_SHARD=5/8 dash deploy/part.sh 5");
        assert!(told.code() == 2 && told.stderr.contains("pipefail"), "{}", told.stderr);
    }
}
