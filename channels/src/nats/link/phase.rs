//! What is known of the connection: down, up, or up to a server that is too old. Told by the client's
//! events, and waited for by whoever asks a server for something.

use std::fmt;
use std::time::Duration;

use async_nats::{Event, Server, ServerInfo};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::LinkError;

/// The oldest server that has schedules and atomic batches.
const OLDEST: (u64, u64) = (2, 12);
/// For how long what is asked waits for a connection that has just been lost: a server that is
/// restarted, or a cluster with another server, has one again by then. Later it is refused at once, so
/// that an outage does not gather all that producers send.
const GRACE: Duration = Duration::from_secs(2);

/// Whether servers can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No server has a connection with us.
    Down {
        /// Since then.
        since: Instant,
    },
    /// One has, and what it is has not been looked at yet.
    Unproved {
        /// How many connections there were before.
        connection: u64,
    },
    /// One has that can be used.
    Up {
        /// How many connections there were before.
        connection: u64,
    },
    /// One has that is too old.
    TooOld,
}

/// How a broker stands with its servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether they can be asked.
    pub is_up: bool,
    /// The server that answers, or answered last.
    pub server: Option<ServerName>,
    /// What keeps it from being up, or was met last.
    pub trouble: Option<String>,
}

/// A server, as it names itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.version)
    }
}

/// The phase, and what was told of it.
#[derive(Debug)]
pub(super) struct Watch {
    phase: watch::Sender<Phase>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    connections: u64,
    server: Option<ServerName>,
    trouble: Option<String>,
}

impl Watch {
    pub(super) fn new(now: Instant) -> Self {
        Watch {
            phase: watch::Sender::new(Phase::Down { since: now }),
            told: Mutex::default(),
        }
    }

    // ---- what is told ----

    pub(super) fn note(&self, event: &Event, now: Instant) {
        match event {
            Event::Connected => {
                let mut told = self.told.lock();
                told.connections += 1;
                let connection = told.connections;
                self.phase.send_replace(Phase::Unproved { connection });
            }
            Event::Disconnected | Event::Closed => {
                self.phase.send_replace(Phase::Down { since: now });
            }
            Event::ServerError(error) => self.trouble(error.to_string()),
            // Why a try failed is told better before the next one: see `note_refusals`.
            Event::ClientError(_)
            | Event::LameDuckMode
            | Event::Draining
            | Event::SlowConsumer(_) => {}
        }
    }

    /// What the servers' last refusals were, as the client tells them before it tries again.
    pub(super) fn note_refusals(&self, servers: &[Server]) {
        let refusals = servers.iter().filter_map(|server| {
            let error = server.last_error.as_ref()?;
            Some(format!(
                "{}:{}: {error}",
                server.addr.host(),
                server.addr.port()
            ))
        });
        let refusals: Vec<String> = refusals.collect();
        if !refusals.is_empty() {
            self.trouble(refusals.join("; "));
        }
    }

    fn trouble(&self, what: String) {
        let mut told = self.told.lock();
        if told.trouble.as_ref() != Some(&what) {
            tracing::warn!(trouble = %what, "NATS");
            told.trouble = Some(what);
        }
    }

    /// The server of that connection has been looked at.
    pub(super) fn prove(&self, connection: u64, info: &ServerInfo) {
        let server = ServerName {
            name: info.server_name.clone(),
            version: info.version.clone(),
        };
        let is_new_enough = version(&info.version).is_some_and(|version| version >= OLDEST);
        let phase = if is_new_enough {
            tracing::info!(%server, "connected to NATS");
            Phase::Up { connection }
        } else {
            Phase::TooOld
        };
        let trouble = (!is_new_enough).then(|| LinkError::TooOld(server.clone()).to_string());
        self.phase.send_if_modified(|current| {
            let is_the_same = *current == Phase::Unproved { connection };
            if is_the_same {
                *current = phase;
            }
            is_the_same
        });
        let mut told = self.told.lock();
        told.server = Some(server);
        told.trouble = trouble;
    }

    // ---- what is asked ----

    pub(super) fn subscribe(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    pub(super) fn health(&self) -> Health {
        let phase = *self.phase.borrow();
        let told = self.told.lock();
        Health {
            is_up: matches!(phase, Phase::Up { .. }),
            server: told.server.clone(),
            trouble: told.trouble.clone(),
        }
    }

    /// The connection, once there is one.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn up(&self, deadline: Instant) -> Result<u64, LinkError> {
        let mut phases = self.subscribe();
        loop {
            let phase = *phases.borrow_and_update();
            let until = match phase {
                Phase::Up { connection } => return Ok(connection),
                Phase::TooOld => return Err(self.too_old()),
                Phase::Unproved { .. } => deadline,
                Phase::Down { since } => deadline.min(since + GRACE),
            };
            if !matches!(timeout_at(until, phases.changed()).await, Ok(Ok(()))) {
                return Err(LinkError::Down(self.why_down()));
            }
        }
    }

    /// Returns when that connection is lost.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn lost(&self, connection: u64) {
        let mut phases = self.subscribe();
        let is_lost = |phase: &Phase| *phase != Phase::Up { connection };
        // It cannot fail: the sender is ours.
        phases.wait_for(is_lost).await.ok();
    }

    fn why_down(&self) -> String {
        let told = self.told.lock();
        let unsaid = match told.connections {
            0 => "none has answered yet",
            _ => "the connection was lost",
        };
        told.trouble.clone().unwrap_or_else(|| unsaid.to_owned())
    }

    fn too_old(&self) -> LinkError {
        let server = self.told.lock().server.clone();
        LinkError::TooOld(server.unwrap_or_else(|| ServerName {
            name: "?".to_owned(),
            version: "?".to_owned(),
        }))
    }
}

/// The first two numbers of a version such as `2.12.0-preview.1`.
fn version(text: &str) -> Option<(u64, u64)> {
    let mut numbers = text.trim_start_matches('v').split('.');
    let mut number = || numbers.next()?.parse().ok();
    Some((number()?, number()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(version: &str) -> ServerInfo {
        ServerInfo {
            server_name: "one".to_owned(),
            version: version.to_owned(),
            ..ServerInfo::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_before_2_12_is_refused_with_that_reason() {
        let cases = [
            ("2.12.0", true),
            ("2.12.0-preview.1", true),
            ("v2.14.3", true),
            ("3.0.0", true),
            ("2.11.8", false),
            ("1.99.0", false),
            ("", false),
            ("nightly", false),
        ];
        for (version, is_up) in cases {
            let watch = Watch::new(Instant::now());
            watch.note(&Event::Connected, Instant::now());
            watch.prove(1, &info(version));
            let up = watch.up(Instant::now()).await;
            assert_eq!(up.is_ok(), is_up, "{version}");
            assert_eq!(watch.health().is_up, is_up, "{version}");
            if !is_up {
                let trouble = watch.health().trouble.expect("said");
                assert!(trouble.contains("2.12"), "{trouble}");
                assert!(trouble.contains(version), "{trouble}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_was_just_lost_is_waited_for_and_an_outage_is_not() {
        let watch = Watch::new(Instant::now());
        let patience = Duration::from_secs(60);
        let began = Instant::now();
        let up = watch.up(began + patience).await;
        assert!(matches!(up, Err(LinkError::Down(_))), "{up:?}");
        assert_eq!(began.elapsed(), GRACE);

        let began = Instant::now();
        let up = watch.up(began + patience).await;
        assert!(matches!(up, Err(LinkError::Down(_))), "{up:?}");
        assert_eq!(began.elapsed(), Duration::ZERO);

        watch.note(&Event::Connected, Instant::now());
        watch.note(&Event::Disconnected, Instant::now());
        // Proved too late: it is another by now, or none.
        watch.prove(1, &info("2.12.0"));
        assert!(!watch.health().is_up);
        let back = async {
            tokio::time::sleep(GRACE / 2).await;
            watch.note(&Event::Connected, Instant::now());
            watch.prove(2, &info("2.12.0"));
        };
        let deadline = Instant::now() + patience;
        let (up, ()) = tokio::join!(watch.up(deadline), back);
        assert_eq!(up, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_an_answer_learns_that_the_connection_is_lost() {
        let watch = Watch::new(Instant::now());
        for connection in 1..=2 {
            watch.note(&Event::Connected, Instant::now());
            watch.prove(connection, &info("2.12.0"));
        }
        watch.lost(1).await;
        let soon = tokio::time::timeout(GRACE, watch.lost(2)).await;
        assert!(soon.is_err(), "this one stands");
        let end = async { watch.note(&Event::Disconnected, Instant::now()) };
        tokio::join!(watch.lost(2), end);
    }
}
