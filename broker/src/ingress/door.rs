//! The hot path, in the order of cost.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use sluicegate_channels::{Admission, AppendError, Channel, Position};
use sluicegate_event::{Decoded, Event, message_bytes_max};
use tokio::time::{Instant, timeout_at};

use super::admission::{Room, Share};
use super::deduplication::{Claim, Deduplication, Ticket};
use super::path::Target;
use super::{
    AnswerBody, DUPLICATES_HEADER, Directory, Entry, Found, IngressOptions, answer, body, hops,
};
use crate::metrics::ingress::{IngressFamilies, Refusals};
use crate::problem::{Problem, Refusal};
use crate::server::RequestBody;

/// Names the class of durability of the broker that has accepted events, where that is asked for.
const DURABILITY: HeaderName = HeaderName::from_static("sluicegate-durability");

/// What all requests share.
#[derive(Debug)]
pub(super) struct Door {
    directory: Arc<dyn Directory>,
    options: IngressOptions,
    room: Arc<Room>,
    /// Counts what reaches no broker.
    nowhere: Refusals,
}

/// A request that was accepted.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    /// How many of its events were stored.
    stored: usize,
    /// How many of its events had been.
    duplicates: usize,
}

/// A request that was not accepted, and for how many events it stands.
struct Refused {
    refusal: Refusal,
    events: usize,
}

impl From<Refusal> for Refused {
    /// What could not be read counts as one event.
    fn from(refusal: Refusal) -> Self {
        Refused { refusal, events: 1 }
    }
}

impl Door {
    pub(super) fn new(
        directory: Arc<dyn Directory>,
        options: IngressOptions,
        families: &IngressFamilies,
    ) -> Self {
        Door {
            directory,
            room: Room::new(options.in_flight_bytes_max),
            options,
            nowhere: families.nowhere(),
        }
    }

    /// Answers a POST, and counts how it ended.
    pub(super) async fn post(&self, request: Request<RequestBody>) -> Response<AnswerBody> {
        let started = Instant::now();
        let (head, body) = request.into_parts();
        let entry = match self.find(head.uri.path()) {
            Ok(entry) => entry,
            Err(refusal) => {
                self.nowhere.count(refusal.problem, 1);
                return refused(refusal);
            }
        };
        match self.accept(&entry, head, body).await {
            Ok(taken) => {
                entry.metrics.accepted(taken.stored, started.elapsed());
                accepted(&entry, taken.duplicates)
            }
            Err(Refused { refusal, events }) => {
                let elapsed = started.elapsed();
                entry.metrics.refused(refusal.problem, events, elapsed);
                refused(refusal)
            }
        }
    }

    /// The broker that a path means.
    pub(super) fn find(&self, path: &str) -> Result<Arc<Entry>, Refusal> {
        let found = match Target::parse(path) {
            Some(Target::Broker { namespace, broker }) => self
                .directory
                .find(namespace, broker)
                .ok_or_else(|| answer::no_broker(namespace, broker)),
            Some(Target::Default) => self
                .directory
                .find_default()
                .ok_or_else(answer::no_default_broker),
            None => Err(answer::no_route(path)),
        };
        match found? {
            Found::Served(entry) => Ok(entry),
            Found::Unserved { broker, why } => Err(answer::not_ready(&broker, &why)),
        }
    }

    /// Reads, checks and stores.
    async fn accept(
        &self,
        entry: &Entry,
        mut head: Parts,
        body: RequestBody,
    ) -> Result<Taken, Refused> {
        if let Some(why) = entry.unattended.why() {
            return Err(answer::unattended(entry, &why).into());
        }
        let limits = &self.options.limits;
        let bytes_max = message_bytes_max(&head.headers, limits);
        body::check_declared(&head.headers, bytes_max)?;
        let mut share = self.room.share();
        let body = body::read(body, bytes_max, &mut share).await?;
        body::detach(&mut head.headers);
        let (mut events, is_batch) = match sluicegate_event::decode(&head.headers, body, limits) {
            Ok(Decoded::One(event)) => (vec![event], false),
            Ok(Decoded::Batch(mut events)) => {
                // Each would otherwise keep the body of all of them in memory.
                events.iter_mut().for_each(Event::compact);
                (events, true)
            }
            Err(error) => return Err(answer::undecodable(&error).into()),
        };
        stamp_hops(&mut events, is_batch, &head.headers, entry.hops_max)?;
        self.append(entry, events, share).await
    }

    /// Stores `events`, which take their `share` of the memory until then, and tells who wants to know.
    async fn append(
        &self,
        entry: &Entry,
        mut events: Vec<Event>,
        mut share: Share,
    ) -> Result<Taken, Refused> {
        let deadline = Instant::now() + self.options.append_timeout;
        let count = events.len();
        if count == 0 {
            // An empty batch is a valid batch, and all of it is stored already.
            return Ok(Taken::default());
        }
        let refused = |refusal| Refused {
            refusal,
            events: count,
        };
        let mut duplicates = 0;
        let ticket = match &entry.deduplication {
            None => None,
            Some(deduplication) => {
                let claimed = timeout_at(deadline, claim(deduplication, &events)).await;
                let ticket = claimed.map_err(|_| refused(answer::still_storing(entry)))?;
                duplicates = ticket.retain_fresh(&mut events);
                // They may outlive their request, and then take memory also where a body has no bytes.
                if !share.grow_to(events.iter().map(Event::size_bytes).sum()) {
                    return Err(refused(answer::no_room()));
                }
                Some(ticket)
            }
        };
        let stored = events.len();
        if stored == 0 {
            // All of them were stored before.
            return Ok(Taken { stored, duplicates });
        }
        let sizes = events.iter().map(Event::size_bytes);
        sizes.for_each(|size_bytes| entry.metrics.event_size(size_bytes));
        let told = entry
            .on_accepted
            .as_ref()
            .filter(|hook| hook.is_listening())
            .map(|hook| (hook, events.clone()));
        let started = Instant::now();
        let append = async {
            match ticket {
                None => entry.channel.append(events, Admission::Ingress).await,
                Some(ticket) => store_to_the_end(&entry.channel, events, ticket, share).await,
            }
        };
        let positions = match timeout_at(deadline, append).await {
            Ok(Ok(positions)) => positions,
            Ok(Err(error)) => return Err(refused(answer::not_appended(entry, &error))),
            Err(_) => {
                let broker = entry.full_name();
                let why = "its store does not answer";
                return Err(refused(answer::not_ready(&broker, why)));
            }
        };
        entry.metrics.append_took(started.elapsed());
        if let Some((hook, events)) = told {
            for (event, position) in events.iter().zip(positions) {
                hook.accepted(event, position);
            }
        }
        Ok(Taken { stored, duplicates })
    }
}

/// Waits until none of the events is being stored by another request, and claims those that have
/// not been stored.
async fn claim(deduplication: &Arc<Deduplication>, events: &[Event]) -> Ticket {
    loop {
        match deduplication.claim(events) {
            Claim::Mine(ticket) => return ticket,
            Claim::Wait(ended) => ended.wait().await,
        }
    }
}

/// Stores in a task of its own, so that it is known whether the events are stored though their sender
/// is gone: who sends again because the answer took too long is whom this is for. The events keep their
/// share of the memory until then, so that a store that hangs does not collect them without bound.
async fn store_to_the_end(
    channel: &Arc<dyn Channel>,
    events: Vec<Event>,
    ticket: Ticket,
    share: Share,
) -> Result<Vec<Position>, AppendError> {
    let channel = Arc::clone(channel);
    let storing = tokio::spawn(async move {
        let stored = channel.append(events, Admission::Ingress).await;
        drop(share);
        let positions = stored?;
        ticket.stored();
        Ok(positions)
    });
    // It ends otherwise only with the process.
    storing.await.unwrap_or(Err(AppendError::Closed))
}

/// Gives every event its count of hops, or refuses them all because one has none left.
fn stamp_hops(
    events: &mut [Event],
    is_batch: bool,
    headers: &http::HeaderMap,
    hops_max: u8,
) -> Result<(), Refused> {
    let count = events.len();
    let refused = |refusal| Refused {
        refusal,
        events: count,
    };
    let allowed = hops::allowed(headers, hops_max)
        .map_err(|used_up| refused(answer::out_of_hops(&used_up, None)))?;
    for (index, event) in events.iter_mut().enumerate() {
        let member = is_batch.then_some(index);
        let left = hops::left(event, allowed)
            .map_err(|used_up| refused(answer::out_of_hops(&used_up, member)))?;
        hops::stamp(event, left).map_err(|fault| {
            refused(Refusal::new(Problem::NotAnEvent, fault.to_string()).hint(fault.remedy))
        })?;
    }
    Ok(())
}

fn accepted(entry: &Entry, duplicates: usize) -> Response<AnswerBody> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::new())));
    *response.status_mut() = StatusCode::ACCEPTED;
    let headers = response.headers_mut();
    if let Some(class) = &entry.durability {
        headers.insert(DURABILITY, class.clone());
    }
    if duplicates > 0 {
        headers.insert(DUPLICATES_HEADER, HeaderValue::from(duplicates));
    }
    response
}

/// Logs a refusal once, without the event's data, and writes it.
fn refused(refusal: Refusal) -> Response<AnswerBody> {
    let problem = refusal.problem;
    tracing::debug!(
        code = problem.code(),
        reason = problem.reason(),
        status = problem.status().as_u16(),
        "refused a request"
    );
    refusal.into_response().map(Either::Left)
}
