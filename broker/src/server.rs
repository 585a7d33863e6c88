//! Our accept loop: HTTP/1.1 and cleartext HTTP/2 on hyper, with an end to every wait.
//!
//! Used by the door and by the admin listener. It serves any [`hyper::service::Service`]; an axum
//! router is wrapped in a [`RouterService`]. Hyper sets hardly any deadline by itself, so each
//! connection is watched from outside (`server/watch.rs`), and a body that arrives too slowly ends
//! with an error that its reader answers with 408 (`server/body.rs`).
//!
//! What it promises: every connection ends in bounded time, whatever the peer sends or does not
//! send; a shortage of file descriptors neither ends the loop nor makes it spin; on shutdown, a
//! request that has begun is answered, and idle connections close at once.
//!
//! What is deliberately absent: TLS, routing, and anything about events.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::service::Service;
use tokio::net::TcpListener;

mod accept;
mod body;
mod connection;
mod guard;
mod router;
mod socket;
mod watch;

pub use body::{BodyError, RequestBody};
pub use router::RouterService;

/// What a listener can serve: any service over [`RequestBody`] that answers every request, and that each
/// connection can have a copy of. A short name for these bounds, which nobody implements by hand.
pub trait HttpService:
    Service<
        Request<RequestBody>,
        Response = Response<Self::Body>,
        Error = Infallible,
        Future: Send + Unpin + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
    /// The body of its answers.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static;
}

impl<S, B> HttpService for S
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + Unpin + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Body = B;
}

/// Every bound and deadline of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerOptions {
    /// How long a new connection may stay silent. Default 10 s.
    pub first_byte_timeout: Duration,
    /// How long a request's header section may take from its first byte. Default 10 s.
    pub header_timeout: Duration,
    /// How long a connection may be idle between requests. Default 75 s, above what load balancers
    /// use, so that they close first.
    pub idle_timeout: Duration,
    /// How long a body may take before its rate is judged. Default 5 s.
    pub body_grace: Duration,
    /// Bytes per second that a body must bring on average, after the grace. Default 1,024.
    pub body_bytes_per_second_min: u32,
    /// How long an answer may wait for a peer that does not read. On HTTP/2 an answer has this long
    /// until the peer has granted room for all of it. Default 30 s.
    pub write_timeout: Duration,
    /// How long a connection that we have shut waits for the peer to shut its side. Default 1 s.
    pub linger_timeout: Duration,
    /// Bytes that are read and thrown away in that time. Default 32 KiB.
    pub linger_bytes_max: usize,
    /// Bytes of a request's header section. Default 64 KiB; at least 8 KiB.
    pub head_bytes_max: usize,
    /// Lines of a request's header section. Default 200.
    pub head_lines_max: usize,
    /// Bytes of the path and query. Default 8 KiB.
    pub uri_bytes_max: usize,
    /// Connections open at once; further ones wait unaccepted. Default 20,000.
    pub connections_max: usize,
    /// Connections open at once from one address; further ones are closed at once. Default none,
    /// since a front shares one address among all its clients.
    pub connections_per_peer_max: Option<usize>,
    /// Requests under way at once on one HTTP/2 connection. Default 200.
    pub http2_streams_max: u32,
    /// How often a silent HTTP/2 peer is pinged. Default 20 s.
    pub http2_ping_interval: Duration,
    /// How long it may take to answer a ping. Default 10 s.
    pub http2_ping_timeout: Duration,
    /// HTTP/2 streams that the peer may have reset before they were served, at once, and that
    /// we may have reset for its errors. Default 100.
    pub http2_resets_max: usize,
    /// How long requests under way may take to finish after shutdown began. Default 20 s.
    pub drain_timeout: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        ServerOptions {
            first_byte_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_grace: Duration::from_secs(5),
            body_bytes_per_second_min: 1_024,
            write_timeout: Duration::from_secs(30),
            linger_timeout: Duration::from_secs(1),
            linger_bytes_max: 32 << 10,
            head_bytes_max: 64 << 10,
            head_lines_max: 200,
            uri_bytes_max: 8 << 10,
            connections_max: 20_000,
            connections_per_peer_max: None,
            http2_streams_max: 200,
            http2_ping_interval: Duration::from_secs(20),
            http2_ping_timeout: Duration::from_secs(10),
            http2_resets_max: 100,
            drain_timeout: Duration::from_secs(20),
        }
    }
}

/// How a listener ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Served {
    /// Connections that were accepted in all.
    pub accepted: u64,
    /// Connections that were still at work when the drain's deadline passed, and were cut.
    pub cut_off: usize,
}

/// Serves `listener` until `shutdown` completes, then drains: accepts nothing more, lets requests
/// under way finish, and closes idle connections at once.
///
/// # Cancel safety
///
/// Dropping the future closes the listener and cuts every connection.
pub async fn serve(
    listener: TcpListener,
    service: impl HttpService,
    options: ServerOptions,
    shutdown: impl Future<Output = ()> + Send,
) -> Served {
    accept::run(listener, service, options, shutdown).await
}
