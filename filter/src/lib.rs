//! Trigger filters: what a filter says, compiled once, asked for every event.
//!
//! [`FilterSpec`] is a filter as a manifest writes it, [`Filter`] the same filter checked and made
//! ready, and [`FilterSet`] the filters of a broker, asked together. A filter that cannot be
//! honoured is refused by [`Filter::compile`], with the place and the remedy; one that compiles
//! answers for any event, in bounded time. [`explain()`] says why. [`cesql`] is a language for
//! conditions.
//!
//! Pure: no I/O, no clock, not async. What is deliberately absent: triggers, channels, YAML, and
//! looking into an event's data.

pub mod cesql;
pub mod compiled;
pub mod explain;
pub mod set;
pub mod spec;

mod check;
#[cfg(test)]
mod generated;
mod guard;
mod index;
mod nearest;
#[cfg(test)]
mod testing;

pub use compiled::{Filter, Outcome};
pub use explain::{Explanation, explain};
pub use guard::{Need, Text};
pub use nearest::nearest;
pub use set::FilterSet;
pub use spec::{FilterError, FilterSpec};
