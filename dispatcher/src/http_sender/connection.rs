//! One connection to a receiver, driven by whoever waits for something on it.
//!
//! It has no task of its own: reading an answer wakes the task of the delivery that waits for it, and
//! that task reads it. A task for each connection would be woken first, and would have to wake the
//! other, for each request and for each answer.
//!
//! What follows from that: nobody drives a connection that waits for its next request. That its
//! receiver has closed it is found out when it is taken for the next, or looked at
//! ([`Connection::is_idle`]).

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::rt::{Read, Write};
use tokio::task::unconstrained;

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// A connection of HTTP/1.1. Dropping it closes it.
pub(super) struct Connection {
    requests: SendRequest<Full<Bytes>>,
    /// None once the connection has ended.
    driver: Option<Driver>,
}

impl Connection {
    /// Speaks HTTP over `io`.
    ///
    /// # Errors
    ///
    /// The HTTP library's; it does not say when.
    pub(super) async fn over<T>(io: T, http: &Builder) -> hyper::Result<Self>
    where
        T: Read + Write + Send + Unpin + 'static,
    {
        let (requests, driver) = http.handshake(io).await?;
        Ok(Connection {
            requests,
            driver: Some(Box::pin(driver)),
        })
    }

    /// Sends a request, and waits for the head of its answer.
    ///
    /// # Errors
    ///
    /// With the request, if nothing of it was sent.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>> {
        let answer = self.requests.try_send_request(request);
        self.drive(answer).await
    }

    /// Waits for `work`, which waits for nothing but this connection.
    pub(super) async fn drive<F: Future>(&mut self, work: F) -> F::Output {
        // Only the driver, which is polled before, lets it go on: so it has nothing to wake, and must
        // never give up its turn by itself.
        let mut work = pin!(unconstrained(work));
        poll_fn(move |cx| {
            self.poll_driver(cx);
            work.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        })
        .await
    }

    /// Whether it can take a request: the last answer was read to its end, and the receiver has not
    /// closed it.
    pub(super) fn is_idle(&mut self) -> bool {
        self.poll_driver(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.requests.is_ready()
    }

    fn poll_driver(&mut self, cx: &mut Context<'_>) {
        // How it ended is told to whoever waits for an answer or a body.
        if let Some(driver) = &mut self.driver
            && driver.as_mut().poll(cx).is_ready()
        {
            self.driver = None;
        }
    }
}
