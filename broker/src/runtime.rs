//! The life of the server: start, serve, follow the manifests, stop.
//!
//! ```text
//!  data folder ─► listeners ─► admin ─► manifests applied ─► door opens ─► ready
//!                                            ▲                               │
//!                                    follow  └── changes ◄── folder          ▼
//!  SIGTERM ─► not ready ─► door closes ─► deliveries drain ─► workers stop ─► admin closes ─► exit
//! ```
//!
//! What it promises: nothing listens before the configuration is known to be good; the door opens
//! only when everything valid is served; after SIGTERM no request is reset, and events in memory
//! are delivered for as long as the grace lasts. A second signal stops at once.

use std::net::SocketAddr;
use std::path::PathBuf;

use sluicegate_channels::Clock;
use sluicegate_resources::{Broker, ObjectName};
use tokio::time::Instant;

use crate::config::Config;
use crate::durable;
use crate::identities::DataError;
use crate::manifests::{Objects, Review};

mod listen;
mod manifests;
mod serving;
mod signals;

use manifests::ManifestLoop;
use serving::Server;
pub use signals::{Signals, Told};

/// What to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server's settings.
    pub config: Config,
    /// Whether an invalid manifest at start is a reason not to start.
    pub strict: bool,
}

/// Where the server is reached, told once it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The door's URL, without a trailing slash.
    pub ingress: String,
    /// The admin listener's URL, without a trailing slash.
    pub admin: String,
    /// The manifest folder.
    pub manifests: PathBuf,
    /// Whether that folder exists yet.
    pub manifests_exist: bool,
    /// The folder of what survives a restart, where there is one.
    pub data: Option<PathBuf>,
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A listener could not be opened.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The flag and key that set it, such as `--listen`.
        flag: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// The data folder cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A manifest is invalid, and the start was to be strict.
    #[error("{rendered}")]
    Manifests {
        /// Every finding, as people read it.
        rendered: String,
    },
    /// Brokers would keep events in memory only, and the server is for production.
    #[error(
        "`profile` is `production`, and {} {}: {}",
        if .brokers.len() == 1 { "a broker keeps events" } else { "brokers keep events" },
        durable::WHY,
        names(.brokers)
    )]
    NotDurable {
        /// Which.
        brokers: Vec<ObjectName>,
    },
    /// The system refused something that the server can't do without.
    #[error("cannot {what}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
}

/// How the server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was told to stop and finished what could be finished.
    Stopped,
    /// It was told a second time, and stopped at once.
    Interrupted,
}

/// Runs until told to stop. `announce` is called once everything listens and is served.
///
/// # Errors
///
/// When it cannot start; then nothing was accepted.
pub async fn run(settings: Settings, announce: impl FnOnce(&Addresses)) -> Result<End, StartError> {
    let started = Instant::now();
    let mut signals = Signals::new().map_err(|error| StartError::System {
        what: "hear signals",
        error,
    })?;
    // Boxed: starting touches everything, and its state would burden the whole run.
    let mut server = Box::pin(Server::start(settings)).await?;
    announce(&server.addresses);
    tracing::info!(
        ingress = server.addresses.ingress,
        admin = server.addresses.admin,
        manifests = %server.addresses.manifests.display(),
        ready_after_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "sluicegate.start"
    );
    server.serve(&mut signals).await;
    tracing::info!("sluicegate.stop: draining");
    tokio::select! {
        () = server.stop() => Ok(End::Stopped),
        () = signals.stop() => {
            tracing::warn!("sluicegate.stop: told twice, stopping at once");
            Ok(End::Interrupted)
        }
    }
}

/// Looks at the manifests as a start would, without listening anywhere.
///
/// # Errors
///
/// When the server would not start though the manifests are valid.
pub async fn review(config: &Config) -> Result<Review, StartError> {
    let (manifests, review) = ManifestLoop::new(&config.manifests, clock()).await;
    match in_memory_only(config, &manifests.objects()) {
        brokers if brokers.is_empty() => Ok(review),
        brokers => Err(StartError::NotDurable { brokers }),
    }
}

/// The brokers that a server for production must not have.
fn in_memory_only(config: &Config, objects: &Objects) -> Vec<ObjectName> {
    let is_in_memory = |broker: &&Broker| {
        durable::is_refused(config.profile, broker, |name| {
            objects.broker_configs.get(name)
        })
    };
    let brokers = objects.brokers.values().filter(is_in_memory);
    brokers.map(|it| it.metadata.name.clone()).collect()
}

fn names(brokers: &[ObjectName]) -> String {
    let names: Vec<String> = brokers.iter().map(ToString::to_string).collect();
    names.join(", ")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the wall clock is read; everything else goes by this clock"
)]
fn clock() -> Clock {
    Clock::anchored_at(std::time::SystemTime::now())
}
