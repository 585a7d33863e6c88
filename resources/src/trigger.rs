//! The Trigger.
use std::num::NonZeroU32;

use sluicegate_filter::FilterSpec;

use crate::{DeliverySpec, Destination, Metadata};

/// A Trigger of `eventing.knative.dev/v1`.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// Name, namespace, annotations.
    pub metadata: Metadata,
    /// The name of a Broker in the same namespace.
    pub broker: String,
    /// The filters in effect, joined by AND: `filters` when it is not empty, else `filter`.
    pub filters: Vec<FilterSpec>,
    /// Where to send.
    pub subscriber: Destination,
    /// `spec.delivery`
    pub delivery: DeliverySpec,
    /// What annotations under `sluicegate.dev/` say.
    pub settings: TriggerSettings,
}

/// Settings for which Knative has no field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriggerSettings {
    /// `sluicegate.dev/start`
    pub start: StartAt,
    /// `sluicegate.dev/max-in-flight`, default 64.
    pub in_flight_max: NonZeroU32,
    /// `sluicegate.dev/paused`
    pub paused: bool,
}

/// Where a new trigger begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StartAt {
    /// `latest`
    #[default]
    Latest,
    /// `earliest`
    Earliest,
    /// A time, in milliseconds since the Unix epoch.
    Time(u64),
}
