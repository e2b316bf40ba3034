//! The signals that end the server.

use futures::future::OptionFuture;
use rustix::process::Signal;
use tokio::signal::unix::{Signal as UnixSignal, SignalKind, signal};

use crate::cli::stop::is_hangup_ignored;

/// Receives SIGINT, SIGTERM and, unless it is ignored (nohup), SIGHUP.
pub(super) struct Signals {
    interrupt: UnixSignal,
    terminate: UnixSignal,
    hangup: Option<UnixSignal>,
}

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        let hangup = (!is_hangup_ignored()).then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())?, hangup })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::INT,
            _ = self.terminate.recv() => Signal::TERM,
            Some(_) = OptionFuture::from(self.hangup.as_mut().map(UnixSignal::recv)) => Signal::HUP,
        }
    }
}
