//! The types that flags parse into, the same in every tool (contracts §8).
//! If a value does not parse, the error names the expected form. clap adds the flag and the value.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::numbers;
use crate::clock::Micros;
use crate::time;

/// A count: `500`, `10k`, `1m`, `2.5M`, `1_000_000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub u64);

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "expected a whole number, such as 500, 10k or 1m".to_owned();
        let plain = without_separators(text).ok_or_else(form)?;
        let (digits, unit) = split_unit(&plain);
        let factor = match unit.to_ascii_lowercase().as_str() {
            "" => 1,
            "k" => 1_000,
            "m" => 1_000_000,
            "g" | "b" => 1_000_000_000,
            _ => return Err(form()),
        };
        decimal_times(digits, factor).map(Self).ok_or_else(form)
    }
}

impl fmt::Display for Count {
    /// With separated thousands: `100,000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&numbers::count(self.0))
    }
}

/// A number of bytes: `512`, `64k`, `1MiB`, `10MB`. `k`, `m` and `g` alone count in 1024s, as does the `i` form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "expected a number of bytes, such as 512, 64k or 1MiB".to_owned();
        let (digits, unit) = split_unit(text);
        let factor = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kib" => 1 << 10,
            "m" | "mib" => 1 << 20,
            "g" | "gib" => 1 << 30,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            _ => return Err(form()),
        };
        match decimal_times(digits, factor) {
            Some(bytes) if bytes > Self::MOST => Err("expected at most 1 PiB (1048576GiB)".to_owned()),
            bytes => bytes.map(Self).ok_or_else(form),
        }
    }
}

impl ByteSize {
    /// More than any file or memory has, but so far below 2^64 that sums and small multiples do not overflow.
    const MOST: u64 = 1 << 50;
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(n) = *self;
        match n {
            n if n >= 1 << 30 && n % (1 << 30) == 0 => write!(f, "{}GiB", n >> 30),
            n if n >= 1 << 20 && n % (1 << 20) == 0 => write!(f, "{}MiB", n >> 20),
            n if n >= 1 << 10 && n % (1 << 10) == 0 => write!(f, "{}KiB", n >> 10),
            n => write!(f, "{n}"),
        }
    }
}

/// A probability: `0.05` or `5%`, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Probability(f64);

impl Probability {
    /// Never.
    pub const ZERO: Self = Self(0.0);

    /// Always.
    pub(crate) const ONE: Self = Self(1.0);

    /// A computed probability. Rounding may have moved it slightly out of its range.
    pub(crate) fn clamped(chance: f64) -> Self {
        Self(chance.clamp(0.0, 1.0))
    }

    /// The probability as a number from 0 to 1.
    pub(crate) fn get(self) -> f64 {
        self.0
    }

    /// The probability as a threshold: a 64-bit draw is below it with this probability. `None` means always.
    pub(crate) fn threshold(self) -> Option<u64> {
        // 2^64; products below it are exact in the 53 bits that a probability has.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        (self.0 < 1.0).then_some((self.0 * 18_446_744_073_709_551_616.0) as u64)
    }
}

impl FromStr for Probability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "expected a probability from 0 to 1, such as 0.05 or 5%".to_owned();
        let (number, scale) = match text.strip_suffix('%') {
            Some(percent) => (percent.trim_end(), 100.0),
            None => (text, 1.0),
        };
        let value = decimal(number).ok_or_else(form)? / scale;
        if (0.0..=1.0).contains(&value) { Ok(Self(value)) } else { Err(form()) }
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A duration: `500ms`, `90s`, `5m`, `2h`, `7d`, `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(pub Duration);

impl Span {
    /// A hundred years. Times that are this far from now can still be computed everywhere.
    const MOST: Duration = Duration::from_secs(36_500 * 86_400);

    /// In microseconds.
    pub(crate) fn micros(self) -> Micros {
        Micros::try_from(self.0.as_micros()).unwrap_or(Micros::MAX)
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "expected a duration with its unit, such as 500ms, 90s, 5m, 2h or 7d".to_owned();
        let mut total = 0u64;
        let mut rest = match text {
            "" => return Err(form()),
            "0" => "",
            text => text,
        };
        while !rest.is_empty() {
            let (digits, tail) = split_unit(rest);
            let end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
            let nanos = match &tail[..end] {
                "ns" => 1,
                "us" | "µs" => 1_000,
                "ms" => 1_000_000,
                "s" => 1_000_000_000,
                "m" | "min" => 60_000_000_000,
                "h" => 3_600_000_000_000,
                "d" => 86_400_000_000_000,
                "w" => 604_800_000_000_000,
                _ => return Err(form()),
            };
            total = decimal_times(digits, nanos).and_then(|n| total.checked_add(n)).ok_or_else(form)?;
            rest = &tail[end..];
        }
        match Duration::from_nanos(total) {
            most if most > Self::MOST => Err("expected at most 36500d, a hundred years".to_owned()),
            span => Ok(Self(span)),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.write_str("0s");
        }
        for (unit, size) in [
            ("d", 86_400_000_000_000),
            ("h", 3_600_000_000_000),
            ("m", 60_000_000_000),
            ("s", 1_000_000_000),
            ("ms", 1_000_000),
            ("us", 1_000),
        ] {
            if nanos.is_multiple_of(size) {
                return write!(f, "{}{unit}", nanos / size);
            }
        }
        write!(f, "{nanos}ns")
    }
}

/// A rate of events: `500`, `500/s`, `300/1m`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    events: f64,
    per: Duration,
}

impl Rate {
    /// Beyond these, a gap between events may not fit into a duration.
    const LEAST: f64 = 1e-15;
    const MOST: f64 = 1e12;

    /// Events per second.
    pub(crate) fn per_second(self) -> f64 {
        self.events / self.per.as_secs_f64()
    }

    /// The number of events, as typed: 300 in `300/1m`.
    pub(crate) fn events(self) -> f64 {
        self.events
    }

    /// The period, as typed: a minute in `300/1m`.
    pub(crate) fn per(self) -> Duration {
        self.per
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "expected a rate above 0, such as 500, 500/s or 300/1m".to_owned();
        let (number, per) = match text.split_once('/') {
            None => (text, Duration::from_secs(1)),
            Some((number, per)) => {
                let per =
                    if per.starts_with(|c: char| c.is_ascii_digit()) { per.to_owned() } else { format!("1{per}") };
                (number, per.parse::<Span>().map_err(|_| form())?.0)
            }
        };
        let (digits, unit) = split_unit(number);
        let scale = match unit.to_ascii_lowercase().as_str() {
            "" => 1.0,
            "k" => 1e3,
            "m" => 1e6,
            _ => return Err(form()),
        };
        let events = decimal(digits).ok_or_else(form)? * scale;
        let rate = Self { events, per };
        if events > 0.0
            && events.is_finite()
            && !per.is_zero()
            && (Self::LEAST..=Self::MOST).contains(&rate.per_second())
        {
            Ok(rate)
        } else {
            Err(form())
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.events, Span(self.per))
    }
}

/// A time: RFC 3339, a date (midnight UTC), or `now`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The start of the run.
    Now,
    /// This time.
    At(Micros),
}

impl Moment {
    /// The time in microseconds. `now` is the time of the clock.
    pub(crate) fn resolve(self, now: Micros) -> Micros {
        match self {
            Self::Now => now,
            Self::At(at) => at,
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("now") {
            return Ok(Self::Now);
        }
        time::parse_or_date(text.as_bytes()).map(Self::At).ok_or_else(|| {
            "expected an RFC 3339 time such as 2026-01-05T09:00:00Z, a date such as 2026-01-05, or now".to_owned()
        })
    }
}

/// The largest value of `--threads`.
pub(crate) const MOST_THREADS: u64 = 256;

/// Parses a count in this range: `12`, `10k`.
pub(crate) fn whole<T: TryFrom<u64>>(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let count = text.parse::<Count>().ok().filter(|Count(n)| range.contains(n));
        count
            .and_then(|Count(n)| n.try_into().ok())
            .ok_or_else(|| format!("expected a whole number from {} to {}", Count(*range.start()), Count(*range.end())))
    }
}

/// Parses a duration of at least a microsecond.
///
/// # Errors
/// The form that is expected.
pub(crate) fn span_above_zero(text: &str) -> Result<Span, String> {
    let span = text.parse::<Span>()?;
    if span.micros() == 0 { Err("expected a duration above 0, such as 500ms, 10s or 1m".to_owned()) } else { Ok(span) }
}

/// Parses a size of at least a byte.
///
/// # Errors
/// The form that is expected.
pub(crate) fn size_above_zero(text: &str) -> Result<ByteSize, String> {
    let size = text.parse::<ByteSize>()?;
    if size.0 == 0 { Err("expected at least 1 byte, such as 64k or 1MiB".to_owned()) } else { Ok(size) }
}

/// Parses a plain decimal number, such as `0.5`. Returns `None` for `1e-3`, `-0`, `inf` and `nan`, which are mistakes in a
/// flag that takes a number of 0 or more.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse().ok().filter(|number: &f64| is_plain && number.is_finite())
}

/// Parses a whole number that has only digits. Returns `None` for `+1`.
pub(super) fn plain(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
}

/// Parses `--seed`.
///
/// # Errors
/// The form that is expected.
pub(crate) fn seed(text: &str) -> Result<u64, String> {
    plain(text).ok_or_else(|| format!("expected a whole number from 0 to {}", u64::MAX))
}

/// Parses `--hours`, with or without an `h` at the end.
///
/// # Errors
/// The form that is expected.
pub(crate) fn hours(text: &str) -> Result<Micros, String> {
    const HOUR: f64 = 3_600_000_000.0;
    // About 10,000 years. Up to here hours are exact to the microsecond.
    const MOST: f64 = 88e6;
    let digits = text.strip_suffix('h').unwrap_or(text);
    let hours = decimal(digits).filter(|hours| *hours > 0.0);
    let hours = hours.ok_or("expected a number of hours above 0, such as 24, 168 or 0.5")?;
    if hours > MOST {
        return Err(format!("expected at most {MOST} hours: there are years from 1 to 9999"));
    }
    #[allow(clippy::cast_possible_truncation)] // at most MOST
    let micros = (hours * HOUR).round() as Micros;
    if micros > 0 { Ok(micros) } else { Err("expected at least 3e-10 hours, a microsecond".to_owned()) }
}

/// Removes the separators of thousands from `1,234,567` or `1_234_567`. Returns `None` if there is one in another place, as
/// in `1,5k`.
fn without_separators(text: &str) -> Option<String> {
    let (number, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit() && !"_,".contains(c)).unwrap_or(text.len()));
    let separator = number.chars().find(|c| !c.is_ascii_digit());
    let mut groups = number.split(|c| Some(c) == separator);
    let first = groups.next().unwrap_or_default();
    let is_group = |group: &str| group.len() == 3 && group.bytes().all(|b| b.is_ascii_digit());
    let is_parted = (1..=3).contains(&first.len()) && groups.all(is_group);
    (separator.is_none() || is_parted).then(|| number.replace(['_', ','], "") + unit)
}

/// Splits a text such as `12.5abc` after the number.
fn split_unit(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len()))
}

/// The exact product of `digits` (a decimal number such as 2.5) and `factor`. `None` if it is not a whole number, or too
/// large.
fn decimal_times(digits: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.len() > 18 {
        return None;
    }
    let parse = |s: &str| if s.is_empty() { Some(0) } else { s.parse::<u128>().ok() };
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let product = (parse(whole)?.checked_mul(scale)?.checked_add(parse(fraction)?)?).checked_mul(factor.into())?;
    if product % scale == 0 { u64::try_from(product / scale).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_shown_as_it_can_be_read_back() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (100_000, "100,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(Count(number).to_string(), text);
            assert_eq!(text.parse(), Ok(Count(number)));
        }
    }

    fn of<T: FromStr>(text: &str) -> Option<T> {
        text.parse().ok()
    }

    #[test]
    fn counts_take_k_and_m() {
        assert_eq!(of("10k"), Some(Count(10_000)));
        assert_eq!(of("1m"), Some(Count(1_000_000)));
        assert_eq!(of("2.5M"), Some(Count(2_500_000)));
        assert_eq!(of("1_000"), Some(Count(1000)));
        assert_eq!(of("0"), Some(Count(0)));
        assert_eq!(of("1,234,567"), Some(Count(1_234_567)));
        assert_eq!(of("1,000k"), Some(Count(1_000_000)));
        for bad in [
            "",
            "k",
            "-1",
            "1.5",
            "1x",
            "1e3",
            "99999999999999999999",
            ".",
            "1,5k",
            "1,5",
            "1_0",
            ",500",
            "1,000,",
            "1,000_000",
            "٣",
            " 5",
            "5 k",
            "+5",
            "0x10",
        ] {
            assert_eq!(of::<Count>(bad), None, "{bad}");
        }
    }

    #[test]
    fn byte_sizes_take_both_families_of_units() {
        assert_eq!(of("1MiB"), Some(ByteSize(1 << 20)));
        assert_eq!(of("64k"), Some(ByteSize(65_536)));
        assert_eq!(of("10MB"), Some(ByteSize(10_000_000)));
        for bad in ["1 parsec", "18446744073709551615", "1048577GiB", "1,5k", "-1", "1e400"] {
            assert_eq!(of::<ByteSize>(bad), None, "{bad}");
        }
        assert_eq!(ByteSize(1 << 20).to_string(), "1MiB");
    }

    #[test]
    fn probabilities_lie_between_0_and_1() {
        assert_eq!(of::<Probability>("0.05").map(Probability::get), Some(0.05));
        assert_eq!(of::<Probability>("5%").map(Probability::get), Some(0.05));
        for bad in ["1.5", "-0.1", "nan", "inf", "", "%", "101%", "-0", "1e-3", "+0.5", "infinity"] {
            assert_eq!(of::<Probability>(bad), None, "{bad}");
        }
        assert_eq!(of::<Probability>("1").and_then(Probability::threshold), None);
        assert_eq!(of::<Probability>("0.5").and_then(Probability::threshold), Some(1 << 63));
    }

    #[test]
    fn spans_need_a_unit() {
        assert_eq!(of("90s"), Some(Span(Duration::from_secs(90))));
        assert_eq!(of("1h30m"), Some(Span(Duration::from_secs(5400))));
        assert_eq!(of("0.5s"), Some(Span(Duration::from_millis(500))));
        assert_eq!(of("7d"), Some(Span(Duration::from_secs(604_800))));
        assert_eq!(of("0"), Some(Span(Duration::ZERO)));
        for bad in ["", "90", "s", "1y", "-1s", "1s 2", "101y", "36501d", "1e9s", "infs", "10s0"] {
            assert_eq!(of::<Span>(bad), None, "{bad}");
        }
        assert_eq!(Span(Duration::from_secs(5400)).to_string(), "90m");
    }

    #[test]
    fn rates_are_a_number_in_a_time() {
        let rate = |text| of::<Rate>(text).map(Rate::per_second);
        assert_eq!(rate("500"), Some(500.0));
        assert_eq!(rate("500/s"), Some(500.0));
        assert_eq!(rate("300/1m"), Some(5.0));
        assert_eq!(rate("5k"), Some(5000.0));
        for bad in
            ["0", "-1", "1/0s", "x/s", "5/", "inf", "1e400", "0.00000000000000001", "9999999999999999999", "1/36501d"]
        {
            assert_eq!(rate(bad), None, "{bad}");
        }
    }
}
