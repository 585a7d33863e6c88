//! Drivers that break what a broker with events on disk stands on, and judge what is left.
//!
//! Each starts the shipped binary on a folder of its own, loads it, does harm, starts it again on
//! what the harm has left, and lets the [ledger](crate::ledger) judge. The program `faults` runs
//! them, one verb each; `docs/faults.md` says what each proves and with which planted defect it was
//! seen to fail.
//!
//! ```text
//!   verdict.rs   findings, floors, the exit code
//!   broker.rs    the program as a process group that can be killed, on a folder that outlives it
//!   peer.rs      who takes, fails, refuses or hangs, and tells the ledger
//!   traffic.rs   producers who know what was accepted, refused, and never answered
//!   strace.rs    system calls that fail, or that do nothing
//!   scene.rs     what most drivers begin with; files.rs what they know of a store's files
//!   mounts.rs    file systems of our own, which nobody else sees and which end with us
//!   kill9.rs power.rs calls.rs damage.rs full.rs recovery.rs idle.rs outage.rs freeze.rs   the drivers
//! ```
//!
//! Three rules hold for each. What a broker says of itself is compared and never believed. A run
//! that has not reached its *floors*, of events accepted and of faults that really happened, has
//! failed. And what can't be done on a machine is said, with an exit code of its own.

mod broker;
mod calls;
mod damage;
mod files;
mod freeze;
mod full;
mod idle;
mod kill9;
mod mounts;
mod outage;
mod peer;
mod power;
mod recovery;
mod scene;
mod strace;
mod traffic;
mod verdict;

pub use calls::Calls;
pub use damage::Damage;
pub use freeze::Freeze;
pub use full::Full;
pub use idle::Idle;
pub use kill9::Kill9;
pub use mounts::{Outside, in_mounts_of_our_own};
pub use outage::Outage;
pub use power::Power;
pub use recovery::Recovery;
pub use verdict::{Trouble, Verdict};
