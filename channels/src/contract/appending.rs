//! What an append is told and answers: who appends, where the events then stand, and why a store
//! refuses.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A place in a channel: ordered within a partition, compared nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The partition; always 0 on channels that have one.
    pub partition: u32,
    /// The offset within the partition.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.partition == 0 {
            write!(f, "{}", self.offset)
        } else {
            write!(f, "{}:{}", self.partition, self.offset)
        }
    }
}

/// Who appends: decides how much of a bounded store may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// A producer's request: may use 80 % of a bounded store.
    Ingress,
    /// A reply, which must be stored before its cause is settled: may use all of it.
    Internal,
}

/// Why an append was refused. Nothing of the batch was stored, except where a variant says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The store is past its bound; worth another try after `retry_after`.
    #[error("the store is full")]
    Full {
        /// When another try is worthwhile.
        retry_after: Duration,
    },
    /// The batch alone is larger than the store may ever hold.
    #[error("the batch of {size_bytes} bytes is larger than the store's {max_bytes} bytes")]
    TooLarge {
        /// What the batch would take.
        size_bytes: u64,
        /// What the store may hold.
        max_bytes: u64,
    },
    /// The batch alone has more events than the store may ever hold.
    #[error("the batch of {events} events is more than the store's {events_max} events")]
    TooMany {
        /// How many events of the batch would be stored.
        events: u64,
        /// How many the store may hold.
        events_max: u64,
    },
    /// The disk under the store is full, or nearly; worth another try after `retry_after`.
    #[error("the disk is full")]
    NoSpace {
        /// When another try is worthwhile.
        retry_after: Duration,
    },
    /// The store has failed and takes no more events until it is opened anew. Of the batch that
    /// met the failure nobody knows whether it was stored; it was stored whole or not at all.
    #[error("the store has failed: {0}")]
    Broken(Arc<str>),
    /// The store cannot be reached, or did not answer in time; worth another try after `retry_after`.
    /// Nobody knows whether the batch was stored; it was stored whole or not at all.
    #[error("the store cannot be reached: {why}")]
    Unreachable {
        /// When another try is worthwhile.
        retry_after: Duration,
        /// What was met.
        why: Arc<str>,
    },
    /// The store takes one event at a time, and the batch has several.
    #[error("the store cannot store {events} events as one: {remedy}")]
    NotAtomic {
        /// How many events the batch has.
        events: u64,
        /// What would have to be done to the store.
        remedy: Arc<str>,
    },
    /// The channel is closed; the process is stopping.
    #[error("the channel is closed")]
    Closed,
}

/// A failure of the store itself while a lease ends; the event stays pending.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the channel could not store this: {0}")]
pub struct StoreError(pub String);
