//! Servers that a test starts and ends, with all that they started.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A server in the foreground. It ends with the test.
pub struct Daemon(Child);

impl Daemon {
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Kills the server and all processes that it started, as when a machine loses power.
    pub fn kill(&mut self) {
        kill_all(descendants(self.0.id()).into_iter().chain([self.0.id()]));
        drop(self.0.wait());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Kills these processes. They may have ended.
pub fn kill_all(ids: impl IntoIterator<Item = u32>) {
    for id in ids {
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).expect("an id of a process");
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// The processes that have these settings in their environment.
pub fn with_settings(settings: &[String]) -> Vec<u32> {
    let has = |id: &u32| {
        let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        settings.iter().all(|setting| environment.split(|byte| *byte == 0).any(|entry| entry == setting.as_bytes()))
    };
    processes().filter(has).collect()
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The processes that this one started, and those that they started.
fn descendants(ancestor: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = processes().filter_map(|id| Some((id, parent(id)?))).collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(&of) = found.get(next) {
        found.extend(parents.iter().filter(|(_, parent)| *parent == of).map(|(id, _)| *id));
        next += 1;
    }
    found.split_off(1)
}

/// The process that started this one, or that took it over.
pub fn parent(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name of the program, in brackets, may hold blanks.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// A port of the loopback interface that is free now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Waits until this holds.
#[track_caller]
pub fn wait_for(what: &str, seconds: u64, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(seconds), "{what}: not within {seconds} s");
        thread::sleep(Duration::from_millis(5));
    }
}
