//! How figures read to a person: the same in every form that people read.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A count with thousands apart: `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share from 0 to 1 as a percentage with one decimal, which says 0 % and 100 % only where it is just that.
pub fn percent(share: Option<f64>) -> String {
    match share {
        None => "–".to_owned(),
        Some(share) if share > 0.0 && share < 0.0005 => "<0.1%".to_owned(),
        Some(share) if (0.9995..1.0).contains(&share) => ">99.9%".to_owned(),
        Some(share) => format!("{:.1}%", share * 100.0),
    }
}

/// Milliseconds with three digits that matter, or whole ones: `3.21 ms`, `145 ms`, `1,204 ms`; from ten seconds on as a length
/// of time: `25.4 s`.
pub fn milliseconds(ms: Option<f64>) -> String {
    match ms {
        None => "–".to_owned(),
        Some(ms) if ms >= 9999.5 => duration(ms / 1000.0),
        Some(ms) => format!("{} ms", number(ms)),
    }
}

/// A number with three digits that matter, or whole: `0.042`, `3.21`, `54.3`, `1,204`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // rounded, and not negative
pub fn number(n: f64) -> String {
    match n {
        n if n >= 99.95 => count(n.round() as u64),
        n if n >= 9.995 => format!("{n:.1}"),
        n if n >= 0.9995 || n == 0.0 => format!("{n:.2}"),
        n => format!("{n:.3}"),
    }
}

/// A length of time: `12.3 s`, `4 min 10 s`, `23 h 59 min`, `6 d 23 h`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // whole, and not negative
pub fn duration(seconds: f64) -> String {
    if seconds < 1.0 {
        return format!("{} ms", number(seconds * 1000.0));
    }
    if seconds < 60.0 && seconds.fract() == 0.0 {
        return format!("{seconds} s");
    }
    if seconds < 60.0 {
        return format!("{} s", number(seconds));
    }
    let whole = seconds.round() as u64;
    let parts = [("d", whole / 86_400), ("h", whole / 3600 % 24), ("min", whole / 60 % 60), ("s", whole % 60)];
    let first = parts.iter().position(|(_, n)| *n > 0).unwrap_or(parts.len() - 1);
    let shown = parts.iter().skip(first).take(2).filter(|(_, n)| *n > 0);
    shown.map(|(unit, n)| format!("{n} {unit}")).collect::<Vec<_>>().join(" ")
}

/// Bytes: `953 B`, `1.21 MB`.
#[allow(clippy::cast_precision_loss)]
pub fn bytes(n: u64) -> String {
    let units = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    let fitting = units.iter().find(|(_, size)| n as f64 >= *size);
    fitting.map_or_else(|| format!("{n} B"), |(unit, size)| format!("{} {unit}", number(n as f64 / size)))
}

/// A time without its fraction and its T: `2026-01-05 09:00:00`.
pub fn moment(rfc3339: &str) -> String {
    rfc3339.get(..19).unwrap_or(rfc3339).replacen('T', " ", 1)
}

/// A bar of at most `width` characters for a share from 0 to 1, in eighths of a character.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // small, not negative
pub fn bar(share: f64, width: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * (width * 8) as f64).round() as usize;
    let eighths = if share > 0.0 { eighths.max(1) } else { 0 };
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

/// Values as one line of small columns, at most `width` of them; neighbours are added where there are more.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // 0 to 7
pub fn sparkline(values: &[f64], width: usize) -> String {
    const COLUMNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let step = values.len().div_ceil(width.max(1)).max(1);
    let columns: Vec<f64> = values.chunks(step).map(|chunk| chunk.iter().sum::<f64>() / chunk.len() as f64).collect();
    let highest = columns.iter().copied().fold(0.0, f64::max);
    let height = |value: f64| if highest > 0.0 { (value / highest * 7.0).round() as usize } else { 0 };
    columns.into_iter().map(|value| COLUMNS[height(value).min(7)]).collect()
}

/// The first columns of a line on a terminal.
pub fn cut(line: &str, columns: usize) -> &str {
    let mut width = 0;
    let end = line.char_indices().find(|(_, c)| {
        width += c.width().unwrap_or(0);
        width > columns
    });
    &line[..end.map_or(line.len(), |(at, _)| at)]
}

/// How many columns a text takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!([count(0), count(999), count(1_234_567)], ["0", "999", "1,234,567"]);
        assert_eq!([percent(Some(0.974)), percent(Some(1.0)), percent(Some(0.99999))], ["97.4%", "100.0%", ">99.9%"]);
        assert_eq!([percent(Some(0.00001)), percent(Some(0.0)), percent(None)], ["<0.1%", "0.0%", "–"]);
        assert_eq!([number(0.0421), number(3.214), number(54.32), number(1204.4)], ["0.042", "3.21", "54.3", "1,204"]);
        assert_eq!([duration(0.0123), duration(12.34), duration(250.0)], ["12.3 ms", "12.3 s", "4 min 10 s"]);
        assert_eq!([duration(86_399.0), duration(604_800.0)], ["23 h 59 min", "7 d"]);
        assert_eq!([milliseconds(Some(9_999.4)), milliseconds(Some(25_445.0))], ["9,999 ms", "25.4 s"]);
        assert_eq!([bytes(953), bytes(1_210_000)], ["953 B", "1.21 MB"]);
        assert_eq!(moment("2026-01-05T09:00:00.123456Z"), "2026-01-05 09:00:00");
    }

    #[test]
    fn text_takes_the_columns_that_a_terminal_gives_it() {
        assert_eq!([width("São Paulo"), width("東京"), width("e\u{301}")], [9, 4, 1]);
        assert_eq!([cut("東京 ab", 4), cut("東京 ab", 3), cut("ab", 9)], ["東京", "東", "ab"]);
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
