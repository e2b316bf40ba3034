//! Times as a count since 1970: the size of the number tells its unit, from seconds to nanoseconds.

use super::unread::Unread;
use crate::clock::{self, Micros};
use crate::record::number::{DECIMALS, SCALE, Written};

/// The smallest number of seconds that is read as a time: 1973-03-03.
const LEAST_SECONDS: i128 = 100_000_000;

/// How a count is written.
#[derive(Debug, Clone)]
pub(super) struct Epoch {
    /// The count times [`SCALE`].
    scaled: i128,
    /// How much of that is a µs.
    microsecond: i128,
    /// How many decimals are written.
    decimals: usize,
    /// Decimals that are too fine for `scaled`. They do not change.
    tail: String,
    /// The text from the `e` on, and the exponent.
    power: Option<(String, i32)>,
}

impl Epoch {
    /// The moment that a number names, and its form.
    pub(super) fn of(number: Written<'_>) -> Result<(Micros, Self), Unread> {
        let scaled = number.scaled().ok_or(Unread::Beyond)?;
        if scaled < LEAST_SECONDS * SCALE {
            return Err(Unread::Small);
        }
        let microsecond = microsecond(scaled);
        let at = Micros::try_from(scaled / microsecond).ok().filter(|at| *at < clock::LAST).ok_or(Unread::Beyond)?;
        let ascii = |digits: &[u8]| String::from_utf8_lossy(digits).into_owned();
        let exponent = number.exponent().unwrap_or(0);
        let power = (!number.power.is_empty()).then(|| (ascii(number.power), exponent));
        let decimals = number.fraction.len().min(most_decimals(exponent).unwrap_or(0));
        let tail = ascii(&number.fraction[decimals..]);
        Ok((at, Self { scaled, microsecond, decimals, tail, power }))
    }

    /// The count of the moment that is by so many µs later. With an exponent it gets the decimals that it needs, for those who write
    /// so leave out zeros.
    pub(super) fn write(&self, later: Micros) -> Option<String> {
        let scaled = self.scaled.checked_add(i128::from(later).checked_mul(self.microsecond)?)?;
        let is_readable = scaled >= LEAST_SECONDS * SCALE
            && microsecond(scaled) == self.microsecond
            && scaled / self.microsecond < i128::from(clock::LAST);
        if !is_readable {
            return None;
        }
        let (power, exponent) = self.power.as_ref().map_or(("", 0), |(text, exponent)| (text.as_str(), *exponent));
        let places = most_decimals(exponent)?;
        let one = 10i128.checked_pow(u32::try_from(places).ok()?)?;
        let fraction = if places > 0 { format!("{:0places$}", scaled % one) } else { String::new() };
        let needed = if power.is_empty() { 0 } else { fraction.trim_end_matches('0').len() };
        let fraction = &fraction[..needed.max(self.decimals)];
        let point = if fraction.is_empty() { "" } else { "." };
        Some(format!("{}{point}{fraction}{}{power}", scaled / one, self.tail))
    }
}

/// The decimals that a scaled count has in front of this power of ten.
fn most_decimals(exponent: i32) -> Option<usize> {
    usize::try_from(i32::try_from(DECIMALS).ok()?.checked_add(exponent)?).ok()
}

/// How much of a scaled count is a µs. By its size it is one of seconds up to the year 5138, then of ms, µs and ns.
fn microsecond(scaled: i128) -> i128 {
    const UNITS: [(u32, i128); 3] = [(11, SCALE / 1_000_000), (14, SCALE / 1000), (17, SCALE)];
    let fits = UNITS.iter().find(|(digits, _)| scaled < 10i128.pow(*digits) * SCALE);
    fits.map_or(SCALE * 1000, |(_, microsecond)| *microsecond)
}
