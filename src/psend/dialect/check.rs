//! What a dialect may say where: a file that parses can still ask for what is never done.

use super::Dialect;
use super::rules::{Codes, Rule, Words};
use crate::psend::meaning::Meaning;

/// Where an event's id stands in paths and headers.
const EVENT_ID: &str = "{event_id}";

/// What rules on an answer to an event that was sent may come to.
const SENT: &str = "accepted, duplicate, rejected, rate_limited, retry, gateway, away or failed";
/// What rules on an answer to a question for an event may come to.
const ASKED: &str = "present, missing, rejected, rate_limited, retry, gateway, away or failed";

/// Checks what the form of the file does not hold.
///
/// # Errors
/// Names the key, its value and what would be right.
pub(super) fn check(dialect: &Dialect) -> Result<(), String> {
    path("request.path", &dialect.request.path)?;
    no_placeholder("request.path", &dialect.request.path)?;
    no_placeholder("request.key_prefix", &dialect.request.key_prefix)?;
    for (name, value) in &dialect.request.headers {
        let rest = value.replacen(EVENT_ID, "", 1);
        no_placeholder(&format!("request.headers.{name}"), &rest)
            .map_err(|e| format!("{e}; {EVENT_ID} may stand there once"))?;
    }
    rules("rules", &dialect.rules, SENT, |word| !matches!(word, Meaning::Present | Meaning::Missing))?;
    if let Some(batch) = &dialect.batch {
        path("batch.path", &batch.path)?;
        no_placeholder("batch.path", &batch.path)?;
        no_placeholder("batch.before", &batch.before)?;
        no_placeholder("batch.after", &batch.after)?;
        if let Some(id) = &batch.id {
            if batch.results.is_none() {
                return Err(format!(
                    "batch.id \"{}\": without batch.results no result is read that could have an id",
                    id.path
                ));
            }
            if id.path.is_empty() {
                return Err(
                    "batch.id \"\": expected the key of an event's id in a result, such as \"event_id\"".to_owned()
                );
            }
        }
        rules("batch.rules", &batch.rules, SENT, |word| !matches!(word, Meaning::Present | Meaning::Missing))?;
        if let Some(at) = batch.rules.iter().position(|rule| rule.status.is_some()) {
            return Err(format!("batch.rules, number {}: status: a result in a batch has none; leave it out", at + 1));
        }
    }
    if let Some(verify) = &dialect.verify {
        path("verify.path", &verify.path)?;
        if !verify.path.contains(EVENT_ID) {
            return Err(format!("verify.path \"{}\": {EVENT_ID} must stand in it for the event's id", verify.path));
        }
        no_placeholder("verify.path", &verify.path.replace(EVENT_ID, ""))?;
        rules("verify.rules", &verify.rules, ASKED, |word| !matches!(word, Meaning::Accepted | Meaning::Duplicate))?;
    }
    Ok(())
}

/// A path stands behind the URL's own.
fn path(key: &str, path: &str) -> Result<(), String> {
    match path {
        "" => Ok(()),
        path if path.starts_with('/') => Ok(()),
        path => Err(format!("{key} \"{path}\": a path begins with /, such as \"/{path}\"")),
    }
}

/// Whatever stands in braces here would go out as it is.
fn no_placeholder(key: &str, text: &str) -> Result<(), String> {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let named = text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).find(|(name, _)| is_name(name));
    named.map_or(Ok(()), |(name, _)| Err(format!("{key}: {{{name}}} stands for nothing here")))
}

fn rules(section: &str, rules: &[Rule], words: &str, fits: impl Fn(Meaning) -> bool) -> Result<(), String> {
    for (number, rule) in (1..).zip(rules) {
        let wrong = |what: String| Err(format!("{section}, number {number}: {what}"));
        if !fits(rule.outcome) {
            let word = rule.outcome.answer();
            return wrong(format!("outcome \"{word}\": {words} is wanted here"));
        }
        if rule.status.as_ref().is_some_and(Codes::are_none) {
            return wrong("status: the list is empty, so that no answer fits".to_owned());
        }
        if rule.text.as_ref().is_some_and(Words::say_nothing) {
            return wrong(
                "text: an empty text stands in every answer, and an empty list in none; leave it out".to_owned(),
            );
        }
        if rule.path.is_some() && rule.text.is_none() {
            return wrong("path: without text there is nothing to look for there".to_owned());
        }
        if (rule.window.is_some() || rule.window_text.is_some()) && rule.outcome != Meaning::RateLimited {
            return wrong("window and window_text go with the outcome \"rate_limited\"".to_owned());
        }
        if let Some(text) = &rule.window_text {
            match text.split("{}").collect::<Vec<_>>()[..] {
                ["", ""] => {
                    return wrong(format!("window_text \"{text}\": words must stand before or behind the {{}}"));
                }
                [_, _] => {}
                _ => return wrong(format!("window_text \"{text}\": {{}} must stand in it once for the seconds")),
            }
        }
        if rule.window.is_some_and(|window| window.is_zero()) {
            return wrong("window: expected a time above 0, such as \"60s\"".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Dialect, PLAIN, PULSESTREAM};

    #[test]
    fn our_own_dialects_are_right() {
        for text in [PULSESTREAM, PLAIN] {
            assert!(Dialect::parse(text).is_ok());
        }
    }

    #[test]
    fn what_would_never_be_done_is_named_with_its_key() {
        let request = "[request]\nmethod = 'PUT'\npath = '/x'\n";
        for (text, key) in [
            ("[request]\nmethod = 'PUT'\npath = 'x'".to_owned(), "request.path \"x\": a path begins with /"),
            (
                "[request]\nmethod = 'PUT'\npath = '/x/{event_id}'".to_owned(),
                "request.path: {event_id} stands for nothing",
            ),
            (format!("{request}headers = {{ A = 'k-{{id}}' }}"), "request.headers.A: {id}"),
            (format!("{request}headers = {{ A = '{{event_id}}-{{event_id}}' }}"), "request.headers.A: {event_id}"),
            (format!("{request}[[rules]]\noutcome = 'present'"), "rules, number 1: outcome \"present\""),
            (format!("{request}[[rules]]\noutcome = 'failed'\npath = 'a'"), "rules, number 1: path"),
            (format!("{request}[[rules]]\noutcome = 'failed'\nwindow = '1m'"), "rules, number 1: window"),
            (format!("{request}[[rules]]\noutcome = 'rate_limited'\nwindow_text = 'x'"), "number 1: window_text \"x\""),
            (
                format!("{request}[[rules]]\noutcome = 'rate_limited'\nwindow_text = '{{}}'"),
                "number 1: window_text \"{}\": words must stand before or behind the {}",
            ),
            (
                format!("{request}[[rules]]\noutcome = 'rate_limited'\nwindow_text = 'per {{}} or {{}} s'"),
                "number 1: window_text \"per {} or {} s\": {} must stand in it once",
            ),
            (format!("{request}[[rules]]\noutcome = 'rate_limited'\nwindow = '0s'"), "number 1: window: expected"),
            (format!("{request}[[rules]]\nstatus = []\noutcome = 'failed'"), "number 1: status: the list is empty"),
            (format!("{request}[[rules]]\ntext = ''\noutcome = 'failed'"), "number 1: text: an empty text"),
            (format!("{request}[[rules]]\ntext = ['a', '']\noutcome = 'failed'"), "number 1: text: an empty text"),
            (format!("{request}[[rules]]\ntext = []\noutcome = 'failed'"), "number 1: text: an empty text"),
            (format!("{request}key_prefix = '{{event_id}}'"), "request.key_prefix: {event_id}"),
            (
                format!("{request}[batch]\npath = '/b'\nbefore = '{{event_id}}'\nafter = ''"),
                "batch.before: {event_id} stands for nothing",
            ),
            (format!("{request}[batch]\npath = '/b'\nbefore = ''\nafter = ''\nid = 'a'"), "batch.id \"a\": without"),
            (
                format!("{request}[batch]\npath = '/b'\nbefore = ''\nafter = ''\nresults = 'r'\nid = ''"),
                "batch.id \"\": expected",
            ),
            (format!("{request}[verify]\npath = '/y'"), "verify.path \"/y\": {event_id} must stand"),
            (
                format!("{request}[verify]\npath = '/{{event_id}}'\n[[verify.rules]]\noutcome = 'accepted'"),
                "verify.rules, number 1",
            ),
            (
                format!(
                    "{request}[batch]\npath = '/b'\nbefore = ''\nafter = ''\n[[batch.rules]]\nstatus = 200\noutcome = 'accepted'"
                ),
                "batch.rules, number 1: status",
            ),
        ] {
            let error = Dialect::parse(&text).expect_err(key);
            assert!(error.contains(key), "{error}");
        }
        let good = format!("{request}headers = {{ A = 'k-{{event_id}}', B = '{{\"json\":1}}' }}");
        assert!(Dialect::parse(&good).is_ok());
    }
}
