//! `--curve NAME --from CURVE`: a stream that follows one curve over a window is made to follow another over the same window.
//! Each timestamp keeps its rank: the share of the old curve before the old time is the share of the new curve before the new
//! time. Input that does not follow the old curve is multiplied by the new curve and divided by the old.

use chrono::{DateTime, Datelike, Days, NaiveTime, TimeZone};
use chrono_tz::Tz;

use crate::cli::numbers;
use crate::clock::Micros;
use crate::error::Result;
use crate::pshape::event::EditableEvent;
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::pshape::window::Period;
use crate::world::curve::{Curve, CurveChoice, NamedCurve, Timeline};

use crate::record::event::Role;

use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "curve",
    fault: "curve",
    head: Some("name"),
    given_by: GivenBy::Flag(Flag {
        value: "CURVE",
        form: Form::Curve,
        repeatable: false,
        help: "Spread events over time by a curve",
        details: "Curves are business, flat, diurnal, follow-the-sun, or a file of 24 × 7 weights.",
    }),
    phase: Phase::Retime,
    share: Share::All,
    windowed: false,
    spared: "lacked a timestamp in the window",
    needs: &[Role::Timestamp],
    build,
};

struct Reshape {
    old: Curve,
    new: Curve,
    zone: Tz,
    /// The window of the last event, or the only window.
    laid: Option<Laid>,
    /// Whether each event is moved inside its own week.
    weekly: bool,
    last: Micros,
    backwards: u64,
}

/// Both curves over one window.
struct Laid {
    old: Timeline,
    new: Timeline,
}

/// Reads `name` and `from`; the window is the run's `--start` and `--end`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let new = curve(spec, "name")?.ok_or_else(|| spec.wrong("'name' is missing"))?;
    let old = match curve(spec, "from")? {
        Some(curve) => curve,
        None => NamedCurve::Flat.curve(),
    };
    let Period { window, zone } = setup.period;
    let laid = window.map(|(start, end)| Laid::new(&old, &new, zone, start, end));
    if laid.as_ref().is_some_and(|laid| !laid.has_traffic()) {
        return Err(spec.wrong("a curve is 0 throughout the window from --start to --end"));
    }
    Ok(Box::new(Reshape { old, new, zone, weekly: laid.is_none(), laid, last: Micros::MIN, backwards: 0 }))
}

fn curve(spec: &mut Spec, option: &'static str) -> Result<Option<Curve>> {
    let Some(text) = spec.file(option) else { return Ok(None) };
    let choice = CurveChoice::of(&text).map_err(|why| spec.invalid(option, &text.to_string_lossy(), why))?;
    choice.load().map(Some)
}

impl Effect for Reshape {
    fn apply(&mut self, event: &mut EditableEvent, _position: &Position) -> Applied {
        let Some(at) = event.timestamp() else { return Applied::Passed };
        self.backwards += u64::from(at < self.last);
        self.last = at;
        let inside = |laid: &&Laid| (laid.old.start()..laid.old.end()).contains(&at);
        if self.weekly && self.laid.as_ref().filter(inside).is_none() {
            let laid = week(self.zone, at).map(|(start, end)| Laid::new(&self.old, &self.new, self.zone, start, end));
            // The only hour with traffic may be the one that a clock change skips.
            self.laid = laid.filter(Laid::has_traffic);
        }
        match self.laid.as_ref().filter(inside) {
            Some(laid) => event.set_timestamp(laid.map(at)).into(),
            None => Applied::Passed,
        }
    }

    fn remark(&self) -> Option<String> {
        (self.backwards > 0).then(|| {
            let count = numbers::counted(self.backwards, "timestamp", "timestamps");
            format!("{count} out of order: each event was moved by its own timestamp, so the lines keep their order")
        })
    }
}

impl Laid {
    fn new(old: &Curve, new: &Curve, zone: Tz, start: Micros, end: Micros) -> Self {
        Self { old: Timeline::new(old, zone, start, end), new: Timeline::new(new, zone, start, end) }
    }

    /// Whether neither curve is 0 in the whole window.
    fn has_traffic(&self) -> bool {
        self.old.total() > 0 && self.new.total() > 0
    }

    fn map(&self, at: Micros) -> Micros {
        let (old, new) = (self.old.total(), self.new.total());
        self.new.inverse(proportion(self.old.cumulative(at), old, new).min(new - 1))
    }
}

/// Scales `part` of `whole` to `other`: part · other / whole, with 64 bits of precision.
fn proportion(part: u128, whole: u128, other: u128) -> u128 {
    let excess = |n: u128| 64u32.saturating_sub(n.leading_zeros());
    let (down, up) = (excess(whole), excess(other));
    (((part >> down) * (other >> up)) / (whole >> down)) << up
}

/// The week of a time, from Monday in local time.
fn week(zone: Tz, at: Micros) -> Option<(Micros, Micros)> {
    let local = DateTime::from_timestamp_micros(at)?.with_timezone(&zone).date_naive();
    let monday = local.checked_sub_days(Days::new(local.weekday().num_days_from_monday().into()))?;
    let midnight = |day: chrono::NaiveDate| {
        let local = day.and_time(NaiveTime::MIN);
        // If clocks go forward at midnight, the day starts at one.
        let start = zone.from_local_datetime(&local).earliest();
        start.or_else(|| zone.from_local_datetime(&(local + chrono::TimeDelta::hours(1))).earliest())
    };
    let end = midnight(monday.checked_add_days(Days::new(7))?)?;
    Some((midnight(monday)?.timestamp_micros(), end.timestamp_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: Micros = 86_400_000_000;

    #[test]
    fn a_week_starts_on_monday_by_the_clocks_of_the_zone() {
        // 2026-03-08, a Sunday, on which New York puts its clocks forward.
        let at = 1_772_990_000_000_000;
        assert_eq!(week(Tz::UTC, at), Some((1_772_409_600_000_000, 1_773_014_400_000_000)));
        let (start, end) = week(Tz::America__New_York, at).expect("a week");
        assert_eq!(end - start, 7 * DAY - 3_600_000_000);
    }

    proptest! {
        #[test]
        fn order_is_kept_and_the_way_back_leads_back(
            a in 0i64..30 * DAY, b in 0i64..30 * DAY, start in 0i64..2_000_000_000_000_000,
        ) {
            let laid = |old: NamedCurve, new: NamedCurve| Laid::new(&old.curve(), &new.curve(), Tz::UTC, start, start + 30 * DAY);
            let (flat, business) = (NamedCurve::Flat, NamedCurve::Business);
            let (there, back) = (laid(flat, business), laid(business, flat));
            let (a, b) = (start + a.min(b), start + a.max(b));
            prop_assert!(there.map(a) <= there.map(b));
            prop_assert!((back.map(there.map(a)) - a).abs() <= 2);
            prop_assert_eq!(laid(NamedCurve::Diurnal, NamedCurve::Diurnal).map(a), a);
        }
    }
}
