//! The GitHub action and the workflows: held to their schemas, their shell to shellcheck, and run as a runner would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::missing::lacks;
use crate::support::{path, shell};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files in these folders that begin as a shell script does.
fn shell_scripts() -> Vec<PathBuf> {
    let folders = ["action", ".ci", "scripts", "deploy", "deploy/parallel", "deploy/slurm"];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(root().join(folder)).expect("a folder"));
    let is_script = |path: &PathBuf| {
        path.is_file()
            && fs::read(path).is_ok_and(|text| {
                text.starts_with(b"#!") && text.get(..40).is_some_and(|first| first.windows(4).any(|w| w == b"bash"))
            })
    };
    entries.map(|entry| entry.expect("an entry").path()).filter(is_script).collect()
}

#[test]
fn workflows_and_the_action_have_the_form_that_github_reads() {
    if lacks("workflows and action", &["check-jsonschema"]) {
        return;
    }
    let check = |schema: &str, files: &str| {
        let script = format!("check-jsonschema --builtin-schema {schema} {files}");
        let ended = shell(&format!("cd '{}' && {script}", root().display()));
        assert_eq!(ended.code(), 0, "{script}: {}{}", ended.text(), ended.stderr);
    };
    check("vendor.github-workflows", ".github/workflows/*.yml");
    check("vendor.github-actions", "action/action.yml");
}

#[test]
fn actionlint_has_no_complaint() {
    if lacks("workflows", &["actionlint"]) {
        return;
    }
    let ended = shell(&format!("cd '{}' && actionlint -shellcheck= .github/workflows/*.yml", root().display()));
    assert_eq!(ended.code(), 0, "{}{}", ended.text(), ended.stderr);
}

#[test]
fn shellcheck_finds_no_fault_in_a_script() {
    if lacks("scripts", &["shellcheck"]) {
        return;
    }
    let scripts = shell_scripts();
    assert!(scripts.len() > 12, "{scripts:?}");
    let ended = Command::new("shellcheck")
        .args(["--severity", "warning", "--exclude", "SC1007"])
        .args(&scripts)
        .output()
        .expect("it runs");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
}

/// Runs the action's pipeline with these inputs: its exit status, its outputs, and its folder.
fn pipeline(temp: &Path, inputs: &[(&str, &str)]) -> (Option<i32>, String, PathBuf) {
    let outputs = temp.join("outputs");
    let mut run = Command::new(root().join("action/run"));
    let search = std::env::var("PATH").unwrap_or_default();
    run.env("PATH", format!("{}:{search}", path("pgen").parent().expect("a folder").display()));
    run.envs([("COUNT", "500"), ("SEED", "1"), ("DIALECT", "pulsestream"), ("FAULTS", "--malformed 2%")]);
    run.env("RUNNER_TEMP", temp).env("GITHUB_OUTPUT", &outputs).env("GITHUB_STEP_SUMMARY", temp.join("summary.md"));
    run.env("PULSE_URL", "").env("PULSE_API_KEY", "").envs(inputs.iter().copied());
    let ended = run.output().expect("it runs");
    let said = fs::read_to_string(&outputs).expect("it has outputs");
    let report = said.lines().find_map(|line| line.strip_prefix("report=")).expect("a folder").into();
    (ended.status.code(), said, report)
}

#[test]
fn the_action_passes_and_fails_a_job_by_its_requirements_and_leaves_the_reports() {
    for (required, status, verdict) in [("success_rate >= 95%", 0, "met"), ("success_rate > 99.9%", 99, "not-met")] {
        let temp = tempfile::tempdir().expect("a folder");
        let (ended, outputs, report) = pipeline(temp.path(), &[("REQUIRE", required)]);
        assert_eq!(ended, Some(status), "{outputs}");
        assert!(outputs.ends_with(&format!("verdict={verdict}\n")), "{outputs}");
        for file in ["outcomes.jsonl", "truth.jsonl", "report.md", "report.html", "report.json", "report.xml"] {
            assert!(fs::metadata(report.join(file)).is_ok_and(|file| file.len() > 100), "{file}");
        }
        let summary = fs::read_to_string(temp.path().join("summary.md")).expect("a summary");
        assert!(summary.contains("success_rate"), "{summary}");
    }
}

#[test]
fn without_its_server_the_action_is_unfinished() {
    let temp = tempfile::tempdir().expect("a folder");
    let inputs =
        [("REQUIRE", "success_rate >= 95%"), ("PULSE_URL", "http://127.0.0.1:9"), ("SEND", "--wait-for-server 0s")];
    let (ended, outputs, _) = pipeline(temp.path(), &inputs);
    assert_eq!(ended, Some(1), "{outputs}");
    assert!(outputs.ends_with("verdict=unfinished\n"), "{outputs}");
}

#[test]
fn the_comment_of_an_earlier_run_is_replaced() {
    let temp = tempfile::tempdir().expect("a folder");
    let folder = temp.path();
    fs::write(folder.join("report.md"), "# verdict\n").expect("it is written");
    // Stands in for GitHub's own tool: the first question lists comments, the second changes one.
    let gh = "#!/bin/sh\necho \"$@\" >> \"$CALLS\"\ncase $* in *--jq*) cat \"$EARLIER\" ;; esac\n";
    fs::write(folder.join("gh"), gh).expect("it is written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.join("gh"), mode).expect("it can be run");
    for (earlier, expected) in
        [("", "repos/o/r/issues/7/comments -F"), ("12\n34\n", "--method PATCH repos/o/r/issues/comments/34")]
    {
        fs::write(folder.join("earlier"), earlier).expect("it is written");
        let search = std::env::var("PATH").unwrap_or_default();
        let ended = Command::new(root().join("action/comment"))
            .env("PATH", format!("{}:{search}", folder.display()))
            .envs([("REPORT", folder), ("CALLS", &folder.join("calls")), ("EARLIER", &folder.join("earlier"))])
            .envs([("PULL_REQUEST", "7"), ("GITHUB_REPOSITORY", "o/r")])
            .output()
            .expect("it runs");
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        let calls = fs::read_to_string(folder.join("calls")).expect("it was called");
        assert!(calls.lines().last().is_some_and(|call| call.contains(expected)), "{calls}");
        let comment = fs::read_to_string(folder.join("comment.md")).expect("a comment");
        assert_eq!(comment, "<!-- pulsepipe verdict -->\n# verdict\n");
    }
}
