//! When the events of both sides come: hours of the week, their order, and the gaps between them.

use super::figure::Figure;
use super::lines::Lines;
use super::member::Moments;
use crate::clock::Micros;
use crate::plearn::count::Walker;
use crate::plearn::learn::moments;
use crate::plearn::learn::rows::text;
use crate::seed::mix;
use crate::world::curve::{HOURS, hour_of_week};

const HOUR: Micros = 3_600_000_000;

/// An hour of the week of which less was seen tells nothing.
const LEAST_HOURS: f64 = 0.25;

/// Fewer lines on either side say nothing.
const FEWEST: usize = 20;

/// What arrivals are held against each other by.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    pub(super) figures: Vec<Figure>,
    /// Why the hours are not judged, if they are not.
    pub(super) why_no_hours: Option<&'static str>,
    /// Events per second on each side.
    pub(super) rates: [Option<f64>; 2],
}

/// Counts the arrivals; `keys` are those of the member that tells when an event happened.
pub(super) fn count(sides: [&Lines; 2], times: &Moments, keys: &[String]) -> Arrivals {
    let mut arrivals = Arrivals::default();
    for side in 0..2 {
        if let Some((first, last)) = span(&times[side]).filter(|(first, last)| last > first) {
            #[allow(clippy::cast_precision_loss)] // counts and spans far below 2^53
            let rate = sides[side].input.events as f64 / ((last - first) as f64 / 1e6);
            arrivals.rates[side] = Some(rate);
        }
    }
    match hours(times) {
        Some([real, synthetic]) => arrivals.figures.push(Figure::words("hours", [&real, &synthetic])),
        None => arrivals.why_no_hours = Some("the two sides have fewer than two hours of the week in common"),
    }
    let steps = sides.map(|lines| steps(lines, keys));
    if steps.iter().all(|steps| steps.len() >= FEWEST) {
        let words = steps.each_ref().map(|steps| {
            let word = |step: &Micros| match step {
                1.. => "later",
                0 => "the same",
                _ => "earlier",
            };
            steps.iter().map(|step| word(step).to_owned()).collect::<Vec<_>>()
        });
        arrivals.figures.push(Figure::words("order", [&words[0], &words[1]]));
        if let Some([real, synthetic]) = gaps(&steps) {
            arrivals.figures.push(Figure::numbers("gaps", [&real, &synthetic]));
        }
    }
    arrivals
}

fn span(times: &[Option<Micros>]) -> Option<(Micros, Micros)> {
    let known = times.iter().flatten();
    Some((*known.clone().min()?, *known.max()?))
}

/// The hours of the week of the lines of each side, within hours that both cover, and so thinned that each side covers each of them
/// for the same part of its time.
fn hours(times: &Moments) -> Option<[Vec<String>; 2]> {
    let mut covered = [vec![0.0; HOURS], vec![0.0; HOURS]];
    for (times, covered) in times.iter().zip(&mut covered) {
        let (first, last) = span(times)?;
        // Longer spans cover all hours alike.
        let last = last.min(first + 520 * 7 * 24 * HOUR);
        let mut at = first;
        while at <= last {
            let end = (at.div_euclid(HOUR) + 1) * HOUR;
            #[allow(clippy::cast_precision_loss)] // at most an hour
            let part = (end.min(last + 1) - at) as f64 / HOUR as f64;
            covered[hour_of_week(at)] += part;
            at = end;
        }
    }
    let is_common = |hour: &usize| covered.iter().all(|covered| covered[*hour] >= LEAST_HOURS);
    let common: Vec<usize> = (0..HOURS).filter(is_common).collect();
    if common.len() < 2 {
        return None;
    }
    let sums = covered.each_ref().map(|covered| common.iter().map(|hour| covered[*hour]).sum::<f64>());
    let part = |side: usize, hour: usize| covered[side][hour] / sums[side];
    let kept = |side: usize| {
        let hour = |(row, at): (u64, &Option<Micros>)| {
            let hour = hour_of_week((*at)?);
            let wanted = part(side, hour).min(part(1 - side, hour)) / part(side, hour);
            (is_common(&hour) && drawn(row ^ 0x686f_7572) < wanted).then(|| name(hour))
        };
        (0u64..).zip(&times[side]).filter_map(hour).collect::<Vec<_>>()
    };
    let sides = [kept(0), kept(1)];
    sides.iter().all(|side| side.len() >= FEWEST).then_some(sides)
}

/// `Mon 09`.
fn name(hour: usize) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    format!("{} {:02}", DAYS[hour / 24], hour % 24)
}

/// How much later lines are than the ones before them.
fn steps(lines: &Lines, keys: &[String]) -> Vec<Micros> {
    let mut walker = Walker::default();
    let mut at = |line: &[u8]| {
        walker.walk(line);
        let is_it = |path: u32| {
            let found = walker.keys(path);
            found.len() == keys.len() && found.iter().zip(keys).all(|(raw, key)| text(raw) == *key)
        };
        let leaf = walker.leaves().iter().rev().find(|leaf| is_it(leaf.path))?;
        let raw = leaf.raw(line);
        let written = match raw.first()? {
            b'"' => moments::text(crate::jsonl::value::text(raw)?.as_ref()),
            _ => moments::number(std::str::from_utf8(raw).ok()?),
        };
        written.map(|written| written.at)
    };
    lines.neighbours().filter_map(|(before, line)| Some(at(line)? - at(before)?)).collect()
}

/// Gaps as multiples of their side's mean. Where clocks are coarse, as many gaps are the same on one side as are near each other on
/// the other, so both are blurred by the coarser clock. `None` if one side has too few gaps.
fn gaps(steps: &[Vec<Micros>; 2]) -> Option<[Vec<f64>; 2]> {
    let positive = steps.each_ref().map(|steps| steps.iter().copied().filter(|step| *step >= 0).collect::<Vec<_>>());
    #[allow(clippy::cast_precision_loss)] // spans far below 2^53
    let means = positive.each_ref().map(|gaps| gaps.iter().sum::<Micros>() as f64 / gaps.len().max(1) as f64);
    if positive.iter().any(|gaps| gaps.len() < FEWEST) || means.contains(&0.0) {
        return None;
    }
    let ticks = [0, 1].map(|side| {
        let tick = positive[side].iter().fold(0, |tick, gap| gcd(tick, *gap));
        #[allow(clippy::cast_precision_loss)]
        let share = tick as f64 / means[side];
        share
    });
    let blur = ticks[0].max(ticks[1]);
    Some([0, 1].map(|side| {
        let gap = |(nth, gap): (u64, &Micros)| {
            #[allow(clippy::cast_precision_loss)]
            let gap = *gap as f64 / means[side];
            gap + (drawn(nth ^ 0x6761_7073) - 0.5) * blur
        };
        (0u64..).zip(&positive[side]).map(gap).collect()
    }))
}

fn gcd(a: Micros, b: Micros) -> Micros {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A number from 0 to 1 that looks random.
fn drawn(nth: u64) -> f64 {
    #[allow(clippy::cast_precision_loss)] // 53 bits
    let bits = (mix(nth) >> 11) as f64;
    bits / 9_007_199_254_740_992.0
}
