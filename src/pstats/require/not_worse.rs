//! `latency.p95 not worse`, `error_rate not worse than 0.5 points`: a figure held against that of the base.

use super::catalogue::Catalogue;
use crate::cli::numbers::counted;
use crate::pstats::compare::{Comparison, Figure, Margin, Row};
use crate::pstats::groups::GroupKey;
use crate::pstats::inference::verdict::{Better, Scale, Word};
use crate::pstats::line_kind::LineKind;
use crate::pstats::named::Named;
use crate::record::filter;
use crate::record::requirement::{Met, Verdict};

/// What makes a requirement one of these.
const NOT_WORSE: &str = "not worse";

/// What a verdict that cannot be told counts as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Unsure {
    /// It fails, because nothing shows that it is met.
    #[default]
    Fail,
    /// It passes, because nothing shows that it is not.
    Pass,
}

/// A requirement that a figure is not worse than the base's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NotWorse {
    text: String,
    group: Vec<(String, String)>,
    kind: Option<LineKind>,
    figure: Figure,
    /// By how much it may be worse; `None` if any certain change for the worse beyond the tolerance is one too much.
    margin: Option<f64>,
}

impl NotWorse {
    /// Reads a requirement; `None` if it is of another form.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str, catalogue: &Catalogue) -> Option<Result<Self, String>> {
        let (left, right) = text.rsplit_once(NOT_WORSE)?;
        let right = right.trim();
        // A group's value may hold the words too.
        let margin = match right.strip_prefix("than") {
            _ if right.is_empty() => None,
            Some(margin) => Some(margin.trim()),
            None => return None,
        };
        Some(Self::read(text, left, margin, catalogue).map_err(|e| format!("'{text}': {e}")))
    }

    fn read(text: &str, left: &str, margin: Option<&str>, catalogue: &Catalogue) -> Result<Self, String> {
        let (selector, name) = left.rsplit_once(':').map_or((None, left), |(group, name)| (Some(group), name));
        let name = name.trim();
        let mut group = Vec::new();
        for pair in selector.map(filter::split).unwrap_or_default() {
            let (field, value) =
                pair.split_once('=').ok_or("expected one such as 'service=auth-service: latency.p95 not worse'")?;
            let field = field.trim();
            catalogue.check_field(field)?;
            group.push((field.to_owned(), value.trim().to_owned()));
        }
        let found =
            LineKind::ALL.into_iter().find_map(|kind| Some((kind, name.strip_prefix(kind.key())?.strip_prefix('.')?)));
        let (kind, path) = found.map_or((None, name), |(kind, path)| (Some(kind), path));
        let figure = Figure::named(path).ok_or_else(|| {
            format!(
                "'{name}' is not a figure that is compared; expected latency.p95 or another of mean, p50, p90, p95, p99 and \
                 p999 of latency and end_to_end, error_rate, success_rate or throughput"
            )
        })?;
        if !group.is_empty() && figure.path().starts_with("end_to_end") {
            return Err("groups have no end_to_end; expected latency".to_owned());
        }
        let margin = margin.map(|margin| Margin::parse(margin, figure.scale())).transpose()?;
        Ok(Self { text: text.to_owned(), group, kind, figure, margin })
    }

    /// The requirement as it was given.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The fields and values of its group; empty if it is on the whole.
    pub(crate) fn group(&self) -> &[(String, String)] {
        &self.group
    }

    /// Its figure, and of which kind of line it is, if it says so.
    pub(crate) fn figure(&self) -> (Option<LineKind>, Figure) {
        (self.kind, self.figure)
    }

    /// The verdict.
    ///
    /// # Errors
    /// If events and outcomes are compared and it does not say which it means.
    pub(super) fn judge(
        &self,
        comparison: Option<&Comparison>,
        group: Option<&(String, GroupKey)>,
        unsure: Unsure,
        allow_empty: bool,
    ) -> Result<Verdict, String> {
        let named = group.map(|(name, key)| -> Named {
            let values = key.iter().map(|value| value.as_deref().map(str::to_owned));
            name.split(',').map(str::to_owned).zip(values).collect()
        });
        let is_it = |row: &&Row| {
            row.place.1 == self.figure && self.kind.is_none_or(|kind| kind == row.place.0) && row.group == named
        };
        let rows = comparison.map_or(&[][..], |comparison| &comparison.rows);
        let mut found = rows.iter().filter(is_it);
        let row = match (found.next(), found.next()) {
            (None, _) => {
                let met = if allow_empty { Met::Yes } else { Met::No };
                return Ok(Verdict::new(&self.text, None, None, met, "no data that both sides have".to_owned()));
            }
            (Some(row), None) => row,
            (Some(_), Some(_)) => {
                return Err(format!(
                    "'{}': both sides have events and outcomes; write events.{path} or outcomes.{path}",
                    self.text,
                    path = self.figure.path()
                ));
            }
        };
        let judged = self.judged(row, comparison.map_or(1, |comparison| comparison.family));
        let said = format!("{} ({})", row.change(), row.between());
        let allowed = self.margin.unwrap_or(row.tolerance);
        let (met, message) = match judged {
            Judged::Worse => (Met::No, format!("{said}: worse{}", one_each(row))),
            Judged::NotWorse => {
                (Met::Yes, format!("{said}: not worse by more than {}{}", row.share(allowed), one_each(row)))
            }
            Judged::CannotTell => {
                let why = row.why.as_deref().unwrap_or("the interval reaches beyond what is allowed");
                let more = row.more_runs.filter(|_| row.verdict == Word::CannotTell);
                let more = more.map_or(String::new(), |runs| {
                    format!("; {} a side would do", counted(runs as u64, "more run", "more runs"))
                });
                let met = if unsure == Unsure::Pass { Met::UnsurePassed } else { Met::Unsure };
                let counts =
                    if unsure == Unsure::Pass { "passes with --unsure pass" } else { "fails without --unsure pass" };
                (met, format!("cannot tell: {said}: {why}{more}; this {counts}"))
            }
        };
        let path = row.label().map_or_else(|| row.figure.clone(), |label| format!("{label}: {}", row.figure));
        Ok(Verdict::new(&self.text, Some(path), row.difference, met, message))
    }

    #[allow(clippy::cast_precision_loss)] // figures are few
    fn judged(&self, row: &Row, family: usize) -> Judged {
        let Some((difference, question)) = &row.basis else { return Judged::CannotTell };
        let (low, high) = question.interval(difference);
        let most_harm = question.harm(low).max(question.harm(high));
        let is_worse = match self.margin {
            None => row.verdict == Word::Worse,
            Some(margin) => {
                let sign = if question.better == Better::Lower { 1.0 } else { -1.0 };
                let shift = match question.scale {
                    Scale::Ratio => (sign * margin).ln_1p(),
                    Scale::Points => sign * margin,
                };
                let adjusted = difference.p_value(shift) * family.max(1) as f64;
                question.harm(difference.value - shift) > 0.0 && adjusted <= question.alpha
            }
        };
        match self.margin.unwrap_or(row.tolerance) {
            _ if is_worse => Judged::Worse,
            allowed if most_harm <= allowed => Judged::NotWorse,
            _ => Judged::CannotTell,
        }
    }
}

enum Judged {
    Worse,
    NotWorse,
    CannotTell,
}

fn one_each(row: &Row) -> &'static str {
    if row.one_run_each { ", one run each" } else { "" }
}
