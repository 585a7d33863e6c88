//! Proof from outside: everything here talks HTTP to a running broker and believes nothing that
//! the broker says of itself without holding it against what was really sent and really arrived.
//!
//! - [`harness`] starts the shipped binary with a configuration of its own, or takes a URL;
//! - [`subscriber`] is a scripted peer that answers as told, politely or not, and records each
//!   request exactly;
//! - [`ledger`] is a process of its own that records every send, 202 and delivery and judges them;
//! - [`load`] sends at a constant rate and measures from the time a send was meant to happen;
//! - [`corpus`] holds events that must pass unaltered, and messages that must be refused;
//! - [`nats`] starts real NATS servers, alone or as a cluster;
//! - [`faults`] breaks what a broker with events on disk stands on, and judges what is left.
//!
//! What is deliberately absent: any other crate of the project. A fault in the broker's own reader
//! of events must not hide itself, so [`event`] and [`http1`] are readers of this crate's own.

pub mod client;
pub mod corpus;
pub mod event;
pub mod faults;
pub mod harness;
pub mod http1;
pub mod ledger;
pub mod load;
pub mod nats;
pub mod subscriber;

mod artefact;
