//! Manifests, ingress, runtime, admin API and command line: the parts of the one binary.

pub mod api;
