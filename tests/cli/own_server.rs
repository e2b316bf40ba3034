//! "Your own server in ten minutes", followed line by line.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{shell, shell_in};

/// A step of the page.
enum Step {
    /// What another terminal runs.
    Server(String),
    /// A command, and what it prints, where the page shows it.
    Command(String, Option<String>),
}

/// The steps of a page, in order.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut block: Option<(&str, String)> = None;
    for line in page.lines() {
        match (&mut block, line.strip_prefix("```")) {
            (None, Some(language)) => block = Some((language, String::new())),
            (None, None) => {}
            (Some((_, text)), None) => *text += &format!("{line}\n"),
            (Some(_), Some(_)) => match block.take().expect("it is open") {
                ("bash", text) => steps.push(Step::Server(text)),
                ("sh", text) => steps.push(Step::Command(text, None)),
                ("text", shown) => match steps.last_mut() {
                    Some(Step::Command(_, expected)) => *expected = Some(shown),
                    _ => panic!("what is printed follows a command: {shown}"),
                },
                (language, _) => panic!("a block of {language}"),
            },
        }
    }
    steps
}

/// A server in another terminal.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(command: &str) -> Running {
    let words: Vec<&str> = command.split_whitespace().collect();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut server = std::process::Command::new(words[0]);
    server.args(&words[1..]).current_dir(examples).stdin(Stdio::null());
    let mut running = Running(server.spawn().expect("it starts"));
    let begun = Instant::now();
    // One that ends at once found its port taken.
    std::thread::sleep(Duration::from_millis(200));
    assert!(running.0.try_wait().expect("it can be asked").is_none(), "{command}: the server has ended");
    while TcpStream::connect(format!("127.0.0.1:{}", words[2])).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the server does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    running
}

#[test]
fn the_page_on_a_server_of_ones_own_works_as_it_stands() {
    if shell("command -v python3").code() != 0 {
        eprintln!("skipped: your-own-server.md needs python3");
        return;
    }
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/your-own-server.md")).expect("a page");
    let folder = tempfile::tempdir().expect("a folder");
    let mut servers = Vec::new();
    let mut environment = String::new();
    for step in steps(&page) {
        match step {
            Step::Server(command) => servers.push(start(&command)),
            Step::Command(command, expected) => {
                // What is exported in one block holds in the next, as in one terminal.
                let run = shell_in(folder.path(), &format!("{environment}{command}"), &[]).expect_code(0);
                environment
                    .extend(command.lines().filter(|line| line.starts_with("export ")).map(|line| format!("{line}\n")));
                if let Some(expected) = expected {
                    let bare = |text: &str| text.trim().lines().map(str::trim).collect::<Vec<_>>().join("\n");
                    assert_eq!(bare(run.text()), bare(&expected), "{command}");
                }
            }
        }
    }
    assert_eq!(servers.len(), 1);
}
