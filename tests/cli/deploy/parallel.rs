//! `deploy/parallel`: GNU Parallel, and two machines that are sshd servers on the loopback interface, each with its own home folder.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use super::daemons::{Daemon, free_port, wait_for};
use super::{Load, lacks};
use crate::support::path;

/// Two machines that can be logged in to, node1 and node2.
struct Machines {
    load: Load,
    servers: Vec<Daemon>,
}

impl Machines {
    fn start(mut load: Load) -> Self {
        let folder = load.path("ssh");
        fs::create_dir_all(&folder).expect("a folder");
        fs::create_dir_all("/run/sshd").expect("a folder");
        let here = folder.display().to_string();
        load.shell(&format!(
            "cd '{here}'; for key in host user; do ssh-keygen -q -t ed25519 -N '' -f $key; done; cp user.pub keys"
        ))
        .expect_code(0);
        let mut client = String::new();
        let mut servers = Vec::new();
        for name in ["node1", "node2"] {
            fs::create_dir_all(load.path(name)).expect("a folder");
            let (port, home) = (free_port(), load.path(name).display().to_string());
            let config = folder.join(name);
            let settings = format!(
                "ListenAddress 127.0.0.1\nPort {port}\nHostKey {here}/host\nPidFile none\nAuthorizedKeysFile {here}/keys\n\
                 StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nSetEnv HOME={home}\n\
                 MaxStartups 100\n"
            );
            fs::write(&config, settings).expect("it is written");
            servers.push(Daemon::start(Command::new("/usr/sbin/sshd").arg("-D").arg("-f").arg(config)));
            client += &format!("Host {name}\n Port {port}\n");
        }
        client += &format!(
            "Host *\n HostName 127.0.0.1\n IdentityFile {here}/user\n UserKnownHostsFile {here}/known\n\
             StrictHostKeyChecking accept-new\n BatchMode yes\n LogLevel ERROR\n"
        );
        fs::write(folder.join("config"), client).expect("it is written");
        load.set("PARALLEL_SSH", format!("ssh -F {here}/config"));
        load.set("PULSE_KEEP", "1");
        for name in ["node1", "node2"] {
            wait_for("sshd", 20, || load.shell(&format!("$PARALLEL_SSH {name} true")).code() == 0);
        }
        Self { load, servers }
    }

    fn run(&self, tools: &str) -> crate::support::Run {
        self.load.shell(&format!("deploy/parallel/run.sh --sshlogin 2/node1,2/node2 --copy '{tools}' --format json"))
    }

    /// Where the parts of the run keep their events.
    fn kept(&self) -> [PathBuf; 2] {
        let id = self.load.settings.iter().find(|(name, _)| *name == "PULSE_RUN_ID").expect("an id").1.clone();
        ["node1", "node2"].map(|name| self.load.path(name).join(".pulsepipe").join(&id))
    }
}

#[test]
fn parts_over_ssh_are_one_run_even_if_a_machine_dies() {
    if lacks("deploy/parallel", &["sshd", "ssh", "parallel"]) {
        return;
    }
    let mut machines = Machines::start(Load::new("dies"));
    let tools = path("pgen").parent().expect("a folder").display().to_string();
    let mut second = machines.servers.pop().expect("two");
    let kept = machines.kept();
    let report = thread::scope(|scope| {
        let report = scope.spawn(|| machines.run(&tools));
        // It has begun a part, and not ended it.
        wait_for("a part on node2", 120, || {
            fs::read_dir(&kept[1]).is_ok_and(|mut files| {
                files.any(|file| file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with(".part")))
            })
        });
        second.kill();
        report.join().expect("no panic")
    });
    let log = fs::read_to_string(machines.load.path("out/joblog")).expect("a log");
    machines.load.expect_one_runs_figures(&report.expect_code(0).json());
    machines.load.expect_one_runs_events(&kept);
    assert!(log.contains("node1"), "{log}");

    // The machine stays away: it is left out, and the others do.
    let mut machines = Machines { load: machines.load, servers: machines.servers };
    machines.load.set("PULSE_RUN_ID", "without");
    machines.load.set("PULSE_OUT", machines.load.path("without").display().to_string());
    let told = machines.run(&tools).expect_code(0);
    assert!(told.stderr.contains("2/node2 cannot be reached and is left out"), "{}", told.stderr);
}

#[test]
fn a_part_over_ssh_that_never_came_is_named_and_one_that_came_twice_counts_once() {
    if lacks("deploy/parallel", &["sshd", "ssh", "parallel"]) {
        return;
    }
    let machines = Machines::start(Load::new("fails"));
    let load = &machines.load;
    let broken = load.tools_that_fail("[ $PULSE_SHARD = 5/8 ]");
    let told = machines.run(broken.to_str().expect("UTF-8"));
    assert!(told.code() == 99 && told.stderr.contains("run fails, pstats: 5/8 is missing"), "{}", told.stderr);
    let ran = || fs::read_to_string(load.path("out/joblog")).expect("a log").lines().count() - 1;
    assert_eq!(ran(), 8);
    // Begun again, the run does what did not come, and nothing else.
    let tools = path("pgen").parent().expect("a folder").display().to_string();
    load.expect_one_runs_figures(&machines.run(&tools).expect_code(0).json());
    load.expect_one_runs_events(&machines.kept());
    assert_eq!(ran(), 9);

    load.shell("PULSE_SHARD=3/8 PULSE_ATTEMPT=2 bash deploy/part.sh 3").expect_code(0);
    let report = load.merge().expect_code(0).json();
    assert_eq!(report["parts"]["runs"][0]["doubled_parts"], serde_json::json!(["3/8"]));
    load.expect_one_runs_figures(&report);
    // With other events it is another part 3.
    load.shell("PULSE_SHARD=3/8 PULSE_ATTEMPT=3 PULSE_SEED=8 bash deploy/part.sh 3").expect_code(0);
    let told = load.merge();
    assert!(told.code() == 99 && told.stderr.contains("3/8 came more than once"), "{}", told.stderr);
}
