//! Figures, differences and intervals of a comparison as people read them.

use super::judge::Row;
use crate::cli::numbers::{counted, exact, milliseconds, number, percent};
use crate::pstats::inference::verdict::{Scale, Word};

/// How wide an interval is drawn at least, in tolerances on either side of 0.
const AXIS: f64 = 3.0;

impl Row {
    /// The base's figure and this side's.
    pub(crate) fn figures(&self) -> [String; 2] {
        let shown = |value: f64| match &self.figure {
            figure if figure.ends_with("_rate") => percent(value),
            figure if figure.ends_with("_ms") => milliseconds(value),
            _ => format!("{}/s", number(value)),
        };
        [shown(self.base), shown(self.now)]
    }

    /// A difference that is allowed: `5%`, `0.5 points`.
    pub(crate) fn share(&self, difference: f64) -> String {
        format!("{}{}", exact(difference * 100.0), unit(scale_of(self)))
    }

    /// The difference: `+8.2%`, `+0.31 points`.
    pub(crate) fn change(&self) -> String {
        match self.difference {
            None => "–".to_owned(),
            Some(difference) => format!("{}{}", signed(scale_of(self), difference), unit(scale_of(self))),
        }
    }

    /// The interval: `+3.1 to +13.4%`.
    pub(crate) fn between(&self) -> String {
        match self.interval {
            None => "–".to_owned(),
            Some((low, high)) => {
                format!("{} to {}{}", signed(scale_of(self), low), signed(scale_of(self), high), unit(scale_of(self)))
            }
        }
    }

    /// The verdict, with how it came about: `worse, one run each`, `cannot tell; 4 more runs`. Why it cannot be told is a note of
    /// its own.
    pub(crate) fn verdict_in_words(&self) -> String {
        let is_told = self.verdict != Word::CannotTell;
        let one = if self.one_run_each && is_told { ", one run each" } else { "" };
        let more = self.more_runs.filter(|_| !is_told);
        let more = more.map_or(String::new(), |runs| format!("; {}", counted(runs as u64, "more run", "more runs")));
        format!("{}{one}{more}", self.verdict.in_words())
    }

    /// The interval on an axis from -1 to 1 whose middle is no difference, with the end of the tolerance on it. What lies
    /// beyond the axis is cut off. `None` if there is no interval.
    pub(crate) fn on_axis(&self) -> Option<OnAxis> {
        let (low, high) = self.interval?;
        // The difference is always on it.
        let least = self.difference.map_or(0.0, f64::abs) * 1.5;
        let widest = if self.tolerance > 0.0 { AXIS * self.tolerance } else { low.abs().max(high.abs()).max(1e-9) };
        let widest = widest.max(least);
        let place = |at: f64| (at / widest).clamp(-1.0, 1.0);
        Some(OnAxis {
            low: place(low),
            high: place(high),
            at: self.difference.map(place),
            tolerance: place(self.tolerance),
            is_cut: (low < -widest, high > widest),
        })
    }

    /// The interval drawn in a line of characters: `    ┊  │━━●━▶`.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // within the line
    pub(crate) fn drawn(&self) -> String {
        const HALF: usize = 12;
        let Some(axis) = self.on_axis() else { return String::new() };
        let column = |place: f64| ((place + 1.0) * HALF as f64).round() as usize;
        let mut line = [' '; 2 * HALF + 1];
        for place in [-axis.tolerance, axis.tolerance] {
            line[column(place)] = '┊';
        }
        line[HALF] = '│';
        let (low, high) = (column(axis.low), column(axis.high));
        line[low..=high].fill('━');
        if let Some(at) = axis.at {
            line[column(at)] = '●';
        }
        if axis.is_cut.0 {
            line[0] = '◀';
        }
        if axis.is_cut.1 {
            line[2 * HALF] = '▶';
        }
        line.iter().collect()
    }
}

/// An interval on an axis from -1 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct OnAxis {
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// The difference.
    pub(crate) at: Option<f64>,
    /// The end of the tolerance on either side.
    pub(crate) tolerance: f64,
    /// Whether the interval goes on beyond either end.
    pub(crate) is_cut: (bool, bool),
}

fn scale_of(row: &Row) -> Scale {
    row.place.1.scale()
}

fn unit(scale: Scale) -> &'static str {
    match scale {
        Scale::Ratio => "%",
        Scale::Points => " points",
    }
}

/// A difference with its sign, without its unit.
fn signed(scale: Scale, difference: f64) -> String {
    let value = difference * 100.0;
    let decimals = if scale == Scale::Points { 2 } else { 1 };
    let text = format!("{:.decimals$}", value.abs());
    let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let sign = match value {
        _ if is_zero => "",
        value if value < 0.0 => "-",
        _ => "+",
    };
    match text.split_once('.') {
        Some((whole, fraction)) if whole.len() > 3 => {
            format!("{sign}{}.{fraction}", exact(whole.parse::<f64>().unwrap_or(value.abs())))
        }
        _ => format!("{sign}{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_have_a_sign_and_separated_thousands() {
        assert_eq!([signed(Scale::Ratio, 0.0821), signed(Scale::Ratio, -0.5)], ["+8.2", "-50.0"]);
        assert_eq!([signed(Scale::Points, 0.00314), signed(Scale::Points, -1e-9)], ["+0.31", "0.00"]);
        assert_eq!(signed(Scale::Ratio, 123.4567), "+12,345.7");
    }
}
