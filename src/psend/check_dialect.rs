//! `--check-dialect`: tries a dialect on the sample answers in its file.

use std::fmt::Write;
use std::path::Path;

use super::dialect::{BatchClassification, BatchWord, Dialect, Expected, Sample, Word};
use super::meaning::Meaning;
use super::resolve::dialect_text;
use super::secret::Secrets;
use crate::cli::output::Output;
use crate::cli::{Console, Ending, numbers};
use crate::clock::Micros;
use crate::error::{Error, Result};

/// The moment at which answers are taken to come.
const NOON: Micros = 1_767_614_400_000_000;

/// Tries the dialect in this file, and writes the results to `output`, or to standard output.
///
/// # Errors
/// If there is no dialect, or no sample in it.
pub(super) fn check(file: &Path, output: Option<&Path>, console: &Console) -> Result<Ending> {
    let wrong = |why: String| Error::usage(format!("--check-dialect {}: {why}", file.display()));
    let dialect = Dialect::parse(&dialect_text("--check-dialect", file)?).map_err(wrong)?;
    if dialect.samples.is_empty() {
        return Err(wrong("no [[samples]] in it; each has status, body and expect".to_owned()));
    }
    let mut text = String::new();
    let mut differences = 0;
    for (number, sample) in (1..).zip(&dialect.samples) {
        let name = sample.name.as_deref().map_or_else(String::new, |name| format!(" ({name})"));
        let told = tell(&dialect, sample).map_err(|why| wrong(format!("samples, number {number}{name}: {why}")))?;
        // Writing to a String cannot fail.
        let _ = match told.difference(&sample.expect) {
            None => writeln!(text, "ok {number}{name}: {}, by {}", told.words(), told.by),
            Some(expected) => {
                differences += 1;
                writeln!(text, "not ok {number}{name}: expected {expected}, and it is {}, by {}", told.words(), told.by)
            }
        };
    }
    let mut out = Output::open(output)?;
    out.put(text.as_bytes())?;
    out.finish()?;
    if differences > 0 {
        let of = numbers::counted(dialect.samples.len() as u64, "sample", "samples");
        console.error(format_args!("{differences} of {of} are not classified as expected"));
        return Ok(Ending::Unfinished);
    }
    Ok(Ending::Done)
}

/// What an answer is taken for.
struct Told {
    is: Vec<Word>,
    /// Whether it is the same for all events, however many there are.
    is_of_all: bool,
    by: String,
}

impl Told {
    fn words(&self) -> String {
        let words: Vec<&str> = self.is.iter().map(|word| name(*word)).collect();
        if self.is_of_all {
            words.first().copied().unwrap_or_default().to_owned()
        } else {
            format!("[{}]", words.join(", "))
        }
    }

    /// What was expected, if it is not that.
    fn difference(&self, expected: &Expected) -> Option<String> {
        match expected {
            Expected::All(word) => self.is.iter().any(|is| is != word).then(|| name(*word).to_owned()),
            Expected::Each(words) => {
                let shown: Vec<&str> = words.iter().map(|word| name(*word)).collect();
                (*words != self.is).then(|| format!("[{}]", shown.join(", ")))
            }
        }
    }
}

/// What the dialect takes a sample for.
fn tell(dialect: &Dialect, sample: &Sample) -> Result<Told, String> {
    let Sample { status, events, .. } = sample;
    let (body, secrets) = (sample.body.as_bytes(), Secrets::default());
    if !(100..600).contains(status) {
        return Err(format!("status {status}: expected a code from 100 to 599"));
    }
    let by =
        |rule: Option<super::dialect::RuleName>| rule.map_or_else(|| "its status".to_owned(), |rule| rule.to_string());
    if sample.verify {
        if dialect.verify.is_none() || events.is_some() {
            return Err("verify: it goes with a [verify] in the dialect, and without events".to_owned());
        }
        let classification = dialect.read_verify(*status, body, NOON, &secrets);
        return Ok(Told {
            is: vec![Word::Outcome(classification.meaning)],
            is_of_all: true,
            by: by(classification.rule),
        });
    }
    let Some(events) = events else {
        let said = dialect.read_one(*status, body, NOON, &secrets);
        if said.meaning == Meaning::NoAnswer {
            let by = "its body, which is cut off".to_owned();
            return Ok(Told { is: vec![Word::Batch(BatchWord::Unclear)], is_of_all: true, by });
        }
        return Ok(Told { is: vec![Word::Outcome(said.meaning)], is_of_all: true, by: by(said.rule) });
    };
    let whole = dialect.read(*status, body, NOON, &secrets);
    let batch = dialect.batch.as_ref().ok_or("events: the dialect has no [batch] that could carry them")?;
    if events.is_empty() {
        return Err("events: expected the ids of the events in the batch, at least one".to_owned());
    }
    let ids: Vec<Vec<u8>> = events.iter().map(|id| serde_json::to_vec(id).expect("a text is JSON")).collect();
    let ids: Vec<Option<&[u8]>> = ids.iter().map(|id| Some(&**id)).collect();
    let of_all = |word: Word, by: String| Told { is: vec![word; ids.len()], is_of_all: true, by };
    Ok(match batch.judge(whole, *status, body, &ids, NOON, &secrets) {
        BatchClassification::Whole(classification) => {
            of_all(Word::Outcome(classification.meaning), by(classification.rule))
        }
        BatchClassification::Split(classification) => of_all(Word::Batch(BatchWord::Split), by(classification.rule)),
        BatchClassification::Halve(why) => of_all(Word::Batch(BatchWord::Split), format!("its words ({why})")),
        BatchClassification::Unclear(why) => of_all(Word::Batch(BatchWord::Unclear), format!("its words ({why})")),
        BatchClassification::Each(classifications) => {
            let mut rules: Vec<String> = Vec::new();
            let is = classifications.into_iter().map(|classification| match classification {
                Ok(classification) => {
                    rules.extend(classification.rule.map(|rule| rule.number.to_string()));
                    Word::Outcome(classification.meaning)
                }
                Err(_) => Word::Batch(BatchWord::Unclear),
            });
            let is = is.collect();
            let by = if rules.is_empty() { String::new() } else { format!(" (batch.rules {})", rules.join(", ")) };
            Told { is, is_of_all: false, by: format!("its results{by}") }
        }
    })
}

/// The word for it in a sample.
fn name(word: Word) -> &'static str {
    match word {
        Word::Batch(BatchWord::Split) => "split",
        Word::Batch(BatchWord::Unclear) => "unclear",
        Word::Outcome(meaning) => match meaning {
            Meaning::Retry => "retry",
            Meaning::Gateway => "gateway",
            Meaning::Away => "away",
            other => other.answer().as_str(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::psend::dialect::{names, shipped};

    #[test]
    fn each_dialect_of_ours_takes_its_samples_for_what_they_are() {
        for name in names().split(", ") {
            let dialect = Dialect::parse(shipped(name).expect("it is ours")).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(dialect.samples.len() >= 4, "{name} shows what is accepted, throttled, refused and broken");
            for sample in &dialect.samples {
                let told = tell(&dialect, sample).unwrap_or_else(|e| panic!("{name}: {sample:?}: {e}"));
                assert_eq!(
                    told.difference(&sample.expect),
                    None,
                    "{name}: {sample:?} is {} by {}",
                    told.words(),
                    told.by
                );
            }
        }
    }

    #[test]
    fn a_sample_that_is_taken_for_something_else_is_told_with_the_rule() {
        let text = "[request]\nmethod = 'POST'\npath = '/x'\n[[rules]]\nstatus = 418\noutcome = 'rate_limited'\n\
                    [[samples]]\nstatus = 418\nexpect = 'rejected'";
        let dialect = Dialect::parse(text).expect("a dialect");
        let told = tell(&dialect, &dialect.samples[0]).expect("a sample");
        assert_eq!((told.words().as_str(), told.by.as_str()), ("rate_limited", "rules, number 1"));
        assert_eq!(told.difference(&dialect.samples[0].expect).as_deref(), Some("rejected"));
    }
}
