//! How far the times of an event are from its own.

use super::cells::Values;
use super::model::{By, Shift, Value};
use super::rows::Column;
use super::sums;
use crate::clock::Micros;
use crate::plearn::count::Bins;

/// The units of a member that may say how far, and how many µs each has.
const UNITS: [(&str, f64); 4] = [("ns", 0.001), ("us", 1.0), ("ms", 1_000.0), ("s", 1_000_000.0)];

/// The share of the rows in which a member says how far, if it does.
const NEARLY_ALL: f64 = 0.98;

/// Says how far other times are from the time of the event.
pub(super) fn relate(
    columns: &[Column<'_>],
    learned: &mut [Values],
    main: Option<usize>,
    counts: &[u64],
    min_count: u64,
) {
    let Some(main) = main else { return };
    let Some(base) = learned[main].moments.clone() else { return };
    for place in 0..learned.len() {
        let Some(moments) = learned[place].moments.take().filter(|_| place != main) else { continue };
        // One of them may be written with fewer decimal places.
        let unit = unit(base.iter()).max(unit(moments.iter()));
        let away: Vec<Option<Micros>> = base.iter().zip(&moments).map(|(from, to)| Some((*to)? - (*from)?)).collect();
        let mut both = base.iter().zip(&moments).filter_map(|(from, to)| Some(((*from)?, (*to)?)));
        if both.all(|(from, to)| from.div_euclid(unit) == to.div_euclid(unit)) {
            learned[place].notes.push("the time of the event".to_owned());
            continue;
        }
        let by = by_member(columns, learned, &away, unit);
        let Some(shift) = by.or_else(|| drawn(&away, counts, min_count)) else { continue };
        let values = &mut learned[place];
        values.notes.push(match shift.by {
            By::Member { .. } => "the time of the event and another member".to_owned(),
            By::Numbers(_) => "a distance from the time of the event".to_owned(),
        });
        for value in values.classes.iter_mut().map(|class| &mut class.value).chain(&mut values.whole) {
            if let Value::Time { shift: of, .. } = value {
                *of = Some(shift.clone());
            }
        }
    }
}

/// The largest of a second, a thousandth and a millionth of which all times are multiples, in µs.
fn unit<'m>(times: impl Iterator<Item = &'m Option<Micros>> + Clone) -> Micros {
    let is_multiple = |unit: &Micros| times.clone().flatten().all(|at| at % unit == 0);
    [1_000_000, 1_000].into_iter().find(is_multiple).unwrap_or(1)
}

/// A number of the same event that says how far.
#[allow(clippy::cast_precision_loss)] // a month of microseconds is far below 2^53
fn by_member(columns: &[Column<'_>], learned: &[Values], away: &[Option<Micros>], unit: Micros) -> Option<Shift> {
    let known: Vec<(usize, f64)> =
        away.iter().enumerate().filter_map(|(row, away)| Some((row, (*away)? as f64))).collect();
    let is_varied = known.iter().any(|(_, away)| libm::fabs(away - known[0].1) > unit as f64);
    let others = columns.iter().zip(learned).enumerate().filter(|(_, (_, values))| is_varied && sums::is_plain(values));
    for (place, (column, values)) in others {
        let numbers = sums::numbers_of(column, values, away.len());
        for (unit_name, micros) in UNITS {
            for (sign, is_back) in [(1.0, false), (-1.0, true)] {
                let holds = |(row, away): &&(usize, f64)| {
                    let near = |number: f64| libm::fabs(away - sign * number * micros) <= unit as f64;
                    numbers.get(*row).copied().flatten().is_some_and(near)
                };
                if known.iter().take(20).all(|pair| holds(&pair))
                    && known.iter().filter(holds).count() as f64 >= NEARLY_ALL * known.len() as f64
                {
                    return Some(Shift { by: By::Member { place, is_back }, unit: unit_name });
                }
            }
        }
    }
    None
}

/// A distribution of the distances.
#[allow(clippy::cast_precision_loss)] // centuries of microseconds stay below 2^53
fn drawn(away: &[Option<Micros>], counts: &[u64], min_count: u64) -> Option<Shift> {
    let divisor = unit(away.iter());
    let (name, _) = UNITS.iter().find(|(_, micros)| *micros == divisor as f64).unwrap_or(&UNITS[1]);
    let mut bins = Bins::default();
    for (away, count) in away.iter().zip(counts) {
        if let Some(away) = away {
            bins.add((away / divisor) as f64, *count);
        }
    }
    Some(Shift { by: By::Numbers(sums::table(&bins, 0, min_count)?), unit: name })
}
