//! Accepting: the loop.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

use super::{RequestBody, Served, ServerOptions};

pub(super) async fn run<S, B>(
    listener: TcpListener,
    service: S,
    _options: ServerOptions,
    shutdown: impl Future<Output = ()> + Send,
) -> Served
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut shutdown = pin!(shutdown);
    let mut served = Served::default();
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => return served,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else { continue };
        served.accepted += 1;
        let service = service.clone();
        tokio::spawn(async move {
            let inner = service_fn(move |request: Request<Incoming>| {
                service.call(request.map(RequestBody::new))
            });
            let builder = auto::Builder::new(TokioExecutor::new());
            drop(builder.serve_connection(TokioIo::new(stream), inner).await);
        });
    }
}
