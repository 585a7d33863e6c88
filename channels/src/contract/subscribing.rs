//! What a subscription is made of: its name and key, where it begins, how much it takes at a time,
//! and how a channel learns which events are for it.

use std::num::NonZeroUsize;
use std::sync::Arc;

use sluicegate_event::Event;

use super::{Interest, Position, StoreError};
use crate::Timestamp;

/// A small number that stands for a subscription within one process; given by whoever subscribes,
/// unique within a channel, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionKey(pub u64);

/// A subscription's claim to an event. Without one it does not want the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It wants the event.
    Wanted,
    /// That could not be told: something went wrong. It does not get the event.
    Undecided,
}

/// Says once per event which subscriptions want it.
///
/// Asked while the channel holds its own state: must not block and must not call the channel.
pub trait Matcher: Send + Sync {
    /// Calls `answer` once for each subscription that wants `event` or of which that could not be
    /// told, in any order.
    fn matches(&self, event: &Event, answer: &mut dyn FnMut(SubscriptionKey, Claim));
}

/// Where a subscription begins when it is first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Start {
    /// With the next event accepted.
    #[default]
    Latest,
    /// With the oldest event that the channel still has.
    Earliest,
    /// With the first event accepted at or after this time that the channel still has.
    Time(Timestamp),
    /// With the event at this position, or the first after it that the channel still has.
    At(Position),
}

/// What happens to an event that a bounded store takes from the subscription that holds most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// There is a dead-letter sink: hand the event out once more as
    /// [`LeasePurpose::DeadLetter`](super::LeasePurpose::DeadLetter).
    HandOver,
    /// There is none: count it as discarded.
    Discard,
}

/// What identifies a subscription and how it wants to be served.
#[derive(Clone, Debug)]
pub struct SubscriptionSpec {
    /// The durable name: `namespace/name/uid`.
    pub name: Arc<str>,
    /// Stands for the subscription in the [`Matcher`]'s answers.
    pub key: SubscriptionKey,
    /// Where to begin when this name is new; ignored otherwise.
    pub start: Start,
    /// What to do when a bounded store takes an event from it.
    pub exhausted: Exhausted,
    /// Past this many deferred events, `next` hands out no fresh ones.
    pub deferred_max: NonZeroUsize,
    /// What it can possibly want, for a store whose server looks at what it hands out. The
    /// [`Matcher`] decides; what it would not want of this is never asked for.
    pub interest: Interest,
}

/// Why a subscription could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The name is in use by a live [`Subscription`](super::Subscription) of this process.
    #[error("subscription {0} is already open")]
    AlreadyOpen(Arc<str>),
    /// The channel is closed; the process is stopping.
    #[error("the channel is closed")]
    Closed,
    /// That there is the subscription could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a seek was refused; nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SeekError {
    /// No such subscription.
    #[error("there is no subscription {0}")]
    Unknown(Arc<str>),
    /// The channel no longer has settled events to go back to.
    #[error("this channel keeps no settled events to go back to")]
    NotRetained,
    /// It could not be stored, and has had no effect.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How much one call of [`Subscription::next`](super::Subscription::next) may hand out.
#[derive(Clone, Copy, Debug)]
pub struct NextLimit {
    /// At most this many leases.
    pub items_max: NonZeroUsize,
    /// At most this many bytes of events, except that one event is always handed out.
    pub bytes_max: usize,
    /// At most this many of the leases are for
    /// [`LeasePurpose::DeadLetter`](super::LeasePurpose::DeadLetter); may be none.
    pub dead_letters_max: usize,
}
