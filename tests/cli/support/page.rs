//! A page of the documentation as somebody who follows it types it: commands, what they print, and what another terminal runs.

use std::path::Path;
use std::process::{Child, Stdio};

use super::{path, shell_in};

/// A step of a page.
pub enum Step {
    /// What another terminal runs: a block of `bash`.
    Server(String),
    /// A block of `sh`, and the block of `text` below it: what it prints.
    Command(String, Option<String>),
}

/// The steps of a page, in order. Other blocks are only to be read.
pub fn steps(page: &str) -> Vec<Step> {
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
                _ => {}
            },
        }
    }
    steps
}

/// Runs a block with what `export` lines of earlier ones set, and compares what it prints with what the page shows. A block
/// whose first line is `# needs PROGRAM` is passed over where the program is missing.
pub struct Reader {
    exports: String,
}

impl Reader {
    pub fn new() -> Self {
        Self { exports: String::new() }
    }

    /// Follows one command in this folder.
    #[allow(clippy::print_stderr)] // a command that cannot run says why
    pub fn follow(&mut self, folder: &Path, command: &str, expected: Option<&str>, environment: &[(&str, &str)]) {
        for program in command.lines().filter_map(|line| line.strip_prefix("# needs ")) {
            if shell_in(folder, &format!("command -v {program}"), &[]).code() != 0 {
                eprintln!("skipped: a command of a page that needs {program}: {command}");
                return;
            }
        }
        let run = shell_in(folder, &format!("{}{command}", self.exports), environment);
        assert_eq!(run.code(), 0, "{command}\n{}\n{}", run.text(), run.stderr);
        self.exports.extend(command.lines().filter(|line| line.starts_with("export ")).map(|line| format!("{line}\n")));
        if let Some(expected) = expected {
            let bare = |text: &str| -> Vec<String> { text.trim().lines().map(|line| line.trim().to_owned()).collect() };
            let (said, shown) = (bare(run.text()), bare(expected));
            let fits = said.len() == shown.len() && said.iter().zip(&shown).all(|(said, shown)| fits(said, shown));
            assert!(fits, "{command}\nprints\n{}\nwhere the page shows\n{}", said.join("\n"), shown.join("\n"));
        }
    }
}

/// Whether a line is the one that is shown, in which `…` stands for anything and blanks for any number of them.
fn fits(said: &str, shown: &str) -> bool {
    let one_blank = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (said, shown) = (one_blank(said), one_blank(shown));
    let mut parts = shown.split('…');
    let Some(mut rest) = parts.next().and_then(|first| said.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    for (at, part) in parts.iter().enumerate() {
        let is_last = at + 1 == parts.len();
        match if is_last {
            rest.strip_suffix(part).map(|_| rest.len())
        } else {
            rest.find(part).map(|at| at + part.len())
        } {
            Some(end) => rest = &rest[end..],
            None => return false,
        }
    }
    rest.is_empty()
}

#[test]
fn three_dots_stand_for_anything_within_a_line() {
    assert!(
        fits("in 12.3 s; P99 4 ms", "in … s; P99 … ms") && fits("a  b", "a b") && fits("ends as it likes", "ends …")
    );
    assert!(!fits("in 12.3 s", "in … s; P99 … ms") && !fits("ab", "a") && !fits("a", "…b") && !fits("xa", "a…"));
}

/// A server in another terminal. It ends with the test.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts a command in this folder; the tools are found.
    pub fn start(command: &str, folder: &Path) -> Self {
        let words: Vec<&str> = command.split_whitespace().collect();
        let mut server = std::process::Command::new(words[0]);
        server.args(&words[1..]).current_dir(folder).stdin(Stdio::null());
        Self(server.spawn().expect("it starts"))
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("it can be asked").is_some()
    }

    /// Starts the `pserve` of a page in this folder on a free port, and gives its URL.
    pub fn pserve(command: &str, folder: &Path) -> (Self, String) {
        use std::io::{BufRead, BufReader};
        let flags = command.trim().strip_prefix("pserve").expect("another terminal runs pserve").split_whitespace();
        let mut server = super::tool("pserve");
        server.args(["--listen", "127.0.0.1:0", "-q"]).args(flags).current_dir(folder).stderr(Stdio::inherit());
        let mut child = server.spawn().unwrap_or_else(|e| panic!("{}: {e}", path("pserve").display()));
        let mut url = String::new();
        let stdout = child.stdout.take().expect("its standard output is a pipe");
        BufReader::new(stdout).read_line(&mut url).expect("it says its URL");
        assert!(!url.is_empty(), "{command}: pserve did not start");
        (Self(child), url.trim_end().to_owned())
    }
}
