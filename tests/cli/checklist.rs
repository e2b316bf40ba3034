//! `scripts/checklist`: each box is ticked by a server that does what it tells, and left open by one that does not.

use std::process::Command;

use crate::scripted::{Act, Request, Scripted};
use crate::support::missing::lacks;
use crate::support::server::Server;
use crate::support::{http, path};

const BOXES: [&str; 10] = [
    "Events appear in database",
    "Search returns correct results",
    "Metrics are calculated correctly",
    "No duplicate events created",
    "Rate limiting works as expected",
    "Error handling is proper",
    "Dashboard shows data",
    "Geographic data is present",
    "Timestamp ordering is correct",
    "All services represented",
];

/// Runs the script against a server: its exit status, and what it says.
fn checklist(url: &str) -> (Option<i32>, String) {
    let mut script = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/checklist"));
    script.arg(url).env("PULSEPIPE_BIN", path("pgen").parent().expect("a folder")).env_remove("PULSE_API_KEY");
    let ended = script.output().expect("it runs");
    let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    (ended.status.code(), said)
}

/// The boxes that are not ticked.
fn open(said: &str) -> Vec<&'static str> {
    let is = |tick: &str, title: &&str| said.contains(&format!("[{tick}] {title} "));
    assert!(BOXES.iter().all(|title| is("x", title) || is(" ", title)), "each box has a line: {said}");
    BOXES.into_iter().filter(|title| is(" ", title)).collect()
}

fn lacks_a_program() -> bool {
    lacks("scripts/checklist", &["curl", "jq"])
}

#[test]
fn ten_boxes_are_ticked_for_a_server_that_does_as_it_should_and_again_for_one_that_limits() {
    if lacks_a_program() {
        return;
    }
    let server = Server::start(&["--rate-limit", "1000/4s"]);
    for _ in 0..2 {
        let (status, said) = checklist(server.url());
        assert_eq!((status, open(&said)), (Some(0), Vec::new()), "{said}");
        assert!(said.contains("of 2000 events at once, with 1000 allowed"), "{said}");
    }
}

#[test]
fn what_a_server_loses_doubles_and_refuses_leaves_boxes_open() {
    if lacks_a_program() {
        return;
    }
    let server = Server::start(&["--chaos", "lose=2%,duplicate=5%,error=429:5%", "--seed", "1"]);
    let (status, said) = checklist(server.url());
    assert_eq!(status, Some(99), "{said}");
    let open = open(&said);
    assert_eq!(open[..5], BOXES[..5], "{said}");
    assert!(!open.contains(&"Error handling is proper") && !open.contains(&"All services represented"), "{said}");
}

/// What a server would answer that is wrong where only a reader of its answers notices.
fn spoiled(request: &Request, answer: &http::Answer) -> (u16, String) {
    let text = answer.text();
    if request.line.starts_with("GET / ") {
        return (404, String::new());
    }
    if request.line.contains("/figures?") {
        return (answer.status, text.replace(r#""value":"US""#, r#""value":"UK""#));
    }
    if request.line.contains("&offset=") {
        let mut page = answer.json();
        let events = page["events"].as_array_mut().expect("a list");
        events.reverse();
        events.retain(|event| event["source"]["service"] != "auth-service");
        return (answer.status, page.to_string());
    }
    (if answer.status == 422 { 400 } else { answer.status }, text.to_owned())
}

#[test]
fn answers_that_are_wrong_in_themselves_leave_the_other_boxes_open() {
    if lacks_a_program() {
        return;
    }
    let server = Server::start(&[]);
    let address = server.address().to_owned();
    let between = Scripted::start(move |request| {
        let words: Vec<&str> = request.line.split(' ').collect();
        let key = request.header("x-api-key").map(|key| format!("X-API-Key: {key}"));
        let headers: Vec<&str> = key.iter().map(String::as_str).collect();
        let line = Request { line: format!("{} ", request.line), ..request.clone() };
        let answer = http::request(&address, words[0], words[1], &headers, &request.body).expect("the server answers");
        let (status, body) = spoiled(&line, &answer);
        Act::answer(status, &body)
    });
    let (status, said) = checklist(&between.url());
    assert_eq!((status, open(&said)), (Some(99), BOXES[5..].to_vec()), "{said}");
    assert!(said.contains("half a JSON object is answered 400, where 422 is right"), "{said}");
    assert!(said.contains("without auth-service"), "{said}");
}

#[test]
fn without_a_server_nothing_is_ticked() {
    if lacks_a_program() {
        return;
    }
    let (status, said) = checklist("http://127.0.0.1:9");
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("http://127.0.0.1:9 does not answer") && !said.contains('['), "{said}");
}
