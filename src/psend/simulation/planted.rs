//! Shows that the checks find faults: a sound run is tampered with, in each of the ways in which psend must never go wrong.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::check::Run;
use super::scenario::{Line, Scenario};
use super::server::Server;
use super::{folder, in_simulated_time, simulate};

/// The line that is tampered with.
const LINE: u64 = 7;

/// A run in which nothing goes wrong, with a journal.
fn sound(folder: &Path) -> Scenario {
    let file = |name: &str| folder.join(name).display().to_string();
    let line = |n: u64| Line {
        text: format!("{{\"event_id\":\"evt_{n}\",\"n\":{n}}}"),
        id: Some(format!("evt_{n}")),
        is_event: true,
    };
    let (output, journal) = (file("outcomes"), file("journal"));
    let args = ["--url", "http://127.0.0.1:1", "--api-key", "key", "--output", &output, "--journal", &journal];
    Scenario {
        args: args.map(str::to_owned).to_vec(),
        lines: (1..=20).map(line).collect(),
        has_journal: true,
        ..Scenario::calm()
    }
}

/// What the checks find in a sound run that was tampered with.
fn found(tamper: impl Fn(&mut Run, &Server, &Path)) -> Option<String> {
    /// With this seed, the server answers every request.
    const QUIET: u64 = 5;
    let folder = folder();
    let scenario = sound(folder.path());
    in_simulated_time(simulate(QUIET, &scenario, |run, server| tamper(run, server, folder.path())))
}

fn outcomes(folder: &Path) -> (PathBuf, Vec<String>) {
    let path = folder.join("outcomes");
    let text = std::fs::read_to_string(&path).expect("there are outcomes");
    (path, text.lines().map(str::to_owned).collect())
}

/// Writes the outcomes again, with each line as often as `copies` says of its number.
fn rewrite(folder: &Path, copies: impl Fn(bool) -> usize) {
    let (path, lines) = outcomes(folder);
    let start = format!("{{\"seq\":{LINE},");
    let again =
        lines.iter().flat_map(|line| std::iter::repeat_n(format!("{line}\n"), copies(line.starts_with(&start))));
    std::fs::write(path, again.collect::<String>()).expect("it can be written");
}

#[track_caller]
fn assert_found(tamper: impl Fn(&mut Run, &Server, &Path), fault: &str) {
    let found = found(tamper);
    assert!(found.as_ref().is_some_and(|found| found.contains(fault)), "expected '{fault}', found {found:?}");
}

#[test]
fn nothing_is_found_in_a_sound_run() {
    assert_eq!(found(|_, _, _| {}), None);
}

#[test]
fn an_outcome_that_is_dropped_is_found() {
    let tamper = |run: &mut Run, _: &Server, folder: &Path| {
        rewrite(folder, |is_it| usize::from(!is_it));
        run.counted = run.counted.saturating_sub(1);
    };
    assert_found(tamper, "line 7 has no outcome");
}

#[test]
fn an_event_without_an_id_that_is_sent_again_after_no_answer_is_found() {
    let tamper = |_: &mut Run, server: &Server, _: &Path| {
        server.doubted.borrow_mut().insert(LINE);
        server.begin(&[LINE], &[json!({"n": LINE})], false);
    };
    assert_found(tamper, "line 7 has no id, may have been taken, and was sent again");
}

#[test]
fn a_wait_that_is_forgotten_is_found() {
    let tamper = |_: &mut Run, server: &Server, _: &Path| {
        server.quiet.set(server.now() + Duration::from_secs(1));
        server.begin(&[LINE], &[json!({"event_id": "evt_7", "n": LINE})], false);
    };
    assert_found(tamper, "though all were to wait until");
}

#[test]
fn an_event_that_is_counted_twice_is_found() {
    assert_found(|run, _, _| run.counted += 1, "21 counted, 20 written and 0 lost");
    let tamper = |run: &mut Run, _: &Server, folder: &Path| {
        rewrite(folder, |is_it| 1 + usize::from(is_it));
        run.counted += 1;
    };
    assert_found(tamper, "line 7 has two outcomes");
}

#[test]
fn a_journal_that_is_ahead_of_the_outcomes_is_found() {
    let tamper = |run: &mut Run, _: &Server, folder: &Path| {
        rewrite(folder, |is_it| usize::from(!is_it));
        run.ended = None;
    };
    assert_found(tamper, "the journal has line 7, which has no outcome");
}

#[test]
fn a_journal_that_lacks_an_event_after_a_run_that_went_well_is_found() {
    let tamper = |_: &mut Run, _: &Server, folder: &Path| {
        let path = folder.join("journal");
        let journal = std::fs::read_to_string(&path).expect("there is a journal");
        let others = journal.lines().filter(|line| !line.starts_with(&format!("{LINE} ")));
        std::fs::write(&path, others.map(|line| format!("{line}\n")).collect::<String>()).expect("it can be written");
    };
    assert_found(tamper, "line 7 is accepted, and not in the journal");
}

#[test]
fn an_outcome_that_contradicts_the_server_is_found() {
    let tamper = |_: &mut Run, server: &Server, _: &Path| {
        server.copies.borrow_mut().remove(&LINE);
    };
    assert_found(tamper, "line 7 is called accepted; stored: false");
    let tamper = |_: &mut Run, server: &Server, _: &Path| {
        server.copies.borrow_mut().insert(LINE, 2);
    };
    assert_found(tamper, "line 7 is stored 2 times");
}
