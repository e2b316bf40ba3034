//! `deploy/slurm`: munged, slurmctld and two slurmd on this host, started by the test.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use super::daemons::{Daemon, free_port, kill_all, parent, wait_for, with_settings};
use super::{Load, lacks};
use crate::support::Run;

/// A cluster of the nodes n1 and n2. The servers end before the folder goes.
struct Cluster {
    nodes: Vec<Daemon>,
    _others: [Daemon; 2],
    load: Load,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        kill_all(with_settings(&[self.mark()]));
    }
}

impl Cluster {
    /// `None` where its programs are missing.
    fn start(mut load: Load) -> Option<Self> {
        if lacks("deploy/slurm", &["munged", "slurmctld", "slurmd", "sbatch"]) {
            return None;
        }
        let folder = load.path("slurm");
        fs::create_dir_all(folder.join("state")).expect("a folder");
        let here = folder.display().to_string();
        load.shell(&format!("head -c 1024 /dev/urandom > '{here}/key'; chmod 600 '{here}/key'; chmod 755 '{here}'"))
            .expect_code(0);
        let munged = Daemon::start(Command::new("munged").args(["--foreground", "--force"]).args(
            ["key-file=key", "socket=socket", "pid-file=pid", "log-file=log", "seed-file=seed"].map(|flag| {
                let (flag, file) = flag.split_once('=').expect("two");
                format!("--{flag}={here}/{file}")
            }),
        ));
        wait_for("munged", 20, || folder.join("socket").exists());

        let host = load.shell("hostname -s").expect_code(0).text().trim().to_owned();
        // A part that is queued again waits for cred_expire, and a node is taken for dead after SlurmdTimeout.
        let mut config = format!(
            "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={}\nSlurmUser=root\nSlurmdUser=root\n\
             SlurmctldPidFile={here}/ctld.pid\nSlurmdPidFile={here}/%n.pid\nSlurmdSpoolDir={here}/%n\n\
             StateSaveLocation={here}/state\nSlurmctldLogFile={here}/ctld.log\nSlurmdLogFile={here}/%n.log\n\
             AuthType=auth/munge\nAuthInfo=socket={here}/socket,cred_expire=5\nCredType=cred/munge\n\
             ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nSwitchType=switch/none\nMpiDefault=none\n\
             SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU_Memory\nSlurmdParameters=config_overrides\n\
             SchedulerType=sched/backfill\nSchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0\n\
             SlurmdTimeout=5\nKillWait=1\nReturnToService=2\nAccountingStorageType=accounting_storage/none\n\
             JobAcctGatherType=jobacct_gather/none\nPartitionName=all Nodes=n1,n2 Default=YES State=UP\n",
            free_port()
        );
        for node in ["n1", "n2"] {
            let port = free_port();
            config +=
                &format!("NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=2000\n");
        }
        fs::write(folder.join("slurm.conf"), config).expect("it is written");
        load.set("SLURM_CONF", format!("{here}/slurm.conf"));
        load.set("PULSE_KEEP", "1");
        let server = |name: &str, args: &[&str]| {
            Daemon::start(Command::new(name).args(args).env("SLURM_CONF", folder.join("slurm.conf")))
        };
        let controller = server("slurmctld", &["-D", "-c"]);
        let nodes = ["n1", "n2"].map(|node| server("slurmd", &["-D", "-N", node])).into();
        wait_for("slurmctld and two slurmd", 60, || load.shell("sinfo -h -o %T%D").text().trim() == "idle2");
        Some(Self { nodes, _others: [controller, munged], load })
    }

    /// The settings that all processes of this cluster have.
    fn mark(&self) -> String {
        format!("SLURM_CONF={}", self.load.path("slurm/slurm.conf").display())
    }

    /// The processes of jobs on n2.
    fn jobs_on_n2(&self) -> Vec<u32> {
        with_settings(&[self.mark(), "SLURMD_NODENAME=n2".to_owned()])
    }

    /// Kills slurmd and all jobs of n2. What watches over a job is no child of slurmd's.
    fn kill_n2(&self, slurmd: Daemon) {
        let jobs = self.jobs_on_n2();
        let watching: Vec<u32> = jobs.iter().filter_map(|id| parent(*id)).filter(|id| *id > 1).collect();
        drop(slurmd);
        kill_all(watching);
        kill_all(jobs);
    }

    /// Starts the run and waits for its merge.
    fn run(&self, tools: &Path) -> Run {
        // The report is of the form that the merge's script asks for: text. What follows reads the states themselves.
        self.load.shell(&format!("PATH='{}':$PATH deploy/slurm/run.sh --wait", tools.display()))
    }
}

#[test]
fn an_array_of_slurm_is_one_run_even_if_a_part_fails_and_a_node_dies() {
    let mut load = Load::new("array");
    load.settings.retain(|(name, _)| *name != "PULSE_RUN_ID");
    let Some(mut cluster) = Cluster::start(load) else { return };
    // The first attempt at part 5 fails.
    let tools = cluster.load.tools_that_fail("[ $SLURM_ARRAY_TASK_ID = 5 ] && [ -z \"${SLURM_RESTART_COUNT-}\" ]");
    let second = cluster.nodes.pop().expect("two nodes");
    let told = thread::scope(|scope| {
        let told = scope.spawn(|| cluster.run(&tools));
        wait_for("a part on n2", 60, || !cluster.jobs_on_n2().is_empty());
        cluster.kill_n2(second);
        told.join().expect("no panic")
    });
    let told = told.expect_code(0);
    assert!(told.text().contains("8     8        0"), "{}", told.text());
    let log = fs::read_to_string(cluster.load.path("out/5.log")).expect("a log");
    assert!(log.contains("part 5 failed and is queued again"), "{log}");
    let report = cluster.load.merge().expect_code(0).json();
    cluster.load.expect_one_runs_figures(&report);
    cluster.load.expect_one_runs_events(&[cluster.load.path("out")]);
    // The parts know the job, which is the run.
    let run = report["parts"]["runs"][0]["run_id"].as_str().expect("an id");
    assert!(told.text().contains(&format!("parts: job {run};")), "{}", told.text());
}

#[test]
fn a_part_of_a_slurm_array_that_never_came_is_named_and_one_that_ran_twice_counts_once() {
    let Some(mut cluster) = Cluster::start(Load::new("never")) else { return };
    cluster.load.set("PULSE_RETRIES", "0");
    let tools = cluster.load.tools_that_fail("[ $SLURM_ARRAY_TASK_ID = 5 ]");
    let told = cluster.run(&tools);
    assert_eq!(told.code(), 99, "{}", told.text());
    assert!(told.text().contains("run never, pstats: 5/8 is missing"), "{}", told.text());

    // Those that are missing are run by hand, and one that is not.
    for part in [5, 3] {
        let again = format!("PULSE_ATTEMPT=2 PULSE_SHARD={part}/8 bash deploy/part.sh {part}");
        cluster.load.shell(&again).expect_code(0);
    }
    let report = cluster.load.merge().expect_code(0).json();
    assert_eq!(report["parts"]["runs"][0]["doubled_parts"], serde_json::json!(["3/8"]));
    cluster.load.expect_one_runs_figures(&report);
}
