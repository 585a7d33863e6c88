//! Connections, and why one could not be made.
//!
//! The HTTP library reports every failure to connect alike. The steps are told apart here, where
//! they happen: a name that does not resolve, a port where nothing listens, a handshake that fails.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiFuture, GaiResolver, Name};
use tower::Service;

use super::fault;

pub(super) type PlainConnector = Bounded<HttpConnector<Resolver>>;
pub(super) type TlsConnector = Bounded<HttpsConnector<TcpConnector>>;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectFault {
    #[error("connecting took longer than {0:?}")]
    Timeout(Duration),
    #[error("{0}")]
    Dns(#[source] BoxError),
    #[error("{0}")]
    Tcp(#[source] BoxError),
    #[error("{0}")]
    Tls(#[source] BoxError),
}

/// A connector for `http` targets.
pub(super) fn plain(timeout: Duration) -> PlainConnector {
    Bounded {
        inner: tcp(),
        timeout,
        otherwise: ConnectFault::Tcp,
    }
}

/// A connector for `https` targets, which trusts what the system trusts.
///
/// # Errors
///
/// When the system's certificates cannot be read, or there are none.
pub(super) fn tls(timeout: Duration) -> io::Result<TlsConnector> {
    let mut tcp = tcp();
    tcp.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())?
        .https_only()
        .enable_http1()
        .wrap_connector(TcpConnector(tcp));
    Ok(Bounded {
        inner: connector,
        timeout,
        otherwise: ConnectFault::Tls,
    })
}

fn tcp() -> HttpConnector<Resolver> {
    let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
    tcp.set_nodelay(true);
    tcp
}

/// Puts a deadline on the whole of connecting, and names the step that failed: `otherwise`, unless
/// a step within has said so.
#[derive(Clone, Debug)]
pub(super) struct Bounded<C> {
    inner: C,
    timeout: Duration,
    otherwise: fn(BoxError) -> ConnectFault,
}

impl<C> Service<Uri> for Bounded<C>
where
    C: Service<Uri>,
    C::Error: Into<BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = ConnectFault;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, ConnectFault>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectFault>> {
        let otherwise = self.otherwise;
        self.inner
            .poll_ready(cx)
            .map_err(|error| named(error.into(), otherwise))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.inner.call(uri);
        let (timeout, otherwise) = (self.timeout, self.otherwise);
        Box::pin(async move {
            match tokio::time::timeout(timeout, connecting).await {
                Ok(connected) => connected.map_err(|error| named(error.into(), otherwise)),
                Err(_) => Err(ConnectFault::Timeout(timeout)),
            }
        })
    }
}

/// Says of a failure below TLS that it was one.
#[derive(Clone, Debug)]
pub(super) struct TcpConnector(HttpConnector<Resolver>);

impl Service<Uri> for TcpConnector {
    type Response = <HttpConnector<Resolver> as Service<Uri>>::Response;
    type Error = ConnectFault;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectFault>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectFault>> {
        self.0
            .poll_ready(cx)
            .map_err(|error| named(error.into(), ConnectFault::Tcp))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        Box::pin(async move {
            connecting
                .await
                .map_err(|error| named(error.into(), ConnectFault::Tcp))
        })
    }
}

/// The system's resolver, whose errors can be told from those of connecting.
#[derive(Clone, Debug)]
pub(super) struct Resolver(GaiResolver);

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct DnsFault(io::Error);

impl Service<Name> for Resolver {
    type Response = GaiAddrs;
    type Error = BoxError;
    type Future = futures_util::future::MapErr<GaiFuture, fn(io::Error) -> BoxError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx).map_err(tag)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        futures_util::TryFutureExt::map_err(self.0.call(name), tag)
    }
}

fn tag(error: io::Error) -> BoxError {
    Box::new(DnsFault(error))
}

fn named(error: BoxError, otherwise: fn(BoxError) -> ConnectFault) -> ConnectFault {
    let error = match error.downcast::<ConnectFault>() {
        Ok(fault) => return *fault,
        Err(error) => error,
    };
    match fault::find(&*error) {
        Some(DnsFault(io)) => ConnectFault::Dns(io.to_string().into()),
        None => otherwise(error),
    }
}
