//! A request's body that must keep up a least rate.
//!
//! A body that is there already costs no timer: one is made when the body is first waited for.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::ServerOptions;

/// Why a body ended early. The connection is of no further use.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It came more slowly than the server waits for: answer 408.
    #[error("the body came too slowly: {received_bytes} bytes in {waited:.1?}")]
    TooSlow {
        /// Bytes received until then.
        received_bytes: u64,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The connection broke, or the framing is not valid.
    #[error("the body could not be read: {0}")]
    Broken(#[from] hyper::Error),
}

/// A request's body as the services of [`serve`](super::serve) see it.
#[derive(Debug)]
pub struct RequestBody {
    inner: Incoming,
    grace: Duration,
    bytes_per_second_min: u32,
    received_bytes: u64,
    wait: Option<Wait>,
}

/// Made when the body is first waited for.
#[derive(Debug)]
struct Wait {
    since: Instant,
    timer: Pin<Box<Sleep>>,
}

impl RequestBody {
    pub(super) fn new(inner: Incoming, options: &ServerOptions) -> Self {
        RequestBody {
            inner,
            grace: options.body_grace,
            bytes_per_second_min: options.body_bytes_per_second_min.max(1),
            received_bytes: 0,
            wait: None,
        }
    }

    /// Ready once the body is overdue; until then the timer wakes the task.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        let allowed = self.grace + earned(self.received_bytes, self.bytes_per_second_min);
        let wait = self.wait.get_or_insert_with(|| {
            let since = Instant::now();
            Wait {
                since,
                timer: Box::pin(sleep_until(since + allowed)),
            }
        });
        // The timer was set for what had come by then; only once it fires is it set anew.
        ready!(wait.timer.as_mut().poll(cx));
        let deadline = wait.since + allowed;
        while Instant::now() < deadline {
            wait.timer.as_mut().reset(deadline);
            ready!(wait.timer.as_mut().poll(cx));
        }
        Poll::Ready(BodyError::TooSlow {
            received_bytes: self.received_bytes,
            waited: wait.since.elapsed(),
        })
    }
}

/// The time that so many bytes may take at the least rate.
fn earned(bytes: u64, bytes_per_second: u32) -> Duration {
    Duration::from_millis(bytes.saturating_mul(1_000) / u64::from(bytes_per_second))
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    self.received_bytes += data.len() as u64;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(BodyError::Broken(error)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => self.poll_overdue(cx).map(|overdue| Some(Err(overdue))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
