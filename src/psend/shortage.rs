//! That this computer lacks what one more connection takes, such as a free port: since when, and for how long at most. It holds
//! back only the sender that met it. The server is there, and what other senders give back is this one's.

use std::cell::Cell;
use std::time::Duration;

/// How long a sender waits before it tries again.
pub const WAIT: Duration = Duration::from_millis(100);

/// A shortage, where there is one.
#[derive(Debug, Default)]
pub struct Shortage {
    since: Cell<Option<Duration>>,
}

impl Shortage {
    /// A sender met it in an attempt that began then. Gives how long it has lasted, and whether that is news.
    pub fn met(&self, began: Duration, now: Duration) -> (Duration, bool) {
        let known = self.since.get();
        let since = known.unwrap_or(began);
        self.since.set(Some(since));
        (now.saturating_sub(since), known.is_none())
    }

    /// A request got through.
    pub fn end(&self) {
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
