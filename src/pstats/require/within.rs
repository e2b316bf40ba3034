//! A requirement that a figure is within a bound: `latency.p95 < 200ms`, `service=a: error_rate <= 110% of base`.

use serde_json::Value;

use super::catalogue::Catalogue;
use super::figure_path::{FigurePath, Found};
use crate::cli::numbers::exact;
use crate::record::bound::{Bound, FigureUnit, Operator};
use crate::record::filter;
use crate::record::requirement::{Met, Verdict, divide, is_sign};

/// A requirement that a figure is within a bound.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::pstats) struct Within {
    text: String,
    figure: FigurePath,
    operator: Operator,
    bound: Bound,
}

impl Within {
    /// As it was given.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The fields of its group and their values. Empty if it is on the whole.
    pub(super) fn group(&self) -> &[(String, String)] {
        &self.figure.group
    }

    /// Whether its bound is a share of the base's figure.
    pub(super) fn needs_base(&self) -> bool {
        matches!(self.bound, Bound::OfBase(_))
    }

    /// Reads a requirement.
    ///
    /// # Errors
    /// A message that names what is wrong, with the closest names if a figure or a field is misspelt.
    pub(super) fn parse(text: &str, catalogue: &Catalogue) -> Result<Self, String> {
        let form = || {
            format!(
                "'{text}' is not a requirement: expected one such as 'error_rate < 5%' or 'service=auth-service: latency.p95 < 200ms'"
            )
        };
        let (left, operator, right) = divide(text).ok_or_else(form)?;
        let (selector, name) = left.rsplit_once(':').map_or((None, left), |(group, name)| (Some(group), name));
        let name = name.trim();
        if name.is_empty() || name.contains(is_sign) || right.contains(':') {
            return Err(form());
        }
        let mut group = Vec::new();
        for pair in selector.map(filter::split).unwrap_or_default() {
            let (field, value) = pair.split_once('=').ok_or_else(form)?;
            let field = field.trim();
            catalogue.check_field(field).map_err(|e| format!("'{text}': {e}"))?;
            group.push((field.to_owned(), value.trim().to_owned()));
        }
        let path = catalogue.figure(name, !group.is_empty()).map_err(|e| format!("'{text}': {e}"))?;
        let figure = FigurePath { group, path };
        let unit = figure.unit();
        let bound = Bound::parse(right, unit).ok_or_else(|| {
            format!("'{text}': expected {}, or 110% of base, on the right of '{name}'", unit.example())
        })?;
        match bound {
            Bound::OfWhole(_) if !figure.has_whole() => Err(format!(
                "'{text}': '{name}' is part of no count, so it cannot be a share; expected a number, such as 100 or 10k"
            )),
            _ => Ok(Self { text: text.to_owned(), figure, operator, bound }),
        }
    }

    /// The verdict on this report; `base` is the report of the run that it is compared with.
    ///
    /// # Errors
    /// If events and outcomes came in and the requirement does not say which of them it means.
    pub(super) fn judge(&self, report: &Value, base: Option<&Value>, allow_empty: bool) -> Result<Verdict, String> {
        let verdict = |figure, value, met, message| {
            Verdict::new(&self.text, figure, value, if met { Met::Yes } else { Met::No }, message)
        };
        let no_data = |figure, value| verdict(figure, value, allow_empty, "no data".to_owned());
        let root = self.figure.root(report).map_err(|e| format!("'{}': {e}", self.text))?;
        let Some(root) = root else { return Ok(no_data(None, None)) };
        let (path, value, whole, unread) = match self.figure.find(report, root) {
            Found::Figure { path, value, whole, unread } => (path, value, whole, unread),
            Found::Nothing => return Ok(no_data(None, None)),
            Found::NotCounted(why) => return Ok(verdict(None, None, false, why)),
            Found::NotKnown { path, why } => {
                return Ok(verdict(Some(path), None, false, format!("not known: {why}")));
            }
        };
        let bound = match self.bound {
            Bound::Plain(bound) => Some((value, bound)),
            Bound::OfWhole(share) => whole.filter(|whole| *whole > 0.0).map(|whole| (value / whole, share)),
            Bound::OfBase(share) => match base.map(|base| self.figure.find(base, root)) {
                Some(Found::Figure { value: base, .. }) => Some((value, share * base)),
                None => {
                    let why = "the JSON reports of the base do not add up to one; give states";
                    return Ok(verdict(Some(path), Some(value), false, why.to_owned()));
                }
                _ => return Ok(verdict(Some(path), Some(value), false, "the base has no such figure".to_owned())),
            },
        };
        let Some((compared, bound)) = bound else { return Ok(no_data(Some(path), Some(value))) };
        let unit = self.figure.unit();
        let at = (self.operator, bound);
        let message = match self.bound {
            Bound::OfWhole(_) => format!("{} ({})", exact(value), FigureUnit::Share.in_words(compared, at)),
            Bound::OfBase(_) => {
                format!(
                    "{}; the base allows {}",
                    unit.in_words(value, at),
                    unit.in_words(bound, (self.operator, value))
                )
            }
            Bound::Plain(_) => unit.in_words(value, at),
        };
        let met = self.operator.holds(compared, bound);
        // Rates and latencies are held against plain bounds and against the base, so what is compared is the figure itself.
        // That a figure equals the base's says nothing of what could not be read.
        let is_identity = self.operator == Operator::Equal && matches!(self.bound, Bound::OfBase(_));
        let end = unread.filter(|_| met && !is_identity).and_then(|unread| {
            let end = unread.ends.into_iter().find(|end| !self.operator.holds(*end, bound))?;
            Some(format!("{message}, but {}", unread.why(end, &unit.in_words(end, at))))
        });
        Ok(verdict(Some(path), Some(value), met && end.is_none(), end.unwrap_or(message)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn catalogue() -> Catalogue {
        let figures = json!({"count": 0, "success_rate": null, "error_rate": null, "latency": {"count": 0, "p95_ms": null},
            "throughput": null, "by": {}});
        let mut outcomes = figures.clone();
        outcomes["delivered"] = json!(0);
        outcomes["complete"] = json!(false);
        outcomes["time"] = json!({"first": "", "span_s": null});
        outcomes["slowest_endpoint"] = json!({"endpoint": "", "mean_ms": 0.0});
        let report = json!({"input": {"lines": 0, "unreadable": 0}, "events": figures, "outcomes": outcomes,
            "truth": {"missed": 0}, "reconciled": {"extra": 0}, "run": {"elapsed_s": 0.0}});
        Catalogue::new(report, ["service", "endpoint"].map(str::to_owned).to_vec())
    }

    fn judge(text: &str, report: &Value) -> (bool, String) {
        let verdict = Within::parse(text, &catalogue()).expect(text).judge(report, None, false).expect(text);
        (verdict.met, verdict.message)
    }

    fn outcomes() -> Value {
        json!({"input": {"lines": 10, "unreadable": 1}, "events": null, "truth": {"missed": 0}, "outcomes": {"count": 10, "delivered": 9,
            "success_rate": 0.9, "error_rate": 0.1, "latency": {"count": 9, "p95_ms": 150.5}, "throughput": 12.5, "complete": true,
            "by": {"service": [{"group": {"service": "a: b"}, "count": 4, "error_rate": 0.25}, {"group": null, "count": 6}]}}})
    }

    #[test]
    fn any_figure_is_held_against_a_bound_with_its_unit() {
        let report = outcomes();
        for (text, met) in [
            ("success_rate >= 90%", true),
            ("error_rate < 10%", false),
            ("outcomes.error_rate <= 10%", true),
            ("latency.p95 < 200ms", true),
            ("latency.p95_ms < 0.15s", false),
            ("delivered = 90%", true),
            ("delivered = 100%", false),
            // Neither a share nor a time in seconds is the decimal that it is written as.
            ("error_rate = 10%", true),
            ("latency.p95 = 150.5ms", true),
            ("latency.p95 <= 0.1505s", true),
            ("latency.p95 != 150.5ms", false),
            ("latency.p95 > 150.5ms", false),
            ("delivered >= 9", true),
            ("throughput > 12/s", true),
            ("complete = true", true),
            ("truth.missed = 0", true),
            ("input.lines == 10", true),
            ("input.unreadable <= 10%", true),
            ("input.unreadable < 10 %", false),
            ("latency.p95 < 200 ms", true),
            ("latency.count >= 90%", true),
        ] {
            assert_eq!(judge(text, &report).0, met, "{text}");
        }
    }

    #[test]
    fn a_group_is_named_by_its_values() {
        let text = "service=a: error_rate < 6%";
        let mut report = outcomes();
        report["outcomes"]["by"]["service"][0]["group"]["service"] = json!("a");
        assert_eq!(judge(text, &report), (false, "25.0%".to_owned()));
        assert_eq!(judge("service=a:error_rate<6%", &report), (false, "25.0%".to_owned()));
        assert_eq!(judge("service=a: count <= 40%", &report), (true, "4 (40.0%)".to_owned()));
        for value in ["a: b", "a=b", "a<b", "a,b", "http://x:80/y"] {
            report["outcomes"]["by"]["service"][0]["group"]["service"] = json!(value);
            let text = format!("service={}: error_rate < 6%", value.replace(',', "\\,"));
            assert_eq!(judge(&text, &report), (false, "25.0%".to_owned()), "{text}");
        }
    }

    #[test]
    fn a_group_that_was_not_counted_apart_is_not_one_without_data() {
        let requirement = Within::parse("service=a: error_rate < 6%", &catalogue()).expect("it parses");
        let judged = |report: &Value| requirement.judge(report, None, true).expect("a verdict");
        let mut report = outcomes();
        let among_others = judged(&report);
        assert!(!among_others.met && among_others.message.contains("--max-groups"), "{}", among_others.message);
        report["outcomes"]["by"]["service"].as_array_mut().expect("groups").pop();
        assert_eq!((judged(&report).met, judged(&report).message.as_str()), (true, "no data"));
        report["outcomes"]["by"] = json!({});
        let not_counted = judged(&report);
        assert!(!not_counted.met && not_counted.message.contains("--by service"), "{}", not_counted.message);
    }

    #[test]
    fn no_data_fails_unless_it_is_allowed() {
        let report = json!({"input": {"lines": 0}, "events": null, "outcomes": null});
        let requirement = Within::parse("error_rate < 5%", &catalogue()).expect("it parses");
        assert!(!requirement.judge(&report, None, false).expect("a verdict").met);
        assert!(requirement.judge(&report, None, true).expect("a verdict").met);
    }

    #[test]
    fn a_figure_of_two_kinds_has_to_say_which() {
        let mut report = outcomes();
        report["events"] = report["outcomes"].clone();
        let requirement = Within::parse("error_rate < 50%", &catalogue()).expect("it parses");
        assert!(
            requirement
                .judge(&report, None, false)
                .is_err_and(|e| e.contains("events.error_rate or outcomes.error_rate"))
        );
        assert!(judge("events.error_rate < 50%", &report).0);
    }

    #[test]
    fn a_share_of_the_base_run() {
        let requirement = Within::parse("latency.p95 <= 110% of base", &catalogue()).expect("it parses");
        assert!(requirement.needs_base());
        let mut slower = outcomes();
        slower["outcomes"]["latency"]["p95_ms"] = json!(180.0);
        assert!(!requirement.judge(&slower, Some(&outcomes()), false).expect("a verdict").met);
        assert!(requirement.judge(&outcomes(), Some(&slower), false).expect("a verdict").met);
        // The base's figure of the same kind of line counts, whatever else the base has.
        let mut base = outcomes();
        base["events"] = base["outcomes"].clone();
        base["events"]["latency"]["p95_ms"] = json!(1.0);
        assert!(requirement.judge(&outcomes(), Some(&base), false).expect("a verdict").met);
        base["outcomes"] = Value::Null;
        assert!(!requirement.judge(&outcomes(), Some(&base), false).expect("a verdict").met);
    }

    #[test]
    fn what_is_misspelt_or_lacks_its_unit_is_refused() {
        let refused = |text: &str| Within::parse(text, &catalogue()).expect_err(text);
        assert!(refused("sucess_rate >= 95%").contains("success_rate"));
        assert!(refused("latency.p59 < 1s").contains("latency.p95_ms"));
        assert!(refused("latency.p95 < 200").contains("200ms"));
        assert!(refused("error_rate < 5").contains("5%"));
        for text in [
            "",
            "error_rate",
            "< 5%",
            ": error_rate < 5%",
            "latency < 5ms",
            "error_rate < x%",
            "service: error_rate < 5%",
            "service=a error_rate < 5%",
            "service=a: error_rate",
            "error_rate << 5%",
        ] {
            refused(text);
        }
    }

    #[test]
    fn what_is_no_number_is_wrong_usage_and_what_has_no_data_is_not() {
        let refused = |text: &str| Within::parse(text, &catalogue()).expect_err(text);
        assert!(refused("slowest_endpoint < 5").contains("slowest_endpoint.mean_ms"));
        assert!(refused("outcomes.time.first > 5").contains("text"));
        assert!(refused("reconciled.extra <= 1%").contains("no count"));
        assert!(refused("count < 5%").contains("no count"));
        assert_eq!(judge("slowest_endpoint.mean_ms < 5ms", &outcomes()), (false, "no data".to_owned()));
        assert_eq!(judge("time.span < 5s", &outcomes()), (false, "no data".to_owned()));
        assert_eq!(judge("run.elapsed < 5s", &json!({"run": {"elapsed_s": 4.0}})), (true, "4 s".to_owned()));
    }

    #[test]
    fn groups_have_some_of_the_figures_and_fields_have_names() {
        let refused = |text: &str| Within::parse(text, &catalogue()).expect_err(text);
        for text in ["service=a: delivered >= 5", "service=a: outcomes.delivered >= 5", "service=a: input.lines > 1"] {
            let error = refused(text);
            assert!(error.contains("groups have count, success_rate, error_rate and latency"), "{error}");
        }
        assert!(refused("service=a: eror_rate < 5%").contains("error_rate"));
        assert!(refused("servce=a: error_rate < 5%").contains("'service'"));
        assert!(Within::parse("metrics.x=a: error_rate < 5%", &catalogue()).is_ok());
    }
}
