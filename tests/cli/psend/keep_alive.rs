//! How long connections are kept, and what it means that a server closes one that it had kept.

use std::time::Duration;

use super::{events, outcomes, send, words};
use crate::scripted::{Act, Scripted};

#[test]
fn no_keepalive_closes_each_connection_after_one_request_and_says_so() {
    for flags in [&["--no-keepalive"][..], &["-H", "Connection: close"], &["-H", "connection: Close", "--no-keepalive"]]
    {
        let server = Scripted::start(|_| Act::accept());
        let run = send(&server, flags, &events(20)).expect_code(0);
        assert_eq!(words(&outcomes(&run).0), vec!["accepted"; 20]);
        assert_eq!(server.connections(), 20, "{flags:?}");
        for request in server.requests() {
            let said: Vec<_> = request.headers.iter().filter(|(name, _)| name == "connection").collect();
            assert_eq!(said, [&("connection".to_owned(), "close".to_owned())], "{flags:?}");
        }
    }
}

#[test]
fn a_connection_carries_no_more_requests_and_gets_no_older_than_asked_for() {
    let server = Scripted::start(|_| Act::accept());
    send(&server, &["-c", "1", "--keepalive-requests", "2"], &events(6)).expect_code(0);
    let requests = server.requests();
    assert_eq!(requests.iter().map(|r| r.on_connection).collect::<Vec<_>>(), [1, 2, 1, 2, 1, 2]);
    assert!(requests.iter().all(|r| r.header("connection").is_some() == (r.on_connection == 2)));

    let server = Scripted::start(|_| Act::accept());
    send(&server, &["-c", "1", "--keepalive-time", "100ms", "--delay", "150"], &events(4)).expect_code(0);
    assert_eq!(server.connections(), 4);
    let server = Scripted::start(|_| Act::accept());
    send(&server, &["-c", "1", "--keepalive-time", "60s", "--delay", "150"], &events(4)).expect_code(0);
    assert_eq!(server.connections(), 1);
}

#[test]
fn no_request_goes_out_on_a_connection_that_the_server_said_it_would_have_closed_by_then() {
    for (header, connections) in
        [("Keep-Alive: timeout=2, max=100", 3), ("Keep-Alive: timeout=60", 1), ("Keep-Alive: x", 1)]
    {
        let server = Scripted::start(move |_| Act::with_header(200, header));
        send(&server, &["-c", "1", "--delay", "1500", "--dialect", "plain"], &events(3)).expect_code(0);
        assert_eq!(server.connections(), connections, "{header}");
    }
}

#[test]
fn a_server_that_closes_kept_connections_is_reported_with_advice() {
    // It closes under a request, as a server does whose idle timer goes on; never on a new connection.
    let server = Scripted::start(|r| if r.on_connection == 3 { Act::Reset } else { Act::accept() });
    let run = send(&server, &["-c", "2", "--retry-base", "1ms"], &events(40)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), vec!["accepted"; 40]);
    assert!(run.stderr.contains("the server closes connections that it keeps"), "{}", run.stderr);
    assert!(run.stderr.contains("--keepalive-time") && run.stderr.contains("--no-keepalive"), "{}", run.stderr);

    let server =
        Scripted::start(|r| if r.number % 3 == 0 && r.on_connection == 1 { Act::Close } else { Act::accept() });
    let run = send(&server, &["-c", "2", "--retry-base", "1ms"], &events(10)).expect_code(0);
    assert!(!run.stderr.contains("connections that it keeps"), "a new one says nothing of that: {}", run.stderr);
}

#[test]
fn bytes_on_an_idle_connection_answer_no_event() {
    let server = Scripted::start(|r| {
        match r.on_connection {
        1 => Act::Drip(
            b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"success\":true}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_vec(),
            Duration::ZERO,
        ),
        _ => Act::answer(422, "{}"),
    }
    });
    let run = send(&server, &["-c", "1", "--delay", "20"], &events(3)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), vec!["accepted"; 3]);
    assert_eq!(server.connections(), 3, "none of them is used again");
}
