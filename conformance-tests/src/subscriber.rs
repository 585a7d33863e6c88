//! A scripted peer: answers each path as it was told, and records each request exactly.
//!
//! It speaks HTTP/1.1 by itself on plain sockets, so that it can do what no polite server would:
//! hang, drip, break off in the middle, send garbage. What it records is what stood on the wire.
//!
//! A path without a script answers 202 with an empty body. The query is not part of a path.

mod script;
mod server;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::event::{Event, Mode};
use crate::http1::Headers;
use crate::ledger::Ledger;

pub use script::{Answer, Script};

/// One request as it stood on the wire.
#[derive(Clone, Debug)]
pub struct Received {
    /// When its last byte had been read.
    pub at: Instant,
    /// The method.
    pub method: String,
    /// The target as sent, query included.
    pub target: String,
    /// The header section in its order and spelling.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
    /// What the script answered with; `None` when it gave no proper answer.
    pub answered: Option<u16>,
}

impl Received {
    /// The event in the request.
    ///
    /// # Panics
    ///
    /// When it holds none: a broker must never send anything else.
    pub fn event(&self) -> Event {
        self.read().1
    }

    /// The content mode of the request.
    ///
    /// # Panics
    ///
    /// As [`Received::event`].
    pub fn mode(&self) -> Mode {
        self.read().0
    }

    fn read(&self) -> (Mode, Event) {
        match Event::read(&self.headers, &self.body) {
            Ok(read) => read,
            Err(why) => panic!("the request holds no valid event: {why}; {self:?}"),
        }
    }
}

/// What the server's tasks and the test share.
#[derive(Debug, Default)]
struct Shared {
    paths: Mutex<HashMap<String, PathState>>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct PathState {
    script: Script,
    received: Vec<Received>,
    ledger: Option<(Ledger, Role)>,
}

/// In which role a path takes events, for the ledger.
#[derive(Clone, Debug)]
enum Role {
    Subscriber(String),
    DeadLetterSink(String),
}

impl PathState {
    /// Records a request and says how to answer it.
    fn arrive(&mut self, mut received: Received) -> Answer {
        let answer = self.script.answer(&received, &self.received);
        received.answered = answer.proper_status();
        if let Some((ledger, role)) = &self.ledger {
            let event = Event::read(&received.headers, &received.body);
            match role {
                Role::Subscriber(trigger) => ledger.delivery(trigger, event, received.answered),
                Role::DeadLetterSink(trigger) => {
                    ledger.dead_letter(trigger, event, received.answered);
                }
            }
        }
        self.received.push(received);
        answer
    }
}

/// A listening subscriber; it stops when it is dropped.
#[derive(Debug)]
pub struct Subscriber {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Subscriber {
    /// Listens on a free port of loopback.
    ///
    /// # Errors
    ///
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Listens on `address`: for a peer that comes back where it went away.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound.
    pub async fn listen(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let server = tokio::spawn(server::serve(listener, Arc::clone(&shared)));
        Ok(Subscriber {
            address,
            shared,
            server,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sets the script of a path, from its beginning.
    pub fn script(&self, path: &str, script: impl Into<Script>) {
        self.shared
            .paths
            .lock()
            .entry(path.to_owned())
            .or_default()
            .script = script.into();
    }

    /// Reports what arrives on `path` to the ledger as deliveries to `trigger`.
    pub fn record_deliveries(&self, path: &str, ledger: &Ledger, trigger: &str) {
        self.record(path, ledger, Role::Subscriber(trigger.to_owned()));
    }

    /// Reports what arrives on `path` to the ledger as dead letters of `trigger`.
    pub fn record_dead_letters(&self, path: &str, ledger: &Ledger, trigger: &str) {
        self.record(path, ledger, Role::DeadLetterSink(trigger.to_owned()));
    }

    fn record(&self, path: &str, ledger: &Ledger, role: Role) {
        let mut paths = self.shared.paths.lock();
        paths.entry(path.to_owned()).or_default().ledger = Some((ledger.clone(), role));
    }

    /// Forgets what arrived on `path` so far.
    pub fn forget(&self, path: &str) {
        if let Some(state) = self.shared.paths.lock().get_mut(path) {
            state.received.clear();
        }
    }

    /// What arrived on `path` so far.
    pub fn received(&self, path: &str) -> Vec<Received> {
        self.shared
            .paths
            .lock()
            .get(path)
            .map(|state| state.received.clone())
            .unwrap_or_default()
    }

    /// Waits until `count` requests or more have arrived on `path`, and gives them all.
    ///
    /// # Panics
    ///
    /// When they have not within `patience`.
    pub async fn await_count(&self, path: &str, count: usize, patience: Duration) -> Vec<Received> {
        self.await_where(path, patience, &format!("{count} requests"), |got| {
            got.len() >= count
        })
        .await
    }

    /// Waits until what arrived on `path` satisfies `enough`, and gives it.
    ///
    /// # Panics
    ///
    /// When it does not within `patience`; the message names `what` was awaited.
    pub async fn await_where(
        &self,
        path: &str,
        patience: Duration,
        what: &str,
        enough: impl Fn(&[Received]) -> bool,
    ) -> Vec<Received> {
        let deadline = Instant::now() + patience;
        loop {
            // Armed before the look, so that an arrival between the two is not missed.
            let mut arrived = std::pin::pin!(self.shared.arrived.notified());
            arrived.as_mut().enable();
            let received = self.received(path);
            if enough(&received) {
                return received;
            }
            if timeout_at(deadline, arrived).await.is_err() {
                panic!("{what} awaited on {path} for {patience:?}; there came {received:#?}");
            }
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[cfg(test)]
mod tests;
