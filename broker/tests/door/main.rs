//! The accept loop and the door over real sockets, at the level of bytes where it matters.
//!
//! Deadlines are configured short, and every wait of the tests has one of its own.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do; clippy exempts only the test functions"
)]

/// What the tests need.
mod client;
mod door;
mod server;
mod stuck;

/// The accept loop.
mod bodies;
mod deadlines;
mod heads;
mod http2;
mod shutdown;

/// The door.
mod admission;
mod answers;
mod gone;
