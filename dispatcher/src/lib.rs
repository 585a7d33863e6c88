//! Delivery: from a lease to its end.
//!
//! One worker per trigger takes leases from its subscription, makes attempts through a [`Sender`],
//! and ends each lease by the one table of verdicts.
//!
//! What is deliberately absent: manifests, files, Kubernetes, listeners.

pub mod backoff;
pub mod breaker;
pub mod dead_letter;
mod delivery;
pub mod hops;
pub mod http_sender;
mod interest;
pub mod matcher;
pub mod observer;
pub mod plan;
pub mod retry_after;
pub mod sender;
mod tally;
pub mod verdict;
pub mod worker;

pub use http_sender::{HttpSender, HttpSenderOptions};
pub use interest::interest;
pub use matcher::{FilterFailures, TriggerMatcher};
pub use observer::{AttemptReport, BreakerReport, Ending, Observer, ReplyReport, Silent};
pub use plan::{Plan, Target};
pub use retry_after::RetryAfter;
pub use sender::{Answer, Content, Failure, Purpose, Reason, Sender, Transmission};
pub use worker::{Order, Stopped, Worker, WorkerParts};
