//! What one look at the folder has found.

use std::path::PathBuf;

use sluicegate_channels::Timestamp;
use sluicegate_resources::{Diagnostic, ObjectName};

/// What an object is known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// `Broker`, `Trigger` or `BrokerConfig`.
    pub kind: String,
    /// Namespace and name.
    pub name: ObjectName,
}

/// A diagnostic and the file it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// The object, when the fault lies within one that has a name.
    pub object: Option<Identity>,
    /// What is wrong.
    pub diagnostic: Diagnostic,
    /// The finding as people read it, with the line and a caret.
    pub rendered: String,
    /// Whether an earlier valid version of the object stays in force.
    pub keeps_earlier: bool,
}

impl Finding {
    /// Where it is: `FILE:LINE:COLUMN`, or the file alone.
    pub fn place(&self) -> String {
        match self.diagnostic.span {
            Some(span) => format!("{}:{}:{}", self.file.display(), span.line, span.column),
            None => self.file.display().to_string(),
        }
    }
}

/// A trigger that is there, invalid, and has no earlier version to go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTrigger {
    /// The file.
    pub file: PathBuf,
    /// The place of the first fault: `FILE:LINE:COLUMN`.
    pub place: String,
    /// The first fault.
    pub message: String,
}

/// The result of one look at the folder.
#[derive(Clone, Debug, Default)]
pub struct Review {
    /// Errors and warnings, in order of file and place.
    pub findings: Vec<Finding>,
    /// Whether the set in force changed.
    pub changed: bool,
    /// How many files were parsed, since they were new or said something new.
    pub parsed: u64,
    /// Something is missing and will count as deleted then, unless it comes back.
    pub look_again_at: Option<Timestamp>,
}

impl Review {
    /// Whether any finding is an error.
    pub fn has_errors(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.diagnostic.is_error())
    }
}
