//! Broker, Trigger, BrokerConfig, delivery and destinations: their types, and every rule that a
//! manifest must keep.
//!
//! Text in, objects and diagnostics out: each diagnostic has a code, a place, a caret and a remedy.
//! Pure: no I/O, no clock, not async. What is deliberately absent: files, directories, Kubernetes.

pub mod broker;
pub mod broker_config;
pub mod codes;
pub mod delivery;
pub mod destination;
pub mod diagnostic;
pub mod manifest;
pub mod metadata;
pub mod references;
pub mod resolve;
mod text;
pub mod trigger;
pub mod update;
mod uri;
pub mod yaml;

pub use broker::Broker;
pub use broker_config::{
    BrokerConfig, ChannelConfig, DeadLetters, DiskConfig, MemoryConfig, NatsConfig, NatsIdentity,
    NatsPlacement, NatsTls, Retention, SecretSource, WhenExpired, WhenFull, read_age, read_channel,
    read_dead_letters, read_retention,
};
pub use delivery::{BackoffPolicy, DeliverySpec, EffectiveDelivery, Format, RetryLimit};
pub use destination::{Destination, KReference};
pub use diagnostic::{Diagnostic, Severity, Span};
pub use manifest::{Manifest, Object, Parsed, Places, parse};
pub use metadata::{Metadata, ObjectName};
pub use references::{CrossFinding, Located, check_references, check_resolution};
pub use resolve::{ResolveError, ResolveMap};
pub use text::nearest;
pub use trigger::{StartAt, Trigger, TriggerSettings};
pub use update::check_update;
