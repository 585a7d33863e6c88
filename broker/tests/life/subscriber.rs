//! A subscriber that answers as it is told and remembers what it was sent.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;

use crate::http::eventually;

#[derive(Debug)]
struct Shared {
    begun: Vec<String>,
    answered: Vec<String>,
    status: u16,
    delay: Duration,
}

/// One that listens for as long as the test runs.
#[derive(Clone, Debug)]
pub(crate) struct Subscriber {
    pub(crate) url: String,
    shared: Arc<Mutex<Shared>>,
}

impl Subscriber {
    /// Answers every event with `status`, after `delay`.
    pub(crate) async fn start(status: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shared = Arc::new(Mutex::new(Shared {
            begun: Vec::new(),
            answered: Vec::new(),
            status,
            delay,
        }));
        let subscriber = Subscriber {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            shared,
        };
        let serving = subscriber.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let serving = serving.clone();
                let service = service_fn(move |request| serving.clone().take(request));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        subscriber
    }

    async fn take(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let id = request.headers()["ce-id"].to_str().unwrap().to_owned();
        drop(request.into_body().collect().await);
        let delay = {
            let mut shared = self.shared.lock();
            shared.begun.push(id.clone());
            shared.delay
        };
        tokio::time::sleep(delay).await;
        let mut shared = self.shared.lock();
        shared.answered.push(id);
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = shared.status.try_into().unwrap();
        Ok(answer)
    }

    /// From now on.
    pub(crate) fn answer_with(&self, status: u16) {
        self.shared.lock().status = status;
    }

    /// The ids of what it was sent.
    pub(crate) fn begun(&self) -> Vec<String> {
        self.shared.lock().begun.clone()
    }

    /// The ids of what it has answered, in order of their names.
    pub(crate) fn answered(&self) -> Vec<String> {
        let mut ids = self.shared.lock().answered.clone();
        ids.sort();
        ids
    }

    /// Waits until it was sent `count` events.
    pub(crate) async fn was_sent(&self, count: usize) {
        eventually(async || (self.begun().len() >= count).then_some(())).await;
    }
}
