//! The judge: a process of its own that records every send, 202 and delivery, and judges them.
//!
//! ```text
//!   test ── intent, answer ──▶ ┌────────┐ ──▶ its own log, synced in groups
//!   subscriber ── delivery ──▶ │ ledger │
//!   test ── judge(figures) ──▶ └────────┘ ──▶ lost, duplicated, altered, invented,
//!                                             mis-filtered, books that do not balance
//! ```
//!
//! Newline-delimited JSON over loopback. The broker's own figures are compared, never trusted. It
//! does not know filters: each send says which triggers must get it.

mod client;
mod history;
mod judgement;
mod record;
mod service;

pub use client::Ledger;
pub use history::History;
pub use judgement::{Findings, Judgement};
pub use record::{Books, Figures, Key, Record, Term};
pub use service::{ServiceError, judge_log, serve};
