//! Checks which outcomes rules may name in which section: a file that parses can still ask for what psend never does there.

use super::rules::{Codes, Rule, Words};
use crate::psend::meaning::Meaning;

/// The outcomes that rules on sent events may name.
pub(super) const SENT: &str = "accepted, duplicate, rejected, rate_limited, retry, gateway, away or failed";
/// The outcomes that rules on `--verify` may name.
pub(super) const ASKED: &str = "present, missing, rejected, rate_limited, retry, gateway, away or failed";

/// Checks the rules of a section, whose outcomes are to be among `words`.
///
/// # Errors
/// Names the rule, the key and what would be right.
pub(super) fn rules(section: &str, rules: &[Rule], words: &str) -> Result<(), String> {
    for (number, rule) in (1..).zip(rules) {
        let wrong = |what: String| Err(format!("{section}, number {number}: {what}"));
        let is_sent = !matches!(rule.outcome, Meaning::Present | Meaning::Missing);
        let is_asked = !matches!(rule.outcome, Meaning::Accepted | Meaning::Duplicate);
        if !(if words == SENT { is_sent } else { is_asked }) {
            let word = rule.outcome.answer();
            return wrong(format!("outcome \"{word}\": expected {words} here"));
        }
        if rule.status.as_ref().is_some_and(Codes::are_none) {
            return wrong("status: the list is empty, so that no answer fits".to_owned());
        }
        if rule.text.as_ref().is_some_and(Words::say_nothing) {
            return wrong(
                "text: an empty text stands in every answer, and an empty list in none; leave it out".to_owned(),
            );
        }
        if rule.path.is_some() && rule.text.is_none() && rule.is.is_none() {
            return wrong("path: without text or is there is nothing to look for there".to_owned());
        }
        if rule.is.is_some() && rule.path.is_none() {
            return wrong("is: it goes with path, which says where the value is".to_owned());
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
    use super::super::Dialect;

    #[test]
    fn what_would_never_be_done_is_named_with_its_key() {
        let request = "[request]\nmethod = 'PUT'\npath = '/x'\n";
        for (text, key) in [
            ("[request]\nmethod = 'PUT'\npath = 'x'".to_owned(), "request.path \"x\": a path begins with /"),
            (
                "[request]\nmethod = 'put'\npath = '/x'".to_owned(),
                "request.method \"put\": expected a method in capitals",
            ),
            (format!("{request}headers = {{ A = '{{a b}}' }}"), "request.headers.A: {a b}: expected a name"),
            (format!("{request}headers = {{ A = '{{a' }}"), "request.headers.A: '{a': no } follows"),
            (format!("{request}headers = {{ 'A b' = '' }}"), "request.headers.A b: it is not a header name"),
            (
                format!("{request}body = '{{timestamp:epoch}}'"),
                "request.body: {timestamp:epoch}: 'epoch' is not a format",
            ),
            (format!("{request}body = '{{a|b}}'"), "request.body: {a|b}: 'b' is not JSON"),
            (format!("{request}body = '\"{{a}}'"), "request.body: a string begins with \""),
            (format!("{request}[[rules]]\noutcome = 'failed'\nis = 3"), "rules, number 1: is: it goes with path"),
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
            (format!("{request}[batch]\npath = '/{{event_id}}'"), "batch.path: {event_id} stands for nothing"),
            (
                format!("{request}[batch]\npath = '/b'\nresults = 'r'\nrefused_count = 'n'"),
                "batch.results and batch.accepted_count or refused_count: expected one of these",
            ),
            (
                format!("{request}[batch]\npath = '/b'\nfaults = 'f'"),
                "batch.faults: batch.index or batch.id says which",
            ),
            (format!("{request}[batch]\npath = '/b'\nindex = 'i'"), "batch.index: it goes with batch.faults"),
            (format!("{request}[batch]\npath = '/b'\nlines = true"), "batch.lines: the lines are the whole answer"),
            (
                format!("{request}[batch]\npath = '/b'\ngroup_by = ['a']\ngroup_before = '{{b}}'"),
                "batch.group_before: {b} is not among batch.group_by",
            ),
            (format!("{request}[batch]\npath = '/b'\ngroup_after = ']'"), "batch.group_by says which"),
            (
                format!("{request}[batch]\npath = '/b'\ngroup_by = ['a']\nresults = ''"),
                "batch.group_by: events are grouped, so that results must be matched by batch.id",
            ),
            (
                format!("{request}[batch]\npath = '/b'\nbefore = '{{event_id}}'\nafter = ''"),
                "batch.before: {event_id} stands for nothing",
            ),
            (format!("{request}[batch]\npath = '/b'\nbefore = ''\nafter = ''\nid = 'a'"), "batch.id \"a\": without"),
            (
                format!("{request}[batch]\npath = '/b'\nbefore = ''\nafter = ''\nresults = 'r'\nid = ''"),
                "batch.id \"\": expected",
            ),
            (format!("{request}[verify]\npath = '/y'"), "verify.path: expected {id} in the path"),
            (
                format!("{request}[verify]\npath = '/{{event_id}}'\n[[verify.rules]]\noutcome = 'accepted'"),
                "verify.rules, number 1",
            ),
            (
                format!("{request}[batch]\npath = '/b'\n[[batch.rules]]\nstatus = 200\noutcome = 'accepted'"),
                "batch.rules, number 1: status: batch.status says where",
            ),
        ] {
            let error = Dialect::parse(&text).expect_err(key);
            assert!(error.contains(key), "{error}");
        }
        let good = format!("{request}headers = {{ A = 'k-{{event_id}}', B = '{{\"json\":1}}' }}");
        assert!(Dialect::parse(&good).is_ok());
    }
}
