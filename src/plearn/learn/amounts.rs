//! Numbers of a member: codes, counters, times and amounts.

use super::cells::{About, Values, dictionary, estimate, float, ordered, times};
use super::codes;
use super::model::{Class, Literal, Value};
use super::moments;
use super::numbers::{self, Bin};
use super::rows::Cell;
use crate::cli::numbers::counted;
use crate::plearn::count::{self, Class as Kind};
use crate::record::private::is_personal;

/// Numbers are divided into classes, so that others can depend on them and they on others: one for so many numbers of the sample.
const A_BAND: usize = 400;
const BANDS: (usize, usize) = (8, 24);

/// The most numbers that are listed one by one.
pub(super) const MOST_NUMBERS: usize = 64;

pub(super) fn numeric(cells: &[Cell<'_>], places: &[usize], about: &mut About<'_>, out: &mut Values) {
    let found: Vec<(f64, u32)> = places.iter().map(|at| count::number(cells[*at].raw).unwrap_or((0.0, 0))).collect();
    if let Some(form) = times(cells, places, out, |cell| moments::number(std::str::from_utf8(cell.raw).ok()?)) {
        let class = out.class("time", 1.0, Value::Time { form, shift: None });
        places.iter().for_each(|at| out.of[*at] = class);
        return;
    }
    if places.iter().all(|at| cells[*at].raw.iter().all(u8::is_ascii_digit)) {
        let longest = places.iter().map(|at| cells[*at].raw.len()).max().unwrap_or(0);
        // Doubles do not hold them exactly.
        if longest > 15 {
            let pattern = format!("{{n:1-9}}{{n:{}}}", longest - 1);
            let class = out.class("number", 1.0, Value::Pattern { pattern, is_number: true });
            places.iter().for_each(|at| out.of[*at] = class);
            out.note(format!("random numbers of {longest} digits"));
            return;
        }
    }
    let dictionary = dictionary(cells, places, about);
    let total: u64 = dictionary.values().map(|(sum, _)| sum).sum();
    let distinct = estimate(about, dictionary.len());
    let lines = about.all.as_ref().map_or(total, |all| all.classes[Kind::Number as usize]);
    let decimals = decimals(&found);
    let is_hidden = is_personal(about.path) && !about.keeps;
    let may_show =
        |raw: &[u8], sum: u64| sum >= about.rules.min_count && !is_hidden && (about.keeps || codes::may_show(raw));
    // A few numbers: codes rather than amounts.
    let frequent: u64 = dictionary.iter().filter(|(raw, (sum, _))| may_show(raw, *sum)).map(|(_, (sum, _))| sum).sum();
    #[allow(clippy::cast_precision_loss)]
    let is_listed = distinct <= MOST_NUMBERS.min(about.rules.max_values) as f64 && frequent * 50 >= total * 49;
    let bounds = about.all.as_ref().map_or_else(
        || {
            let mut bins = count::Bins::default();
            found.iter().zip(places).for_each(|((n, _), at)| bins.add(*n, about.counts[cells[*at].row as usize]));
            bins.bounds()
        },
        |all| all.bins.bounds(),
    );
    let (least, most) = found.iter().fold((f64::MAX, f64::MIN), |(low, high), (n, _)| (low.min(*n), high.max(*n)));
    let beyond = if lines > total { (f64::MIN, f64::MAX) } else { (least, most) };
    if is_listed {
        let mut rest = Vec::new();
        let mut shown = 0;
        for (raw, (sum, of)) in ordered(&dictionary) {
            if may_show(raw, sum) {
                let json = String::from_utf8_lossy(raw).into_owned();
                let class = out.class(json.clone(), float(sum), Value::Literal(Literal::Json(json)));
                of.iter().for_each(|at| out.of[*at] = class);
                shown += 1;
            } else {
                rest.push((raw, sum, of));
            }
        }
        // The others take the value that is nearest.
        let hidden: u64 = rest.iter().map(|(_, sum, _)| sum).sum();
        let first = out.classes.len() - shown;
        let number = |raw: &[u8]| count::number(raw).map_or(0.0, |(number, _)| number);
        for (raw, _, of) in &rest {
            let away = |class: &Class| libm::fabs(number(class.label.as_bytes()) - number(raw));
            let near = out.classes[first..].iter().enumerate().min_by(|a, b| away(a.1).total_cmp(&away(b.1)));
            let near = u16::try_from(first + near.map_or(0, |(at, _)| at)).unwrap_or(0);
            of.iter().for_each(|at| out.of[*at] = near);
        }
        out.note(format!("{} kept", counted(shown as u64, "value", "values")));
        if hidden > 0 {
            out.note(format!("{} left out, which too few lines hold", counted(rest.len() as u64, "value", "values")));
        }
        return;
    }
    // Items of an array are not in the order of the lines.
    let start = if about.depth == 0 { counter(&found, lines, distinct, decimals) } else { None };
    if let Some(start) = start {
        let class = out.class("number", 1.0, Value::Counter(start));
        places.iter().for_each(|at| out.of[*at] = class);
        out.note("a counter; its first number is rounded");
        return;
    }
    let ordered = ordered(&dictionary);
    let is_again = codes::are_identifiers(about.path, ordered.iter().map(|(raw, (sum, _))| (*raw, *sum)));
    if is_again && !about.keeps {
        codes::identifiers(&ordered, float(lines), distinct, about, out);
        return;
    }
    let whole = numbers::shown(&bounds, decimals, beyond, float(about.rules.min_count));
    let whole = numbers::table(&whole, decimals).map(Value::Numbers);
    let mut frequent = codes::frequent(&ordered, about);
    let of_frequent: u64 = frequent.iter().map(|(_, (sum, _))| sum).sum();
    if total - of_frequent < 4 * about.rules.min_count {
        // Too few others to tell of them alone.
        frequent.clear();
    }
    let scale = float(lines) / float(total.max(1));
    let mut bounds = bounds;
    for (raw, (sum, _)) in &frequent {
        let own = count::number(raw).map_or(0.0, |(number, _)| number);
        if let Some(bin) = bounds.iter_mut().find(|(low, high, _)| (*low..*high).contains(&own)) {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a count
            let of_all = libm::round(float(*sum) * scale) as u64;
            bin.2 = bin.2.saturating_sub(of_all);
        }
    }
    bounds.retain(|(.., count)| *count > 0);
    let bins = numbers::shown(&bounds, decimals, beyond, float(about.rules.min_count));
    let cuts = numbers::cuts(&bins, (places.len() / A_BAND).clamp(BANDS.0, BANDS.1));
    let first = out.classes.len();
    let mut from = f64::MIN;
    let mut class_of_part = Vec::new();
    for (part, to) in cuts.iter().copied().chain([f64::MAX]).enumerate() {
        let within: Vec<Bin> = bins.iter().filter(|bin| bin.0 >= from && bin.0 < to).copied().collect();
        let weight = within.iter().map(|bin| bin.2).sum();
        if let Some(numbers) = numbers::table(&within, decimals) {
            class_of_part.push(out.class(format!("band {}", part + 1), weight, Value::Numbers(numbers)));
        } else {
            class_of_part.push(u16::try_from(out.classes.len().saturating_sub(1).max(first)).unwrap_or(0));
        }
        from = to;
    }
    for ((number, _), at) in found.iter().zip(places) {
        out.of[*at] = class_of_part[cuts.partition_point(|cut| cut <= number)];
    }
    for (raw, (sum, of)) in &frequent {
        let json = String::from_utf8_lossy(raw).into_owned();
        let class = out.class(json.clone(), float(*sum) * scale, Value::Literal(Literal::Json(json)));
        of.iter().for_each(|at| out.of[*at] = class);
    }
    if !frequent.is_empty() {
        out.note(format!("{} kept", counted(frequent.len() as u64, "frequent number", "frequent numbers")));
    }
    if first == 0 {
        out.whole = whole;
    }
    out.note("a distribution; its bounds are rounded");
}

/// The decimal places of all but a thousandth of the numbers.
fn decimals(found: &[(f64, u32)]) -> u32 {
    let mut places: Vec<u32> = found.iter().map(|(_, places)| *places).collect();
    places.sort_unstable();
    places[(places.len() - 1) - places.len() / 1000].min(9)
}

/// The first number, if the numbers count lines: all different, and as many as there are between the first and the last.
fn counter(found: &[(f64, u32)], lines: u64, distinct: f64, decimals: u32) -> Option<i64> {
    let (least, most) = found.iter().fold((f64::MAX, f64::MIN), |(low, high), (n, _)| (low.min(*n), high.max(*n)));
    let span = (most - least + 1.0) / float(lines);
    let is_all_different = distinct > 0.8 * float(lines);
    if decimals > 0 || lines < 100 || !is_all_different || !(0.9..1.1).contains(&span) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation)] // a double that a JSON reader holds exactly
    let start = numbers::significant(least, 2).clamp(-9e15, 9e15) as i64;
    Some(start)
}
