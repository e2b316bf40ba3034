//! The right side of a requirement, in the unit of its figure, and how the two are held against each other.

use crate::cli::numbers::{duration, exact, milliseconds, number, percent};
use crate::cli::values::{ByteSize, Count, Span, decimal};

/// How a figure is held against its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// The comparisons as they are written.
const COMPARISONS: [(&str, Operator); 7] = [
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("=", Operator::Equal),
];

impl Operator {
    pub(crate) fn parse(sign: &str) -> Option<Self> {
        COMPARISONS.iter().find(|(known, _)| *known == sign).map(|(_, comparison)| *comparison)
    }

    /// Two numbers are equal where only rounding sets them apart: 1.4% is not quite the 7 of 500.
    pub(crate) fn holds(self, figure: f64, bound: f64) -> bool {
        const ROUNDING: f64 = 8.0 * f64::EPSILON;
        let equal = (figure - bound).abs() <= ROUNDING * figure.abs().max(bound.abs());
        match self {
            Self::Less => figure < bound && !equal,
            Self::LessOrEqual => figure <= bound || equal,
            Self::Greater => figure > bound && !equal,
            Self::GreaterOrEqual => figure >= bound || equal,
            Self::Equal => equal,
            Self::NotEqual => !equal,
        }
    }
}

/// The unit of a figure, taken from its key (contracts §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FigureUnit {
    /// 0 to 1; written with %.
    Share,
    Milliseconds,
    Seconds,
    PerSecond,
    PerDay,
    Bytes,
    Count,
    Truth,
    /// A number that is neither a count nor a share of lines.
    Number,
}

impl FigureUnit {
    pub(crate) fn of(key: &str) -> Self {
        let key = key.strip_suffix("_low").or(key.strip_suffix("_high")).unwrap_or(key);
        match key {
            "throughput" | "rate" | "at_least" => Self::PerSecond,
            "recall" | "precision" => Self::Share,
            "auc" => Self::Number,
            key if key.ends_with("_per_s") => Self::PerSecond,
            key if key.ends_with("_per_day") => Self::PerDay,
            "complete" | "exact" | "interrupted" => Self::Truth,
            key if key.ends_with("_rate") || key.ends_with("_share") => Self::Share,
            key if key.ends_with("_ms") => Self::Milliseconds,
            key if key.ends_with("_s") => Self::Seconds,
            key if key.ends_with("bytes") => Self::Bytes,
            _ => Self::Count,
        }
    }

    /// What a bound for it looks like.
    pub(crate) fn example(self) -> &'static str {
        match self {
            Self::Share => "5%, up to 100%",
            Self::Milliseconds | Self::Seconds => "200ms or 1.5s",
            Self::PerSecond => "1000/s",
            Self::PerDay => "0.5 or 0.5/day",
            Self::Bytes => "1MiB",
            Self::Count => "100, 10k, or 5% for a share of count",
            Self::Truth => "true",
            Self::Number => "0.55",
        }
    }

    /// A figure as a verdict on `bound` shows it: in the form of all reports, and with more decimals only if the verdict on the
    /// figure as it is read would be another.
    pub(crate) fn in_words(self, value: f64, (operator, bound): (Operator, f64)) -> String {
        let tells = |read: f64| {
            let is_on_it = |value: f64| Operator::Equal.holds(value, bound);
            operator.holds(read, bound) == operator.holds(value, bound) && is_on_it(read) == is_on_it(value)
        };
        let usual = self.usual(value);
        // `<0.1%` says nothing about a bound that is closer to none, nor `>99.9%` about one that is closer to all.
        let is_vague = usual.starts_with(['<', '>']) && (1e-12..0.001).contains(&bound.min(1.0 - bound));
        if !is_vague && self.read(&usual).is_none_or(tells) {
            return usual;
        }
        let unit = if self == Self::Share { 100.0 } else { 1.0 };
        let rounded = |decimals: i32| {
            let power = 10f64.powi(decimals);
            (value * unit * power).round() / power
        };
        let shown = exact((2..6).map(rounded).find(|shown| tells(*shown / unit)).unwrap_or(value * unit));
        match self {
            Self::Share => format!("{shown}%"),
            Self::Milliseconds => format!("{shown} ms"),
            Self::Seconds => format!("{shown} s"),
            Self::PerSecond => format!("{shown}/s"),
            Self::PerDay => format!("{shown} a day"),
            Self::Bytes | Self::Truth | Self::Count | Self::Number => shown,
        }
    }

    /// A figure in the form of all reports.
    fn usual(self, value: f64) -> String {
        match self {
            Self::Share => percent(value),
            Self::Milliseconds => milliseconds(value),
            Self::Seconds => duration(value),
            Self::PerSecond => format!("{}/s", number(value)),
            Self::PerDay => format!("{} a day", number(value)),
            Self::Bytes => format!("{} bytes", exact(value)),
            Self::Truth => (value != 0.0).to_string(),
            Self::Number => number(value),
            Self::Count => exact(value),
        }
    }

    /// The figure that a reader takes from [`FigureUnit::usual`]. `None` where it has all digits.
    fn read(self, usual: &str) -> Option<f64> {
        let plain = |text: &str| text.replace(',', "").parse::<f64>().ok();
        let words: Vec<&str> = usual.split(' ').collect();
        Some(match self {
            Self::Share => plain(usual.trim_start_matches(['<', '>']).trim_end_matches('%'))? / 100.0,
            Self::Milliseconds | Self::Seconds => {
                let seconds = words.chunks(2).map(|part| match part {
                    [n, unit] => {
                        let size = [("ms", 0.001), ("s", 1.0), ("min", 60.0), ("h", 3600.0), ("d", 86_400.0)];
                        size.iter().find(|(name, _)| name == unit).and_then(|(_, size)| Some(plain(n)? * size))
                    }
                    _ => None,
                });
                let seconds: f64 = seconds.sum::<Option<f64>>()?;
                if self == Self::Milliseconds { seconds * 1000.0 } else { seconds }
            }
            Self::PerSecond => plain(usual.trim_end_matches("/s"))?,
            Self::PerDay => plain(words[0])?,
            Self::Number => plain(usual)?,
            Self::Bytes | Self::Truth | Self::Count => return None,
        })
    }
}

/// The right side of a requirement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bound {
    /// In the figure's own unit.
    Plain(f64),
    /// A share of the count that the figure is part of, 0 to 1.
    OfWhole(f64),
    /// A share of the same figure of the base.
    OfBase(f64),
}

impl Bound {
    /// Reads a bound for a figure of this unit.
    pub(crate) fn parse(text: &str, unit: FigureUnit) -> Option<Self> {
        let percent = |text: &str| decimal(text.strip_suffix('%')?.trim());
        if let Some(share) = text.strip_suffix("base").and_then(|rest| rest.trim().strip_suffix("of")) {
            return percent(share.trim()).map(|share| Self::OfBase(share / 100.0));
        }
        // A blank may stand before a unit, but not within a number.
        let words: Vec<&str> = text.split_whitespace().collect();
        let of_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '_');
        if words.windows(2).any(|pair| pair[0].ends_with(of_number) && pair[1].starts_with(of_number)) {
            return None;
        }
        let text = words.concat();
        let span = || text.parse::<Span>().ok().map(|span| span.0.as_secs_f64());
        #[allow(clippy::cast_precision_loss)] // counts stay below 2^53
        let plain = match unit {
            // A bound above the whole would hold whatever happens.
            FigureUnit::Share => percent(&text).map(|share| share / 100.0).filter(|share| *share <= 1.0),
            FigureUnit::Milliseconds => span().map(|s| s * 1000.0),
            FigureUnit::Seconds => span(),
            FigureUnit::PerSecond => {
                text.strip_suffix("/s").and_then(|n| decimal(n).or_else(|| n.parse().ok().map(|Count(n)| n as f64)))
            }
            FigureUnit::PerDay => decimal(text.strip_suffix("/day").unwrap_or(&text)),
            FigureUnit::Bytes => text.parse().ok().map(|ByteSize(n)| n as f64),
            FigureUnit::Number => decimal(&text),
            FigureUnit::Truth => text.parse::<bool>().ok().map(|b| f64::from(u8::from(b))),
            FigureUnit::Count => match percent(&text) {
                Some(share) => return Some(Self::OfWhole(share / 100.0)),
                None => text.parse().ok().map(|Count(n)| n as f64),
            },
        };
        plain.map(Self::Plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_not_plainly_written_is_no_bound() {
        let read = |text, unit| Bound::parse(text, unit);
        for (text, unit, bound) in [
            ("5 %", FigureUnit::Share, Bound::Plain(0.05)),
            ("100%", FigureUnit::Share, Bound::Plain(1.0)),
            ("110 % of base", FigureUnit::Share, Bound::OfBase(1.1)),
            ("1,000", FigureUnit::Count, Bound::Plain(1000.0)),
            ("120%", FigureUnit::Count, Bound::OfWhole(1.2)),
            ("1 k", FigureUnit::Count, Bound::Plain(1000.0)),
            ("1h 30m", FigureUnit::Seconds, Bound::Plain(5400.0)),
            ("1.5k/s", FigureUnit::PerSecond, Bound::Plain(1500.0)),
        ] {
            assert_eq!(read(text, unit), Some(bound), "{text}");
        }
        for (text, unit) in [
            ("105%", FigureUnit::Share),
            ("+5%", FigureUnit::Share),
            ("-1%", FigureUnit::Share),
            ("5e0%", FigureUnit::Share),
            ("1 0%", FigureUnit::Share),
            ("nan%", FigureUnit::Share),
            ("-110% of base", FigureUnit::Share),
            ("1 2", FigureUnit::Count),
            ("1 000", FigureUnit::Count),
            ("1e3/s", FigureUnit::PerSecond),
            ("inf/s", FigureUnit::PerSecond),
            ("nan/s", FigureUnit::PerSecond),
            ("1 0ms", FigureUnit::Milliseconds),
        ] {
            assert_eq!(read(text, unit), None, "{text}");
        }
    }

    #[test]
    fn a_figure_has_the_form_of_all_reports_unless_it_would_read_as_if_the_verdict_were_wrong() {
        let told = |unit: FigureUnit, value, operator, bound| unit.in_words(value, (operator, bound));
        let (less, more, equal) = (Operator::Less, Operator::GreaterOrEqual, Operator::Equal);
        assert_eq!(told(FigureUnit::Share, 0.333_333, less, 0.05), "33.3%");
        assert_eq!(told(FigureUnit::Share, 0.050_04, less, 0.05), "5.004%");
        assert_eq!(told(FigureUnit::Share, 1.0, more, 0.95), "100.0%");
        assert_eq!(told(FigureUnit::Share, 0.999_99, equal, 1.0), ">99.9%");
        assert_eq!(told(FigureUnit::Share, 0.000_2, less, 0.000_1), "0.02%");
        assert_eq!(told(FigureUnit::Share, 0.000_2, less, 0.05), "<0.1%");
        assert_eq!(told(FigureUnit::Share, 0.000_2, less, 0.000_5), "0.02%");
        assert_eq!(told(FigureUnit::Milliseconds, 1_067.52, less, 1.0), "1,068 ms");
        assert_eq!(told(FigureUnit::Milliseconds, 150.4, less, 150.0), "150.4 ms");
        assert_eq!(told(FigureUnit::Milliseconds, 65_400.0, less, 65_000.0), "65,400 ms");
        assert_eq!(told(FigureUnit::Milliseconds, 65_400.0, less, 5_000.0), "1 min 5 s");
        assert_eq!(told(FigureUnit::Seconds, 4.0, less, 5.0), "4 s");
        assert_eq!(told(FigureUnit::PerSecond, 1_999.7, more, 2_000.0), "1,999.7/s");
        assert_eq!(told(FigureUnit::PerSecond, 0.034_72, more, 2_000.0), "0.0347/s");
        assert_eq!(told(FigureUnit::Count, 1_325.0, more, 9_000.0), "1,325");
        assert_eq!(told(FigureUnit::Number, 0.523_456, less, 0.55), "0.523");
    }
}
