//! The disk channel, being prepared: its lower parts stand, and no channel uses them yet.
//!
//! ```text
//!   files      the seam to the file system: nothing else here touches one, so that tests can
//!              put in every fault a disk has
//!   log        an append-only log of byte records in segments, which knows nothing of events
//!   space      how much room there is, who may take it, and a reserve
//!   appender   the thread that owns the log of events, and commits all that waits at once
//!   progress   where each subscription stands, in such a log
//!   kept       moved deferrals and parked events, whole, with their state, in another
//!   compact    numbers and texts in as few bytes as can be
//! ```
//!
//! All of it blocks, on purpose: a disk is waited for by a thread of its own, and that thread is
//! the only one that writes.

pub mod appender;
mod compact;
pub mod files;
pub mod kept;
pub mod log;
pub mod progress;
#[cfg(feature = "contract")]
pub mod simulated;
pub mod space;
