//! Sends events over HTTP/1.1.
//!
//! Connections are pooled and kept alive, one pool for all triggers of a process. Whatever a
//! receiver does, an attempt ends by its deadline and holds no more than an event of the largest
//! size; no redirect is followed and no proxy asked, so an event goes where its trigger says and
//! nowhere else.
//!
//! What it leaves out: HTTP/2 to receivers, client certificates, certificate authorities of a
//! trigger's own.

mod answer;
mod connector;
mod fault;
mod interim;
mod request;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::Connect;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use sluicegate_channels::BoxFuture;
use sluicegate_event::Limits;
use tokio::sync::OnceCell;

use self::answer::Reading;
use self::connector::{PlainConnector, TlsConnector};
use self::interim::Interim;
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
    plain: Client<PlainConnector, Full<Bytes>>,
    /// Made for the first `https` target: reading the system's certificates takes tens of
    /// milliseconds, which a start without such targets need not wait for.
    tls: OnceCell<Client<TlsConnector, Full<Bytes>>>,
}

impl HttpSender {
    /// A sender with a connection pool of its own. Makes no connection and reads no file yet.
    pub fn new(options: HttpSenderOptions) -> Self {
        HttpSender {
            options,
            plain: client(connector::plain(options.connect_timeout), &options),
            tls: OnceCell::new(),
        }
    }

    async fn exchange(&self, transmission: Transmission) -> Result<Answer, Failure> {
        let uri = &transmission.target.uri;
        let mut deadline = pin!(tokio::time::sleep(transmission.timeout));
        let interim = Arc::new(Interim::default());
        let mut request = request::build(&transmission);
        interim.listen(&mut request);

        let outcome = tokio::select! {
            biased;
            outcome = self.begin(request) => outcome,
            () = &mut deadline => Err(fault::late(&transmission)),
            () = interim.is_flood() => Err(fault::flood(uri)),
        };
        let response = match outcome {
            Ok(response) => response,
            Err(failure) => return interim.instead_of(failure),
        };
        let reading = Reading {
            transmission: &transmission,
            options: &self.options,
        };
        reading.read(response, deadline).await
    }

    async fn begin(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
        let uri = request.uri().clone();
        let outcome = if uri.scheme() == Some(&Scheme::HTTPS) {
            self.tls(&uri).await?.request(request).await
        } else {
            self.plain.request(request).await
        };
        outcome.map_err(|error: Error| fault::of_request(&uri, &error))
    }

    async fn tls(&self, uri: &http::Uri) -> Result<&Client<TlsConnector, Full<Bytes>>, Failure> {
        let connect_timeout = self.options.connect_timeout;
        self.tls
            .get_or_try_init(|| async move {
                // Reads files.
                let connector =
                    tokio::task::spawn_blocking(move || connector::tls(connect_timeout)).await;
                match connector {
                    Ok(Ok(connector)) => Ok(client(connector, &self.options)),
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

fn client<C>(connector: C, options: &HttpSenderOptions) -> Client<C, Full<Bytes>>
where
    C: Connect + Clone,
{
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(options.idle_timeout)
        .pool_max_idle_per_host(options.idle_per_host_max)
        .http1_max_buf_size(HEADER_SECTION_BYTES_MAX)
        .build(connector)
}

#[cfg(test)]
mod tests;
