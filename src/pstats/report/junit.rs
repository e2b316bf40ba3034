//! The verdicts as JUnit XML, which every CI system shows: a test case a requirement.

use super::Report;
use super::alerts;
use super::compared::{TITLE, lines, shown};
use super::parts;

/// Writes the verdicts. The suite's time is that of the run: from psend's first request to the last end, or else pstats' own.
pub(crate) fn write(report: &Report) -> String {
    let failures = report.requirements.iter().filter(|verdict| !verdict.met).count();
    let time = report.outcomes.as_ref().map(|outcomes| &outcomes.time);
    let began = time.and_then(|time| time.first.as_deref()).unwrap_or(&report.run.started_at);
    let took = time.and_then(|time| time.span_s).unwrap_or(report.run.elapsed_s);
    let counts = format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\" time=\"{took:.3}\"",
        report.requirements.len()
    );
    let suite = escape(&report.run.suite);
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{suite}\" {counts}>\n  <testsuite name=\"{suite}\" {counts} \
         timestamp=\"{}\">\n",
        // Without a fraction and a zone, as the schema of most readers has it. It is UTC.
        began.get(..19).unwrap_or(began)
    );
    for verdict in &report.requirements {
        let (name, message) = (escape(&verdict.requirement), escape(&verdict.message));
        xml.push_str(&format!("    <testcase classname=\"{suite}\" name=\"{name}\" time=\"0\""));
        if verdict.met {
            xml.push_str(&format!(">\n      <system-out>{message}</system-out>\n    </testcase>\n"));
        } else {
            let kind = if verdict.unsure { " type=\"cannot tell\"" } else { "" };
            xml.push_str(&format!(
                ">\n      <failure message=\"{message}\"{kind}>not met: {name}: {message}</failure>\n    </testcase>\n"
            ));
        }
    }
    if let Some(shown) = shown(report) {
        let text = lines(&shown).iter().map(|line| escape(line)).collect::<Vec<_>>().join("\n");
        xml.push_str(&format!("    <system-out>{TITLE}\n{text}</system-out>\n"));
    }
    if let Some(shown) = alerts::shown(report) {
        let text = alerts::lines(&shown).iter().map(|line| escape(line)).collect::<Vec<_>>().join("\n");
        xml.push_str(&format!("    <system-out>{}\n{text}</system-out>\n", alerts::TITLE));
    }
    let parts = parts::lines(report);
    if !parts.is_empty() {
        let text = parts.iter().map(|line| escape(line)).collect::<Vec<_>>().join("\n");
        xml.push_str(&format!("    <system-out>{}\n{text}</system-out>\n", parts::TITLE));
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

/// Text as XML has it, in an attribute too. Characters that XML cannot hold are left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        assert_eq!(escape("a < \"b\" & \u{1}c"), "a &lt; &quot;b&quot; &amp; c");
    }
}
