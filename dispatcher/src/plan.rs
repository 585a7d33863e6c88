//! What a worker needs to know of its trigger; replaced as a whole when the trigger is edited.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use sluicegate_resources::{EffectiveDelivery, ObjectName};

/// Where to send, as resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// An absolute http or https URL.
    pub uri: Uri,
}

/// A trigger, ready to be worked on. `delivery.dead_letter_sink` says what was written;
/// `dead_letter` where that is.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The trigger's namespace and name.
    pub trigger: ObjectName,
    /// The broker's name in the same namespace.
    pub broker: Arc<str>,
    /// The subscriber; absent while it cannot be resolved: then nothing is attempted.
    pub subscriber: Option<Target>,
    /// The dead-letter sink, when one is in effect and resolved.
    pub dead_letter: Option<Target>,
    /// Retry, backoff, timeout, format.
    pub delivery: EffectiveDelivery,
    /// Attempts at a time.
    pub in_flight_max: NonZeroU32,
    /// The hop limit of the broker.
    pub hops_max: u8,
    /// How long an event may be pending while the trigger is served, before it is given up on
    /// whatever else the plan says; none for ever.
    pub pending_max: Option<Duration>,
    /// Whether the trigger as written takes nothing for now. What is under way goes on; what waits
    /// stays in the channel.
    pub paused: bool,
}
