//! The Channel contract, and the backends that keep it.
//!
//! A channel stores the events of one broker and hands them out, subscription by subscription,
//! as [`Lease`]s. What every backend promises is numbered in [`contract`]; one suite
//! (`contract_suite`, behind the feature `contract`) tests each promise against each backend.
//!
//! What is deliberately absent: filters, triggers and HTTP. A channel learns which subscriptions
//! want an event by asking a [`Matcher`], and it learns how a delivery ended from the lease.
//!
//! ```text
//!  append ──► [ store ] ──► subscription ──► lease ──► settle   done
//!                 │              ▲             ├─────► defer    again later, holds no place
//!                 │              │             ├─────► park     dead-letter store
//!            Matcher: who        └─────────────┴─ dropped: handed out again
//!            wants this?
//! ```

mod answers;
pub mod books;
pub mod clock;
pub mod contract;
#[cfg(feature = "contract")]
pub mod contract_suite;
pub mod disk;
mod load;
pub mod memory;
#[cfg(feature = "nats")]
pub mod nats;
mod queues;
mod reading;
mod slab;
mod telemetry;

pub use books::Books;
pub use clock::{Clock, Timestamp};
pub use contract::{
    Admission, AppendError, BY_AGE, BY_THE_LEASE, BY_THE_OPERATOR, BoxFuture, Channel,
    ChannelStatus, Claim, DeadLetter, DeadLetterKey, DiskStatus, DurabilityClass, Exhausted,
    Interest, KINDS, KINDS_FOR_SINK, Lease, LeaseControl, LeasePurpose, LostEvents, Matcher,
    NextLimit, ParkReason, ParkedSince, Position, Refuses, Replayed, Retained, RetainedPage,
    SeekError, Settled, Start, StoreError, SubscribeError, Subscription, SubscriptionKey,
    SubscriptionSpec, SubscriptionStatus, Wanted, Wish,
};
pub use memory::{MemoryChannel, MemoryOptions, WhenFull};
