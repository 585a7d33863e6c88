//! Sends events over HTTP/1.1.
//!
//! Connections are pooled and kept alive, one pool for all triggers of a process; an attempt drives
//! the connection that it has (`http_sender/connection.rs`). Whatever a
//! receiver does, an attempt ends by its deadline and holds no more than an event of the largest
//! size; no redirect is followed and no proxy asked, so an event goes where its trigger says and
//! nowhere else.
//!
//! What it leaves out: HTTP/2 to receivers, client certificates, certificate authorities of a
//! trigger's own.

mod answer;
mod connection;
mod connector;
mod deadline;
mod fault;
mod interim;
mod pool;
mod request;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use sluicegate_channels::BoxFuture;
use sluicegate_event::Limits;
use tokio::sync::OnceCell;
use tower::ServiceExt as _;

use self::answer::Reading;
use self::connection::Connection;
use self::connector::{PlainConnector, TlsConnector};
use self::deadline::Deadline;
use self::interim::Interim;
use self::pool::{Host, Pool};
use crate::sender::{Answer, Failure, Sender, Transmission};

/// The longest header section of an answer, in bytes. Lines are bounded by the HTTP library, at
/// 100, where a bound of our own would cost every answer an allocation.
const HEADER_SECTION_BYTES_MAX: usize = 16 << 10;

/// How connections are made and kept, and how much of an answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpSenderOptions {
    /// How large a reply may be: as any event that is accepted.
    pub limits: Limits,
    /// The longest wait for a connection, TLS included; within the attempt's own deadline.
    /// Default 10 s. Lower it where receivers are near and an address that swallows packets should
    /// be noticed sooner.
    pub connect_timeout: Duration,
    /// How long a connection is kept without use. Default 50 s: shorter than the 60 s at which
    /// common load balancers close, so that an attempt rarely meets a closing connection.
    pub idle_timeout: Duration,
    /// Connections kept without use, per host. Default 64, the default window of a trigger.
    pub idle_per_host_max: usize,
    /// Connections kept without use, over all hosts. Default 4,096: each is a file that is open.
    pub idle_max: usize,
    /// How much is read of a body that is no event. Default 64 KiB.
    pub body_bytes_max: usize,
}

impl Default for HttpSenderOptions {
    fn default() -> Self {
        HttpSenderOptions {
            limits: Limits::default(),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(50),
            idle_per_host_max: 64,
            idle_max: 4_096,
            body_bytes_max: 64 << 10,
        }
    }
}

/// The [`Sender`] for `http` and `https` targets; one serves all triggers of a process.
///
/// ```
/// use sluicegate_dispatcher::{HttpSender, HttpSenderOptions};
///
/// let sender = HttpSender::new(HttpSenderOptions::default());
/// ```
pub struct HttpSender {
    options: HttpSenderOptions,
    http: http1::Builder,
    pool: Pool,
    plain: PlainConnector,
    /// Made for the first `https` target: reading the system's certificates takes tens of
    /// milliseconds, which a start without such targets need not wait for.
    tls: OnceCell<TlsConnector>,
}

impl HttpSender {
    /// A sender with a connection pool of its own. Makes no connection and reads no file yet.
    pub fn new(options: HttpSenderOptions) -> Self {
        let mut http = http1::Builder::new();
        http.max_buf_size(HEADER_SECTION_BYTES_MAX);
        HttpSender {
            http,
            pool: Pool::new(&options),
            plain: connector::plain(options.connect_timeout),
            tls: OnceCell::new(),
            options,
        }
    }

    async fn exchange(&self, transmission: Transmission) -> Result<Answer, Failure> {
        let uri = &transmission.target.uri;
        let host = Host::of(uri).ok_or_else(|| fault::relative(uri))?;
        let timer = pin!(tokio::time::sleep(transmission.timeout));
        let mut deadline = Deadline::new(timer);
        let interim = Arc::new(Interim::default());
        let mut request = request::build(&transmission);
        interim.listen(&mut request);

        let outcome = tokio::select! {
            biased;
            outcome = self.begin(uri, &host, request) => outcome,
            () = &mut deadline => Err(fault::late(&transmission)),
            () = interim.is_flood() => Err(fault::flood(uri)),
        };
        let (response, mut connection) = match outcome {
            Ok(begun) => begun,
            Err(failure) => return interim.instead_of(failure),
        };
        let reading = Reading {
            transmission: &transmission,
            options: &self.options,
        };
        let answer = reading.read(response, &mut connection, deadline).await;
        self.pool.put(host, connection);
        answer
    }

    /// Sends the request, over an idle connection if there is one, and waits for the head of its
    /// answer. A connection that its receiver has closed meanwhile costs nothing but another.
    async fn begin(
        &self,
        uri: &Uri,
        host: &Host,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Connection), Failure> {
        let of_exchange = |error| fault::of_exchange(uri, &error);
        while let Some(mut connection) = self.pool.take(host) {
            match connection.send(request).await {
                Ok(response) => return Ok((response, connection)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(of_exchange(error.into_error())),
                },
            }
        }
        let mut connection = self.connect(uri).await?;
        match connection.send(request).await {
            Ok(response) => Ok((response, connection)),
            Err(error) => Err(of_exchange(error.into_error())),
        }
    }

    async fn connect(&self, uri: &Uri) -> Result<Connection, Failure> {
        let of_connect = |fault| fault::of_connect(uri, &fault);
        let connection = if uri.scheme() == Some(&Scheme::HTTPS) {
            let connector = self.tls(uri).await?.clone();
            let io = connector.oneshot(uri.clone()).await.map_err(of_connect)?;
            Connection::over(io, &self.http).await
        } else {
            let connector = self.plain.clone();
            let io = connector.oneshot(uri.clone()).await.map_err(of_connect)?;
            Connection::over(io, &self.http).await
        };
        connection.map_err(|error| fault::of_exchange(uri, &error))
    }

    async fn tls(&self, uri: &Uri) -> Result<&TlsConnector, Failure> {
        let connect_timeout = self.options.connect_timeout;
        self.tls
            .get_or_try_init(|| async move {
                // Reads files.
                let connector =
                    tokio::task::spawn_blocking(move || connector::tls(connect_timeout)).await;
                match connector {
                    Ok(Ok(connector)) => Ok(connector),
                    Ok(Err(error)) => Err(fault::of_certificates(uri, &error)),
                    Err(error) => Err(fault::of_certificates(uri, &error)),
                }
            })
            .await
    }
}

impl Sender for HttpSender {
    fn send(&self, transmission: Transmission) -> BoxFuture<'_, Result<Answer, Failure>> {
        Box::pin(self.exchange(transmission))
    }
}

impl fmt::Debug for HttpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSender")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
