//! The one table: what an answer or a failure means.
//!
//! | what came back | verdict |
//! |---|---|
//! | 2xx | delivered |
//! | 2xx except 202, with an event | delivered once the reply is stored |
//! | 2xx except 202, with a broken event | refused: the same answer would come again |
//! | 404, 408, 409, 429, 5xx | again |
//! | a code below 100 or above 599 | again |
//! | no complete answer | again |
//! | 1xx, 3xx, other 4xx | refused |
//!
//! Nothing else in this crate looks at a status to decide what becomes of an event.

use crate::dead_letter::kind;
use crate::retry_after::RetryAfter;
use crate::sender::{Answer, Content, Failure};

/// What becomes of an event after a send to its subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The subscriber took it.
    Delivered(Body),
    /// Another attempt may succeed.
    Again {
        /// When the subscriber asks for it, on 429 and 503 only.
        retry_after: Option<RetryAfter>,
    },
    /// No attempt will succeed; the kind of dead letter that it makes.
    Refused(&'static str),
}

/// What the body of a delivered event's answer is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing in it.
    Empty,
    /// Events to append before the cause is settled.
    Reply,
    /// No event; counted, and otherwise as if it were empty.
    NotAnEvent,
    /// An event in a 202, which is never a reply; counted.
    Ignored202,
}

/// Looks up the table.
///
/// ```
/// use sluicegate_dispatcher::verdict::{Verdict, verdict};
/// use sluicegate_dispatcher::{Failure, Reason};
///
/// let failure = Err(Failure::new(Reason::Refused, "connection refused by http://billing/"));
/// assert_eq!(verdict(&failure), Verdict::Again { retry_after: None });
/// ```
pub fn verdict(outcome: &Result<Answer, Failure>) -> Verdict {
    let Ok(answer) = outcome else {
        return Verdict::Again { retry_after: None };
    };
    match answer.status {
        200..=299 => of_success(answer),
        429 | 503 => Verdict::Again {
            retry_after: answer.retry_after,
        },
        404 | 408 | 409 | 500..=599 => Verdict::Again { retry_after: None },
        400 if answer.is_loop => Verdict::Refused(kind::LOOP),
        100..=199 | 300..=499 => Verdict::Refused(kind::REFUSED),
        // The specification asks to treat what it does not list as retriable.
        _ => Verdict::Again { retry_after: None },
    }
}

fn of_success(answer: &Answer) -> Verdict {
    let is_202 = answer.status == 202;
    match &answer.content {
        Content::Empty => Verdict::Delivered(Body::Empty),
        Content::NotAnEvent => Verdict::Delivered(Body::NotAnEvent),
        Content::Events(_) | Content::Malformed(_) | Content::Unread if is_202 => {
            Verdict::Delivered(Body::Ignored202)
        }
        // Only a 202 is left unread among successes; elsewhere there is no reply to be had.
        Content::Unread => Verdict::Delivered(Body::NotAnEvent),
        Content::Events(events) if events.is_empty() => Verdict::Delivered(Body::Empty),
        Content::Events(_) => Verdict::Delivered(Body::Reply),
        Content::Malformed(_) => Verdict::Refused(kind::REPLY),
    }
}

#[cfg(test)]
mod tests;
