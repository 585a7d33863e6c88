//! What a server's configuration file says.

use std::net::SocketAddr;
use std::path::Path;

/// What a test asks of a server beyond ports and folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    jetstream: String,
    top: String,
}

/// Where a server listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub(super) client: SocketAddr,
    pub(super) monitoring: SocketAddr,
}

/// A server's place among others.
#[derive(Clone, Debug)]
pub(super) struct Peers {
    pub(super) routes: SocketAddr,
    pub(super) all: Vec<SocketAddr>,
}

impl Settings {
    /// JetStream with room for tests, and nothing else.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line to the section `jetstream`, such as `sync_interval: always`.
    #[must_use]
    pub fn jetstream(mut self, line: &str) -> Self {
        self.jetstream.push_str(&format!("  {line}\n"));
        self
    }

    /// Adds lines at the top level, such as `max_payload: 64KB`, `tls {…}` or `authorization {…}`.
    #[must_use]
    pub fn top(mut self, lines: &str) -> Self {
        self.top.push_str(lines);
        self.top.push('\n');
        self
    }

    pub(super) fn text(
        &self,
        name: &str,
        store: &Path,
        addresses: &Addresses,
        peers: Option<&Peers>,
    ) -> String {
        let cluster = peers.map(cluster).unwrap_or_default();
        format!(
            "server_name: \"{name}\"\n\
             listen: \"{}\"\n\
             http: \"{}\"\n\
             jetstream {{\n  store_dir: \"{}\"\n  max_mem: 256MB\n  max_file: 4GB\n{}}}\n{cluster}{}",
            addresses.client,
            addresses.monitoring,
            store.display(),
            self.jetstream,
            self.top,
        )
    }
}

fn cluster(peers: &Peers) -> String {
    let routes: Vec<String> = peers
        .all
        .iter()
        .map(|route| format!("\"nats://{route}\""))
        .collect();
    format!(
        "cluster {{\n  name: \"tests\"\n  listen: \"{}\"\n  routes: [{}]\n}}\n",
        peers.routes,
        routes.join(", ")
    )
}
