//! The accept loop and the door over real sockets, at the level of bytes where it matters.
//!
//! Deadlines are configured short, and every wait of the tests has one of its own.

mod bodies;
mod client;
mod deadlines;
mod heads;
mod http2;
mod server;
mod shutdown;
