//! Whether a channel's streams are there and have been read, and what is in the way.

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// How a channel stands with its streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// They are being opened and read.
    Opening {
        /// What was met last.
        trouble: Option<String>,
        /// Whether somebody has to do something about it.
        is_refused: bool,
    },
    /// Events are taken.
    Ready,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Readiness(watch::Sender<Standing>);

impl Default for Readiness {
    fn default() -> Self {
        Readiness(watch::Sender::new(Standing::Opening {
            trouble: None,
            is_refused: false,
        }))
    }
}

impl Readiness {
    pub(super) fn standing(&self) -> Standing {
        self.0.borrow().clone()
    }

    pub(super) fn is_ready(&self) -> bool {
        *self.0.borrow() == Standing::Ready
    }

    /// What is in the way. Told to the log once.
    pub(super) fn is_held_up(&self, what: String, is_refused: bool) {
        let standing = Standing::Opening {
            trouble: Some(what.clone()),
            is_refused,
        };
        if *self.0.borrow() != standing {
            tracing::warn!(trouble = %what, "a broker's NATS streams are not there");
        }
        self.0.send_replace(standing);
    }

    pub(super) fn is_open(&self) {
        self.0.send_replace(Standing::Ready);
    }

    /// Waits until events are taken.
    ///
    /// # Errors
    ///
    /// What is in the way at `deadline`.
    pub(super) async fn until_ready(&self, deadline: Instant) -> Result<(), String> {
        let mut standings = self.0.subscribe();
        let is_ready = standings.wait_for(|standing| *standing == Standing::Ready);
        if timeout_at(deadline, is_ready).await.is_ok() {
            return Ok(());
        }
        Err(self.trouble())
    }

    /// What is in the way.
    pub(super) fn trouble(&self) -> String {
        match self.standing() {
            Standing::Opening {
                trouble: Some(trouble),
                ..
            } => trouble,
            Standing::Opening { trouble: None, .. } | Standing::Ready => {
                "the streams are being opened".to_owned()
            }
        }
    }
}
