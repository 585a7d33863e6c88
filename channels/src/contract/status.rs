//! A channel and its subscriptions as they stand, for people and machines that look on.

use std::fmt;
use std::sync::Arc;

use super::SubscriptionKey;
use crate::{Books, Timestamp};

/// How well an accepted event is kept: what survives what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DurabilityClass {
    /// In this process only: survives a graceful drain, not a kill.
    Memory,
    /// On this machine's disk: survives kills and power cuts, not the loss of the disk.
    Disk,
    /// By servers that acknowledge before they sync: survives kills, not a power cut of theirs.
    Process,
    /// On the disks of several servers, synced: survives kills, power cuts and the loss of one.
    Replicated,
    /// By servers of which too little is known.
    Unverified,
}

impl fmt::Display for DurabilityClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DurabilityClass::Memory => f.write_str("memory"),
            DurabilityClass::Disk => f.write_str("disk"),
            DurabilityClass::Process => f.write_str("process"),
            DurabilityClass::Replicated => f.write_str("replicated"),
            DurabilityClass::Unverified => f.write_str("unverified"),
        }
    }
}

/// A channel as it stands.
#[derive(Clone, Debug)]
pub struct ChannelStatus {
    /// How well accepted events are kept.
    pub class: DurabilityClass,
    /// Events held.
    pub events: u64,
    /// Bytes held.
    pub bytes: u64,
    /// The bound in events, when there is one.
    pub events_max: Option<u64>,
    /// The bound in bytes, when there is one.
    pub bytes_max: Option<u64>,
    /// When the oldest event held was accepted.
    pub oldest_accepted_at: Option<Timestamp>,
    /// Events appended since the channel was opened.
    pub appended: u64,
    /// How its files stand, where it keeps any.
    pub disk: Option<DiskStatus>,
    /// Each subscription, by name.
    pub subscriptions: Vec<SubscriptionStatus>,
}

/// How the files of a store on disk stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskStatus {
    /// Segments of the log of events.
    pub segments: u64,
    /// What all files of the broker take up.
    pub stored_bytes: u64,
    /// What may still be written where they lie.
    pub free_bytes: u64,
    /// Why no events are taken, when none are.
    pub refuses: Option<Refuses>,
    /// Events that damage to the files has taken, as far as it was found.
    pub lost_events: u64,
    /// When the oldest event retained was accepted, settled or not.
    pub oldest_retained_at: Option<Timestamp>,
}

/// Why a store on disk takes no events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refuses {
    /// There is less room than it keeps free. It takes events again once there is more.
    NoSpace,
    /// It has failed, and must be opened anew.
    Broken(Arc<str>),
}

/// A subscription as it stands.
#[derive(Clone, Debug)]
pub struct SubscriptionStatus {
    /// Its durable name.
    pub name: Arc<str>,
    /// Stands for it in the matcher's answers.
    pub key: SubscriptionKey,
    /// The conservation law's terms.
    pub books: Books,
    /// Those of the filtered ones of which the matcher could not tell whether they are wanted.
    pub undecided: u64,
    /// Ready to be handed out now, held back by a pause, or not read for it yet.
    pub waiting: u64,
    /// The part of those waiting that was not read for it yet, so that nobody knows whether it wants
    /// them.
    pub unread: u64,
    /// Put off until a later time.
    pub deferred: u64,
    /// Handed out.
    pub leased: u64,
    /// When the oldest pending event was accepted.
    pub oldest_pending_accepted_at: Option<Timestamp>,
    /// When the first of the deferred events is due; none when nothing is deferred.
    pub next_due_at: Option<Timestamp>,
    /// Whether handing out is paused.
    pub paused: bool,
    /// Whether fresh events are held back because too many are deferred.
    pub stalled: bool,
    /// Why and how many events were discarded, by reason: `shed` by a full store, `operator` by a
    /// command, `age` as dead letters that lay for too long, `lease` by whoever held the lease.
    pub discarded_by: Vec<(&'static str, u64)>,
}
