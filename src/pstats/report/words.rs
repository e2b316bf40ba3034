//! What the reports for people are made of beside plain numbers: figures that may lack data, moments, bars and lines.

use super::TimeReport;
use crate::cli::numbers;

/// A figure that there is no data for.
const NONE: &str = "–";

/// A share from 0 to 1 as a percentage.
pub(crate) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| NONE.to_owned(), numbers::percent)
}

/// Milliseconds; long ones as a length of time.
pub(crate) fn milliseconds(ms: Option<f64>) -> String {
    ms.map_or_else(|| NONE.to_owned(), numbers::milliseconds)
}

/// What lines of the input are, by the key that counts them.
pub(crate) fn kind_of_line(key: &str) -> String {
    match key {
        "not_json" => "not JSON".to_owned(),
        "not_utf8" => "not UTF-8".to_owned(),
        "not_object" => "not an object".to_owned(),
        key => key.replace('_', " "),
    }
}

/// A time without its fraction and its T: `2026-01-05 09:00:00`.
pub(crate) fn moment(rfc3339: &str) -> String {
    rfc3339.get(..19).unwrap_or(rfc3339).replacen('T', " ", 1)
}

/// From when to when: `2026-01-05 09:00:00 to 09:12:30 UTC`. Over several days, minutes are enough.
pub(crate) fn period(time: &TimeReport) -> Option<String> {
    let (first, last) = (moment(time.first.as_deref()?), moment(time.last.as_deref()?));
    Some(match (first.split_once(' '), last.split_once(' ')) {
        (Some((day, _)), Some((same, clock))) if day == same => format!("{first} to {clock} UTC"),
        _ => format!("{} to {} UTC", first.get(..16).unwrap_or(&first), last.get(..16).unwrap_or(&last)),
    })
}

/// A bar of at most `width` characters for a share from 0 to 1, in eighths of a character.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // small, not negative
pub(crate) fn bar(share: f64, width: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * (width * 8) as f64).round() as usize;
    let eighths = if share > 0.0 { eighths.max(1) } else { 0 };
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

/// Values as one line of small columns, at most `width` of them; neighbours are averaged if there are more.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // 0 to 7
pub(crate) fn sparkline(values: &[f64], width: usize) -> String {
    const COLUMNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let step = values.len().div_ceil(width.max(1)).max(1);
    let columns: Vec<f64> = values.chunks(step).map(|chunk| chunk.iter().sum::<f64>() / chunk.len() as f64).collect();
    let highest = columns.iter().copied().fold(0.0, f64::max);
    let height = |value: f64| if highest > 0.0 { (value / highest * 7.0).round() as usize } else { 0 };
    columns.into_iter().map(|value| COLUMNS[height(value).min(7)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_without_data_is_a_dash() {
        assert_eq!([percent(Some(0.974)), percent(None)], ["97.4%", "–"]);
        assert_eq!([milliseconds(Some(3.0)), milliseconds(None)], ["3.00 ms", "–"]);
    }

    #[test]
    fn a_time_is_read_without_its_fraction() {
        assert_eq!(moment("2026-01-05T09:00:00.123456Z"), "2026-01-05 09:00:00");
    }

    #[test]
    fn bars_and_lines_show_what_is_there() {
        assert_eq!(bar(0.5, 4), "██");
        assert_eq!(bar(0.0001, 4), "▏");
        assert_eq!(bar(0.0, 4), "");
        assert_eq!(sparkline(&[0.0, 1.0, 2.0], 10), "▁▅█");
        assert_eq!(sparkline(&[1.0, 3.0, 8.0, 0.0], 2), "▅█");
    }
}
