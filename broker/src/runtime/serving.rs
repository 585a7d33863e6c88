//! Everything that runs, from the first listener to the last.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_dispatcher::HttpSender;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use super::listen::{self, Listening};
use super::manifests::{self, ManifestLoop};
use super::{Addresses, Settings, Signals, StartError, Told, clock, in_memory_only};
use crate::admin::{Admin, Guard};
use crate::config::Config;
use crate::identities::Identities;
use crate::ingress::{Ingress, IngressOptions};
use crate::manifests::Look;
use crate::metrics::Metrics;
use crate::operations::Operations;
use crate::readiness::{Phase, Readiness};
use crate::registry::{Operator, OperatorOptions, OperatorParts, Registry, lying};
use crate::server::{self, RouterService, ServerOptions};
use crate::watch_list::WatchList;

/// How long ingress requests under way may take to end after SIGTERM. With the grace for deliveries
/// (20 s) and the last steps of workers, of channels and of the admin listener, a stop takes at most
/// 28 s, below the 30 s that Kubernetes gives.
const INGRESS_DRAIN: Duration = Duration::from_secs(5);
/// What workers get to end after the grace for deliveries is over.
const LAST_STEPS: Duration = Duration::from_secs(1);

/// Everything that runs.
#[derive(Debug)]
pub(super) struct Server {
    config: Config,
    pub(super) addresses: Addresses,
    readiness: Arc<Readiness>,
    operator: Operator,
    operations: Arc<Operations>,
    manifests: ManifestLoop,
    door: Listening,
    admin: Listening,
}

impl Server {
    /// Opens and serves everything, or nothing.
    pub(super) async fn start(settings: Settings) -> Result<Server, StartError> {
        let Settings { config, strict } = settings;
        let identities = match &config.data {
            Some(folder) => Identities::open_once_free(folder).await?,
            None => Identities::in_memory(),
        };
        let (mut manifests, review) = ManifestLoop::new(&config.manifests, clock()).await;
        if strict && review.has_errors() {
            return Err(StartError::Manifests {
                rendered: manifests::render(&review),
            });
        }
        let in_memory = in_memory_only(&config, &manifests.objects());
        if !in_memory.is_empty() {
            return Err(StartError::NotDurable { brokers: in_memory });
        }
        let door = listen::open(config.listen, "--listen")?;
        let admin = listen::open(config.admin.listen, "--admin-listen")?;
        let addresses = addresses(&config, &door, &admin, &manifests);

        let registry = Arc::new(Registry::new(manifests.clock()));
        let metrics = Arc::new(Metrics::new(Arc::clone(&registry) as _));
        let lying = lying::watch(Arc::downgrade(&registry));
        let readiness = Arc::new(Readiness::default());
        let watches = Arc::new(WatchList::new(manifests.clock()));
        let operations = Arc::new(Operations::new(manifests.clock()));
        let admin = serve_admin(
            admin,
            Admin {
                registry: Arc::clone(&registry),
                metrics: Arc::clone(&metrics),
                readiness: Arc::clone(&readiness),
                operations: Arc::clone(&operations),
                watches: Arc::clone(&watches),
                ingress_url: addresses.ingress.as_str().into(),
                manifests: absolute(&config.manifests).into(),
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
        tokio::spawn(lying);
        Ok(Server {
            config,
            addresses,
            readiness,
            operator,
            operations,
            manifests,
            door,
            admin,
        })
    }

    /// Follows the manifests until told to stop.
    pub(super) async fn serve(&mut self, signals: &mut Signals) {
        let metrics = self.operator.metrics();
        loop {
            let (how, is_asked) = tokio::select! {
                told = signals.next() => match told {
                    Told::Stop => return,
                    Told::Reload => (Look::Thorough, true),
                },
                how = self.manifests.changed() => (how, false),
            };
            // Not raced against a signal: a change is applied as a whole.
            let is_new = self
                .manifests
                .look(how, &mut self.operator, &self.readiness, &metrics)
                .await;
            if is_asked && !is_new {
                tracing::info!(changed = false, "sluicegate.reload");
            }
        }
    }

    /// Ends everything in order, within the drain of the door, the grace and the last steps.
    pub(super) async fn stop(&mut self) {
        // The time in which the server goes on serving counts: its deliveries go on, too.
        let deadline = Instant::now() + INGRESS_DRAIN + self.config.shutdown_grace;
        self.readiness.enter(Phase::Stopping);
        sleep(self.config.lame_duck).await;
        self.operations.stop().await;
        let served = self.door.stop().await;
        if served.cut_off > 0 {
            tracing::warn!(cut_off = served.cut_off, "requests were cut off");
        }
        let grace_ends = Instant::now() + self.config.shutdown_grace;
        self.operator.drain(deadline.min(grace_ends)).await;
        let left = self.operator.stop(LAST_STEPS).await;
        if left.lost > 0 {
            tracing::warn!(
                events = left.lost,
                "events that were not delivered are lost with the memory channel"
            );
        }
        if left.kept > 0 {
            tracing::info!(
                events = left.kept,
                "events that were not delivered wait on disk for the next start"
            );
        }
        self.admin.stop().await;
        tracing::info!("sluicegate.stop: done");
    }
}

/// As whoever asks from another folder has to name it.
fn absolute(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole.display().to_string()
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
        data: config.data.clone(),
    }
}

fn operator_options(config: &Config, addresses: &Addresses) -> OperatorOptions {
    OperatorOptions {
        default_channel: config.default_channel.clone(),
        retention: config.retention,
        dead_letters: config.dead_letters,
        profile: config.profile,
        has_durability_header: config.has_durability_header,
        deduplicate: config.deduplicate.clone(),
        history: config.history.clone(),
        data: config.data.clone(),
        hops_max: config.hops_max,
        pending_age_max: config.pending_age_max,
        resolve: config.resolve.clone(),
        ingress_url: addresses.ingress.clone(),
        has_default_broker: config.has_default_broker,
        in_flight_bytes_max: config.delivery_bytes_in_flight_max,
        probe_every: config.probe_every,
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
