//! Writes timestamps fast: keeps the digits of the last second.

use crate::clock::Micros;
use crate::pgen::line::LineBuffer;
use crate::time;

const SECOND: Micros = 1_000_000;
const DAY: Micros = 86_400 * SECOND;

/// The last second that was written. Events of the same second share its digits.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    pub(super) day: Micros,
    pub(super) second: Micros,
    /// `2026-01-05T09:00:00.`
    pub(super) text: [u8; 20],
}

impl Calendar {
    /// Writes `2026-01-05T09:00:00.123456`.
    #[inline]
    pub(super) fn write(&mut self, at: Micros, line: &mut LineBuffer<'_>) {
        if at - self.second >= SECOND || at < self.second {
            self.turn_to(at);
        }
        line.text(&self.text);
        line.digits6((at - self.second).unsigned_abs());
    }

    pub(super) fn turn_to(&mut self, at: Micros) {
        if at - self.day >= DAY || at < self.day || self.text[0] == 0 {
            self.day = at.div_euclid(DAY) * DAY;
            let text = time::format(self.day);
            self.text.copy_from_slice(&text.as_bytes()[..20]);
        }
        let seconds = ((at - self.day) / SECOND).unsigned_abs();
        self.second = self.day + seconds.cast_signed() * SECOND;
        for (place, number) in [(11, seconds / 3600), (14, seconds / 60 % 60), (17, seconds % 60)] {
            #[allow(clippy::cast_possible_truncation)] // digits
            self.text[place..place + 2].copy_from_slice(&[b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]);
        }
    }
}
