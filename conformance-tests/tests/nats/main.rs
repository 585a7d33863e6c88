//! What stands on a real NATS server: the server itself first, so that a test of the channel that
//! fails is not the server's lack.
//!
//! The server is fetched by the first test that starts one: see `scripts/nats-server`.

mod consumers;
mod contract;
mod control;
mod features;
mod link;
mod monitoring;
mod processes;
mod publishing;
mod room;
mod secrets;
mod servers;
mod stored;
mod streams;
