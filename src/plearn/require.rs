//! Requirements on how alike two sides are: `auc <= 0.55`, `members.beyond_noise = 0`.

use serde_json::Value;

use crate::record::bound::{Bound, FigureUnit, Operator};
use crate::record::requirement::{Met, Verdict, divide};

/// The figures that can be required, by their paths in the JSON report.
const FIGURES: [&str; 18] = [
    "auc",
    "auc_low",
    "auc_high",
    "beyond_noise",
    "compared",
    "real.events",
    "synthetic.events",
    "members.count",
    "members.within_noise",
    "members.beyond_noise",
    "members.not_judged",
    "members.free_text",
    "members.left_out",
    "pairs.count",
    "pairs.beyond_noise",
    "arrivals.beyond_noise",
    "arrivals.real_per_s",
    "arrivals.synthetic_per_s",
];

/// A requirement, as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Requirement {
    text: String,
    figure: &'static str,
    operator: Operator,
    bound: f64,
}

impl Requirement {
    /// Reads a requirement.
    ///
    /// # Errors
    /// A message that names what is wrong, with the closest names if a figure is misspelt.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, operator, right) = divide(text).ok_or_else(|| {
            format!("'{text}' is not a requirement: expected one such as 'auc <= 0.55' or 'members.beyond_noise = 0'")
        })?;
        let name = name.trim();
        let figure = FIGURES.into_iter().find(|known| *known == name).ok_or_else(|| {
            let mut nearest = FIGURES;
            // The start of a long text says as much, and the time grows with its length.
            let start: String = name.chars().take(100).collect();
            nearest.sort_by_key(|known| strsim::damerau_levenshtein(&start, known));
            format!("'{text}': there is no figure '{name}'; the closest are {}", nearest[..3].join(", "))
        })?;
        let unit = unit(figure);
        match Bound::parse(right, unit) {
            Some(Bound::Plain(bound)) => Ok(Self { text: text.to_owned(), figure, operator, bound }),
            _ => {
                let example = match unit {
                    FigureUnit::Count => "a whole number, such as 0".to_owned(),
                    _ => format!("a number, such as {}", unit.example()),
                };
                Err(format!("'{text}': expected {example} on the right of '{name}'"))
            }
        }
    }

    /// The verdict on a JSON report. A figure that is not known meets no requirement.
    pub(super) fn judge(&self, report: &Value) -> Verdict {
        let at = self.figure.split('.').fold(report, |at, key| &at[key]);
        let path = Some(self.figure.to_owned());
        match at.as_f64() {
            Some(value) => {
                let met = if self.operator.holds(value, self.bound) { Met::Yes } else { Met::No };
                Verdict::new(
                    &self.text,
                    path,
                    Some(value),
                    met,
                    unit(self.figure).in_words(value, (self.operator, self.bound)),
                )
            }
            None => {
                let why = report["not_known"][self.figure].as_str().unwrap_or("there is no data for it");
                Verdict::new(&self.text, path, None, Met::No, format!("not known: {why}"))
            }
        }
    }
}

/// The unit of a figure.
fn unit(figure: &str) -> FigureUnit {
    FigureUnit::of(figure.rsplit('.').next().unwrap_or(figure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_figure_is_held_against_its_bound_and_an_unknown_one_fails() {
        let report = json!({"auc": 0.55, "auc_high": null, "not_known": {"auc_high": "too few lines"},
            "members": {"beyond_noise": 2}, "arrivals": {"real_per_s": 12.5}});
        for (text, met, message) in [
            ("auc <= 0.55", true, "0.550"),
            ("auc<0.55", false, "0.550"),
            ("auc_high <= 0.6", false, "not known: too few lines"),
            ("members.beyond_noise = 0", false, "2"),
            ("members.beyond_noise <= 2", true, "2"),
            ("arrivals.real_per_s > 10/s", true, "12.5/s"),
            ("compared >= 1k", false, "not known: there is no data for it"),
        ] {
            let verdict = Requirement::parse(text).expect(text).judge(&report);
            assert_eq!((verdict.met, verdict.message.as_str()), (met, message), "{text}");
        }
    }

    #[test]
    fn what_is_misspelt_or_no_number_is_refused() {
        let refused = |text: &str| Requirement::parse(text).expect_err(text);
        assert!(refused("members.beyond = 0").contains("members.beyond_noise"));
        assert!(refused("auc <= high").contains("0.55"));
        assert!(refused("members.count >= 5%").contains("whole number"));
        assert!(refused("auc").contains("auc <= 0.55"));
    }
}
