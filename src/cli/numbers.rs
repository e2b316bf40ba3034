//! Numbers as people read them, the same in every report, summary and progress line.
//!
//! Thousands are separated by commas, a unit of letters follows a space and `%` follows none. Values that are measured have three
//! significant digits, or all of their whole digits.

/// A count: `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// A count with the word for one and for more: `1 line`, `1,234 lines`.
pub(crate) fn counted(n: u64, one: &str, more: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { more })
}

/// A share from 0 to 1 with one decimal: `99.1%`. Only exactly 0 is `0.0%`, and only exactly 1 is `100.0%`.
pub(crate) fn percent(share: f64) -> String {
    match share {
        share if share > 0.0 && share < 0.0005 => "<0.1%".to_owned(),
        share if (0.9995..1.0).contains(&share) => ">99.9%".to_owned(),
        share => format!("{:.1}%", share * 100.0),
    }
}

/// A measured number, such as a rate: `0.0421`, `3.21`, `54.3`, `17,087`. Expects one that is not negative.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // whole, and not negative
pub(crate) fn number(n: f64) -> String {
    match n {
        n if n >= 99.95 => count(n.round() as u64),
        n if n >= 9.995 => format!("{n:.1}"),
        n if n >= 0.9995 || n <= 0.0 => format!("{n:.2}"),
        n if n >= 0.09995 => format!("{n:.3}"),
        // What is measured in whole microseconds often has fewer digits than three.
        n => {
            let decimals = (2.0 - n.log10().floor()).min(12.0) as usize;
            format!("{n:.decimals$}").trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

/// A number with all of its digits, up to six decimals: `1,234.5`.
pub(crate) fn exact(n: f64) -> String {
    let text = format!("{n:.6}");
    grouped(text.trim_end_matches('0').trim_end_matches('.'))
}

/// Milliseconds: `3.21 ms`, `1,204 ms`; from ten seconds on as a [`duration`].
pub(crate) fn milliseconds(ms: f64) -> String {
    if ms >= 9999.5 { duration(ms / 1000.0) } else { format!("{} ms", number(ms)) }
}

/// Seconds as a length of time: `12.3 ms`, `12.3 s`, `4 min 10 s`, `23 h 59 min`, `6 d 23 h`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // whole, and not negative
pub(crate) fn duration(seconds: f64) -> String {
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
    shown.map(|(unit, n)| format!("{} {unit}", count(*n))).collect::<Vec<_>>().join(" ")
}

/// Bytes, in units of 1000: `953 B`, `1.21 MB`.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn bytes(n: u64) -> String {
    let units = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    let fitting = units.iter().find(|(_, size)| n as f64 >= *size);
    fitting.map_or_else(|| format!("{n} B"), |(unit, size)| format!("{} {unit}", number(n as f64 / size)))
}

/// Separates the thousands of a decimal number.
fn grouped(number: &str) -> String {
    let (whole, fraction) = number.split_at(number.find('.').unwrap_or(number.len()));
    let (sign, digits) = whole.split_at(usize::from(whole.starts_with('-')));
    let mut text = String::with_capacity(number.len() * 4 / 3 + 1);
    text.push_str(sign);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!([count(0), count(999), count(1_000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!([counted(1, "line", "lines"), counted(1_000, "line", "lines")], ["1 line", "1,000 lines"]);
        assert_eq!([exact(1_234.5), exact(-1_234.0), exact(0.1 + 0.2)], ["1,234.5", "-1,234", "0.3"]);
    }

    #[test]
    fn a_share_that_is_not_quite_none_or_all_does_not_say_so() {
        assert_eq!([percent(0.974), percent(1.0), percent(0.99999)], ["97.4%", "100.0%", ">99.9%"]);
        assert_eq!([percent(0.00001), percent(0.0)], ["<0.1%", "0.0%"]);
    }

    #[test]
    fn measured_numbers_have_three_significant_digits() {
        assert_eq!([number(3.214), number(54.32), number(1_204.4)], ["3.21", "54.3", "1,204"]);
        assert_eq!(
            [number(0.421), number(0.042_14), number(0.042), number(0.001_234)],
            ["0.421", "0.0421", "0.042", "0.00123"]
        );
        assert_eq!([number(0.0), number(1e-300), number(0.099_96)], ["0.00", "0", "0.100"]);
        assert_eq!([milliseconds(9_999.4), milliseconds(25_445.0)], ["9,999 ms", "25.4 s"]);
    }

    #[test]
    fn times_and_sizes_have_the_unit_that_fits() {
        assert_eq!([duration(0.0123), duration(12.34), duration(250.0)], ["12.3 ms", "12.3 s", "4 min 10 s"]);
        assert_eq!([duration(86_399.0), duration(604_800.0)], ["23 h 59 min", "7 d"]);
        assert_eq!([bytes(953), bytes(1_210_000)], ["953 B", "1.21 MB"]);
    }
}
