//! "Your own server in ten minutes", followed line by line.

use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::missing::lacks;
use crate::support::page::{Reader, Running, Step, steps};

fn start(command: &str) -> Running {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut running = Running::start(command, &examples);
    let begun = Instant::now();
    // One that ends at once found its port taken.
    std::thread::sleep(Duration::from_millis(200));
    assert!(!running.has_ended(), "{command}: the server has ended");
    let port = command.split_whitespace().last().expect("a port");
    while TcpStream::connect(format!("127.0.0.1:{port}")).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the server does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    running
}

#[test]
fn the_page_on_a_server_of_ones_own_works_as_it_stands() {
    if lacks("your-own-server.md", &["python3"]) {
        return;
    }
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/your-own-server.md")).expect("a page");
    let folder = tempfile::tempdir().expect("a folder");
    let mut servers = Vec::new();
    let mut reader = Reader::new();
    for step in steps(&page) {
        match step {
            Step::Server(command) => servers.push(start(&command)),
            Step::Command(command, expected) => reader.follow(folder.path(), &command, expected.as_deref(), &[]),
        }
    }
    assert_eq!(servers.len(), 1);
}
