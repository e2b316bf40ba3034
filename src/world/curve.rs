//! Traffic over the week: 24 × 7 weights, their running sum over a window of time, and its inverse.
//!
//! Knows hours, weeks and time zones, but not events. Uses integers only, so that every machine finds the same microsecond.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

use crate::cli::input;
use crate::clock::{FIRST, Micros};
use crate::error::{Error, Result};

const HOUR: Micros = 3_600_000_000;
const DAY: Micros = 24 * HOUR;
const WEEK: Micros = 7 * DAY;
pub(crate) const HOURS: usize = 24 * 7;

/// The Monday before 0001-01-01T00:00:00Z, which is a Monday itself. Weeks are counted from here, so that the first hours of
/// year 1 have a week west of Greenwich too.
const FIRST_MONDAY: Micros = FIRST - WEEK;

/// The integer for a weight of 1; six decimals are exact.
const UNIT: u32 = 1_000_000;

/// The largest weight: the area of one hour fits 64 bits.
pub(super) const MAX_WEIGHT: f64 = 1000.0;

/// The relative traffic of each hour of a local week, starting on Monday at 00:00.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Curve {
    weights: [u32; HOURS],
}

impl Curve {
    /// Multiplies traffic by `factor` from the hour `from` to the hour `to` (excluded), and by `weekend` on Saturdays and Sundays.
    /// The guide's figures are 9, 17, 2 and 0.6. Returns `None` if an hour or weight is out of range.
    pub(crate) fn business(from: usize, to: usize, factor: f64, weekend: f64) -> Option<Self> {
        let weight = |hour: usize| {
            let busy = if (from..to).contains(&(hour % 24)) { factor } else { 1.0 };
            busy * if hour < 5 * 24 { 1.0 } else { weekend }
        };
        (to <= 24).then_some(())?;
        Self::of((0..HOURS).map(weight))
    }

    /// Takes 168 weights, starting on Monday at 00:00. Returns `None` if one is negative or above 1000, or all are 0.
    pub(super) fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut weights = Vec::with_capacity(HOURS);
        for number in numbers {
            (0.0..=MAX_WEIGHT).contains(&number).then_some(())?;
            // In range, as just checked.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            weights.push((number * f64::from(UNIT)).round() as u32);
        }
        let weights: [u32; HOURS] = weights.try_into().ok()?;
        weights.iter().any(|w| *w > 0).then_some(Self { weights })
    }

    /// Reads weights from a file, or from standard input for `-`: seven rows of 24 (Monday first), or 24 rows of seven. Weights are
    /// from 0 to 1000, separated by spaces or commas. `#` starts a comment.
    ///
    /// # Errors
    /// A usage error that names file and line if the file cannot be read or is invalid.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = input::text(path).map_err(|e| Error::usage(format!("--curve {name}: {e}")))?;
        let mut rows: Vec<(usize, Vec<f64>)> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default();
            let words = line.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
            let mut row = Vec::new();
            for word in words {
                let weight = word.parse().ok().filter(|w| (0.0..=MAX_WEIGHT).contains(w)).ok_or_else(|| {
                    Error::usage(format!("--curve {name}: line {number}: '{word}': expected a weight from 0 to 1000"))
                })?;
                row.push(weight);
            }
            if !row.is_empty() {
                rows.push((number, row));
            }
        }
        let wide = rows.len() != 24;
        let (height, width) = if wide { (7, 24) } else { (24, 7) };
        if let Some((number, row)) = rows.iter().find(|(_, row)| row.len() != width) {
            return Err(Error::usage(format!(
                "--curve {name}: line {number}: {} weights; expected {width}",
                row.len()
            )));
        }
        if rows.len() != height {
            return Err(Error::usage(format!(
                "--curve {name}: {} rows of weights; expected 7 rows of 24, Monday first, or 24 rows of 7",
                rows.len()
            )));
        }
        let at = |h: usize| if wide { rows[h / 24].1[h % 24] } else { rows[h % 24].1[h / 24] };
        Self::of((0..HOURS).map(at))
            .ok_or_else(|| Error::usage(format!("--curve {name}: every weight is 0; expected at least one above 0")))
    }

    /// The mean over a local week, in the unit of [`Timeline::weight`].
    pub(crate) fn mean(&self) -> f64 {
        self.weights.iter().map(|w| f64::from(*w)).sum::<f64>() / 168.0
    }
}

/// A built-in curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamedCurve {
    /// Busy from nine to five, quieter on weekends.
    Business,
    /// The same traffic at all hours.
    Flat,
    /// A day of people at home: lowest at four, with a second peak in the evening.
    Diurnal,
    /// Business days of Asia, Europe and America one after another.
    FollowTheSun,
}

impl NamedCurve {
    /// Every built-in curve.
    pub(crate) const ALL: [Self; 4] = [Self::Business, Self::Flat, Self::Diurnal, Self::FollowTheSun];

    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Business => "business",
            Self::Flat => "flat",
            Self::Diurnal => "diurnal",
            Self::FollowTheSun => "follow-the-sun",
        }
    }

    /// Its weights.
    pub(crate) fn curve(self) -> Curve {
        // By local hour: lowest at four, busy from ten to four, a second peak in the evening.
        const DIURNAL: [u32; 24] =
            [40, 28, 20, 16, 15, 18, 30, 50, 75, 92, 100, 100, 96, 97, 100, 100, 98, 94, 92, 95, 98, 92, 78, 58];
        // The sum of business days in Asia (00–08 UTC), Europe (08–16) and America (14–22), with gradual edges.
        const SUN: [u32; 24] =
            [70, 80, 85, 85, 80, 80, 85, 92, 100, 96, 92, 90, 90, 98, 110, 112, 104, 92, 86, 82, 78, 70, 62, 62];
        let days = |day: [u32; 24], weekend_percent: u32| Curve {
            weights: std::array::from_fn(|h| {
                day[h % 24] * UNIT / 100 * if h < 5 * 24 { 100 } else { weekend_percent } / 100
            }),
        };
        match self {
            Self::Business => Curve::business(9, 17, 2.0, 0.6).expect("the guide's hours and weights are in range"),
            Self::Flat => Curve { weights: [UNIT; HOURS] },
            Self::Diurnal => days(DIURNAL, 80),
            Self::FollowTheSun => days(SUN, 70),
        }
    }
}

/// `--curve`: a built-in curve by its name, or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CurveChoice {
    /// A built-in curve.
    Named(NamedCurve),
    /// A file, read by [`Curve::load`].
    File(PathBuf),
}

impl CurveChoice {
    /// Looks up or reads the curve.
    ///
    /// # Errors
    /// As [`Curve::load`].
    pub(crate) fn load(&self) -> Result<Curve> {
        match self {
            Self::Named(named) => Ok(named.curve()),
            Self::File(path) => Curve::load(path),
        }
    }

    /// What a flag's value names.
    ///
    /// # Errors
    /// The form of the value, if it is neither a name nor a file.
    pub(crate) fn of(text: &OsStr) -> Result<Self, String> {
        if let Some(named) = NamedCurve::ALL.into_iter().find(|named| text == named.name()) {
            return Ok(Self::Named(named));
        }
        let path = PathBuf::from(text);
        if path.exists() {
            Ok(Self::File(path))
        } else {
            let names = NamedCurve::ALL.map(NamedCurve::name).join(", ");
            Err(format!("expected {names} or the name of a file of 24 × 7 weights"))
        }
    }
}

/// A curve over a window of time in a time zone.
///
/// Each microsecond adds the weight of its hour to the area. Moments that are uniform in area are distributed as the curve.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    weights: [u32; HOURS],
    /// The area of the week before each hour; the last entry is the area of the whole week.
    before: [u128; HOURS + 1],
    /// Stretches with the same offset from UTC; several only if clocks change within the window.
    stretches: Vec<Stretch>,
    end: Micros,
    total: u128,
}

#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: Micros,
    /// Local time minus UTC.
    offset: Micros,
    /// The window's area before this stretch.
    area: u128,
}

impl Timeline {
    /// Lays a curve over `start` (included) to `end` (excluded), which are in the years 1 to 9999.
    pub(crate) fn new(curve: &Curve, zone: Tz, start: Micros, end: Micros) -> Self {
        let mut before = [0; HOURS + 1];
        for (hour, weight) in curve.weights.iter().enumerate() {
            before[hour + 1] = before[hour] + u128::from(u64::from(*weight) * HOUR.unsigned_abs());
        }
        let mut timeline = Self { weights: curve.weights, before, stretches: Vec::new(), end, total: 0 };
        let mut area = 0;
        let mut last: Option<Stretch> = None;
        for (from, offset) in offsets(zone, start, end) {
            if let Some(last) = last {
                area += timeline.local_area(from + last.offset) - timeline.local_area(last.start + last.offset);
            }
            let stretch = Stretch { start: from, offset, area };
            timeline.stretches.push(stretch);
            last = Some(stretch);
        }
        timeline.total = timeline.cumulative(end);
        timeline
    }

    /// The area of the whole window; 0 if it has no traffic.
    pub(crate) fn total(&self) -> u128 {
        self.total
    }

    pub(crate) fn start(&self) -> Micros {
        self.stretches[0].start
    }

    pub(crate) fn end(&self) -> Micros {
        self.end
    }

    /// The area from the window's start to a moment in it.
    pub(crate) fn cumulative(&self, at: Micros) -> u128 {
        let stretch = self.stretch(|s| s.start <= at);
        stretch.area + self.local_area(at + stretch.offset) - self.local_area(stretch.start + stretch.offset)
    }

    /// The moment at which the area, which is below the total, is reached: the inverse of [`Self::cumulative`].
    pub(crate) fn inverse(&self, area: u128) -> Micros {
        let stretch = self.stretch(|s| s.area <= area);
        let local = self.local_area(stretch.start + stretch.offset) + (area - stretch.area);
        let (week, rest) = (local / self.before[HOURS], local % self.before[HOURS]);
        let hour = self.before.partition_point(|b| *b <= rest) - 1;
        #[allow(clippy::cast_possible_truncation)] // below an hour's area, which is 64 bits
        let into = (rest - self.before[hour]) as u64 / u64::from(self.weights[hour]);
        let weeks = Micros::try_from(week).unwrap_or(0) * WEEK;
        FIRST_MONDAY + weeks + micros(hour) * HOUR + Micros::try_from(into).unwrap_or(0) - stretch.offset
    }

    /// The weight at a moment of the window, in millionths.
    pub(crate) fn weight(&self, at: Micros) -> u32 {
        let stretch = self.stretch(|s| s.start <= at);
        self.weights[hour_of_week(at + stretch.offset)]
    }

    /// A cursor that starts at `area`. It is far faster than [`Self::inverse`] for ascending areas.
    pub(crate) fn cursor(&self, area: u128) -> Cursor<'_> {
        let mut cursor = Cursor { timeline: self, start: 0, area: 0, size: 0, weight: 1 };
        cursor.seek(area);
        cursor
    }

    /// The area of local time since the first Monday.
    fn local_area(&self, local: Micros) -> u128 {
        let since = local - FIRST_MONDAY;
        let (week, rest) = (since.div_euclid(WEEK), since.rem_euclid(WEEK));
        let hour = hour_of_week(local);
        let into = (rest - micros(hour) * HOUR).unsigned_abs();
        u128::from(week.unsigned_abs()) * self.before[HOURS]
            + self.before[hour]
            + u128::from(into * u64::from(self.weights[hour]))
    }

    fn stretch(&self, has_started: impl Fn(&Stretch) -> bool) -> Stretch {
        self.stretches[self.stretches.partition_point(has_started).saturating_sub(1)]
    }
}

/// Finds moments of a [`Timeline`] for ascending areas.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    timeline: &'a Timeline,
    /// The moment and area at which the current run of equal weight was entered, and the run's area from there.
    start: Micros,
    area: u128,
    size: u64,
    weight: u32,
}

impl Cursor<'_> {
    /// The moment at which `area` is reached. It must not be below that of the previous call.
    #[inline]
    pub(crate) fn at(&mut self, area: u128) -> Micros {
        if area - self.area >= u128::from(self.size) {
            self.seek(area);
        }
        #[allow(clippy::cast_possible_truncation)] // below size, which is 64 bits
        let into = (area - self.area) as u64 / u64::from(self.weight);
        self.start + into.cast_signed()
    }

    #[cold]
    fn seek(&mut self, area: u128) {
        let timeline = self.timeline;
        self.start = timeline.inverse(area);
        self.area = timeline.cumulative(self.start);
        self.weight = timeline.weight(self.start);
        let next = timeline.stretches.partition_point(|s| s.start <= self.start);
        let stretch = timeline.stretches[next - 1];
        let change = timeline.stretches.get(next).map_or(timeline.end, |s| s.start);
        let hour_end = self.start + HOUR - (self.start + stretch.offset).rem_euclid(HOUR);
        self.size = (hour_end.min(change) - self.start).unsigned_abs() * u64::from(self.weight);
    }
}

/// The offsets from UTC over a window, each with the moment from which it holds, in order.
fn offsets(zone: Tz, start: Micros, end: Micros) -> Vec<(Micros, Micros)> {
    let at = |moment: Micros| {
        let utc = DateTime::from_timestamp_micros(moment).unwrap_or_default().naive_utc();
        Micros::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()) * 1_000_000
    };
    let mut found = vec![(start, at(start))];
    if zone == Tz::UTC {
        return found;
    }
    let mut day = start;
    while day < end {
        let next = day.saturating_add(DAY).min(end);
        let (old, new) = (at(day), at(next));
        if old != new {
            // Clocks change on a whole second.
            let (mut low, mut high) = (day.div_euclid(1_000_000), next.div_euclid(1_000_000) + 1);
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if at(middle * 1_000_000) == old { low = middle } else { high = middle }
            }
            if high * 1_000_000 < end {
                found.push((high * 1_000_000, new));
            }
        }
        day = next;
    }
    found
}

/// The hour of the week from 0 to 167, Monday first, of a moment in local time.
pub(crate) fn hour_of_week(local: Micros) -> usize {
    usize::try_from((local - FIRST_MONDAY).rem_euclid(WEEK) / HOUR).unwrap_or(0)
}

fn micros(hours: usize) -> Micros {
    Micros::try_from(hours).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::LAST;
    use crate::time;
    use proptest::prelude::*;

    fn moment(text: &str) -> Micros {
        time::parse(text.as_bytes()).expect("a timestamp")
    }

    fn business(zone: Tz, start: &str, end: &str) -> Timeline {
        Timeline::new(&NamedCurve::Business.curve(), zone, moment(start), moment(end))
    }

    #[test]
    fn business_hours_have_double_and_weekend_days_60_percent_of_the_traffic() {
        // 2026-01-05 is a Monday.
        let week = business(Tz::UTC, "2026-01-05T00:00:00Z", "2026-01-12T00:00:00Z");
        let weight = |at: &str| week.weight(moment(at));
        assert_eq!(weight("2026-01-05T08:59:59.999999Z"), UNIT);
        assert_eq!(weight("2026-01-05T09:00:00Z"), 2 * UNIT);
        assert_eq!(weight("2026-01-09T16:59:59.999999Z"), 2 * UNIT);
        assert_eq!(weight("2026-01-09T17:00:00Z"), UNIT);
        assert_eq!(weight("2026-01-10T12:00:00Z"), 1_200_000);
        assert_eq!(weight("2026-01-11T03:00:00Z"), 600_000);
        let day = |a: &str, b: &str| week.cumulative(moment(b)) - week.cumulative(moment(a));
        let (friday, saturday) =
            (day("2026-01-09T00:00:00Z", "2026-01-10T00:00:00Z"), day("2026-01-10T00:00:00Z", "2026-01-11T00:00:00Z"));
        assert_eq!(friday * 6, saturday * 10);
    }

    #[test]
    fn hours_are_those_of_the_zone_and_follow_its_clock_changes() {
        // New York moves its clocks on 2026-03-08 at 07:00 UTC, from -5 to -4 hours.
        let window = business(Tz::America__New_York, "2026-03-02T00:30:00Z", "2026-03-16T00:00:00Z");
        assert_eq!(window.stretches.len(), 2);
        assert_eq!(window.stretches[1].start, moment("2026-03-08T07:00:00Z"));
        assert_eq!(window.weight(moment("2026-03-06T13:59:00Z")), UNIT);
        assert_eq!(window.weight(moment("2026-03-06T14:00:00Z")), 2 * UNIT);
        assert_eq!(window.weight(moment("2026-03-09T13:00:00Z")), 2 * UNIT);
        // India's hours start at half past UTC's.
        let india = business(Tz::Asia__Kolkata, "2026-03-02T00:30:00Z", "2026-03-03T00:00:00Z");
        assert_eq!(india.weight(moment("2026-03-02T03:29:59Z")), UNIT);
        assert_eq!(india.weight(moment("2026-03-02T03:30:00Z")), 2 * UNIT);
    }

    #[test]
    fn the_first_and_last_hours_of_the_calendar_have_local_times_in_every_zone() {
        for zone in [Tz::UTC, Tz::America__New_York, Tz::Etc__GMTPlus12, Tz::Pacific__Kiritimati] {
            for (start, end) in [(FIRST, FIRST + DAY), (LAST - DAY, LAST)] {
                let window = Timeline::new(&NamedCurve::Business.curve(), zone, start, end);
                let mut cursor = window.cursor(0);
                for at in (start..end).step_by(1_000_000_000) {
                    let area = window.cumulative(at);
                    assert_eq!((window.inverse(area), cursor.at(area)), (at, at), "{zone}");
                }
            }
        }
    }

    #[test]
    fn curve_files_are_read_in_both_shapes_and_faults_name_their_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("curve.txt");
        let load = |text: &str| {
            std::fs::write(&path, text).expect("written");
            Curve::load(&path).map_err(|e| e.to_string())
        };
        let wide: String = (0..7).map(|d| format!("{}\n", vec![(d + 1).to_string(); 24].join(" "))).collect();
        let tall: String = "# hours down, days across\n".to_owned() + &"1,2,3,4,5,6,7\n".repeat(24);
        assert_eq!(load(&wide), load(&tall));
        assert_eq!(load(&wide).expect("weights").weights[167], 7 * UNIT);
        assert!(load("1 2 x").unwrap_err().contains("line 1: 'x': expected a weight"));
        assert!(load("1 2 -3").unwrap_err().contains("'-3': expected a weight"));
        assert!(load("1 2 3").unwrap_err().contains("line 1: 3 weights; expected 24"));
        assert!(load("").unwrap_err().contains("0 rows"));
        assert!(
            load(&wide.replace(['1', '2', '3', '4', '5', '6', '7'], "0")).unwrap_err().contains("every weight is 0")
        );
    }

    /// Zones whose clocks are changed, are not, or are far from Greenwich.
    const ZONES: [Tz; 6] = [
        Tz::UTC,
        Tz::Europe__Berlin,
        Tz::Asia__Kathmandu,
        Tz::America__New_York,
        Tz::Pacific__Kiritimati,
        Tz::Etc__GMTPlus12,
    ];

    /// Windows of up to two months, at the ends of the calendar too: start and length.
    fn windows() -> impl Strategy<Value = (Micros, Micros)> {
        let starts = prop_oneof![
            0i64..4_000_000_000_000_000,
            FIRST..FIRST + 10 * DAY,
            LAST - 70 * DAY..LAST - 60 * DAY,
            Just(FIRST)
        ];
        (starts, prop_oneof![1i64..60 * DAY, 1i64..3 * HOUR])
    }

    proptest! {
        #[test]
        fn inverse_and_cursor_agree_with_the_area_up_to_the_largest_weights(
            weights in proptest::collection::vec(
                prop_oneof![Just(0.0), Just(1.0), Just(MAX_WEIGHT), Just(1e-6), 0.0..MAX_WEIGHT], HOURS,
            ),
            zone in proptest::sample::select(&ZONES[..]),
            (start, length) in windows(),
            places in proptest::collection::vec(0.0..1.0f64, 1..50),
        ) {
            let Some(curve) = Curve::of(weights) else { return Ok(()) };
            let timeline = Timeline::new(&curve, zone, start, start + length);
            if timeline.total() == 0 {
                return Ok(());
            }
            let mut moments: Vec<Micros> = places.iter().map(|p| start + (p * length as f64) as i64).collect();
            moments.sort_unstable();
            let mut cursor = timeline.cursor(0);
            for at in moments {
                let area = timeline.cumulative(at);
                prop_assert_eq!(timeline.cumulative(at + 1) - area, u128::from(timeline.weight(at)));
                if area == timeline.total() {
                    continue;
                }
                // Without traffic, the next moment with traffic has the same area before it.
                let found = timeline.inverse(area);
                prop_assert_eq!(cursor.at(area), found);
                prop_assert_eq!(timeline.cumulative(found), area);
                prop_assert!(timeline.weight(found) > 0 && found < start + length);
                let is_busy = timeline.weight(at) > 0;
                prop_assert!(is_busy == (found == at) && found >= at);
            }
        }

        #[test]
        fn inverse_and_cursor_find_each_moment_of_the_built_in_curves(
            named in proptest::sample::select(&NamedCurve::ALL[..]),
            zone in proptest::sample::select(&ZONES[..]),
            (start, length) in windows(),
            places in proptest::collection::vec(0.0..1.0f64, 1..50),
        ) {
            let timeline = Timeline::new(&named.curve(), zone, start, start + length);
            let mut moments: Vec<Micros> = places.iter().map(|p| start + (p * length as f64) as i64).collect();
            moments.sort_unstable();
            let mut cursor = timeline.cursor(0);
            for at in moments {
                let area = timeline.cumulative(at);
                prop_assert_eq!(timeline.inverse(area), at);
                prop_assert_eq!(cursor.at(area), at);
                prop_assert_eq!(timeline.inverse(area + u128::from(timeline.weight(at)) - 1), at);
            }
        }
    }
}
