//! Counts the events of a tenant by the hour.

use super::bits::Bits;
use super::numbers::Numbers;
use super::texts::{Texts, held};
use super::{STATUS, Source, TENANT, TIME};
use crate::pserve::store::{Hourly, StoreError};

/// Counts the events that are in blocks.
///
/// # Errors
/// If the source fails, or a block is damaged.
pub(in crate::pserve::store) fn count(
    source: &mut dyn Source,
    tenant: &str,
    counts: &mut Hourly,
) -> Result<(), StoreError> {
    let tenant = held(tenant);
    for head in source.heads()? {
        let mut bits = Bits::all(head.events);
        bits.remove(&head.gone);
        source.column(head.last, TENANT, &mut |bytes| {
            Texts::read(bytes, head.events)?.keep(&tenant, &mut bits);
            Some(())
        })?;
        if bits.is_none() {
            continue;
        }
        let mut are_errors = Vec::with_capacity(bits.count());
        source.column(head.last, STATUS, &mut |bytes| {
            let read = Texts::read(bytes, head.events)?;
            // Status codes have three digits, so that those from 400 are greater as texts too.
            let is_error: Vec<bool> =
                [false].into_iter().chain(read.different().map(|code| code >= &b"400"[..])).collect();
            for at in bits.set() {
                are_errors.push(*is_error.get(read.code(at))?);
            }
            Some(())
        })?;
        source.column(head.last, TIME, &mut |bytes| {
            let times = Numbers::read(bytes, head.events)?;
            bits.set().zip(&are_errors).for_each(|(at, is_error)| counts.add(times.get(at), *is_error));
            Some(())
        })?;
    }
    Ok(())
}
