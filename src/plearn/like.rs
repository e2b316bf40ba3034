//! How alike two sides are: real events and synthetic ones.
//!
//! A pure function of the samples in [`lines`]: [`columns`] divides them into members, [`member`] says what of a member is held against
//! each other, [`pairs`] and [`arrivals`] what of dependences and of time, and [`noise`] whether chance explains a distance.

mod arrivals;
mod classifier;
mod columns;
mod figure;
mod form;
mod lines;
mod member;
mod noise;
mod pairs;
mod reasons;
mod report;
#[cfg(test)]
mod simulation;
mod text;

use self::arrivals::Arrivals;
use self::columns::Columns;
use self::figure::Figure;
pub(super) use self::lines::Lines;
use self::member::{Beside, Kind, Member, Moments};
pub(super) use self::report::Report;
use self::report::{
    ArrivalsReport, FigureReport, MemberReport, MembersReport, PairReport, PairsReport, SideReport, Word,
};
pub(super) use self::text::write as text;
use super::config::Rules;
use super::learn::moments;
use crate::error::{Error, Result};
use crate::seed::Seed;
use crate::statistics::holm;

/// The probability that any member, pair or arrival is said to be beyond the noise floor though both sides have one source.
const ALARM: f64 = 0.05;

/// Draws for each figure that is judged, so that Holm's bounds can be reached.
const DRAWS_EACH: usize = 40;

/// The fewest and the most draws of one figure.
const DRAWS: (usize, usize) = (1_000, 20_000);

/// Compares two sides.
///
/// # Errors
/// If one of them has no events.
pub(super) fn compare(real: &Lines, synthetic: &Lines, rules: &Rules) -> Result<Report> {
    for (side, lines) in [("real", real), ("synthetic", synthetic)] {
        if lines.input.events == 0 {
            return Err(Error::failed(format!(
                "no line of the {side} side holds a JSON object: there is nothing to compare"
            )));
        }
    }
    let columns = Columns::of(real, synthetic, rules);
    let times: Vec<Option<Moments>> =
        columns.columns.iter().map(|column| member::moments(column, columns.rows)).collect();
    let known = |times: &Option<Moments>| Some(times.as_ref()?[0].iter().flatten().count());
    let main = moments::main(columns.columns.iter().zip(&times).map(|(column, times)| (&*column.keys, known(times))));
    let event_times = main.and_then(|main| times[main].as_ref());
    #[allow(clippy::cast_precision_loss)] // counts far below 2^53
    let stands_for = real.input.events as f64 / columns.rows.max(1) as f64;
    let beside =
        Beside { rules, rows: columns.rows, places: &columns.places, stands_for, event_times, is_event_time: false };
    let of = |(place, column)| Member::of(column, Beside { is_event_time: Some(place) == main, ..beside });
    let members: Vec<Member> = columns.columns.iter().enumerate().map(of).collect();
    let pairs = pairs::strongest(&members);
    let auc = classifier::auc(&members, &pairs, columns.rows);
    let arrivals = match (main, event_times) {
        (Some(main), Some(times)) => arrivals::count([real, synthetic], times, &columns.columns[main].keys),
        _ => Arrivals::default(),
    };

    let figures: Vec<&Figure> = members
        .iter()
        .flat_map(|member| &member.figures)
        .chain(pairs.iter().map(|pair| &pair.figure))
        .chain(&arrivals.figures)
        .collect();
    let mut judged = judge(&figures).into_iter();
    let mut next = |count: usize| judged.by_ref().take(count).collect::<Vec<_>>();
    let members: Vec<MemberReport> =
        members.iter().map(|member| member_report(member, next(member.figures.len()))).collect();
    let pairs: Vec<PairReport> = pairs
        .iter()
        .map(|pair| PairReport {
            members: pair.members.map(|at| members[at].member.clone()),
            real_information: pair.information[0],
            synthetic_information: pair.information[1],
            figure: next(1).remove(0),
        })
        .collect();
    let arrivals = ArrivalsReport {
        member: main.map(|main| members[main].member.clone()),
        real_per_s: arrivals.rates[0],
        synthetic_per_s: arrivals.rates[1],
        beyond_noise: None,
        figures: next(arrivals.figures.len()),
        why_no_hours: arrivals.why_no_hours,
    };
    Ok(Report::of(
        [SideReport::of(real), SideReport::of(synthetic)],
        columns.rows,
        auc,
        MembersReport::of(members, columns.rare),
        PairsReport::of(pairs),
        arrivals,
    ))
}

/// Judges all figures as one family.
fn judge(figures: &[&Figure]) -> Vec<FigureReport> {
    let most = (figures.len() * DRAWS_EACH).clamp(DRAWS.0, DRAWS.1);
    let choice = Seed::new(0).choice("like");
    let apart: Vec<_> =
        (0u64..).zip(figures).map(|(nth, figure)| figure.counts.judge(choice.stream(nth), most)).collect();
    let adjusted = holm(&apart.iter().map(|apart| apart.p).collect::<Vec<_>>());
    let report = |((figure, apart), p): ((&&Figure, &noise::Apart), f64)| {
        FigureReport::of(figure, apart, p, if p <= ALARM { Word::Beyond } else { Word::Within })
    };
    figures.iter().zip(&apart).zip(adjusted).map(report).collect()
}

fn member_report(member: &Member, figures: Vec<FigureReport>) -> MemberReport {
    let is_beyond = figures.iter().any(|figure| figure.verdict == Word::Beyond);
    let verdict = match member.why_not {
        _ if is_beyond => Word::Beyond,
        Some(_) => Word::NotJudged,
        None => Word::Within,
    };
    MemberReport {
        member: member.path.clone(),
        kind: member.kind.name(),
        verdict,
        why: member.why_not,
        is_free_text: member.kind == Kind::FreeText,
        figures,
    }
}
