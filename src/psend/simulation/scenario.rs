//! What a run is made of, by its seed: a command line, an input, and what goes wrong meanwhile.

use std::path::Path;
use std::time::Duration;

use super::dice::Dice;
use crate::time;

/// The longest line that the simulated runs send.
const MAX_LINE: usize = 200;

/// A line of the input.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Its text.
    pub(super) text: String,
    /// The event's id, if it has one.
    pub(super) id: Option<String>,
    /// Whether it is an event that can be sent.
    pub(super) is_event: bool,
}

/// Which of the outputs is on a disk that fills up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Full {
    Outcomes,
    DeadLetters,
    Journal,
}

/// A run, and the run that resumes it.
#[derive(Debug)]
pub(super) struct Scenario {
    /// The command line, without what resumes.
    pub(super) args: Vec<String>,
    /// The input's lines; the first has number 1.
    pub(super) lines: Vec<Line>,
    /// How many bytes the input is read by.
    pub(super) block: usize,
    /// When a signal comes.
    pub(super) signal: Option<Duration>,
    /// When a second signal ends the process at once.
    pub(super) second: Option<Duration>,
    /// When the process is killed. Only with a journal.
    pub(super) killed: Option<Duration>,
    /// Which output's disk becomes full, and after how many bytes.
    pub(super) full: Option<(Full, usize)>,
    pub(super) has_journal: bool,
    /// Whether the server is asked for events, and none are sent.
    pub(super) is_verify: bool,
    /// How long reading and writing a block take at most, in milliseconds.
    pub(super) slowness: u64,
    /// How many threads there are, and when each beside the first joins in.
    pub(super) threads: Vec<Duration>,
}

impl Scenario {
    /// A scenario in which nothing goes wrong, still without a command line and an input.
    pub(super) fn calm() -> Self {
        Self {
            args: Vec::new(),
            lines: Vec::new(),
            block: 1000,
            signal: None,
            second: None,
            killed: None,
            full: None,
            has_journal: false,
            is_verify: false,
            slowness: 0,
            threads: Vec::new(),
        }
    }

    /// The scenario of this seed, whose files are in this folder.
    pub(super) fn draw(seed: u64, folder: &Path) -> Self {
        let dice = &mut Dice::new(seed, "scenario");
        let (has_journal, has_dead_letters) = (dice.percent(50), dice.percent(50));
        let mut args = args(dice, folder, has_journal, has_dead_letters);
        let count = dice.one_of(&[1, 5, 20, 40]);
        let mut lines: Vec<Line> = Vec::new();
        for n in 1..=count {
            let line = draw_line(dice, n, &lines);
            lines.push(line);
        }
        let block = usize::try_from(dice.between(64, 2000)).expect("it is small");
        let signal = dice.percent(30).then(|| dice.ms(0, 1000));
        // A separate random stream, so that earlier seeds still find what they found.
        let more = &mut Dice::new(seed, "job");
        let is_verify = more_args(more, &mut args);
        // An entry of the journal has some 20 bytes, and up to 40 lines have one.
        let disk = &mut Dice::new(seed, "journal's disk");
        let full_journal = (has_journal && disk.percent(25))
            .then(|| (Full::Journal, usize::try_from(disk.below(800)).expect("it is small")));
        let second = signal.map(|first| first + more.ms(0, 600)).filter(|_| more.percent(40));
        Self {
            args,
            lines,
            block,
            signal,
            second,
            is_verify,
            killed: (has_journal && dice.percent(40)).then(|| dice.ms(0, 800)),
            full: dice
                .percent(20)
                .then(|| {
                    let which = if has_dead_letters && dice.percent(30) { Full::DeadLetters } else { Full::Outcomes };
                    (which, usize::try_from(dice.below(8000)).expect("it is small"))
                })
                .or(full_journal),
            has_journal,
            slowness: dice.one_of(&[0, 1, 10, 60]),
            threads: {
                let dice = &mut Dice::new(seed, "threads");
                (0..dice.below(4)).map(|_| dice.ms(0, 400)).collect()
            },
        }
    }

    /// The input as bytes.
    pub(super) fn input(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| format!("{}\n", line.text).into_bytes()).collect()
    }
}

fn draw_line(dice: &mut Dice, n: u64, before: &[Line]) -> Line {
    let at = time::format(i64::try_from(n).expect("it is small") * 3_000 + 1_767_614_400_000_000);
    let other = |text: String| Line { text, id: None, is_event: false };
    match dice.below(100) {
        0..4 => other(String::new()),
        4..8 => other(format!("{{\"n\":{n},")),
        8..11 => other(format!("{{\"n\":{n},\"title\":\"{}\"}}", "x".repeat(MAX_LINE))),
        11..30 => Line { text: format!("{{\"n\":{n},\"timestamp\":\"{at}\"}}"), id: None, is_event: true },
        kind => {
            let known = before.iter().rev().find_map(|line| line.id.clone()).filter(|_| kind < 42);
            let id = known.unwrap_or_else(|| format!("evt_{n}"));
            let text = format!("{{\"event_id\":\"{id}\",\"n\":{n},\"timestamp\":\"{at}\"}}");
            Line { text, id: Some(id), is_event: true }
        }
    }
}

fn args(dice: &mut Dice, folder: &Path, has_journal: bool, has_dead_letters: bool) -> Vec<String> {
    let mut args: Vec<String> = Vec::new();
    let mut flag = |name: &str, value: String| args.extend([name.to_owned(), value]);
    flag("--url", "http://127.0.0.1:1".to_owned());
    flag("--api-key", "key".to_owned());
    flag("--max-line", MAX_LINE.to_string());
    flag("--concurrency", dice.between(1, 6).to_string());
    flag("--retries", dice.one_of(&[0, 1, 2, 5]).to_string());
    flag("--retry-base", format!("{}ms", dice.one_of(&[1, 20, 100])));
    flag("--timeout", format!("{}ms", dice.one_of(&[20, 100, 1000])));
    flag("--wait-for-server", format!("{}ms", dice.one_of(&[0, 200, 2000])));
    flag("--grace", format!("{}ms", dice.one_of(&[0, 30, 500])));
    match dice.below(10) {
        0..5 => {}
        5 => flag("--delay", dice.between(1, 20).to_string()),
        6 => flag("--rate", dice.one_of(&[20, 100, 1000]).to_string()),
        7 => {
            flag("--rate", dice.one_of(&[50, 500]).to_string());
            flag("--arrival", "poisson".to_owned());
        }
        8 => flag("--stages", "200ms:100,300ms:50".to_owned()),
        _ => flag("--replay", dice.one_of(&["0.5", "1", "10"]).to_owned()),
    }
    if dice.percent(30) {
        flag("--batch", dice.one_of(&[2, 3, 10]).to_string());
        flag("--batch-wait", format!("{}ms", dice.one_of(&[0, 5, 50])));
    }
    if dice.percent(15) {
        flag("--duration", format!("{}ms", dice.between(1, 500)));
    }
    if dice.percent(10) {
        flag("--limit", dice.between(1, 30).to_string());
    }
    let file = |name: &str| folder.join(name).display().to_string();
    flag("--output", file("outcomes"));
    if has_dead_letters {
        flag("--dead-letter", file("dead_letters"));
    }
    if has_journal {
        flag("--journal", file("journal"));
    }
    args
}

/// Adds what else a run may do. Returns whether it asks for events instead of sending them.
fn more_args(dice: &mut Dice, args: &mut Vec<String>) -> bool {
    let is_batch = args.iter().any(|arg| arg == "--batch");
    let (verify, gzip, malformed) = (dice.percent(12), dice.percent(15), dice.percent(15));
    let is_verify = verify && !is_batch;
    let flags = [
        ("--verify", is_verify),
        ("--gzip", gzip && !is_verify),
        ("--send-malformed", malformed && !is_verify && !is_batch),
    ];
    args.extend(flags.iter().filter(|(_, is_given)| *is_given).map(|(flag, _)| (*flag).to_owned()));
    is_verify
}
