//! How much CPU psend used, and whether it got a core whenever it was ready. Linux tells this in /proc; elsewhere it is unknown.

use std::time::Duration;

/// A thread that waits longer than this share of a run for a core is short of them.
const SHORT_OF_CORES: f64 = 0.05;

/// The load of a part of a run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Load {
    /// CPU time of the process.
    pub(super) cpu: Option<Duration>,
    /// How much of the time the sending thread ran, from 0 to 1.
    pub(super) sender_cpu_share: Option<f64>,
    /// How much of the time it was ready to run and had no core, from 0 to 1.
    pub(super) sender_wait_share: Option<f64>,
}

impl Load {
    /// This load with that of another thread that sends: the shares are those of the busier one.
    pub(super) fn beside(self, other: Self) -> Self {
        let more = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        };
        Self {
            cpu: self.cpu,
            sender_cpu_share: more(self.sender_cpu_share, other.sender_cpu_share),
            sender_wait_share: more(self.sender_wait_share, other.sender_wait_share),
        }
    }

    /// Whether other work took the cores that the sending thread needed.
    pub(super) fn is_short_of_cores(&self) -> bool {
        self.sender_wait_share.is_some_and(|share| share >= SHORT_OF_CORES)
    }
}

/// What the process and the sending thread have used up to a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used {
    /// When, since the start of the run.
    at: Duration,
    process: Option<Duration>,
    /// How long the thread ran, and how long it was ready and did not run.
    thread: Option<(Duration, Duration)>,
}

impl Used {
    /// Up to now. Call it on the sending thread.
    pub(super) fn until(now: Duration) -> Self {
        let read = |path| std::fs::read_to_string(path).ok();
        Self {
            at: now,
            process: read("/proc/self/stat").as_deref().and_then(process_time),
            thread: read("/proc/thread-self/schedstat").as_deref().and_then(thread_times),
        }
    }

    /// The load since an earlier moment.
    pub(super) fn since(&self, before: &Self) -> Load {
        let time = self.at.saturating_sub(before.at).as_secs_f64();
        let share = |part: fn((Duration, Duration)) -> Duration| {
            let spent = part(self.thread?).saturating_sub(part(before.thread?));
            (time > 0.0).then(|| thousandths(spent.as_secs_f64() / time).min(1.0))
        };
        Load {
            cpu: self.process.zip(before.process).map(|(now, before)| now.saturating_sub(before)),
            sender_cpu_share: share(|(ran, _)| ran),
            sender_wait_share: share(|(_, waited)| waited),
        }
    }
}

fn thousandths(share: f64) -> f64 {
    (share * 1000.0).round() / 1000.0
}

/// The user and system time in /proc/PID/stat, fields 14 and 15 (proc_pid_stat(5)), which count hundredths of a second.
fn process_time(stat: &str) -> Option<Duration> {
    const TICKS_PER_SECOND: u64 = 100;
    // The second field is a name in parentheses that may contain anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(14 - 3);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((next()? + next()?) * 1000 / TICKS_PER_SECOND))
}

/// The time on a CPU and the time waiting for one, in nanoseconds (Documentation/scheduler/sched-stats.rst).
fn thread_times(schedstat: &str) -> Option<(Duration, Duration)> {
    let mut fields = schedstat.split_whitespace().map(|field| field.parse().ok().map(Duration::from_nanos));
    Some((fields.next()??, fields.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_is_the_difference_of_two_moments() {
        let used = |at: u64, ran: u64, waited: u64| Used {
            at: Duration::from_secs(at),
            process: process_time(&format!("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 {} 5 0 0", ran * 100)),
            thread: thread_times(&format!("{} {} 12\n", ran * 1_000_000_000, waited * 1_000_000_000)),
        };
        let load = used(12, 6, 2).since(&used(2, 1, 1));
        assert_eq!(load.cpu, Some(Duration::from_secs(5)));
        assert_eq!((load.sender_cpu_share, load.sender_wait_share), (Some(0.5), Some(0.1)));
        assert!(load.is_short_of_cores());
        assert!(!used(12, 6, 1).since(&used(2, 1, 1)).is_short_of_cores());
    }

    #[test]
    fn what_the_system_does_not_tell_is_unknown() {
        for text in ["", "7", "7 (a", "7 (a) S 1 2", "x y z"] {
            assert_eq!(process_time(text), None, "{text}");
        }
        for text in ["", "1", "a b"] {
            assert_eq!(thread_times(text), None, "{text}");
        }
        let unknown = Used { at: Duration::ZERO, process: None, thread: None };
        assert!(!unknown.since(&unknown).is_short_of_cores());
        assert!(unknown.since(&unknown).cpu.is_none());
    }

    #[test]
    fn a_thread_that_works_is_seen_to() {
        let began = std::time::Instant::now();
        let before = Used::until(began.elapsed());
        while began.elapsed() < Duration::from_millis(30) {
            std::hint::spin_loop();
        }
        let load = Used::until(began.elapsed()).since(&before);
        if cfg!(target_os = "linux") && std::path::Path::new("/proc/thread-self/schedstat").exists() {
            assert!(load.sender_cpu_share.is_some_and(|share| share > 0.0), "{load:?}");
        }
    }
}
