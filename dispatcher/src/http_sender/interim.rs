//! Interim (1xx) answers.
//!
//! The HTTP library reads past them, as it should. Two receivers need more: one that ends the
//! connection after it has answered with a status that the table knows (reserved, not to be
//! retried); one that sends them without end must not keep a core busy until the deadline. One that
//! is still at it when the deadline passes has given no answer: it may be slow, and is tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use bytes::Bytes;
use http::Request;
use tokio::sync::Notify;

use crate::sender::{Answer, Content, Failure, Reason};

/// More interim answers than this to one request are a flood.
const INTERIM_MAX: u32 = 16;

/// What was seen of them during one attempt.
#[derive(Debug, Default)]
pub(super) struct Interim {
    seen: AtomicU32,
    last: AtomicU16,
    flood: Notify,
}

impl Interim {
    /// Hears of every interim answer to `request`.
    pub(super) fn listen<B>(self: &Arc<Self>, request: &mut Request<B>) {
        let interim = Arc::clone(self);
        hyper::ext::on_informational(request, move |response| {
            interim
                .last
                .store(response.status().as_u16(), Ordering::Relaxed);
            if interim.seen.fetch_add(1, Ordering::Relaxed) == INTERIM_MAX {
                interim.flood.notify_one();
            }
        });
    }

    /// Waits until there were too many.
    pub(super) async fn is_flood(&self) {
        self.flood.notified().await;
    }

    /// The interim answer, when the connection ended after it: then it was meant as the answer. A
    /// flood, a deadline that passed, or any other failure stays what it is.
    pub(super) fn instead_of(&self, failure: Failure) -> Result<Answer, Failure> {
        let was_the_last = failure.reason == Reason::Reset;
        let seen = self.seen.load(Ordering::Relaxed);
        if !was_the_last || !(1..=INTERIM_MAX).contains(&seen) {
            return Err(failure);
        }
        Ok(Answer {
            status: self.last.load(Ordering::Relaxed),
            retry_after: None,
            content: Content::Empty,
            body_start: Bytes::new(),
            is_loop: false,
        })
    }
}
