//! How far a run is and how long it will take, from what is known about its input beforehand. Pure: no clock and no file.

use std::time::Duration;

use crate::cli::numbers;

/// What is known about the input before it is read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outlook {
    /// The most events that are read.
    pub limit: Option<u64>,
    /// Bytes of all inputs together, if all are files.
    pub bytes: Option<u64>,
}

/// How far the run is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stage {
    /// Events that have an outcome.
    pub done: u64,
    /// Lines read.
    pub lines: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Lines that an earlier run is done with.
    pub before: u64,
    /// Time since the start.
    pub elapsed: Duration,
    /// When taking events ends at the latest.
    pub ends: Option<Duration>,
}

impl Outlook {
    /// About how many events there are in all.
    fn total(&self, stage: &Stage) -> Option<u64> {
        let by_size = self.bytes.filter(|_| stage.bytes > 0).map(|bytes| {
            let lines = u128::from(stage.lines) * u128::from(bytes.max(stage.bytes)) / u128::from(stage.bytes);
            u64::try_from(lines).unwrap_or(u64::MAX)
        });
        let total = [self.limit, by_size].into_iter().flatten().min()?;
        Some(total.saturating_sub(stage.before).max(stage.done))
    }

    /// ` of 500`, ` of about 512` if it follows from sizes, or nothing if it is not known.
    pub(super) fn of_total(&self, stage: &Stage) -> String {
        match self.total(stage) {
            None => String::new(),
            Some(total) if self.limit == Some(total) => format!(" of {}", numbers::count(total)),
            Some(total) => format!(" of about {}", numbers::count(total)),
        }
    }

    /// `, 1:05 left` at the speed so far, or nothing if it is not known.
    pub(super) fn time_left(&self, stage: &Stage) -> String {
        let by_events = self.total(stage).filter(|_| stage.done > 0).and_then(|total| {
            let left = stage.elapsed.as_secs_f64() * (total - stage.done) as f64 / stage.done as f64;
            Duration::try_from_secs_f64(left).ok()
        });
        let by_time = stage.ends.map(|end| end.saturating_sub(stage.elapsed));
        match [by_events, by_time].into_iter().flatten().min() {
            None => String::new(),
            Some(left) => {
                let seconds = left.as_millis().div_ceil(1000);
                let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
                match hours {
                    0 => format!(", {minutes}:{seconds:02} left"),
                    _ => format!(", {hours}:{minutes:02}:{seconds:02} left"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_from_what_is_known_about_the_input() {
        let after = |seconds| Stage {
            done: 100,
            lines: 120,
            bytes: 1200,
            elapsed: Duration::from_secs(seconds),
            ..Stage::default()
        };
        let sized = Outlook { bytes: Some(12_000), ..Outlook::default() };
        assert_eq!(sized.of_total(&after(5)) + &sized.time_left(&after(5)), " of about 1,200, 0:55 left");
        let limited = Outlook { limit: Some(200), ..sized };
        assert_eq!(limited.of_total(&after(5)) + &limited.time_left(&after(400)), " of 200, 6:40 left");
        let unknown = Outlook::default();
        assert_eq!(unknown.of_total(&after(5)) + &unknown.time_left(&after(5)), "");
        let timed = Stage { ends: Some(Duration::from_secs(7205)), ..after(5) };
        assert_eq!(unknown.time_left(&timed), ", 2:00:00 left");
        let endless = Outlook { limit: Some(u64::MAX), ..unknown };
        assert_eq!(endless.time_left(&Stage { done: 1, ..after(500) }), "", "more time than there is");
        let resumed = Stage { before: 1000, ..after(5) };
        assert_eq!(sized.of_total(&resumed), " of about 200");
    }
}
