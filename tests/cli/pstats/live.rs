//! `--live`, as a person at a terminal sees it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::server::Server;
use crate::support::tmux::Terminal;

const KEYS: &str = "1 overview  2 trends  3 latency  4 groups  5 requirements  p pause  q end";

/// A run that goes on for minutes.
fn long_run(server: &Server, stats: &str) -> String {
    format!(
        "pgen -n 100k --seed 3 -q | pshape --malformed 5% --seed 3 -q | psend --url {} --rate 200 -q | pstats --live {stats}",
        server.url()
    )
}

/// Whether the screen is as high as the terminal, the keys stand on its last line, and these parts are there. tmux may be asked in the
/// middle of a drawing, so that this is waited for.
fn shows(screen: &str, rows: usize, parts: &[&str]) -> bool {
    let lines: Vec<&str> = screen.lines().collect();
    lines.len() == rows && lines[rows - 1] == KEYS && parts.iter().all(|part| screen.contains(part))
}

#[test]
fn the_live_screen_fits_80_by_24_and_grows_with_the_terminal() {
    let Some(terminal) = Terminal::open(80, 24) else { return };
    let server = Server::start(&["--quiet"]);
    terminal.enter("echo before");
    let required = "--require 'delivered >= 50%' --require 'lost = 0' --require 'truth.missed = 0'";
    terminal.enter(&long_run(&server, required));
    terminal.wait("all parts are there", |screen| {
        let parts = [
            "Events per second",
            "P50 ",
            "Outcomes",
            "✓ met",
            "✗ NOT MET",
            "By service",
            "1 to be judged at the end",
            // Columns leave before names are cut.
            "  end to end  ",
        ];
        shows(screen, 24, &parts)
            && screen.contains("events were delivered in")
            && screen.contains("1 of 2\nrequirements is not met: lost")
            && !screen.contains("not complete")
    });
    assert_eq!(terminal.modes(), (true, false));

    terminal.resize(200, 60);
    let more = [
        "Events per second",
        "Histogram",
        "mean",
        "the server accepted the event",
        "1 of 2 requirements is not met: lost",
    ];
    terminal.wait("it has grown", |screen| shows(screen, 60, &more));
    terminal.resize(80, 24);
    terminal.wait("it has shrunk", |screen| {
        shows(screen, 24, &["Events per second", "Outcomes"]) && !screen.contains("mean")
    });

    terminal.press("C-c");
    let after = terminal.wait_for_the_shell();
    assert_eq!(terminal.modes(), (false, true));
    assert!(!after.contains(KEYS), "{after}");
    let all = terminal.all();
    assert!(all.contains("\nbefore\n") && all.contains("By service: ") && all.contains("✗ NOT MET"), "{all}");
    terminal.enter(
        "clear; stty -a | tr ' ;' '\\n\\n' | grep -xE -- '-?(echo|icanon|isig)' | xargs; stty -a | grep -o 'susp = ..'",
    );
    terminal.wait("the terminal is as it was", |screen| {
        screen.contains("\nsusp = ^Z\n") && {
            let mut words: Vec<&str> = screen
                .lines()
                .find(|line| line.contains("icanon") && !line.contains("stty"))
                .unwrap_or("")
                .split(' ')
                .collect();
            words.sort_unstable();
            words == ["echo", "icanon", "isig"]
        }
    });
}

#[test]
fn what_the_other_tools_say_waits_until_the_screen_is_gone() {
    let Some(terminal) = Terminal::open(80, 24) else { return };
    let server = Server::start(&["--quiet", "--rate-limit", "60/1s"]);
    terminal.enter(&format!(
        "pgen -n 100k --start now | pshape --malformed 5% | psend --url {} --rate 200 | pstats --live",
        server.url()
    ));
    terminal.wait("it has begun", |screen| shows(screen, 24, &["Events per second"]));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        let screen = terminal.screen();
        assert!(!screen.contains("psend: rate limit") && !screen.contains("to repeat this run"), "{screen}");
        sleep(Duration::from_millis(100));
    }
    terminal.press("C-c");
    terminal.wait_for_the_shell();
    let all = terminal.all();
    let said = [
        "pgen: to repeat this run: ",
        "pshape: to repeat this run: ",
        "psend: sending to ",
        "psend: rate limit: ",
        "\nThroughput: ",
        "events were delivered in",
    ];
    for said in said {
        assert!(all.contains(said), "{said}: {all}");
    }
}

#[test]
fn keys_switch_the_view_pause_and_end() {
    let Some(terminal) = Terminal::open(80, 24) else { return };
    let server = Server::start(&["--quiet"]);
    terminal.enter(&long_run(&server, ""));
    terminal.wait("it has begun", |screen| screen.contains("Events per second"));
    for (key, part, absent) in [
        ("3", "Histogram", "By service"),
        ("4", "By service", "Histogram"),
        ("5", "Nothing was required", "By service"),
        ("Tab", "Outcomes", "Nothing was required"),
        ("Left", "Nothing was required", "Outcomes"),
        ("2", "Latency  P50", "Outcomes"),
    ] {
        terminal.press(key);
        terminal.wait(part, |screen| shows(screen, 24, &[part]) && !screen.contains(absent));
    }
    terminal.press("p");
    terminal.wait("it pauses", |screen| screen.contains("paused: counting goes on"));
    sleep(Duration::from_millis(500));
    let paused = terminal.screen();
    sleep(Duration::from_secs(1));
    assert_eq!(terminal.screen(), paused);
    terminal.press("p");
    terminal.wait("it goes on", |screen| screen.lines().next() != paused.lines().next() && screen.contains(KEYS));

    terminal.press("q");
    terminal.wait_for_the_shell();
    assert_eq!(terminal.modes(), (false, true));
    let all = terminal.all();
    assert!(all.contains("events were delivered in") && all.contains("not_sent"), "{all}");
    terminal.enter("echo ${PIPESTATUS[3]}");
    terminal.wait("it ended as by Ctrl-C", |screen| screen.contains("\n130\n"));
}

#[test]
fn a_report_that_goes_elsewhere_leaves_its_text_on_the_terminal() {
    let Some(terminal) = Terminal::open(80, 24) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("r.json").display().to_string();
    let slow = "(for i in 1 2 3 4; do pgen -n 50 --seed $i -q; sleep 0.4; done)";
    terminal.enter(&format!(
        "{slow} | pstats --tee --live --format json -o {file} | tail -n 1 > /dev/null; grep -c p99_ms {file} | wc -l"
    ));
    terminal.wait("a screen in the middle of a pipe", |screen| screen.contains(KEYS));
    let after = terminal.wait_for_the_shell();
    assert!(terminal.all().contains("Total events") && after.contains("\n1\nready>"), "{}", terminal.all());
}

#[test]
fn live_tells_lines_where_it_cannot_draw() {
    let Some(terminal) = Terminal::open(80, 60) else { return };
    let slow = "(for i in 1 2 3 4; do pgen -n 50 --seed $i -q; sleep 0.4; done)";
    for (set, to) in [("TERM=dumb", ""), ("", "| cat"), ("setsid -w", "")] {
        terminal.enter(&format!("clear; {slow} | {set} pstats --live --every 300ms {to}"));
        let screen = terminal.wait(set, |screen| screen.contains("Total events") && screen.ends_with("ready>"));
        let told = screen.lines().filter(|line| line.starts_with("pstats: ") && line.contains(" lines/s")).count();
        assert!(told >= 2 && !screen.contains(KEYS), "{set} {to}: {screen}");
    }
    let elsewhere = crate::support::shell(&format!("{slow} | pstats --live --every 300ms")).expect_code(0);
    assert!(elsewhere.stderr.matches(" lines/s").count() >= 2, "{}", elsewhere.stderr);
    assert!(
        elsewhere.text().starts_with("200 events over") && !elsewhere.text().contains('\x1b'),
        "{}",
        elsewhere.text()
    );
}
