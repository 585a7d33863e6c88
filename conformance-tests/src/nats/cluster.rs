//! Several servers that keep their streams together.

use std::path::Path;

use futures_util::future::join_all;

use super::settings::Peers;
use super::{NatsServer, Settings, TRIES, program};
use crate::harness::free_address;

/// A cluster of three: the fewest of which one may fail.
#[derive(Debug)]
pub struct Cluster {
    /// Its servers.
    pub servers: Vec<NatsServer>,
}

impl Cluster {
    /// Starts three servers and waits until JetStream answers on each.
    ///
    /// # Panics
    ///
    /// When one does not become ready, with its log.
    pub async fn start(settings: Settings) -> Self {
        let program = program().unwrap_or_else(|error| panic!("{error}"));
        for _ in 0..TRIES {
            let mut cluster = Self::prepare(&program, &settings);
            for server in &mut cluster.servers {
                server.spawn();
            }
            let ready = cluster.servers.iter_mut().map(NatsServer::becomes_ready);
            if join_all(ready).await.into_iter().all(|is_ready| is_ready) {
                return cluster;
            }
            let lost = cluster.servers.iter().any(NatsServer::lost_its_port);
            assert!(lost, "one of them exited: {cluster:?}");
        }
        panic!("no free ports for a NATS cluster in {TRIES} tries");
    }

    fn prepare(program: &Path, settings: &Settings) -> Self {
        let names = ["one", "two", "three"];
        let all: Vec<_> = names
            .iter()
            .map(|_| free_address().expect("loopback has a free port"))
            .collect();
        let servers = names.iter().zip(&all).map(|(name, routes)| {
            let peers = Peers {
                routes: *routes,
                all: all.clone(),
            };
            NatsServer::prepare(name, program, Some(peers), settings.clone())
        });
        Cluster {
            servers: servers.collect(),
        }
    }

    /// What clients connect to, as URLs.
    pub fn urls(&self) -> Vec<String> {
        self.servers.iter().map(NatsServer::url).collect()
    }

    /// The server of that name.
    pub fn server(&mut self, name: &str) -> Option<&mut NatsServer> {
        self.servers.iter_mut().find(|server| server.name() == name)
    }
}
