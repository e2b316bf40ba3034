//! `deploy/kubernetes`: the manifests against the schemas that Kubernetes publishes, and their Jobs in a small runner that does what
//! Kubernetes may do with them. Both need kubernetes-validate of PyPI, with which PyYAML comes.

use std::process::Command;

use super::{Load, lacks};
use crate::support::{Run, path};

/// The Python that kubernetes-validate is installed for.
fn python() -> Option<std::path::PathBuf> {
    if lacks("deploy/kubernetes", &["kubernetes-validate", "busybox"]) {
        return None;
    }
    let search = std::env::var_os("PATH").expect("a PATH");
    let folder = std::env::split_paths(&search).find(|folder| folder.join("kubernetes-validate").is_file());
    Some(folder.expect("it is there").join("python3"))
}

/// Runs both Jobs with these flags of the runner.
fn job(load: &Load, flags: &str) -> Option<Run> {
    let tools = path("pgen").parent().expect("a folder").display().to_string();
    let settings = ["PULSE_RUN_ID", "PULSE_COUNT", "PULSE_SEED", "PULSE_START", "PULSE_EFFECTS"]
        .map(|name| format!("--set \"{name}=${name}\""))
        .join(" ");
    Some(load.shell(&format!(
        "'{}' tests/cli/deploy/indexed_job.py '{tools}' '{}' {settings} {flags}",
        python()?.display(),
        load.path("cluster").display(),
    )))
}

#[test]
fn the_manifests_are_what_kubernetes_accepts() {
    if lacks("deploy/kubernetes", &["kubernetes-validate"]) {
        return;
    }
    for version in ["1.29", "1.32"] {
        let told = Load::new("schemas")
            .shell(&format!("kubernetes-validate --strict -k {version} deploy/kubernetes/*.yaml 2>&1"))
            .expect_code(0);
        for name in ["job/pulse-parts", "job/pulse-merge", "persistentvolumeclaim/pulse-states"] {
            assert!(told.text().contains(&format!("passed for resource {name}")), "{}", told.text());
        }
    }
    if Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        eprintln!("skipped: what kustomize makes of them needs kubectl");
        return;
    }
    let whole = "kubectl kustomize deploy > $PULSE_OUT.yaml && kubernetes-validate --strict $PULSE_OUT.yaml 2>&1";
    let told = Load::new("kustomize").shell(whole).expect_code(0);
    assert_eq!(told.text().matches("passed for resource").count(), 5, "{}", told.text());
}

#[test]
fn indexes_of_a_job_that_run_twice_out_of_order_and_are_killed_are_one_run() {
    let mut load = Load::new("indexes");
    load.set("PULSE_KEEP", "1");
    let Some(told) = job(&load, "--set PULSE_KEEP=1 --twice 3 --kill 4") else { return };
    let told = told.expect_code(0);
    assert!(told.stderr.contains("4: 1") && told.text().contains("4/8 came more than once"), "{}", told.stderr);
    load.set("PULSE_OUT", load.path("cluster/states/indexes").display().to_string());
    let report = load.merge().expect_code(0).json();
    assert_eq!(report["parts"]["runs"][0]["doubled_parts"], serde_json::json!(["4/8"]));
    load.expect_one_runs_figures(&report);
    // An index is counted from 0, and so is the name of its files.
    let kept = load.path("kept");
    let rename =
        "mkdir \"$0\"; for i in 1 2 3 4 5 6 7 8; do cp $PULSE_OUT/part-$((i-1)).jsonl \"$0\"/part-$i.jsonl; done";
    load.shell(&format!("bash -c '{rename}' '{}'", kept.display())).expect_code(0);
    load.expect_one_runs_events(&[kept]);
}

#[test]
fn an_index_that_never_came_is_named() {
    let load = Load::new("index");
    let Some(told) = job(&load, "--never 6") else { return };
    assert_eq!(told.code(), 99, "{}", told.stderr);
    assert!(told.stderr.contains("run index, pstats: 7/8 is missing"), "{}", told.stderr);
}
