//! The door: `POST /{namespace}/{broker}` in, 202 out once the event is stored.
//!
//! The hot path is recognised before anything else and takes no router, no extractor and no span;
//! whatever it does not recognise falls through to an axum router (`ingress/router.rs`): the
//! webhook handshake, 405 and 404. The order of the hot path is the order of cost: the shape of the
//! path, the broker, the declared length, the body and room for it, the event, its hops, the
//! append. So an event for a broker that does not exist is 404 even when it is malformed.
//!
//! What it promises: 202 only after the channel said that the whole batch is stored; every refusal
//! names what is wrong and what to do; memory stays below twice the limit per request and below
//! [`IngressOptions::in_flight_bytes_max`] in all.
//!
//! What is deliberately absent: reading sockets and their deadlines ([`crate::server`]), what a
//! valid event is (`sluicegate_event`), and which brokers there are ([`Directory`]).

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{Either, Full};
use hyper::service::Service;
use sluicegate_channels::{Channel, Position};
use sluicegate_event::{Event, Limits};
use tower::ServiceExt as _;

use self::deduplication::Deduplication;
use self::unattended::Unattended;
use crate::metrics::ingress::{IngressFamilies, IngressHandles};
use crate::server::RequestBody;

mod admission;
mod answer;
mod body;
pub mod deduplication;
mod door;
mod hops;
mod path;
mod router;
pub mod unattended;

pub use hops::HEADER as HOPS_HEADER;

/// In a 202: how many events of the request had been stored before and were not stored again. Not there
/// where there are none.
pub const DUPLICATES_HEADER: &str = "sluicegate-duplicates";

/// Finds brokers. Asked once per request, so it must not block: a snapshot behind a pointer.
pub trait Directory: Send + Sync + fmt::Debug {
    /// The broker of that namespace and name, served or not.
    fn find(&self, namespace: &str, broker: &str) -> Option<Found>;

    /// The broker that `POST /` means: the only one, else `default/default`.
    fn find_default(&self) -> Option<Found>;
}

/// A broker that is in force.
#[derive(Clone, Debug)]
pub enum Found {
    /// It takes events.
    Served(Arc<Entry>),
    /// It cannot be served now; senders are told 503, why, and to come back.
    Unserved {
        /// `namespace/name`.
        broker: String,
        /// Why, as a sentence.
        why: String,
    },
}

/// Told of every event that was stored, after its channel acknowledged it and before the sender
/// hears of it. Must be quick and must not block.
pub trait Accepted: Send + Sync + fmt::Debug {
    /// Whether anyone wants to be told now. Asked before each append, since telling costs a copy of
    /// each event's attributes.
    fn is_listening(&self) -> bool;

    /// `event` is stored at `position`.
    fn accepted(&self, event: &Event, position: Position);
}

/// One broker as the door sees it: a snapshot, replaced as a whole when anything changes.
#[derive(Debug)]
pub struct Entry {
    /// The broker's namespace.
    pub namespace: Arc<str>,
    /// The broker's name.
    pub name: Arc<str>,
    /// Where its events are stored.
    pub channel: Arc<dyn Channel>,
    /// Hops that an event has which brings no count of its own, and the most that one may bring.
    /// At least 1.
    pub hops_max: u8,
    /// Why it takes nothing though its channel would, if it does not.
    pub unattended: Arc<Unattended>,
    /// Finds events that were stored before, if that is asked for.
    pub deduplication: Option<Arc<Deduplication>>,
    /// Its instruments, from [`IngressFamilies::handles`].
    pub metrics: IngressHandles,
    /// Who is told of accepted events, if anybody. Costs a copy of each event's attributes.
    pub on_accepted: Option<Arc<dyn Accepted>>,
    /// What the answer says of how well accepted events are kept, if it is to.
    pub durability: Option<HeaderValue>,
}

impl Entry {
    /// `namespace/name`.
    fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// How the door behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngressOptions {
    /// How large events and batches may be.
    pub limits: Limits,
    /// Bytes of request bodies that may be in memory at once, over all requests. Past it, senders
    /// are told 503. Default 256 MiB.
    pub in_flight_bytes_max: usize,
    /// How long a store may take to acknowledge before the sender is told 503. The events may
    /// have been stored all the same, so a sender that tries again may send duplicates.
    /// Default 5 s.
    pub append_timeout: Duration,
}

impl Default for IngressOptions {
    fn default() -> Self {
        IngressOptions {
            limits: Limits::default(),
            in_flight_bytes_max: 256 << 20,
            append_timeout: Duration::from_secs(5),
        }
    }
}

/// The door as a service for [`serve`](crate::server::serve). Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ingress {
    door: Arc<door::Door>,
    router: Router,
}

impl Ingress {
    /// A door to the brokers of `directory`.
    pub fn new(
        directory: Arc<dyn Directory>,
        options: IngressOptions,
        families: &IngressFamilies,
    ) -> Self {
        let door = Arc::new(door::Door::new(directory, options, families));
        Ingress {
            router: router::router(door.clone()),
            door,
        }
    }
}

/// The body of an answer: the hot path's is whole, the router's is axum's.
pub type AnswerBody = Either<Full<Bytes>, axum::body::Body>;

impl Service<Request<RequestBody>> for Ingress {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<RequestBody>) -> Self::Future {
        if request.method() == Method::POST {
            let door = self.door.clone();
            return Box::pin(async move { Ok(door.post(request).await) });
        }
        let answering = self
            .router
            .clone()
            .oneshot(request.map(axum::body::Body::new));
        Box::pin(async move { Ok(answering.await?.map(Either::Right)) })
    }
}
