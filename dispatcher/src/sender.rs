//! One attempt, as the worker sees it: an event goes out, an answer or a failure comes back.
//!
//! A [`Sender`] neither retries nor judges: it says what happened, and the one table in
//! [`verdict`](crate::verdict) says what that means. Whatever a peer does, an attempt ends on time
//! and takes bounded memory.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use sluicegate_channels::BoxFuture;
use sluicegate_event::{Event, Fault};
use sluicegate_resources::Format;

use crate::plan::Target;
use crate::retry_after::RetryAfter;

/// How much of an answer's body is kept for dead letters, in bytes: its base64 takes 1,024.
pub const BODY_START_BYTES_MAX: usize = 768;

/// Sends one event once.
///
/// A sender for tests, whose receiver takes everything:
///
/// ```
/// use bytes::Bytes;
/// use sluicegate_channels::BoxFuture;
/// use sluicegate_dispatcher::{Answer, Content, Failure, Sender, Transmission};
///
/// #[derive(Debug)]
/// struct Agreeable;
///
/// impl Sender for Agreeable {
///     fn send(&self, _transmission: Transmission) -> BoxFuture<'_, Result<Answer, Failure>> {
///         let answer = Answer {
///             status: 204,
///             retry_after: None,
///             content: Content::Empty,
///             body_start: Bytes::new(),
///             is_loop: false,
///         };
///         Box::pin(async { Ok(answer) })
///     }
/// }
/// ```
pub trait Sender: Send + Sync + fmt::Debug {
    /// Sends, and waits for the whole answer.
    ///
    /// # Errors
    ///
    /// When no complete answer came; the [`Failure`] says why.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes its connection; the receiver may or may not have seen the event.
    fn send(&self, transmission: Transmission) -> BoxFuture<'_, Result<Answer, Failure>>;
}

/// What to send, where, and within what time.
#[derive(Clone, Debug)]
pub struct Transmission {
    /// The event as it is to arrive, except that the hop count is left out of its attributes.
    pub event: Arc<Event>,
    /// Where to.
    pub target: Target,
    /// What for.
    pub purpose: Purpose,
    /// The namespace of the trigger, for `Kn-Namespace`.
    pub namespace: HeaderValue,
    /// How many brokers the event may still pass, for `Sluicegate-Hops`.
    pub hops_left: u8,
    /// The content mode; as received when absent.
    pub format: Option<Format>,
    /// The deadline of everything from connecting to the last byte of the answer.
    pub timeout: Duration,
    /// Which send of this event this is, from 1.
    pub attempt: u32,
}

/// What an event is sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To the subscriber, who may answer with an event.
    Deliver,
    /// To the dead-letter sink, whose answer is never read as an event.
    DeadLetter,
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status, 100 to 999.
    pub status: u16,
    /// The first `Retry-After` that could be read.
    pub retry_after: Option<RetryAfter>,
    /// What the body held.
    pub content: Content,
    /// The first [`BODY_START_BYTES_MAX`] bytes of the body.
    pub body_start: Bytes,
    /// Whether the receiver is a broker that refused the event because its hops are used up.
    pub is_loop: bool,
}

/// What the body of an answer held.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// No body.
    Empty,
    /// A body that does not say that it is an event.
    NotAnEvent,
    /// It says that it is an event where none counts, and was not read as one: in a 202, in an
    /// answer that is not 2xx, in a dead-letter sink's.
    Unread,
    /// One event or a batch, valid.
    Events(Vec<Event>),
    /// It says that it is an event, and is none: malformed or larger than an event may be.
    Malformed(Fault),
}

/// Why no complete answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    /// From a closed set; never one that an answer has: [`Reason::Ok`], [`Reason::Http`] or
    /// [`Reason::Loop`].
    pub reason: Reason,
    /// One sentence for people, without a full stop.
    pub detail: Arc<str>,
}

impl Failure {
    /// A failure with its sentence.
    pub fn new(reason: Reason, detail: impl Into<Arc<str>>) -> Self {
        Failure {
            reason,
            detail: detail.into(),
        }
    }
}

/// How an attempt ended, in a word: the label of metrics and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Taken.
    Ok,
    /// Answered with a status that is not 2xx.
    Http,
    /// The deadline passed.
    Timeout,
    /// Nothing listens there, or no route leads there.
    Refused,
    /// The TLS handshake failed.
    Tls,
    /// The host name did not resolve.
    Dns,
    /// The connection ended before the answer did.
    Reset,
    /// What came back is not HTTP, or is past a bound.
    Protocol,
    /// Taken, but the reply could not be used or stored.
    Reply,
    /// The event, or the reply to it, has no hops left.
    Loop,
    /// A fault of ours: handling the event panicked.
    Panic,
}

impl Reason {
    /// Every reason, for whoever makes a metric of each.
    pub const ALL: [Reason; 11] = [
        Reason::Ok,
        Reason::Http,
        Reason::Timeout,
        Reason::Refused,
        Reason::Tls,
        Reason::Dns,
        Reason::Reset,
        Reason::Protocol,
        Reason::Reply,
        Reason::Loop,
        Reason::Panic,
    ];

    /// The word.
    pub fn label(self) -> &'static str {
        match self {
            Reason::Ok => "ok",
            Reason::Http => "http",
            Reason::Timeout => "timeout",
            Reason::Refused => "unreachable",
            Reason::Tls => "tls",
            Reason::Dns => "dns",
            Reason::Reset => "reset",
            Reason::Protocol => "protocol",
            Reason::Reply => "reply",
            Reason::Loop => "loop",
            Reason::Panic => "panic",
        }
    }
}
