//! Connections that wait for their next request, kept for a time, by host.
//!
//! The one that was used last is taken first, so that those that are too many grow old. While there
//! are any, a task looks at them every [`LOOK_EVERY`], and drops those that have waited too long or
//! that their receivers have closed.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, Scheme};
use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;
use tokio::time::Instant;

use super::HttpSenderOptions;
use super::connection::Connection;

/// A receiver's closing is noticed within this time.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Idle connections. Bounded in number, for each host and over all, and in time.
pub(super) struct Pool {
    idle_timeout: Duration,
    idle_per_host_max: usize,
    idle_max: usize,
    shelf: Arc<Mutex<Shelf>>,
}

/// Where a connection leads.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Host {
    scheme: Scheme,
    authority: Authority,
}

impl Host {
    /// The host of an absolute URI.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        Some(Host {
            scheme: uri.scheme()?.clone(),
            authority: uri.authority()?.clone(),
        })
    }
}

#[derive(Default)]
struct Shelf {
    /// Hosts are named by manifests, which need no hash that withstands an attack.
    hosts: HashMap<Host, Vec<Idle>, FxBuildHasher>,
    /// How many there are for all hosts.
    count: usize,
    /// Whether somebody looks at them.
    is_tended: bool,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    pub(super) fn new(options: &HttpSenderOptions) -> Self {
        Pool {
            idle_timeout: options.idle_timeout,
            idle_per_host_max: options.idle_per_host_max,
            idle_max: options.idle_max,
            shelf: Arc::default(),
        }
    }

    /// A connection that was idle a moment ago.
    pub(super) fn take(&self, host: &Host) -> Option<Connection> {
        let idle = self.shelf.lock().take(host)?;
        // Those below it have waited longer still; they are dropped when they are looked at.
        (idle.since.elapsed() < self.idle_timeout).then_some(idle.connection)
    }

    /// Keeps a connection for the next request, if it can take one and there is room.
    pub(super) fn put(&self, host: Host, mut connection: Connection) {
        if !connection.is_idle() {
            return;
        }
        let mut shelf = self.shelf.lock();
        let of_host = shelf.hosts.get(&host).map_or(0, Vec::len);
        if of_host >= self.idle_per_host_max || shelf.count >= self.idle_max {
            return;
        }
        shelf.put(host, connection);
        if !std::mem::replace(&mut shelf.is_tended, true) {
            let tended = tend(Arc::downgrade(&self.shelf), self.idle_timeout);
            drop(tokio::spawn(tended));
        }
    }
}

impl Shelf {
    fn take(&mut self, host: &Host) -> Option<Idle> {
        let idle = self.hosts.get_mut(host)?.pop()?;
        self.count -= 1;
        Some(idle)
    }

    fn put(&mut self, host: Host, connection: Connection) {
        let since = Instant::now();
        let idle = self.hosts.entry(host).or_default();
        idle.push(Idle { connection, since });
        self.count += 1;
    }

    /// Takes out what is of no use any more, to be dropped once others may have the shelf.
    fn take_dead(&mut self, host: &Host, idle_timeout: Duration) -> Vec<Idle> {
        let Some(idle) = self.hosts.get_mut(host) else {
            return Vec::new();
        };
        let is_dead =
            |it: &mut Idle| it.since.elapsed() >= idle_timeout || !it.connection.is_idle();
        let dead: Vec<Idle> = idle.extract_if(.., is_dead).collect();
        if idle.is_empty() {
            self.hosts.remove(host);
        }
        self.count -= dead.len();
        dead
    }
}

/// Looks at all connections now and then, until there are none. It has the shelf for one host at a
/// time, since each delivery has to have it.
async fn tend(shelf: Weak<Mutex<Shelf>>, idle_timeout: Duration) {
    let every = LOOK_EVERY.min(idle_timeout);
    loop {
        tokio::time::sleep(every).await;
        let Some(shelf) = shelf.upgrade() else { return };
        let hosts: Vec<Host> = shelf.lock().hosts.keys().cloned().collect();
        for host in &hosts {
            let dead = shelf.lock().take_dead(host, idle_timeout);
            drop(dead);
        }
        let mut shelf = shelf.lock();
        if shelf.hosts.is_empty() {
            shelf.is_tended = false;
            return;
        }
    }
}
