//! Runs the built binaries and reads what they say.

#![allow(dead_code)]

pub mod browser;
pub mod cluster;
pub mod http;
pub mod missing;
pub mod page;
pub mod server;
pub mod stores;
pub mod tmux;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// 500 events that another program wrote: spaces, `\u` escapes, nulls.
pub fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/events_500.jsonl")
}

/// What a finished run left.
pub struct Run {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Run {
    pub fn code(&self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        self.status.code().or_else(|| self.status.signal().map(|s| 128 + s)).expect("a finished run has a status")
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("the output is UTF-8")
    }

    pub fn lines(&self) -> Vec<&str> {
        self.text().lines().collect()
    }

    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        self.lines().iter().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// Fails the test with the tool's messages if the exit code differs.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "stderr: {}", self.stderr);
        self
    }
}

/// The binary of a tool, with an environment that holds no setting of the machine's.
pub fn tool(name: &str) -> Command {
    without_settings(Command::new(path(name)))
}

/// The path of a built tool.
pub fn path(name: &str) -> PathBuf {
    // target/<profile>/deps/cli-<hash> → target/<profile>/<name>
    let here = std::env::current_exe().expect("a test has a path");
    here.parent().and_then(Path::parent).expect("a test lies in target/<profile>/deps").join(name)
}

/// Runs a tool with these arguments and nothing on standard input.
pub fn run(name: &str, args: &[&str]) -> Run {
    run_with(name, args, b"")
}

/// Runs a tool with these arguments and these bytes on standard input.
pub fn run_with(name: &str, args: &[&str], input: &[u8]) -> Run {
    let mut command = tool(name);
    command.args(args).stdin(Stdio::piped());
    feed(command.spawn().expect("the tool starts"), input.to_vec())
}

/// Feeds a running tool and waits for its end. The tool may stop reading early.
pub fn feed(mut child: Child, input: Vec<u8>) -> Run {
    let feeder = child.stdin.take().map(|mut stdin| thread::spawn(move || drop(stdin.write_all(&input))));
    let out = child.wait_with_output().expect("the tool ends");
    if let Some(feeder) = feeder {
        feeder.join().expect("feeding does not panic");
    }
    Run { status: out.status, stdout: out.stdout, stderr: String::from_utf8_lossy(&out.stderr).into_owned() }
}

/// A shell pipeline over the built tools, as a user types it, with `pipefail`.
pub fn shell(script: &str) -> Run {
    shell_with(script, &[])
}

/// The same with these variables in the environment.
pub fn shell_with(script: &str, environment: &[(&str, &str)]) -> Run {
    shell_in(Path::new("."), script, environment)
}

/// The same in a folder.
pub fn shell_in(folder: &Path, script: &str, environment: &[(&str, &str)]) -> Run {
    let bin = path("pgen").parent().expect("a tool lies in a folder").to_owned();
    let search = std::env::var("PATH").unwrap_or_default();
    let mut command = without_settings(Command::new("bash"));
    command.args(["-e", "-o", "pipefail", "-c", script]).current_dir(folder);
    command.env("PATH", format!("{}:{search}", bin.display())).envs(environment.iter().copied());
    feed(command.spawn().expect("bash starts"), Vec::new())
}

/// A command whose environment holds no setting of the machine's, and whose output is caught.
fn without_settings(mut command: Command) -> Command {
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("PULSE_") {
            command.env_remove(key);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The status of a tool that is to end soon.
pub fn end_of(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    loop {
        match child.try_wait().expect("it can be waited for") {
            Some(status) => return status,
            None if begun.elapsed() > Duration::from_secs(20) => {
                child.kill().expect("it can be ended");
                panic!("it goes on for 20 s");
            }
            None => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Sends SIGINT to a tool.
pub fn interrupt(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
}
