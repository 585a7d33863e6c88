//! A request's body that must keep up a least rate.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

/// Why a body ended early. The connection is of no further use.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It came more slowly than the server waits for: answer 408.
    #[error("the body came too slowly: {received_bytes} bytes in {waited:?}")]
    TooSlow {
        /// Bytes received until then.
        received_bytes: u64,
        /// How long it was waited for.
        waited: std::time::Duration,
    },
    /// The connection broke, or the framing is not valid.
    #[error("the body could not be read: {0}")]
    Broken(#[from] hyper::Error),
}

/// A request's body.
#[derive(Debug)]
pub struct RequestBody(Incoming);

impl RequestBody {
    pub(super) fn new(inner: Incoming) -> Self {
        RequestBody(inner)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.0)
            .poll_frame(cx)
            .map_err(BodyError::Broken)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
