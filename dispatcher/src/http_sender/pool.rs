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

use super::connection::Connection;

/// A receiver's closing is noticed within this time.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Idle connections. Bounded for each host in number, and in time.
pub(super) struct Pool {
    idle_timeout: Duration,
    idle_per_host_max: usize,
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
    /// Whether somebody looks at them.
    is_tended: bool,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    pub(super) fn new(idle_timeout: Duration, idle_per_host_max: usize) -> Self {
        Pool {
            idle_timeout,
            idle_per_host_max,
            shelf: Arc::default(),
        }
    }

    /// A connection that was idle a moment ago.
    pub(super) fn take(&self, host: &Host) -> Option<Connection> {
        let mut shelf = self.shelf.lock();
        let idle = shelf.hosts.get_mut(host)?.pop()?;
        // Those below it have waited longer still; they are dropped when they are looked at.
        (idle.since.elapsed() < self.idle_timeout).then_some(idle.connection)
    }

    /// Keeps a connection for the next request, if it can take one and there is room.
    pub(super) fn put(&self, host: Host, mut connection: Connection) {
        if !connection.is_idle() {
            return;
        }
        let mut shelf = self.shelf.lock();
        let idle = shelf.hosts.entry(host).or_default();
        if idle.len() >= self.idle_per_host_max {
            return;
        }
        idle.push(Idle {
            connection,
            since: Instant::now(),
        });
        if !std::mem::replace(&mut shelf.is_tended, true) {
            let tended = tend(Arc::downgrade(&self.shelf), self.idle_timeout);
            drop(tokio::spawn(tended));
        }
    }
}

/// Looks at all connections now and then, until there are none.
async fn tend(shelf: Weak<Mutex<Shelf>>, idle_timeout: Duration) {
    let every = LOOK_EVERY.min(idle_timeout);
    loop {
        tokio::time::sleep(every).await;
        let Some(shelf) = shelf.upgrade() else { return };
        let mut shelf = shelf.lock();
        shelf.hosts.retain(|_, idle| {
            idle.retain_mut(|it| it.since.elapsed() < idle_timeout && it.connection.is_idle());
            !idle.is_empty()
        });
        if shelf.hosts.is_empty() {
            shelf.is_tended = false;
            return;
        }
    }
}
