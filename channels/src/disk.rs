//! The disk channel: an embedded durable log, and the parts that it is made of.
//!
//! ```text
//!   channel    the channel itself: its threads and what it offers
//!   state      the subscriptions as plain data, and what may happen to them
//!   appender   the thread that owns the log of events, and commits all that waits at once
//!   progress   where each subscription stands, in a log of its own
//!   kept       moved deferrals and parked events, whole, with their state, in another
//!   space      how much room there is, who may take it, and a reserve
//!   log        an append-only log of byte records in segments, which knows nothing of events
//!   compact    numbers and texts in as few bytes as can be
//!   patience   how often a place that cannot be read is tried before it is passed over
//!   files      the seam to the file system: nothing else here touches one, so that tests can
//!              put in every fault a disk has
//! ```
//!
//! Whatever touches a file blocks, on purpose: a disk is waited for by threads of its own. `docs/decisions/0013`
//! says why it is laid out so.

pub mod appender;
mod channel;
mod compact;
pub mod files;
pub mod kept;
pub mod log;
mod patience;
pub mod progress;
#[cfg(feature = "contract")]
pub mod simulated;
pub mod space;
mod state;

pub use self::channel::{DiskChannel, DiskOptions, OpenError};
