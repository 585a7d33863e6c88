//! The BrokerConfig of `sluicegate.dev/v1alpha1`.

use std::num::NonZeroU64;
use std::time::Duration;

mod dead_letters;
mod disk;
mod nats;
mod retention;

pub use dead_letters::{DeadLetters, WhenExpired, read_age, read_dead_letters};
pub use disk::DiskConfig;
pub use nats::{NatsConfig, NatsIdentity, NatsPlacement, NatsTls, SecretSource};
pub use retention::{Retention, read_retention};

use disk::read_disk;
use nats::read_nats;

use crate::metadata::read_header;
use crate::text::listed;
use crate::trigger::refuse_own_annotations;
use crate::yaml::{Field, Mapping, Value};
use crate::{Metadata, codes};

/// The group and version of BrokerConfig.
pub const API_VERSION: &str = "sluicegate.dev/v1alpha1";

/// What Knative has no word for: the channel of a Broker and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerConfig {
    /// Name and namespace.
    pub metadata: Metadata,
    /// `spec.channel`
    pub channel: ChannelConfig,
    /// `spec.retention`, of a channel that keeps settled events.
    pub retention: Retention,
    /// `spec.limits.maxHops`, 1 to 255.
    pub hops_max: Option<u8>,
    /// `spec.limits.maxPendingAge`; zero is for ever.
    pub pending_age_max: Option<Duration>,
    /// `spec.deadLetters`
    pub dead_letters: DeadLetters,
}

/// `spec.channel`: exactly one of the kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelConfig {
    /// `memory`
    Memory(MemoryConfig),
    /// `disk`
    Disk(DiskConfig),
    /// `nats`
    Nats(Box<NatsConfig>),
}

impl ChannelConfig {
    /// Whether what is accepted is lost with the processes that hold it.
    pub fn is_in_memory(&self) -> bool {
        match self {
            ChannelConfig::Memory(_) => true,
            ChannelConfig::Disk(_) => false,
            ChannelConfig::Nats(config) => !config.is_in_files,
        }
    }

    /// The kind's name, such as `memory`.
    pub fn kind(&self) -> &'static str {
        match self {
            ChannelConfig::Memory(_) => "memory",
            ChannelConfig::Disk(_) => "disk",
            ChannelConfig::Nats(_) => "nats",
        }
    }
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

impl Default for MemoryConfig {
    fn default() -> Self {
        const EVENTS: NonZeroU64 = NonZeroU64::new(100_000).expect("not zero");
        const BYTES: NonZeroU64 = NonZeroU64::new(256 << 20).expect("not zero");
        MemoryConfig {
            events_max: EVENTS,
            bytes_max: BYTES,
            when_full: WhenFull::default(),
        }
    }
}

/// The largest count or size that a channel can be given; more is a slip of the keyboard.
const BOUND_MAX: u64 = 1 << 50;

/// A hundred years; more is a slip of the keyboard as well.
const AGE_MAX: Duration = Duration::from_secs(36_500 * 24 * 60 * 60);

/// The channels of `spec.channel`; those behind the first two come in a later version.
const CHANNELS: [&str; 4] = ["memory", "disk", "nats", "kafka"];
const SERVED: usize = 2;

/// Reads a config from its document, `apiVersion` and `kind` already read.
pub(crate) fn read_broker_config(document: &mut Mapping<'_>) -> Option<BrokerConfig> {
    let header = read_header(document);
    refuse_own_annotations(&header.annotations, &[]);
    let spec = document.required("spec");
    let mut spec = spec.and_then(|field| field.mapping())?;
    let channel = spec
        .required("channel")
        .and_then(|field| read_channel(&field));
    let limits = spec.field("limits").and_then(|field| read_limits(&field));
    let (hops_max, pending_age_max) = limits.unwrap_or_default();
    let retention = spec
        .field("retention")
        .and_then(|field| read_kept(&field, channel.as_ref()));
    if let Some(field) = spec.field("reclaimPolicy") {
        check_reclaim_policy(&field, channel.as_ref());
    }
    let dead_letters = spec
        .field("deadLetters")
        .and_then(|field| read_dead_letters(&field));
    if let Some(field) = spec.field("capture") {
        let remedy = "remove it; data of events is not kept for the console";
        not_available(&field, remedy);
    }
    spec.finish();
    Some(BrokerConfig {
        metadata: header.metadata?,
        channel: channel?,
        retention: retention.unwrap_or_default(),
        hops_max,
        pending_age_max,
        dead_letters: dead_letters.unwrap_or_default(),
    })
}

/// `maxHops` and `maxPendingAge`.
fn read_limits(field: &Field<'_>) -> Option<(Option<u8>, Option<Duration>)> {
    let mut limits = field.mapping()?;
    let hops_max = limits.field("maxHops");
    let hops_max = hops_max.and_then(|it| u8::try_from(it.integer(1..=255)?).ok());
    let pending_age_max = limits.field("maxPendingAge").and_then(|it| read_age(&it));
    limits.finish();
    Some((hops_max, pending_age_max))
}

/// Retention, where the channel keeps what it says.
fn read_kept(field: &Field<'_>, channel: Option<&ChannelConfig>) -> Option<Retention> {
    let (why, remedy) = match channel {
        Some(ChannelConfig::Memory(_)) => ("`memory` keeps none", "remove it, or use `disk`"),
        Some(ChannelConfig::Nats(_)) => (
            "`nats` keeps them until it needs their room",
            "remove it; `maxBytes`, `maxMessages` and `maxAge` of `nats` bound what is kept",
        ),
        Some(ChannelConfig::Disk(_)) | None => return read_retention(field),
    };
    let message = format!(
        "`{}` is for a channel that keeps settled events; {why}",
        field.path()
    );
    field.refuse(codes::NOT_ALLOWED, message, remedy);
    None
}

/// `Retain` is what happens on disk, and the only thing that does.
fn check_reclaim_policy(field: &Field<'_>, channel: Option<&ChannelConfig>) {
    match channel {
        Some(ChannelConfig::Memory(_)) => not_available(
            field,
            "remove it; what a deleted broker held in memory is deleted",
        ),
        Some(ChannelConfig::Nats(_)) => not_available(
            field,
            "remove it; what a deleted broker holds in NATS stays there until you delete its streams",
        ),
        Some(ChannelConfig::Disk(_)) | None => {
            if field.one_of(&[("Retain", false), ("Delete", true)]) == Some(true) {
                not_available(
                    field,
                    "write Retain; what a deleted broker holds stays in its folder until you \
                     remove that",
                );
            }
        }
    }
}

fn not_available(field: &Field<'_>, remedy: &str) {
    let message = format!("`{}` is not available in this version", field.path());
    field.refuse(codes::NOT_AVAILABLE, message, remedy);
}

/// Reads `spec.channel`, or anything of its shape: exactly one kind with its settings.
pub fn read_channel(field: &Field<'_>) -> Option<ChannelConfig> {
    let mut channel = field.mapping()?;
    let named: Vec<&str> = CHANNELS
        .into_iter()
        .filter(|name| channel.contains(name))
        .collect();
    if let [first, _, ..] = named[..] {
        field.refuse(
            codes::NOT_ALLOWED,
            format!(
                "`{}` must name one channel; this names {}",
                field.path(),
                listed(named.iter().copied(), "and")
            ),
            format!("keep one of them, such as `{first}`"),
        );
    }
    for name in CHANNELS.into_iter().skip(SERVED) {
        let settings = channel.field(name);
        if named.contains(&name) {
            not_available(&settings.unwrap_or_else(|| field.clone()), "use `disk`");
        }
    }
    // `disk:` with nothing behind it means all its defaults.
    let is = |name| named.contains(&name);
    let memory = channel.field("memory");
    let disk = channel.field("disk");
    let is_served = CHANNELS[..SERVED].contains(&"nats");
    let nats = is_served.then(|| channel.field("nats")).flatten();
    // An unknown field is the misspelt channel, which is then said.
    if channel.finish() && named.is_empty() {
        field.refuse(
            codes::MISSING_FIELD,
            format!("`{}` must name a channel", field.path()),
            "  channel:\n    disk: {}",
        );
    }
    match (memory, disk, nats) {
        (Some(field), _, _) => read_memory(&field).map(ChannelConfig::Memory),
        (None, Some(field), _) => read_disk(&field).map(ChannelConfig::Disk),
        (None, None, Some(field)) => read_nats(&field).map(Box::new).map(ChannelConfig::Nats),
        (None, None, None) if is("memory") => Some(ChannelConfig::Memory(MemoryConfig::default())),
        (None, None, None) => is("disk").then(|| ChannelConfig::Disk(DiskConfig::default())),
    }
}

fn read_memory(field: &Field<'_>) -> Option<MemoryConfig> {
    if matches!(field.node().value, Value::Refused) {
        return None;
    }
    let mut memory = field.mapping()?;
    let default = MemoryConfig::default();
    let events_max = memory
        .field("maxEvents")
        .and_then(|field| field.integer(1..=BOUND_MAX));
    let bytes_max = memory
        .field("maxBytes")
        .and_then(|field| field.quantity(1..=BOUND_MAX));
    let when_full = memory
        .field("whenFull")
        .and_then(|field| field.one_of(&[("shed", WhenFull::Shed), ("refuse", WhenFull::Refuse)]));
    memory.finish();
    Some(MemoryConfig {
        events_max: events_max
            .and_then(NonZeroU64::new)
            .unwrap_or(default.events_max),
        bytes_max: bytes_max
            .and_then(NonZeroU64::new)
            .unwrap_or(default.bytes_max),
        when_full: when_full.unwrap_or_default(),
    })
}
