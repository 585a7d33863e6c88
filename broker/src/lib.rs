//! Manifests, ingress, runtime, admin API and command line: the parts of the one binary.

pub mod api;
pub mod cli;
pub mod ingress;
pub mod logging;
pub mod metrics;
pub mod problem;
pub mod server;
