//! The BrokerConfig of `sluicegate.dev/v1alpha1`.
use std::num::NonZeroU64;

use crate::Metadata;

/// What Knative has no word for: the channel of a Broker and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerConfig {
    /// Name and namespace.
    pub metadata: Metadata,
    /// `spec.channel`
    pub channel: ChannelConfig,
    /// `spec.limits.maxHops`, 1 to 255.
    pub hops_max: Option<u8>,
}

/// `spec.channel`: exactly one of the kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelConfig {
    /// `memory`
    Memory(MemoryConfig),
}

/// Bounds of the memory channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryConfig {
    /// `maxEvents`, default 100,000.
    pub events_max: NonZeroU64,
    /// `maxBytes`, default 256 MiB.
    pub bytes_max: NonZeroU64,
    /// `whenFull`
    pub when_full: WhenFull,
}

/// What a memory channel does when ingress has used its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// Take the oldest event of the trigger that holds most, if another holds less than half.
    #[default]
    Shed,
    /// Refuse new events.
    Refuse,
}
