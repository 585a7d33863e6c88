//! Delivery: from a lease to its end.
//!
//! One worker per trigger takes leases from its subscription, makes attempts through a [`Sender`],
//! and ends each lease by the one table of verdicts.
//!
//! What is deliberately absent: manifests, files, Kubernetes, listeners.

pub mod matcher;
pub mod plan;
pub mod sender;
pub mod worker;

pub use matcher::TriggerMatcher;
pub use plan::{Plan, Target};
