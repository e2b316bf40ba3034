//! A table of what a hostile server may do, and what psend has to say of the events then.
//!
//! Whatever a row does: psend ends in time, keeps to its memory, gives each event one outcome, never says `not_sent` of an event that
//! arrived, and never `accepted` or `duplicate` of one that did not. Its reading of the bytes is also held against hyper's.

mod by_hyper;
mod frames;
mod server;
mod table_body;
mod table_connection;
mod table_frames;
mod table_head;
mod table_meaning;
mod table_settings;
mod table_tls;

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use self::server::{Plays, Server};
use super::memory::peak_within;
use super::network::{Certificates, certificates, server_config};
use super::{events, outcomes};
use crate::support::tool;

/// The most that psend may hold, in KiB, whatever the server does. A debug build over TLS alone takes half of it.
const MOST_MEMORY: u64 = 64 << 10;

/// The time-out of requests to servers that say nothing at some point, and to all others.
const SHORT: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(8);

/// How many rows are played at the same time. Most of them wait.
const AT_ONCE: usize = 12;

/// Something that a server does, and what psend says of the events then.
struct Row {
    name: String,
    plays: Plays,
    /// `outcome/kind of error xATTEMPTS`, for each event or for all of them alike. No kind if there is no error, one attempt if there is
    /// no number, and any number of them if it is `*`.
    says: &'static str,
    /// The same over TLS, if it differs.
    says_over_tls: Option<&'static str>,
    events: usize,
    flags: Vec<&'static str>,
    waits: bool,
    is_large: bool,
    only_plain: bool,
    /// Without TLS it makes no sense.
    is_tls_alone: bool,
    /// The server has no TLS although psend expects it.
    lacks_tls: bool,
    is_http2: bool,
    /// What stderr must contain.
    told: Option<&'static str>,
    /// Why hyper reads the same bytes in another way.
    unlike_hyper: Option<&'static str>,
}

/// A server that does this with each of two events.
fn row(name: impl Into<String>, plays: impl Into<Plays>, says: &'static str) -> Row {
    Row {
        name: name.into(),
        plays: plays.into(),
        says,
        says_over_tls: None,
        events: 2,
        flags: Vec::new(),
        waits: false,
        is_large: false,
        only_plain: false,
        is_tls_alone: false,
        lacks_tls: false,
        is_http2: false,
        told: None,
        unlike_hyper: None,
    }
}

impl Row {
    /// Another number of events than two.
    fn events(mut self, events: usize) -> Self {
        self.events = events;
        self
    }

    fn flags(mut self, flags: &[&'static str]) -> Self {
        self.flags.extend_from_slice(flags);
        self
    }

    /// The server says nothing at some point, so that only the time-out ends a request. There is one event, to save time.
    fn waits(mut self) -> Self {
        self.waits = true;
        self.events = 1;
        self
    }

    /// There is so much to read that it may take 30 s.
    fn large(mut self) -> Self {
        self.is_large = true;
        self
    }

    /// TLS adds nothing, or does not allow it.
    fn only_plain(mut self) -> Self {
        self.only_plain = true;
        self
    }

    /// psend is to speak TLS, but the server plays beneath it.
    fn beneath_tls(mut self) -> Self {
        self.lacks_tls = true;
        self.only_plain()
    }

    fn http2(mut self) -> Self {
        self.is_http2 = true;
        self
    }

    fn over_tls(mut self, says: &'static str) -> Self {
        self.says_over_tls = Some(says);
        self
    }

    fn tells(mut self, text: &'static str) -> Self {
        self.told = Some(text);
        self
    }

    fn unlike_hyper(mut self, why: &'static str) -> Self {
        self.unlike_hyper = Some(why);
        self
    }

    fn timeout(&self) -> Duration {
        if self.waits { SHORT } else { LONG }
    }

    fn most_time(&self) -> Duration {
        Duration::from_secs(if self.is_large { 30 } else { 10 })
    }

    /// Plays it, and returns what is wrong.
    fn wrong(&self, tls: Option<&Certificates>) -> Vec<String> {
        let config = tls.map(|certificates| {
            let mut config = server_config(certificates, None);
            config.alpn_protocols.extend(self.is_http2.then(|| b"h2".to_vec()));
            Arc::new(config)
        });
        let server = Server::start(&self.plays, config, self.is_http2);
        let url = if self.lacks_tls { server.url().replace("http:", "https:") } else { server.url() };
        let mut psend = tool("psend");
        psend.args(["--url", &url, "-c", "1", "--retries", "1", "--retry-base", "1ms", "--timeout"]);
        psend.args([&format!("{}ms", self.timeout().as_millis()), "--wait-for-server", "1s"]).args(&self.flags);
        psend.args(["--connect-timeout", "2s"]).args(self.is_http2.then_some("--http2"));
        if let Some(certificates) = tls {
            psend.arg("--cacert").arg(&certificates.ca);
        }
        let mut child = psend.stdin(Stdio::piped()).spawn().expect("psend starts");
        child.stdin.take().expect("a pipe").write_all(&events(self.events)).expect("psend reads");
        let Some(peak) = peak_within(&mut child, self.most_time()) else {
            child.kill().expect("it runs");
            return vec![format!("still runs after {:?}", self.most_time())];
        };
        let out = child.wait_with_output().expect("it ended");
        let run = crate::support::Run {
            status: out.status,
            stdout: out.stdout,
            stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        };
        let mut wrong = Vec::new();
        let mut check = |is_right: bool, what: String| {
            if !is_right {
                wrong.push(what);
            }
        };
        check(!run.stderr.contains("panicked"), format!("it panicked: {}", run.stderr));
        check(peak <= MOST_MEMORY, format!("{peak} KiB"));
        if !matches!(run.code(), 0 | 1) {
            return vec![format!("exit status {}: {}", run.code(), run.stderr)];
        }
        let (mut outcomes, record) = outcomes(&run);
        outcomes.sort_by_key(|outcome| outcome["seq"].as_u64());
        let seqs: Vec<_> = outcomes.iter().filter_map(|outcome| outcome["seq"].as_u64()).collect();
        check(seqs == (1..=self.events as u64).collect::<Vec<_>>(), format!("one outcome each: {seqs:?}"));
        for outcome in &outcomes {
            let heard = server.has_heard(outcome["event_id"].as_str().expect("an id"));
            match outcome["outcome"].as_str().expect("a word") {
                "not_sent" => check(!heard, format!("it arrived: {outcome}")),
                "accepted" | "duplicate" => check(heard, format!("it never arrived: {outcome}")),
                _ => {}
            }
        }
        check((run.code() == 0) == (record["complete"] == true), format!("exit status {}: {record}", run.code()));
        let expected = tls.and(self.says_over_tls).unwrap_or(self.says);
        let said: Vec<String> = outcomes.iter().map(said).collect();
        check(is_as(expected, &said), format!("{said:?} and not {expected}: {}\n{}", outcomes[0], run.stderr));
        if tls.is_none() && self.is_for_hyper() {
            let kind = outcomes[0]["error"]["kind"].as_str().unwrap_or_default();
            let is_whole = !["malformed", "reset", "timeout"].contains(&kind);
            let ours = outcomes[0]["status"].as_u64().filter(|_| is_whole);
            let theirs = by_hyper::status(&self.plays, self.timeout()).map(u64::from);
            check(
                (ours == theirs) == self.unlike_hyper.is_none(),
                format!("psend reads {ours:?} and hyper {theirs:?}"),
            );
        }
        check(self.told.is_none_or(|told| run.stderr.contains(told)), format!("stderr: {}", run.stderr));
        wrong
    }

    /// Whether all attempts meet the same answer, so that psend's word tells how it read the first, and hyper can be asked. It takes no
    /// answer that comes before its request.
    fn is_for_hyper(&self) -> bool {
        let is_plain_http1 = !self.is_http2 && !self.lacks_tls && !self.flags.contains(&"--batch");
        is_plain_http1 && matches!(self.plays.plays[..], [server::Play { reads: true, .. }])
    }
}

/// An outcome in the form of a row.
fn said(outcome: &Value) -> String {
    let word = outcome["outcome"].as_str().expect("a word");
    let kind = outcome["error"]["kind"].as_str().map(|kind| format!("/{kind}")).unwrap_or_default();
    match outcome["attempts"].as_u64().expect("a number") {
        1 => format!("{word}{kind}"),
        attempts => format!("{word}{kind} x{attempts}"),
    }
}

fn is_as(expected: &str, said: &[String]) -> bool {
    let of_each: Vec<&str> = expected.split(", ").collect();
    let is_as = |said: &String, expected: &str| match expected.strip_suffix(" x*") {
        Some(word) => said.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(" x")),
        None => said == expected,
    };
    match of_each[..] {
        [all] => said.iter().all(|said| is_as(said, all)),
        _ => said.len() == of_each.len() && said.iter().zip(of_each).all(|(said, expected)| is_as(said, expected)),
    }
}

/// Does this with each, some at the same time, and fails with all that is wrong.
fn each<T: Sync>(all: &[T], wrong: impl Fn(&T) -> Vec<String> + Sync) {
    let next = AtomicUsize::new(0);
    let found = std::sync::Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let wrong = wrong(one);
                    found.lock().expect("no holder panics").extend(wrong);
                }
            });
        }
    });
    let found = found.into_inner().expect("no holder panics");
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), all.len(), found.join("\n"));
}

fn named(name: &str, wrong: Vec<String>) -> Vec<String> {
    wrong.into_iter().map(|what| format!("- {name}: {what}")).collect()
}

/// Plays these, each with TLS and without if that makes sense.
#[track_caller]
fn play(tables: &[Vec<Row>]) {
    let good = certificates("localhost", false);
    let plays: Vec<(&Row, Option<&Certificates>)> = tables
        .iter()
        .flatten()
        .flat_map(|row| [(!row.is_tls_alone).then_some((row, None)), (!row.only_plain).then_some((row, Some(&good)))])
        .flatten()
        .collect();
    each(&plays, |(row, tls)| {
        let over = if tls.is_some() { " over TLS" } else { "" };
        named(&format!("{}{over}", row.name), row.wrong(*tls))
    });
}

#[test]
fn whatever_a_server_does_each_event_has_its_true_outcome_and_hyper_reads_it_alike() {
    play(&[table_head::rows(), table_body::rows(), table_connection::rows(), table_meaning::rows(), table_tls::rows()]);
}

#[test]
fn whatever_frames_a_server_sends_each_event_has_its_true_outcome() {
    play(&[table_frames::rows(), table_settings::rows()]);
}
