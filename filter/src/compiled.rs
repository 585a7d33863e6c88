//! A filter ready to be asked.

use sluicegate_event::Event;

use crate::spec::{FilterError, FilterSpec};

/// What a filter says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It wants the event.
    Match,
    /// It does not.
    NoMatch,
    /// It could not be evaluated, which counts as no match.
    Error,
}

/// A compiled filter: everything that can be checked or prepared has been.
#[derive(Clone, Debug)]
pub struct Filter {}

impl Filter {
    /// Checks and prepares; the specs are joined by AND, and none at all accepts every event.
    ///
    /// # Errors
    ///
    /// The first part that cannot be honoured.
    pub fn compile(specs: &[FilterSpec]) -> Result<Self, FilterError> {
        let _ = specs;
        unimplemented!()
    }

    /// Asks the filter.
    pub fn evaluate(&self, event: &Event) -> Outcome {
        let _ = event;
        unimplemented!()
    }
}
