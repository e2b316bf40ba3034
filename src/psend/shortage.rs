//! Whether this computer lacks what another connection takes, such as a free port, and since when. This holds back only the sender
//! that met it: the server is there, and a port that another sender frees serves this one.

use std::cell::Cell;
use std::time::Duration;

/// How long a sender waits before it tries again.
pub(super) const WAIT: Duration = Duration::from_millis(100);

/// A shortage, if there is one.
#[derive(Debug, Default)]
pub(super) struct Shortage {
    since: Cell<Option<Duration>>,
}

impl Shortage {
    /// A sender met it in an attempt that began at `began`. Returns how long it has lasted, and whether it is news.
    pub(super) fn met(&self, began: Duration, now: Duration) -> (Duration, bool) {
        let known = self.since.get();
        let since = known.unwrap_or(began);
        self.since.set(Some(since));
        (now.saturating_sub(since), known.is_none())
    }

    /// A request got through.
    pub(super) fn end(&self) {
        self.since.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lasts_until_some_request_gets_through() {
        let (shortage, s) = (Shortage::default(), Duration::from_secs);
        assert_eq!(shortage.met(s(1), s(2)), (s(1), true));
        assert_eq!(shortage.met(s(3), s(4)), (s(3), false));
        shortage.end();
        assert_eq!(shortage.met(s(5), s(5)), (s(0), true));
    }
}
