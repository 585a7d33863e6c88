//! The disk channel, being prepared: its lowest part stands, and no channel uses it yet.
//!
//! ```text
//!   files      the seam to the file system: nothing else here touches one, so that tests can
//!              put in every fault a disk has
//! ```
//!
//! All of it blocks, on purpose: a disk is waited for by a thread of its own, and that thread is
//! the only one that writes.

pub mod files;
#[cfg(feature = "contract")]
pub mod simulated;
