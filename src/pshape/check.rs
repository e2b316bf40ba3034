//! `--redact-check`: a second pass over a redacted stream and its original.

use std::fmt::Write as _;

use crate::cli::input::Inputs;
use crate::cli::output::Output;
use crate::cli::{Console, Ending, Signals, Stop, numbers};
use crate::error::{At, Place, Result};
use crate::jsonl::scan::{FieldSet, Scanner, Spans};
use crate::jsonl::{Chunk, LineReader};

use super::config::CheckConfig;
use super::redact::{Check, Counts, Left};

/// How many values are written that are left. All are counted.
const MOST_WRITTEN: u64 = 10_000;

/// Checks a redaction. Writes what is left as lines of JSON, and why the proof fails to stderr.
///
/// # Errors
/// If something cannot be read or written.
pub(super) fn run(config: CheckConfig, console: &Console) -> Result<Ending> {
    let CheckConfig { original, files, output, mut check, max_line, quiet } = config;
    let signals = Signals::listen(1).at(&Place::Stdin)?;
    let stop = signals.stop_at(1);
    let mut out = Output::open_until(output.as_deref(), &stop)?;
    let original = [original];
    let mut lines = Lines::open(&original, max_line, &stop, console)?;
    let too_long_before = lines.each(|number, line, is_object| {
        check.learn(number, line, is_object);
        Ok(())
    })?;
    let mut lines = Lines::open(&files, max_line, &stop, console)?;
    let (mut left, mut found, mut first) = (Vec::new(), 0, None);
    let too_long = lines.each(|number, line, is_object| {
        check.search(number, line, is_object, &mut left);
        for one in left.drain(..) {
            found += 1;
            if found <= MOST_WRITTEN {
                let mut text = serde_json::to_vec(&one).expect("it has string keys");
                text.push(b'\n');
                out.put(&text)?;
            }
            first.get_or_insert(one);
        }
        Ok(())
    })?;
    out.finish()?;
    if let Some(signal) = signals.first() {
        console.note("interrupted: the check is not complete");
        return Ok(Ending::Signalled(signal));
    }
    let reasons = reasons(&check, found, first.as_ref(), too_long);
    let counts = check.counts();
    if reasons.is_empty() {
        if !quiet {
            console.note(summary(&counts, too_long_before));
        }
        return Ok(Ending::Done);
    }
    for reason in &reasons {
        console.error(reason);
    }
    if !quiet {
        console.note(summary(&counts, too_long_before));
    }
    Ok(Ending::NotMet)
}

/// Why it is not proved that nothing is left.
fn reasons(check: &Check, found: u64, first: Option<&Left>, too_long: u64) -> Vec<String> {
    let counts = check.counts();
    let mut reasons = Vec::new();
    if let Some(Left { line, path, coding, length, original_line, original_path }) = first {
        let coding =
            if coding.is_empty() { "written plainly".to_owned() } else { format!("in {}", coding.join(" in ")) };
        let mut reason = format!(
            "{} left; the first on line {line}, {path}, {coding}: {length} bytes that line {original_line} of the original has in \
             {original_path}",
            numbers::counted(found, "value is", "values are"),
        );
        if found > MOST_WRITTEN {
            let _ = write!(reason, "; {} are written", numbers::count(MOST_WRITTEN));
        }
        if counts.exact < counts.lines {
            let other = numbers::counted(counts.lines - counts.exact, "line", "lines");
            let _ = write!(
                reason,
                "; {other} are not what --redact makes of the original with this key, so that stand-ins on them may count too"
            );
        }
        reasons.push(reason);
    }
    if let Some(missing) = check.missing() {
        reasons.push(format!("no event of the original has {missing}"));
    }
    if counts.values == 0 {
        reasons.push("there is no value to search for: --redact replaces none in the original".to_owned());
    }
    if counts.beyond > 0 {
        let beyond = numbers::counted(counts.beyond, "value or line", "values or lines");
        reasons.push(format!(
            "{beyond} of the original had no room in memory, and were not searched for: check parts of it"
        ));
    }
    if too_long > 0 {
        let lines = numbers::counted(too_long, "line is", "lines are");
        reasons.push(format!("{lines} too long to be searched: raise --max-line"));
    }
    reasons
}

/// What was done.
fn summary(counts: &Counts, too_long_before: u64) -> String {
    let mut text = format!(
        "searched {} for {}",
        numbers::counted(counts.lines, "line", "lines"),
        numbers::counted(counts.values as u64, "value", "values")
    );
    for (count, what) in [
        (counts.short, "occurrences of values with less than 4 letters or digits were not searched for"),
        (counts.not_objects, "lines of the original are not JSON objects, and their values are not known"),
        (too_long_before, "lines of the original are too long for --max-line, and their values are not known"),
    ] {
        if count > 0 {
            let _ = write!(text, "\n  {} {what}", numbers::count(count));
        }
    }
    text
}

/// The lines of a stream.
struct Lines {
    reader: LineReader,
    scanner: Scanner,
    spans: Spans,
}

impl Lines {
    fn open(files: &[std::path::PathBuf], max_line: usize, stop: &Stop, console: &Console) -> Result<Self> {
        let reader = LineReader::new(Inputs::open(files, stop, console)?, max_line);
        Ok(Self { reader, scanner: Scanner::new(FieldSet::default()), spans: Spans::default() })
    }

    /// Passes on each line that is not blank, with its number and whether it is a JSON object. Returns how many were too long.
    fn each(&mut self, mut take: impl FnMut(u64, &[u8], bool) -> Result<()>) -> Result<u64> {
        let mut too_long = 0;
        while let Some(chunk) = self.reader.next_chunk()? {
            let (mut count, is_lines) = (0, matches!(chunk, Chunk::Lines { .. }));
            if let Chunk::Overlong { last, .. } = chunk {
                too_long += u64::from(last);
            }
            for line in chunk.lines() {
                count += 1;
                if !line.is_blank() {
                    let is_object = self.scanner.scan(line.text, &mut self.spans).is_ok();
                    take(line.seq, line.text, is_object)?;
                }
            }
            if is_lines {
                self.reader.counted(count);
            }
        }
        Ok(too_long)
    }
}
