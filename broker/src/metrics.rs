//! The metrics of the process: one family of instruments per part.

pub mod ingress;
