//! The accept loop: takes connections as long as there is room, and drains them at the end.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::connection::{self, Maker};
use super::{HttpService, Served, ServerOptions};

/// How long to wait after the first failed accept; doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

pub(super) async fn run(
    listener: TcpListener,
    service: impl HttpService,
    options: ServerOptions,
    shutdown: impl Future<Output = ()> + Send,
) -> Served {
    let connections_max = options.connections_max;
    let drain_timeout = options.drain_timeout;
    let peers = options.connections_per_peer_max.map(Peers::new);
    let maker = Arc::new(Maker::new(service, options));
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut served = Served::default();
    let mut shutdown = pin!(shutdown);
    let mut accepting = Accepting::new(listener);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            // Cancel safe: an accept that is dropped leaves the connection in the backlog.
            (stream, peer) = accepting.next(), if connections.len() < connections_max => {
                let Some(seat) = Peers::take_seat(peers.as_ref(), peer.ip()) else {
                    tracing::debug!(%peer, "closed a connection: too many from this address");
                    continue;
                };
                served.accepted += 1;
                let connection = connection::run(stream, maker.clone(), stopped.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(seat);
                });
            }
        }
    }
    drop(accepting);
    stop.send_replace(true);
    let drained = timeout(drain_timeout, async {
        while connections.join_next().await.is_some() {}
    });
    if drained.await.is_err() {
        served.cut_off = connections.len();
    }
    served
}

/// A listener whose failures are waited out.
#[derive(Debug)]
struct Accepting {
    listener: TcpListener,
    /// Zero while all is well.
    pause: Duration,
}

impl Accepting {
    fn new(listener: TcpListener) -> Self {
        Accepting {
            listener,
            pause: Duration::ZERO,
        }
    }

    /// The next connection, however long that takes.
    async fn next(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    self.recovered();
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%peer, %error, "cannot set nodelay");
                    }
                    return (stream, peer);
                }
                Err(error) if is_of_one_connection(&error) => {
                    tracing::debug!(%error, "a connection was gone before it was accepted");
                }
                Err(error) => self.wait_out(&error).await,
            }
        }
    }

    /// Descriptors or memory have run out: the connection stays in the backlog, and accepting it
    /// again at once would only spin until something closes.
    async fn wait_out(&mut self, error: &io::Error) {
        if self.pause.is_zero() {
            tracing::error!(%error, "cannot accept connections; raise the limit of open files");
        }
        self.pause = (self.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        sleep(self.pause).await;
    }

    fn recovered(&mut self) {
        if !self.pause.is_zero() {
            tracing::info!("accepting connections again");
            self.pause = Duration::ZERO;
        }
    }
}

/// Whether the failure concerns one connection that is gone, and not the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

/// Counts the connections of each address.
#[derive(Debug)]
struct Peers {
    connections_max: usize,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Peers {
    fn new(connections_max: usize) -> Self {
        Peers {
            connections_max,
            counts: Arc::default(),
        }
    }

    /// A seat for a connection from `address`, or none when it has its share. Without a limit
    /// every seat is free.
    fn take_seat(peers: Option<&Self>, address: IpAddr) -> Option<Option<Seat>> {
        let Some(peers) = peers else {
            return Some(None);
        };
        let mut counts = peers.counts.lock();
        let count = counts.entry(address).or_default();
        if *count >= peers.connections_max {
            return None;
        }
        *count += 1;
        Some(Some(Seat {
            address,
            counts: peers.counts.clone(),
        }))
    }
}

/// One connection's share of its address's count, given back when dropped.
#[derive(Debug)]
struct Seat {
    address: IpAddr,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    /// Row O2: a shortage of descriptors must not turn the loop into a busy one.
    #[tokio::test(start_paused = true)]
    async fn failures_to_accept_are_waited_out_longer_and_longer_up_to_a_second() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut accepting = Accepting::new(listener);
        let error = io::Error::other("too many open files");
        let mut waited = Vec::new();
        for _ in 0..9 {
            let begun = Instant::now();
            accepting.wait_out(&error).await;
            waited.push(begun.elapsed().as_millis());
        }
        assert_eq!(waited, [10, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
        accepting.recovered();
        assert!(accepting.pause.is_zero());
    }

    #[test]
    fn a_seat_is_free_again_once_it_is_dropped() {
        let peers = Peers::new(1);
        let [one, other] = [[127, 0, 0, 1], [127, 0, 0, 2]].map(IpAddr::from);
        let seat = Peers::take_seat(Some(&peers), one);
        assert!(seat.is_some());
        assert!(Peers::take_seat(Some(&peers), one).is_none());
        assert!(Peers::take_seat(Some(&peers), other).is_some());
        drop(seat);
        assert!(Peers::take_seat(Some(&peers), one).is_some());
        assert!(peers.counts.lock().is_empty());
        assert!(Peers::take_seat(None, one).is_some());
    }
}
