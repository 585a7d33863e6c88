//! What each failure on the way in is answered with. Nothing else in the door makes a refusal out
//! of an error.

use std::time::Duration;

use sluicegate_channels::AppendError;
use sluicegate_event::{DecodeError, Fault};

use super::Entry;
use super::hops::UsedUp;
use super::unattended::Why;
use crate::api;
use crate::problem::{Problem, Refusal};
use crate::server::BodyError;

/// How long a sender should wait where only time will tell.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The same where someone has to act first.
const RETRY_AFTER_BROKEN: Duration = Duration::from_secs(10);

const PATH_SHAPE: &str = "send events with POST to /{namespace}/{broker}, \
                          or to / for the only broker or default/default";

const ADMIN_PORT: &str = "ask the admin listener, http://127.0.0.1:8081 unless `admin.listen` says \
                          otherwise; --server names it to the command line";

pub(super) fn no_route(path: &str) -> Refusal {
    if is_of_admin(path) {
        let detail = format!("there is nothing at {path}: this port takes events");
        return Refusal::new(Problem::NoRoute, detail).hint(ADMIN_PORT);
    }
    Refusal::new(Problem::NoRoute, format!("there is nothing at {path}")).hint(PATH_SHAPE)
}

/// Whether the other listener would have answered, or answers others of the kind.
fn is_of_admin(path: &str) -> bool {
    path.starts_with("/api/v1/") || matches!(path, "/livez" | "/readyz" | "/metrics" | api::VERSION)
}

pub(super) fn no_broker(namespace: &str, broker: &str) -> Refusal {
    Refusal::new(
        Problem::NoBroker,
        format!("there is no broker {namespace}/{broker}"),
    )
    .hint("`sluicegate get brokers` lists those that there are")
}

pub(super) fn no_default_broker() -> Refusal {
    Refusal::new(
        Problem::NoBroker,
        "/ means the only broker or default/default, and there is neither",
    )
    .hint("name the broker in the path: /{namespace}/{broker}")
}

pub(super) fn method_not_allowed(method: &http::Method) -> Refusal {
    Refusal::new(
        Problem::MethodNotAllowed,
        format!("a broker does not take {method}"),
    )
    .hint("send events with POST")
    .allow(super::router::ALLOW)
}

pub(super) fn not_ready(broker: &str, why: &str) -> Refusal {
    Refusal::new(
        Problem::NotReady,
        format!("broker {broker} does not take events now: {why}"),
    )
    .hint("send the event again after Retry-After")
    .retry_after(RETRY_AFTER)
}

/// Someone has to look after the broker first.
pub(super) fn unattended(entry: &Entry, why: &Why) -> Refusal {
    Refusal::new(
        Problem::Unattended,
        format!(
            "broker {} takes no new events: {}",
            entry.full_name(),
            why.detail
        ),
    )
    .hint(why.hint.as_str())
    .retry_after(RETRY_AFTER_BROKEN)
}

/// The same event came with another request, which is still waiting for its store.
pub(super) fn still_storing(entry: &Entry) -> Refusal {
    not_ready(
        &entry.full_name(),
        "another request with the same source and id is still being stored",
    )
}

/// The rest of the body is not read, so the connection cannot go on.
pub(super) fn body_too_large(size: &str, bytes_max: usize) -> Refusal {
    Refusal::new(
        Problem::TooLarge,
        format!("the body has {size}, and at most {bytes_max} bytes are taken here"),
    )
    .hint("send less, or put the data elsewhere and a link to it into the event")
    .closing()
}

pub(super) fn body_unreadable(error: &BodyError) -> Refusal {
    let refusal = match error {
        BodyError::TooSlow { .. } => Refusal::new(Problem::TooSlow, error.to_string())
            .hint("send the whole body without pauses"),
        BodyError::Broken(_) => Refusal::new(Problem::BadRequest, error.to_string())
            .hint("check Content-Length or the chunks against what is really sent"),
    };
    refusal.closing()
}

/// The memory for bodies under way is used up.
pub(super) fn no_room() -> Refusal {
    Refusal::new(
        Problem::Full,
        "the memory for requests under way is used up",
    )
    .hint("send the event again after Retry-After")
    .retry_after(RETRY_AFTER)
    .closing()
}

pub(super) fn undecodable(error: &DecodeError) -> Refusal {
    match error {
        DecodeError::Malformed { fault, member } => faulty(Problem::NotAnEvent, fault, *member),
        DecodeError::Unsupported(fault) => faulty(Problem::Unsupported, fault, None),
        DecodeError::TooLarge { fault, member } => faulty(Problem::TooLarge, fault, *member),
        // A kind of fault that is not known here is still the message's fault.
        other => Refusal::new(Problem::NotAnEvent, other.to_string()),
    }
}

fn faulty(problem: Problem, fault: &Fault, member: Option<usize>) -> Refusal {
    let detail = match member {
        Some(index) => format!("{}: {}", member_name(index), fault.problem),
        None => fault.problem.clone(),
    };
    Refusal::new(problem, detail).hint(fault.remedy.as_str())
}

fn member_name(index: usize) -> String {
    format!("batch member {index} (counted from 0)")
}

pub(super) fn out_of_hops(used_up: &UsedUp, member: Option<usize>) -> Refusal {
    let UsedUp { subject, value } = used_up;
    let place = member.map_or_else(String::new, |index| format!("{}: ", member_name(index)));
    Refusal::new(
        Problem::Loop,
        format!("{place}{subject} is {value:?}: the event has no hops left"),
    )
    .hint(
        "narrow the filter of the trigger whose replies come back to the broker, for example by \
         source",
    )
}

pub(super) fn not_appended(entry: &Entry, error: &AppendError) -> Refusal {
    match error {
        AppendError::Full { retry_after } => Refusal::new(
            Problem::Full,
            format!("the store of broker {} is full", entry.full_name()),
        )
        .hint(
            "send the event again after Retry-After; `sluicegate get triggers` shows who is \
                 behind",
        )
        .retry_after(*retry_after),
        AppendError::TooLarge { .. } | AppendError::TooMany { .. } => {
            Refusal::new(Problem::TooLarge, error.to_string()).hint(
                "send fewer or smaller events at once, or give the broker's channel more room",
            )
        }
        AppendError::NoSpace { retry_after } => Refusal::new(
            Problem::NoSpace,
            format!(
                "the disk under broker {} has too little room",
                entry.full_name()
            ),
        )
        .hint(
            "send the event again after Retry-After; what was accepted is delivered meanwhile, and \
             `sluicegate get brokers -o wide` shows how much room there is",
        )
        .retry_after(*retry_after),
        // What the system said of the file is for the log; a sender could do nothing with it.
        AppendError::Broken(_) => not_ready(
            &entry.full_name(),
            "its store has failed, and is opened anew when the server is started again",
        )
        .retry_after(RETRY_AFTER_BROKEN),
        // Where the store is and how it fails is for the log as well.
        AppendError::Unreachable { retry_after, .. } => not_ready(
            &entry.full_name(),
            "its store cannot be reached, and nobody knows whether the event was stored",
        )
        .retry_after(*retry_after),
        AppendError::NotAtomic { remedy, .. } => {
            Refusal::new(Problem::NotAtomic, error.to_string()).hint(format!(
                "send the events one by one, or have this done: {remedy}"
            ))
        }
        // Whatever else a store may fail with, nothing is acknowledged and trying again is safe.
        AppendError::Closed | _ => not_ready(&entry.full_name(), &error.to_string()),
    }
}
