//! Trigger filters: what a filter says, compiled once, asked for every event.
//!
//! Pure: no I/O, no clock, not async. What is deliberately absent: triggers, channels, YAML.

pub mod compiled;
pub mod set;
pub mod spec;

pub use compiled::{Filter, Outcome};
pub use set::FilterSet;
pub use spec::{FilterError, FilterSpec};
