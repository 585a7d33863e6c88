//! Opens listeners, says how they are reached, and holds those that are served.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::StartError;
use crate::server::Served;

/// Connections that wait to be accepted; the system caps it by its own limit.
const BACKLOG: u32 = 4_096;

/// Listens on `address`; `flag` is what the refusal tells people to change.
pub(super) fn open(address: SocketAddr, flag: &'static str) -> Result<TcpListener, StartError> {
    let open = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // A restart must not wait for the connections of the process before it to time out.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    let listener = open().map_err(|error| StartError::Listen {
        address,
        flag,
        error,
    })?;
    if !address.ip().is_loopback() {
        tracing::warn!(
            %address,
            flag,
            "this listener can be reached from other machines, and there is no authentication yet"
        );
    }
    Ok(listener)
}

/// The address to use in a URL: a listener on every address is reached on loopback from here.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// A listener that is being served.
#[derive(Debug)]
pub(super) struct Listening {
    stop: watch::Sender<bool>,
    task: JoinHandle<Served>,
}

/// Completes when a listener is told to stop.
type Stopping = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Listening {
    /// Serves on a task of its own.
    pub(super) fn spawn<F>(serve: impl FnOnce(Stopping) -> F) -> Self
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
    pub(super) async fn stop(&mut self) -> Served {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_refused_and_the_refusal_names_port_and_flag() {
        let taken = open(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), "--listen").unwrap();
        let address = taken.local_addr().unwrap();
        let refused = open(address, "--listen").unwrap_err();
        assert!(
            refused.to_string().contains(&address.to_string()),
            "{refused}"
        );
        assert!(
            matches!(
                refused,
                StartError::Listen {
                    flag: "--listen",
                    ..
                }
            ),
            "{refused:?}"
        );
    }

    #[test]
    fn an_address_that_means_all_is_reached_on_loopback() {
        for (listens, reached) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:2", "[::1]:2"),
            ("10.0.0.1:3", "10.0.0.1:3"),
        ] {
            assert_eq!(
                reachable(listens.parse().unwrap()),
                reached.parse().unwrap()
            );
        }
    }
}
