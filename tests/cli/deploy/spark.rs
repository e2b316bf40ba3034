//! `deploy/spark`: PySpark with two workers that are processes of their own, on partitions of events in files.

use std::fs;
use std::path::{Path, PathBuf};

use super::{EFFECTS, Load, lacks};
use crate::support::{Run, path};

/// A data set in eight files, and one that has no lines.
fn data(load: &Load) -> PathBuf {
    let folder = load.path("data");
    fs::create_dir_all(&folder).expect("a folder");
    let write = "for i in 1 2 3 4 5 6 7 8; do
        pgen -q -n $PULSE_COUNT --seed 7 --start 2026-01-05 --shard $i/8 > part-$i; done";
    load.shell(&format!("cd '{}'; {write}", folder.display())).expect_code(0);
    folder
}

/// Runs `pipe.py` on a master. The tools come from this folder.
fn submit(load: &Load, tools: &Path, master: &str, arguments: &str) -> Run {
    load.shell(&format!(
        "PATH='{}':$PATH SPARK_LOCAL_IP=127.0.0.1 PYSPARK_PYTHON=$(dirname $(command -v spark-submit))/python3 spark-submit \
         --master '{master}' --conf spark.ui.enabled=false --conf spark.driver.host=127.0.0.1 --conf spark.log.level=ERROR \
         --conf spark.local.dir='{}' deploy/spark/pipe.py {arguments}",
        tools.display(),
        load.path("spark").display(),
    ))
}

fn skipped() -> bool {
    lacks("deploy/spark", &["spark-submit", "java"])
}

fn tools() -> PathBuf {
    path("pgen").parent().expect("a folder").to_owned()
}

const WORKERS: &str = "local-cluster[2,1,1024]";

#[test]
fn partitions_that_go_through_pshape_are_one_run() {
    if skipped() {
        return;
    }
    let load = Load::new("spark");
    let (data, shaped) = (data(&load), load.path("shaped"));
    let arguments = format!("pshape 'file://{}' 'file://{}' -- --seed 7 {EFFECTS}", data.display(), shaped.display());
    submit(&load, &tools(), WORKERS, &arguments).expect_code(0);
    let mut parts: Vec<PathBuf> =
        fs::read_dir(shaped).expect("a folder").map(|file| file.expect("a file").path()).collect();
    parts.retain(|part| part.file_name().is_some_and(|name| name.to_string_lossy().starts_with("part-")));
    // Spark takes the files in the order in which the file system lists them, and a local one does not sort them.
    let one = load.one_run().0;
    let place = |events: &[u8]| one.windows(64).position(|some| some == &events[..64]);
    let mut parts: Vec<Vec<u8>> = parts.iter().map(|part| fs::read(part).expect("events")).collect();
    parts.sort_by_key(|events| place(events));
    assert!(parts.concat() == one, "the events of {} partitions are not those of one run", parts.len());
}

#[test]
fn states_of_partitions_add_up_by_tree_even_if_a_worker_dies() {
    if skipped() {
        return;
    }
    let mut load = Load::new("tree");
    load.set("PULSE_EFFECTS", "");
    let data = data(&load);
    // Partitions without lines: a file of one line, divided.
    let long = format!("{{\"event_id\":\"long\",\"filler\":\"{}\"}}\n", "x".repeat(900_000));
    fs::write(data.join("part-9"), &long).expect("it is written");
    // The first attempt at the third partition kills the worker that it runs on.
    let tools = load.tools_that_fail("true");
    let pstats = path("pstats").display().to_string();
    let kill = format!(
        "#!/bin/bash\nif [[ \"$*\" == *'--shard 3/'* ]] && mkdir '{}' 2> /dev/null; then\n\
         pid=$$; while [ \"$(cat /proc/$pid/comm)\" != java ]; do pid=$(cut -d ' ' -f 4 /proc/$pid/stat); done\n\
         kill -9 $pid\nfi\nexec '{pstats}' \"$@\"\n",
        load.path("killed").display()
    );
    fs::remove_file(tools.join("pstats")).expect("a link");
    fs::write(tools.join("pstats"), kill).expect("it is written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(tools.join("pstats"), mode).expect("it can be run");

    let report = load.path("report");
    let arguments =
        format!("pstats 'file://{}' '{}' --partitions 40 --width 4 -- --format json", data.display(), report.display());
    submit(&load, &tools, WORKERS, &arguments).expect_code(0);
    assert!(load.path("killed").exists());
    let read = |path: &Path| -> serde_json::Value {
        serde_json::from_slice(&fs::read(path).expect("a report")).expect("JSON")
    };
    let report = read(&report);
    let whole = load.path("whole");
    let one = format!("cat '{}'/* | pstats -q --format json -o '{}'", data.display(), whole.display());
    load.shell(&one).expect_code(0);
    let one = read(&whole);
    // All figures but those of the order of files.
    for figure in ["count", "success_rate", "latency", "ids", "by", "windows"] {
        assert_eq!(report["events"][figure], one["events"][figure], "{figure}");
    }
    assert_eq!(report["input"], one["input"]);
    assert_eq!(report["parts"]["complete"], true, "{}", report["parts"]);
    assert_eq!(report["parts"]["runs"][0]["run_id"], "tree");
    assert!(report["parts"]["runs"][0]["came"].as_u64() >= Some(9), "{}", report["parts"]);
}

#[test]
fn partitions_that_plearn_learns_from_make_the_world_of_the_whole() {
    if skipped() {
        return;
    }
    let load = Load::new("world");
    let (data, world) = (data(&load), load.path("world.toml"));
    fs::write(data.join("part-9"), "").expect("it is written");
    let arguments = format!("plearn 'file://{}' '{}'", data.display(), world.display());
    submit(&load, &tools(), "local[2]", &arguments).expect_code(0);
    let one = load.shell(&format!("cat '{}'/* | plearn -q", data.display())).expect_code(0);
    assert_eq!(fs::read_to_string(world).expect("a world"), one.text());
}

#[test]
fn a_partition_that_a_tool_fails_on_fails_the_job_and_is_named() {
    if skipped() {
        return;
    }
    let load = Load::new("fails");
    let data = data(&load);
    let tools = load.tools_that_fail("[[ \"$*\" == *'--shard 5/'* ]]");
    let shaped = load.path("shaped");
    let arguments = format!("pshape 'file://{}' 'file://{}' -- --seed 7", data.display(), shaped.display());
    let told = submit(&load, &tools, "local[2]", &arguments);
    assert!(told.code() != 0 && told.stderr.contains("--shard 5/"), "{}", told.stderr);
    assert!(told.stderr.contains("ended with status 1") && !shaped.join("_SUCCESS").exists(), "{}", told.stderr);
}
