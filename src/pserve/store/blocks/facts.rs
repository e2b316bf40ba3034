//! The facts of events, from their columns.

use std::str::Utf8Error;

use super::bits::Bits;
use super::find::number_at;
use super::numbers::Numbers;
use super::texts::Texts;
use super::{COLUMNS, Head, ID, LATENCY, NUMBER, STATUS, Source, TENANT, TEXTS, TIME, damaged};
use crate::pserve::store::{Facts, StoreError, sql};

/// Shows the tenant and the facts of every event that is in a block. Returns the numbers of those that it did not show, because a text of
/// theirs is not in the block.
///
/// # Errors
/// If the source fails, or a block is damaged.
pub(in crate::pserve::store) fn facts(
    source: &mut dyn Source,
    take: &mut dyn FnMut(&str, &Facts),
) -> Result<Vec<i64>, StoreError> {
    let mut long = Vec::new();
    let mut columns: [Vec<u8>; COLUMNS] = Default::default();
    for head in source.heads()? {
        for (number, column) in columns.iter_mut().enumerate().filter(|(number, _)| *number != ID) {
            source.column(head.last, number, &mut |bytes| {
                column.clear();
                column.extend_from_slice(bytes);
                Some(())
            })?;
        }
        of_block(&head, &columns, take, &mut long).ok_or_else(|| damaged(head.last))?;
    }
    Ok(long)
}

fn of_block(
    head: &Head,
    columns: &[Vec<u8>; COLUMNS],
    take: &mut dyn FnMut(&str, &Facts),
    long: &mut Vec<i64>,
) -> Option<()> {
    let (tenants, codes) = (Texts::read(&columns[TENANT], head.events)?, Texts::read(&columns[STATUS], head.events)?);
    let fields: Vec<Texts<'_>> =
        columns[TEXTS..LATENCY].iter().map(|column| Texts::read(column, head.events)).collect::<Option<_>>()?;
    let numbers = Numbers::read(&columns[NUMBER], head.events)?;
    let times = Numbers::read(&columns[TIME], head.events)?;
    let (latencies, _) = columns[LATENCY].as_chunks();
    let mut bits = Bits::all(head.events);
    bits.remove(&head.gone);
    for at in bits.set() {
        let code = match codes.at(at)? {
            Some(digits) => Some(str::from_utf8(digits).ok()?.parse().ok()?),
            None => None,
        };
        let latency = Some(f64::from_le_bytes(*latencies.get(at)?)).filter(|ms| !ms.is_nan());
        let field = |nth: usize| match fields[nth].at(at) {
            Some(field) => text(field).map(|text| text.map(str::to_owned)),
            None => Err(None),
        };
        match (text(tenants.at(at)?), sql::facts(times.get(at), code, latency, field)) {
            (_, Err(None)) => return None,
            (Ok(tenant), Ok(facts)) => take(tenant?, &facts),
            _ => long.push(number_at(&numbers, at)),
        }
    }
    Some(())
}

/// A text, if the block holds it: a hash is no UTF-8.
fn text(held: Option<&[u8]>) -> Result<Option<&str>, Option<Utf8Error>> {
    held.map(str::from_utf8).transpose().map_err(Some)
}
