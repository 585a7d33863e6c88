//! Starts the shipped binary with a configuration of its own, or takes a broker by its URL.
//!
//! A [`Server`] is a child process in a scratch folder: `sluicegate.yaml`, a folder of manifests, a
//! folder of data, and its output in a file. When a test that holds one panics, the report names
//! the binary's digest, the seed and the last lines of its log.
//!
//! With `SLUICEGATE_URL` and `SLUICEGATE_ADMIN_URL` a running broker is used instead; manifests are
//! then written to the folder `SLUICEGATE_MANIFESTS`, which that broker must be watching.

mod admin;
mod process;
mod resources;
mod scratch;
mod server;

pub use admin::{Admin, DeadLetter, TriggerStatus};
pub use process::{binary, signal};
pub use resources::{Resources, open_files_max};
pub use scratch::{free_address, scratch_folder, seed};
pub use server::{Server, Setup};
