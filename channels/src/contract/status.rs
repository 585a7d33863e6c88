//! A channel and its subscriptions as they stand, for people and machines that look on.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};
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
    pub lost_events: LostEvents,
    /// When the oldest event retained was accepted, settled or not.
    pub oldest_retained_at: Option<Timestamp>,
}

/// How many events damage has taken, as precisely as is known: where the end of a file is gone, nobody
/// knows how many stood there.
///
/// ```
/// use sluicegate_channels::LostEvents;
///
/// assert_eq!(LostEvents::exactly(3).to_string(), "3");
/// assert_eq!((LostEvents::exactly(3) + LostEvents::at_most(4)).to_string(), "3 to 7");
/// assert_eq!((LostEvents::exactly(3) + LostEvents::unknown()).to_string(), "3 or more");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostEvents {
    /// So many for sure.
    pub at_least: u64,
    /// And hardly more than so many; `None` where nobody knows.
    pub at_most: Option<u64>,
}

impl LostEvents {
    /// Just so many.
    #[must_use]
    pub fn exactly(count: u64) -> Self {
        LostEvents {
            at_least: count,
            at_most: Some(count),
        }
    }

    /// So many, or fewer.
    #[must_use]
    pub fn at_most(count: u64) -> Self {
        LostEvents {
            at_least: 0,
            at_most: Some(count),
        }
    }

    /// So many, or more.
    #[must_use]
    pub fn at_least(count: u64) -> Self {
        LostEvents {
            at_least: count,
            at_most: None,
        }
    }

    /// Any number.
    #[must_use]
    pub fn unknown() -> Self {
        Self::at_least(0)
    }
}

impl Default for LostEvents {
    fn default() -> Self {
        Self::exactly(0)
    }
}

impl Add for LostEvents {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let both = self.at_most.zip(other.at_most);
        LostEvents {
            at_least: self.at_least.saturating_add(other.at_least),
            at_most: both.map(|(one, two)| one.saturating_add(two)),
        }
    }
}

impl AddAssign for LostEvents {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for LostEvents {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

impl fmt::Display for LostEvents {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.at_least, self.at_most) {
            (count, Some(most)) if count == most => write!(out, "{count}"),
            (0, Some(most)) => write!(out, "at most {most}"),
            (count, Some(most)) => write!(out, "{count} to {most}"),
            (0, None) => out.write_str("unknown"),
            (count, None) => write!(out, "{count} or more"),
        }
    }
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
