//! The command of --exec: what it gets, how it is ended, and that nothing is left of it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::support::{feed, path, run, tool};

#[test]
fn exec_runs_a_command_against_the_server_and_returns_its_status() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = folder.path().join("events.db");
    let exec = |command: &str, flags: &[&str]| {
        let mut args = vec!["--listen", "127.0.0.1:0", "--db", db.to_str().expect("UTF-8"), "--exec", command];
        args.extend(flags);
        run("pserve", &args)
    };
    let done = exec("echo $PULSE_URL $PULSE_API_KEY; exit 7", &[]).expect_code(7);
    let said = done.text().strip_prefix("http://127.0.0.1:").expect("the command alone writes to standard output");
    let (port, key) = said.trim_end().split_once(' ').expect("two words");
    assert!(port.parse::<u16>().is_ok() && key == "test-api-key-12345", "{said}");
    assert!(TcpStream::connect(format!("127.0.0.1:{port}")).is_err(), "the server is gone with its command");
    assert!(done.stderr.contains("0 events stored"), "{}", done.stderr);

    exec("true", &[]).expect_code(0);
    assert_eq!(exec("true", &["--quiet"]).expect_code(0).stderr, "");
    exec("kill -TERM $$", &[]).expect_code(143);
    exec("no-such-command-here", &[]).expect_code(127);
}

#[test]
fn a_key_comes_from_a_file_or_the_environment_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, db) = (folder.path().join("key"), folder.path().join("events.db"));
    std::fs::write(&file, "from-file\n").expect("written");
    for (flags, key) in [(&["--api-key-file", file.to_str().expect("UTF-8")][..], "from-file"), (&[], "from-env")] {
        let mut command = tool("pserve");
        command.args(["--listen", "0.0.0.0:0", "--exec", "echo $PULSE_API_KEY", "--db"]).arg(&db).args(flags);
        command.env("PULSE_API_KEY", "from-env");
        let run = feed(command.spawn().expect("pserve starts"), Vec::new()).expect_code(0);
        assert_eq!(run.text().trim_end(), key);
    }
}

#[test]
fn a_command_gets_an_accepted_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "k9 acme\nk1 globex\n").expect("written");
    // Its own key if it is accepted, otherwise the first of the file.
    for (own, key, tenant) in [("k1", "k1", "globex"), ("stale", "k9", "acme")] {
        let mut command = serving(folder.path(), "echo $PULSE_API_KEY; pgen -n 1 -q | psend -q");
        let search = std::env::var("PATH").unwrap_or_default();
        let bin = path("psend").parent().expect("a tool lies in a folder").to_owned();
        command.arg("--keys").arg(&keys).env("PULSE_API_KEY", own).env("PATH", format!("{}:{search}", bin.display()));
        let run = feed(command.spawn().expect("pserve starts"), Vec::new()).expect_code(0);
        let lines = run.lines();
        assert_eq!(lines[0], key);
        assert!(lines[1].contains(r#""outcome":"accepted""#), "{}", lines[1]);
        let store = rusqlite::Connection::open(folder.path().join("events.db")).expect("the database can be opened");
        let events = "SELECT count(*) FROM events WHERE tenant_id = ?1";
        let stored: i64 = store.query_row(events, [tenant], |row| row.get(0)).expect("a count");
        assert_eq!(stored, 1);
    }
}

/// pserve in this folder, with a database in it, and with this command.
fn serving(folder: &Path, command: &str) -> Command {
    let mut pserve = tool("pserve");
    pserve.args(["--listen", "127.0.0.1:0", "--db", "events.db", "--exec", command]).current_dir(folder);
    pserve
}

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a process has an id");
    kill_process(pid, signal).expect("the process is there");
}

/// Waits until this is true.
#[track_caller]
fn wait_until(what: &str, is_true: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_true() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_signal_ends_all_that_a_command_started() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let folder = tempfile::tempdir().expect("a folder");
        let part = |name: &str| format!("sh -c 'echo $$ > new; mv new {name}; exec sleep 60'");
        let pipeline = format!("{} | (cd sub; {})", part("first"), part("second"));
        std::fs::create_dir(folder.path().join("sub")).expect("a folder");
        let child = serving(folder.path(), &pipeline).spawn().expect("pserve starts");
        let files = ["first", "sub/second"].map(|name| folder.path().join(name));
        wait_until("the pipeline runs", || files.iter().all(|file| file.exists()));
        let pids = files.map(|file| {
            let text = std::fs::read_to_string(file).expect("it is there");
            text.trim().parse().ok().and_then(Pid::from_raw).expect("a process id")
        });
        send(&child, signal);
        let run = feed(child, Vec::new()).expect_code(code);
        for pid in pids {
            assert!(test_kill_process(pid).is_err(), "{signal:?} left {pid:?} running");
        }
        assert!(run.stderr.contains("0 events stored"), "the database is closed in order: {}", run.stderr);
    }
}

#[test]
fn the_status_after_a_signal_is_the_commands() {
    for (signal, name) in [(Signal::TERM, "TERM"), (Signal::INT, "INT")] {
        let folder = tempfile::tempdir().expect("a folder");
        let command = format!("trap 'exit 9' {name}; echo up; while :; do sleep 0.05; done");
        let child = up(&folder, &command);
        send(&child, signal);
        feed(child, Vec::new()).expect_code(9);
    }
}

#[test]
fn a_second_signal_kills_a_command_that_does_not_heed_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let child = up(&folder, "trap '' TERM; echo up; while :; do sleep 0.05; done");
    send(&child, Signal::TERM);
    thread::sleep(Duration::from_millis(200));
    send(&child, Signal::TERM);
    feed(child, Vec::new()).expect_code(137);
}

#[test]
fn the_server_stays_until_the_last_part_of_a_command_has_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let bin = path("psend").parent().expect("a tool lies in a folder").to_owned();
    let last_words = format!("sleep 0.3; {0}/pgen -n 5 -q | {0}/psend -q --wait-for-server 0s > sent", bin.display());
    // The shell itself is gone at once.
    let child = up(&folder, &format!("(trap '{last_words}; exit' TERM; echo up; while :; do sleep 0.05; done) | cat"));
    send(&child, Signal::TERM);
    let run = feed(child, Vec::new()).expect_code(143);
    let sent = std::fs::read_to_string(folder.path().join("sent")).expect("it was written");
    assert_eq!(sent.matches(r#""outcome":"accepted""#).count(), 5, "{sent}");
    assert!(run.stderr.contains("5 events stored"), "{}", run.stderr);
}

#[test]
fn on_a_terminal_a_command_reads_the_keyboard_and_gets_ctrl_c_from_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let command = "trap 'asked=1' INT; read key; echo key: $key; until [ $asked ]; do sleep 0.05; done; exit 9";
    let pserve = format!("exec {} --listen 127.0.0.1:0 --db events.db --exec \"$COMMAND\"", path("pserve").display());
    let mut child = Command::new("script")
        .args(["-qec", &pserve, "/dev/null"])
        .current_dir(folder.path())
        .env("COMMAND", command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("script(1) of util-linux is there");
    let mut keyboard = child.stdin.take().expect("a pipe");
    keyboard.write_all(b"k\n").expect("it reads");
    // The rest stays for who looks at what went wrong.
    let mut screen = BufReader::new(child.stdout.as_mut().expect("a pipe"));
    let mut seen = String::new();
    while !seen.contains("key: k\r\n") {
        assert_ne!(screen.read_line(&mut seen).expect("text"), 0, "{seen}");
    }
    keyboard.write_all(b"\x03").expect("it reads");
    let run = feed(child, Vec::new()).expect_code(9);
    assert!(run.text().contains("0 events stored"), "{}", run.text());
}

/// pserve with a command that has reported that it runs.
fn up(folder: &tempfile::TempDir, command: &str) -> Child {
    let mut child = serving(folder.path(), command).spawn().expect("pserve starts");
    let mut up = String::new();
    BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut up).expect("a line");
    assert_eq!(up, "up\n");
    child
}

/// The processes whose environment holds this text.
fn processes_with(text: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    let has = |process: &PathBuf| {
        std::fs::read(process.join("environ")).is_ok_and(|all| String::from_utf8_lossy(&all).contains(text))
    };
    processes.filter(has).filter_map(|process| std::fs::read_to_string(process.join("comm")).ok()).collect()
}

#[test]
fn a_signal_to_the_demo_ends_everything_and_leaves_nothing_behind() {
    if !cfg!(target_os = "linux") {
        eprintln!("skipped: needs /proc");
        return;
    }
    let temp = tempfile::tempdir().expect("a folder");
    let folder = temp.path().to_str().expect("UTF-8");
    let mut demo = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/demo"));
    demo.arg("5m").env("PULSEPIPE_BIN", path("pgen").parent().expect("a folder")).env("TMPDIR", folder);
    demo.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).env_remove("PULSE_URL");
    let child = demo.spawn().expect("bash starts");
    wait_until("all tools run", || {
        let running = processes_with(folder);
        ["pgen", "pshape", "psend", "pstats", "pserve"].iter().all(|tool| running.contains(&format!("{tool}\n")))
    });
    // A tool that has only just begun may not heed signals yet; where events are stored, all have.
    wait_until("events are stored", || {
        let folders = std::fs::read_dir(temp.path()).expect("a folder").flatten();
        folders.filter_map(|folder| folder.path().join("demo.db-wal").metadata().ok()).any(|wal| wal.len() > 1 << 20)
    });
    send(&child, Signal::TERM);
    let run = feed(child, Vec::new()).expect_code(143);
    assert!(run.text().contains("Outcomes") && run.stderr.contains("events stored"), "{}", run.stderr);
    assert_eq!(processes_with(folder), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(temp.path()).expect("a folder").count(), 0);
}
