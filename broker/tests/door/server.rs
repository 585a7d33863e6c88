//! A server with a small service, for the tests of the accept loop alone.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use sluicegate::server::{BodyError, RequestBody, Served, ServerOptions, serve};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::{Client, PATIENCE};

/// What the service and the test tell each other.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// `/hang` has begun.
    pub(crate) begun: Notify,
    /// `/hang` may answer.
    pub(crate) go_on: Notify,
}

/// A server on a free port.
#[derive(Debug)]
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) signals: Arc<Signals>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Served>,
}

/// Deadlines that a test can wait for.
pub(crate) fn short_options() -> ServerOptions {
    ServerOptions {
        first_byte_timeout: Duration::from_millis(300),
        header_timeout: Duration::from_millis(300),
        idle_timeout: Duration::from_millis(600),
        body_grace: Duration::from_millis(200),
        write_timeout: Duration::from_millis(300),
        linger_timeout: Duration::from_millis(300),
        ..ServerOptions::default()
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send>>;

impl TestServer {
    pub(crate) async fn start(options: ServerOptions) -> Self {
        let signals = Arc::new(Signals::default());
        let shared = signals.clone();
        let service = service_fn(move |request| -> Answering {
            let signals = shared.clone();
            Box::pin(async move { Ok(answer(request, &signals).await) })
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(listener, service, options, async {
            drop(stopped.await);
        }));
        TestServer {
            address,
            signals,
            stop: Some(stop),
            task,
        }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Asks the server to shut down.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has.
    pub(crate) async fn served(self) -> Served {
        let served = timeout(PATIENCE, self.task).await;
        served.expect("the server does not stop").unwrap()
    }
}

/// `/unread` refuses without reading, `/hang` waits to be told, `/large` answers with 8 MiB; all
/// else is read and answered with the number of bytes that came.
async fn answer(request: Request<RequestBody>, signals: &Signals) -> Response<Full<Bytes>> {
    let (status, body) = match request.uri().path() {
        "/unread" => (StatusCode::PAYLOAD_TOO_LARGE, Bytes::from_static(b"no")),
        "/large" => (StatusCode::OK, Bytes::from(vec![b'.'; 8 << 20])),
        "/hang" => {
            signals.begun.notify_one();
            signals.go_on.notified().await;
            (StatusCode::OK, Bytes::from_static(b"at last"))
        }
        _ => match request.into_body().collect().await {
            Ok(body) => (StatusCode::OK, body.to_bytes().len().to_string().into()),
            Err(error @ BodyError::TooSlow { .. }) => {
                (StatusCode::REQUEST_TIMEOUT, error.to_string().into())
            }
            Err(error) => (StatusCode::BAD_REQUEST, error.to_string().into()),
        },
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
}
