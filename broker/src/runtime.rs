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

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_channels::Clock;
use sluicegate_dispatcher::HttpSender;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::admin::{Admin, Guard};
use crate::config::Config;
use crate::identities::{DataError, Identities};
use crate::ingress::{Ingress, IngressOptions};
use crate::manifests::Review;
use crate::metrics::Metrics;
use crate::readiness::{Phase, Readiness};
use crate::registry::{Operator, OperatorOptions, OperatorParts, Registry};
use crate::server::{self, RouterService, Served, ServerOptions};
use crate::watch_list::WatchList;

mod listen;
mod manifests;
mod signals;

use manifests::ManifestLoop;
pub use signals::{Signals, Told};

/// How long ingress requests under way may take to end after SIGTERM. With the grace for deliveries
/// and the last steps it stays below the 30 s that Kubernetes gives.
const INGRESS_DRAIN: Duration = Duration::from_secs(5);
/// What workers get to end after the grace for deliveries is over.
const LAST_STEPS: Duration = Duration::from_secs(1);

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
    let mut server = Server::start(settings).await?;
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
pub async fn review(config: &Config) -> Review {
    ManifestLoop::new(&config.manifests, clock()).await.1
}

/// Everything that runs.
#[derive(Debug)]
struct Server {
    config: Config,
    addresses: Addresses,
    readiness: Arc<Readiness>,
    operator: Operator,
    manifests: ManifestLoop,
    door: Listening,
    admin: Listening,
}

impl Server {
    async fn start(settings: Settings) -> Result<Server, StartError> {
        let Settings { config, strict } = settings;
        let identities = match &config.data {
            Some(folder) => Identities::open(folder)?,
            None => Identities::in_memory(),
        };
        let (mut manifests, review) = ManifestLoop::new(&config.manifests, clock()).await;
        if strict && review.has_errors() {
            return Err(StartError::Manifests {
                rendered: manifests::render(&review),
            });
        }
        let door = listen::open(config.listen, "--listen")?;
        let admin = listen::open(config.admin.listen, "--admin-listen")?;
        let addresses = addresses(&config, &door, &admin, &manifests);

        let registry = Arc::new(Registry::new(manifests.clock()));
        let metrics = Arc::new(Metrics::new(Arc::clone(&registry) as _));
        let readiness = Arc::new(Readiness::default());
        let watches = Arc::new(WatchList::new(manifests.clock()));
        let admin = serve_admin(
            admin,
            Admin {
                registry: Arc::clone(&registry),
                metrics: Arc::clone(&metrics),
                readiness: Arc::clone(&readiness),
                watches: Arc::clone(&watches),
                ingress_url: addresses.ingress.as_str().into(),
            },
            &config,
        );
        let parts = OperatorParts {
            registry: Arc::clone(&registry),
            metrics: Arc::clone(&metrics),
            sender: Arc::new(HttpSender::new(config.sender)),
            watches,
            identities,
            random: fastrand::Rng::new(),
        };
        let mut operator = Operator::new(operator_options(&config, &addresses), parts);
        manifests
            .take(review, &mut operator, &readiness, &metrics)
            .await;
        let ingress = Ingress::new(registry, ingress_options(&config), &metrics.ingress);
        let options = ServerOptions {
            drain_timeout: INGRESS_DRAIN,
            ..config.server.clone()
        };
        let door = Listening::spawn(|stopping| server::serve(door, ingress, options, stopping));
        readiness.enter(Phase::Serving);
        Ok(Server {
            config,
            addresses,
            readiness,
            operator,
            manifests,
            door,
            admin,
        })
    }

    /// Follows the manifests until told to stop.
    async fn serve(&mut self, signals: &mut Signals) {
        let metrics = self.operator.metrics();
        loop {
            tokio::select! {
                told = signals.next() => match told {
                    Told::Stop => return,
                    Told::Reload => {}
                },
                () = self.manifests.changed() => {}
            }
            // Not raced against a signal: a change is applied as a whole.
            self.manifests
                .look(&mut self.operator, &self.readiness, &metrics)
                .await;
        }
    }

    async fn stop(&mut self) {
        self.readiness.enter(Phase::Stopping);
        tokio::time::sleep(self.config.lame_duck).await;
        let served = self.door.stop().await;
        if served.cut_off > 0 {
            tracing::warn!(cut_off = served.cut_off, "requests were cut off");
        }
        self.operator
            .drain(Instant::now() + self.config.shutdown_grace)
            .await;
        let left = self.operator.stop(LAST_STEPS).await;
        if left > 0 {
            tracing::warn!(
                events = left,
                "events that were not delivered are lost with the memory channel"
            );
        }
        self.admin.stop().await;
        tracing::info!("sluicegate.stop: done");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the wall clock is read; everything else goes by this clock"
)]
fn clock() -> Clock {
    Clock::anchored_at(std::time::SystemTime::now())
}

fn addresses(
    config: &Config,
    door: &TcpListener,
    admin: &TcpListener,
    manifests: &ManifestLoop,
) -> Addresses {
    let url = |listener: &TcpListener, asked: SocketAddr| {
        format!(
            "http://{}",
            listen::reachable(listener.local_addr().unwrap_or(asked))
        )
    };
    Addresses {
        ingress: config
            .url
            .clone()
            .unwrap_or_else(|| url(door, config.listen)),
        admin: url(admin, config.admin.listen),
        manifests: config.manifests.clone(),
        manifests_exist: manifests.folder_exists(),
    }
}

fn operator_options(config: &Config, addresses: &Addresses) -> OperatorOptions {
    OperatorOptions {
        default_channel: config.default_channel.clone(),
        hops_max: config.hops_max,
        resolve: config.resolve.clone(),
        ingress_url: addresses.ingress.clone(),
        has_default_broker: config.has_default_broker,
        in_flight_bytes_max: config.delivery_bytes_in_flight_max,
    }
}

fn ingress_options(config: &Config) -> IngressOptions {
    IngressOptions {
        limits: config.limits,
        in_flight_bytes_max: config.request_bytes_in_flight_max,
        ..IngressOptions::default()
    }
}

fn serve_admin(listener: TcpListener, admin: Admin, config: &Config) -> Listening {
    let guard = Guard {
        allowed_hosts: config.admin.allowed_hosts.clone(),
    };
    let options = ServerOptions {
        drain_timeout: LAST_STEPS,
        ..config.server.clone()
    };
    let service = RouterService::new(admin.router(guard));
    Listening::spawn(|stopping| server::serve(listener, service, options, stopping))
}

/// A listener that is being served.
#[derive(Debug)]
struct Listening {
    stop: watch::Sender<bool>,
    task: JoinHandle<Served>,
}

/// Completes when a listener is told to stop.
type Stopping = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Listening {
    fn spawn<F>(serve: impl FnOnce(Stopping) -> F) -> Self
    where
        F: Future<Output = Served> + Send + 'static,
    {
        let (stop, stopped) = watch::channel(false);
        Listening {
            stop,
            task: tokio::spawn(serve(Box::pin(told(stopped)))),
        }
    }

    /// Stops accepting, lets requests under way end, and waits for that.
    async fn stop(&mut self) -> Served {
        self.stop.send_replace(true);
        match (&mut self.task).await {
            Ok(served) => served,
            Err(error) => {
                tracing::error!(%error, "a listener failed");
                Served::default()
            }
        }
    }
}

/// Completes when told, or when there is nobody left to tell.
async fn told(mut stopped: watch::Receiver<bool>) {
    drop(stopped.wait_for(|stopped| *stopped).await);
}
