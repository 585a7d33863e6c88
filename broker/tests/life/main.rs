//! The built program as it lives: started, reloaded, asked by its admin API, and stopped.
//!
//! Every test runs a server of its own on ports of its own; every wait has a deadline.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do; clippy exempts only the test functions"
)]

/// What the tests need.
mod http;
mod program;
mod subscriber;

/// What happens to the program as a whole.
mod refusing;
mod reloading;
mod starting;
mod stopping;

/// The admin listener.
mod dead_letters;
mod metrics;
mod naming;
mod operations;
mod pausing;
mod routes;
mod watches;
