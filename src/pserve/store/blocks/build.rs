//! Makes a block of events.

use super::{Block, COLUMNS, Head, ids, numbers, texts};
use crate::clock::Micros;

/// What a block needs to know of an event.
#[derive(Debug)]
pub(in crate::pserve::store) struct Row<'a> {
    pub number: i64,
    pub timestamp: Micros,
    pub tenant: &'a str,
    pub external_id: &'a str,
    pub status_code: Option<u16>,
    /// In the order of [`crate::pserve::store::sql::texts`].
    pub texts: [Option<&'a str>; 9],
    pub response_time_ms: Option<f64>,
}

/// Gathers events, in the order of their numbers.
#[derive(Debug, Default)]
pub(in crate::pserve::store) struct Builder {
    numbers: Vec<i64>,
    times: Vec<Micros>,
    ids: ids::Gathered,
    tenants: texts::Gathered,
    status_codes: texts::Gathered,
    texts: [texts::Gathered; 9],
    latencies: Vec<u8>,
}

impl Builder {
    /// Adds the next event.
    pub(in crate::pserve::store) fn push(&mut self, row: &Row<'_>) {
        // Most blocks have no gap, and all differences are then the same.
        let at = i64::try_from(self.numbers.len()).unwrap_or(0);
        self.numbers.push(row.number.wrapping_sub(at));
        self.times.push(row.timestamp);
        self.ids.push(row.external_id);
        self.tenants.push(Some(row.tenant));
        let mut digits = itoa::Buffer::new();
        self.status_codes.push(row.status_code.map(|code| digits.format(code)));
        self.texts.iter_mut().zip(row.texts).for_each(|(column, text)| column.push(text));
        self.latencies.extend_from_slice(&row.response_time_ms.unwrap_or(f64::NAN).to_le_bytes());
    }

    /// The block. `None` if there were no events.
    pub(in crate::pserve::store) fn build(self) -> Option<Block> {
        let last = self.numbers.last()?.wrapping_add(i64::try_from(self.numbers.len() - 1).unwrap_or(0));
        let head = Head {
            last,
            events: self.numbers.len(),
            oldest: self.times.iter().copied().min()?,
            newest: self.times.iter().copied().max()?,
            gone: Vec::new(),
        };
        let [a, b, c, d, e, f, g, h, i] = self.texts.map(texts::Gathered::write);
        let columns: [Vec<u8>; COLUMNS] = [
            numbers::write(&self.numbers),
            numbers::write(&self.times),
            self.ids.write(),
            self.tenants.write(),
            self.status_codes.write(),
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            h,
            i,
            self.latencies,
        ];
        Some(Block { head, columns })
    }
}
