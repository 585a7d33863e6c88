//! One connection, from the accepted socket to its close.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, Sleep, sleep_until};

use super::guard::Guarded;
use super::socket::WatchedSocket;
use super::watch::{Check, Overdue, Watch};
use super::{HttpService, ServerOptions};

/// Below this hyper refuses to set a buffer's limit.
const HEAD_BYTES_MIN: usize = 8 << 10;

/// What all connections of a listener are made from.
#[derive(Debug)]
pub(super) struct Maker<S> {
    service: S,
    options: Arc<ServerOptions>,
    http: auto::Builder<TokioExecutor>,
}

impl<S> Maker<S> {
    pub(super) fn new(service: S, options: ServerOptions) -> Self {
        Maker {
            service,
            http: http_builder(&options),
            options: Arc::new(options),
        }
    }
}

fn http_builder(options: &ServerOptions) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        // Hyper's own timer also runs on idle connections, and so would end them too early.
        .header_read_timeout(None)
        .max_buf_size(options.head_bytes_max.max(HEAD_BYTES_MIN))
        .max_headers(options.head_lines_max);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(options.http2_ping_interval)
        .keep_alive_timeout(options.http2_ping_timeout)
        .max_concurrent_streams(options.http2_streams_max)
        .max_header_list_size(u32::try_from(options.head_bytes_max).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(options.http2_resets_max)
        .max_local_error_reset_streams(options.http2_resets_max);
    http
}

/// Serves one socket until either side closes it, a deadline passes, or `stop` turns true and the
/// requests under way are answered.
pub(super) async fn run<S: HttpService>(
    stream: TcpStream,
    maker: Arc<Maker<S>>,
    mut stop: Receiver<bool>,
) {
    let watch = Watch::new(maker.options.clone());
    let mut socket = WatchedSocket::new(stream, watch.clone());
    let mut deadline = pin!(Deadline::new(watch.clone()));
    let is_stopping = tokio::select! {
        biased;
        () = socket.hold_first_head() => false,
        overdue = deadline.as_mut() => return note_overdue(overdue),
        () = stopping(&mut stop) => true,
    };
    if is_stopping {
        if !socket.holds_something() {
            return;
        }
        tokio::select! {
            biased;
            () = socket.hold_first_head() => {}
            overdue = deadline.as_mut() => return note_overdue(overdue),
        }
    }
    let service = Guarded::new(maker.service.clone(), watch);
    // Boxed, so that a connection on which no request began stays small.
    let mut http = Box::pin(maker.http.serve_connection(TokioIo::new(socket), service));
    tokio::select! {
        biased;
        ended = http.as_mut() => return note_end(ended),
        overdue = deadline.as_mut() => return note_overdue(overdue),
        () = stopping(&mut stop) => http.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        biased;
        ended = http => note_end(ended),
        overdue = deadline => note_overdue(overdue),
    }
}

/// Completes once the listener stops. An error means that it is gone, which stops us just as well.
async fn stopping(stop: &mut Receiver<bool>) {
    drop(stop.wait_for(|is_stopping| *is_stopping).await);
}

fn note_end(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(error = %error, "connection ended");
    }
}

fn note_overdue(overdue: Overdue) {
    tracing::debug!(waited_for = ?overdue, "connection closed by its deadline");
}

/// Completes once the watch finds something overdue.
///
/// The timer is moved only when a deadline comes nearer. A later one is noticed when the timer
/// fires, so that a busy connection does not set a timer per request.
#[derive(Debug)]
struct Deadline {
    watch: Arc<Watch>,
    timer: Pin<Box<Sleep>>,
}

impl Deadline {
    fn new(watch: Arc<Watch>) -> Self {
        let first = match watch.check(Instant::now()) {
            Check::Until(deadline) => deadline,
            Check::Overdue(_) => Instant::now(),
        };
        Deadline {
            watch,
            timer: Box::pin(sleep_until(first)),
        }
    }
}

impl Future for Deadline {
    type Output = Overdue;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Overdue> {
        loop {
            let until = match self.watch.check(Instant::now()) {
                Check::Overdue(overdue) => return Poll::Ready(overdue),
                Check::Until(until) => until,
            };
            if until < self.timer.deadline() {
                self.timer.as_mut().reset(until);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.timer.as_mut().reset(until);
        }
    }
}
