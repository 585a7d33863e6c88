//! A trigger: what it wants, where it sends, how that goes.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sluicegate_resources::{self as resources, BackoffPolicy, EffectiveDelivery, RetryLimit};

/// A trigger as the server serves it now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trigger {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What tells it from an earlier trigger of the same name. This and the next three are left out
    /// where no valid manifest stands for the trigger and nothing else tells.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Its broker's name, in the same namespace.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub broker: String,
    /// The filter in words, such as `type=order.paid + 1 more`; `all events` without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub filter: String,
    /// The subscriber as written: a URI, or a reference as `Service shop/billing`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subscriber: String,
    /// The subscriber's URL; absent while it cannot be resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriber_uri: Option<String>,
    /// The URL of the dead-letter sink in effect; absent when dead letters are parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_sink_uri: Option<String>,
    /// Whether every event that matches from now on will be sent.
    pub ready: bool,
    /// Why it is not ready, as one CamelCase word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same as a sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether its subscriber takes what it is sent.
    pub delivering: Delivering,
    /// Whether someone stopped it.
    pub paused: bool,
    /// Who did; empty while nobody has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paused_by: Vec<PausedBy>,
    /// In which state each accepted event is. The terms add up to `accepted`.
    pub books: Books,
    /// Those of the filtered events on which the filter failed: an expression in it could not be
    /// evaluated, and it did not match without that.
    #[serde(default)]
    pub filter_errors: u64,
    /// Events ready for an attempt.
    pub waiting: u64,
    /// Events put off until their next attempt is due.
    pub deferred: u64,
    /// Events being sent right now.
    pub in_flight: u64,
    /// Events accepted and not yet ended for this trigger: `waiting + deferred + inFlight`.
    pub lag: u64,
    /// How long the oldest of those has been waiting; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_waiting_seconds: Option<f64>,
    /// Retry, backoff, timeout and format in effect, inheritance and defaults applied; absent where no
    /// valid manifest stands for the trigger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
}

/// Who stopped a trigger. It goes on once nobody does any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PausedBy {
    /// Its manifest, by the annotation `sluicegate.dev/paused`. No command ends that.
    Manifest,
    /// A command. The broker's channel keeps that, as well as it keeps events.
    Command,
    /// What an older reader makes of a newer word.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for PausedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PausedBy::Manifest => "by its manifest",
            PausedBy::Command => "by command",
            PausedBy::Unknown => "by something unknown",
        })
    }
}

/// Names one trigger: the body of `:pause` and `:resume`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TriggerRef {
    /// The trigger's namespace.
    pub namespace: String,
    /// The trigger's name.
    pub trigger: String,
}

/// How a trigger stands after a `:pause` or `:resume`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pausing {
    /// Whether someone stops it now.
    pub paused: bool,
    /// Who does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paused_by: Vec<PausedBy>,
    /// Events accepted and not yet ended for it.
    pub lag: u64,
}

/// Whether a subscriber takes what it is sent. It never decides `ready`, yet tells why nothing
/// arrives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivering {
    /// The answer in one word.
    pub state: DeliveringState,
    /// `SubscriberRefusing` while nobody answers and only probes are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the last attempt met, such as `503` or `connection refused`; who stopped it, when
    /// someone did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// See [`Delivering`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeliveringState {
    /// The last attempt was taken.
    Yes,
    /// The last attempt failed.
    No,
    /// Someone stopped the trigger.
    Paused,
    /// Nothing was sent yet.
    Idle,
    /// Nothing can be said; also what an older reader makes of a newer word.
    #[serde(other)]
    Unknown,
}

/// The conservation law of a trigger: every accepted event is in exactly one of the other states,
/// and every replayed one in one more. All count events since the trigger's subscription was made, on the memory channel since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Books {
    /// Accepted while the trigger existed; with `replayed` the sum of all that follow.
    pub accepted: u64,
    /// How often an operator made one pending once more.
    #[serde(default)]
    pub replayed: u64,
    /// Not wanted.
    pub filtered: u64,
    /// Taken by the subscriber.
    pub delivered: u64,
    /// Taken by the dead-letter sink.
    pub dead_lettered: u64,
    /// In the built-in dead-letter store now.
    pub parked: u64,
    /// Ended because the trigger was deleted.
    pub cancelled: u64,
    /// Deleted by a backend's own limit.
    pub expired: u64,
    /// Ended unseen: a full store took them, or an operator did.
    pub discarded: u64,
    /// Waiting, deferred or being sent now.
    pub pending: u64,
}

impl From<sluicegate_channels::Books> for Books {
    fn from(books: sluicegate_channels::Books) -> Self {
        Books {
            accepted: books.accepted,
            replayed: books.replayed,
            filtered: books.filtered,
            delivered: books.delivered,
            dead_lettered: books.dead_lettered,
            parked: books.parked,
            cancelled: books.cancelled,
            expired: books.expired,
            discarded: books.discarded,
            pending: books.pending,
        }
    }
}

/// The delivery in effect. Exactly one of `retries` and `giveUpAfterMs` is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Give up after this many retries beyond the first attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// Give up when the event is this old, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub give_up_after_ms: Option<u64>,
    /// How the wait grows: `linear` or `exponential`.
    #[serde(with = "policy")]
    pub backoff_policy: BackoffPolicy,
    /// The first wait, in milliseconds.
    pub backoff_delay_ms: u64,
    /// The longest wait, in milliseconds.
    pub backoff_max_ms: u64,
    /// The deadline of one attempt, in milliseconds.
    pub timeout_ms: u64,
    /// The longest wait that `Retry-After` may ask for, in milliseconds; 0 ignores the header.
    pub retry_after_max_ms: u64,
    /// The content mode; absent when events are sent on as they came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<DeliveryFormat>,
}

/// The content mode that events are sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeliveryFormat {
    /// Structured mode.
    Json,
    /// Binary mode.
    Binary,
}

impl From<&EffectiveDelivery> for Delivery {
    fn from(delivery: &EffectiveDelivery) -> Self {
        let (retries, give_up_after_ms) = match delivery.limit {
            RetryLimit::Count(retries) => (Some(retries), None),
            RetryLimit::Age(age) => (None, Some(millis(age))),
        };
        Delivery {
            retries,
            give_up_after_ms,
            backoff_policy: delivery.backoff_policy,
            backoff_delay_ms: millis(delivery.backoff_delay),
            backoff_max_ms: millis(delivery.backoff_max),
            timeout_ms: millis(delivery.timeout),
            retry_after_max_ms: millis(delivery.retry_after_max),
            format: delivery.format.map(|format| match format {
                resources::Format::Json => DeliveryFormat::Json,
                resources::Format::Binary => DeliveryFormat::Binary,
            }),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The policy as manifests spell it; the type itself belongs to a crate that writes no JSON.
mod policy {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use sluicegate_resources::BackoffPolicy;

    pub(super) fn serialize<S: Serializer>(
        policy: &BackoffPolicy,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match policy {
            BackoffPolicy::Linear => "linear",
            BackoffPolicy::Exponential => "exponential",
        })
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BackoffPolicy, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "linear" => Ok(BackoffPolicy::Linear),
            "exponential" => Ok(BackoffPolicy::Exponential),
            other => Err(de::Error::unknown_variant(
                other,
                &["linear", "exponential"],
            )),
        }
    }
}
