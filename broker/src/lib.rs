//! Manifests, ingress, runtime, admin API and command line: the parts of the one binary.

pub mod admin;
pub mod api;
mod causes;
pub mod cli;
pub mod config;
pub mod disposable;
mod durable;
mod filter_lines;
pub mod history;
pub mod identities;
pub mod ingress;
pub mod logging;
pub mod manifests;
pub mod metrics;
mod one_line;
pub mod operations;
pub mod problem;
pub mod readiness;
mod reasons;
pub mod registry;
pub mod runtime;
pub mod server;
mod stored_files;
#[cfg(test)]
mod testing;
pub mod watch_list;
