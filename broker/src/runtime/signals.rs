//! What the process is told from outside: stop (SIGTERM, SIGINT) and look again (SIGHUP).

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What the server is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// To stop.
    Stop,
    /// To look at the manifests again.
    Reload,
}

/// The signals that the server hears.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Begins to hear them, so that none ends the process by itself any more.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn new() -> io::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits to be told to stop.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a signal that came meanwhile is heard by the next call.
    pub async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits to be told anything. Cancel safe, as [`Signals::stop`].
    pub async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.hangup.recv() => Told::Reload,
        }
    }
}
