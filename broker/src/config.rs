//! The server's own settings: `sluicegate.yaml`.
//!
//! Manifests travel to a cluster, server settings do not, so they stand in a file of their own. Every
//! key has a default in one place, its unit in its type, and is listed in
//! docs/reference/server-settings.md. Unknown keys are errors. Relative paths are relative to the
//! file, so that it means the same from wherever the server is started.
//!
//! ```yaml
//! listen: 127.0.0.1:8080
//! admin: {listen: 127.0.0.1:8081}
//! manifests: ./sluicegate
//! ```
//!
//! What it leaves out: flags and environment, which the command line lays over it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sluicegate_dispatcher::HttpSenderOptions;
use sluicegate_dispatcher::breaker::PROBE_EVERY;
use sluicegate_event::Limits;
use sluicegate_resources::{
    ChannelConfig, DeadLetters, DiskConfig, ResolveMap, Retention, WhenExpired,
};

use crate::history::HistoryOptions;
use crate::ingress::deduplication::DeduplicationOptions;
use crate::server::ServerOptions;

mod read;

pub use read::ConfigError;
pub(crate) use read::listen_address;

/// Everything that `sluicegate.yaml` may say, with its default.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `profile`: what the server must promise to start. Default `standard`.
    pub profile: Profile,
    /// `listen`: where events come in. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// `url`: how the door is reached by others, without a trailing slash; made from `listen` when
    /// absent. Set it behind a proxy.
    pub url: Option<String>,
    /// `admin`
    pub admin: AdminConfig,
    /// `manifests`: the folder of manifests. Default `./sluicegate`.
    pub manifests: PathBuf,
    /// `data`: the folder of what must survive a restart. Default `./data`, or none where
    /// `defaultChannel` is `memory`.
    pub data: Option<PathBuf>,
    /// `defaultChannel`: the channel of a broker that names no configuration. Default `disk`.
    pub default_channel: ChannelConfig,
    /// `retention.*`: what a broker on disk keeps of settled events where its configuration does not
    /// say. Default 7 days and 1 GiB.
    pub retention: Retention,
    /// `deadLetters.*`: how long dead letters may lie, where a broker's configuration does not say.
    /// Default 30 days, and then new events are refused.
    pub dead_letters: DeadLetters,
    /// `ingress.durabilityHeader`: whether an answer to a sender names the class of durability. Default
    /// false.
    pub has_durability_header: bool,
    /// `ingress.deduplicate`: whether an event that is sent again is stored again. Off by default.
    pub deduplicate: Option<DeduplicationOptions>,
    /// `history`: what is kept of what became of events.
    pub history: HistoryOptions,
    /// `resolve`: how references become URLs.
    pub resolve: ResolveMap,
    /// `limits.*`: how large events may be.
    pub limits: Limits,
    /// `limits.requestBytesInFlight`: bytes of requests in memory at once. Default 256 MiB.
    pub request_bytes_in_flight_max: usize,
    /// `limits.maxHops`: brokers that an event may pass. Default 32.
    pub hops_max: u8,
    /// `limits.maxPendingAge`: how long an event may be pending, zero for ever. Default a week.
    pub pending_age_max: Duration,
    /// `limits.header*`, `limits.connections`, `timeouts.*`: bounds and deadlines of connections.
    pub server: ServerOptions,
    /// `delivery.*`: connections to subscribers.
    pub sender: HttpSenderOptions,
    /// `delivery.bytesInFlight`: bytes of events that one trigger may have in flight. Default 32 MiB.
    pub delivery_bytes_in_flight_max: usize,
    /// `delivery.probeInterval`: from one probe of a subscriber at which nobody answers to the next.
    /// Default 30 s.
    pub probe_every: Duration,
    /// `shutdown.grace`: how long deliveries may go on after SIGTERM. Default 20 s.
    pub shutdown_grace: Duration,
    /// `shutdown.lameDuck`: how long to go on serving, not ready, after SIGTERM. Default 0.
    pub lame_duck: Duration,
    /// Whether `default/default` exists without being written down; set by `dev`, not by a key.
    pub has_default_broker: bool,
}

/// Where `data` is, unless something else is said.
const DATA: &str = "./data";

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// What a server must promise to start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Whatever the settings and the manifests say.
    #[default]
    Standard,
    /// That no accepted event goes with the process: no broker is in memory.
    Production,
}

/// `admin`: the listener for probes, metrics and the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminConfig {
    /// `admin.listen`. Default `127.0.0.1:8081`.
    pub listen: SocketAddr,
    /// `admin.allowedHosts`: names, besides addresses and `localhost`, that it may be called by.
    pub allowed_hosts: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            profile: Profile::Standard,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            url: None,
            admin: AdminConfig {
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)),
                allowed_hosts: Vec::new(),
            },
            manifests: PathBuf::from("./sluicegate"),
            data: Some(PathBuf::from(DATA)),
            default_channel: ChannelConfig::Disk(DiskConfig::default()),
            retention: Retention {
                age_max: Some(Duration::from_secs(7 * DAY_SECONDS)),
                bytes_max: Some(1 << 30),
            },
            dead_letters: DeadLetters {
                age_max: Some(Duration::from_secs(30 * DAY_SECONDS)),
                when_expired: Some(WhenExpired::Refuse),
            },
            has_durability_header: false,
            deduplicate: None,
            history: HistoryOptions::default(),
            resolve: ResolveMap::default(),
            limits: Limits::default(),
            request_bytes_in_flight_max: 256 << 20,
            hops_max: 32,
            pending_age_max: Duration::from_secs(7 * DAY_SECONDS),
            server: ServerOptions::default(),
            sender: HttpSenderOptions::default(),
            delivery_bytes_in_flight_max: 32 << 20,
            probe_every: PROBE_EVERY,
            shutdown_grace: Duration::from_secs(20),
            lame_duck: Duration::ZERO,
            has_default_broker: false,
        }
    }
}

impl Config {
    /// Reads the settings at `path`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or any key is unknown or has a value that is not allowed; the
    /// error shows every fault with its line and a remedy.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        read::load(path)
    }

    /// Reads settings from `text`; `folder` is what relative paths are relative to, and `file` names
    /// the text in faults.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    ///
    /// ```
    /// use std::path::Path;
    /// use sluicegate::config::Config;
    ///
    /// let text = "listen: 127.0.0.1:9000\nmanifests: ./shop\n";
    /// let config = Config::parse(text, "sluicegate.yaml", Path::new("/etc/sluicegate"))?;
    /// assert_eq!(config.listen.port(), 9000);
    /// assert_eq!(config.manifests, Path::new("/etc/sluicegate/shop"));
    ///
    /// let fault = Config::parse("lisen: 127.0.0.1:9000\n", "s.yaml", Path::new("/")).unwrap_err();
    /// assert!(fault.to_string().contains("did you mean `listen`?"));
    /// # Ok::<(), sluicegate::config::ConfigError>(())
    /// ```
    pub fn parse(text: &str, file: &str, folder: &Path) -> Result<Config, ConfigError> {
        read::parse(text, file, folder)
    }
}

#[cfg(test)]
mod tests;
