//! What can be wrong with an event, said so that the sender can mend it.

use std::fmt;

/// One fault: which attribute or place, what is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The attribute's bare name, or `data`, `content-type`, `body`.
    pub subject: Box<str>,
    /// What is wrong, with the value: lower case, no full stop.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl Fault {
    /// A fault of `subject`.
    pub fn new(
        subject: impl Into<Box<str>>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Fault {
            subject: subject.into(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }

    pub(crate) fn bad_name(name: &str) -> Self {
        Fault::new(
            name,
            format!("{name:?} is not a CloudEvents attribute name"),
            "use one or more of a-z and 0-9, and not the name data",
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Fault {}

/// Why a message is not an event. The caller's door turns each variant into its own status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not a CloudEvent: 400 at an HTTP door.
    #[error("{fault}")]
    Malformed {
        /// What is wrong.
        fault: Fault,
        /// Which member of a batch, from 0.
        member: Option<usize>,
    },
    /// A media type or encoding that is not understood: 415.
    #[error("{0}")]
    Unsupported(Fault),
    /// Past a size limit: 413.
    #[error("{fault}")]
    TooLarge {
        /// What is too large.
        fault: Fault,
        /// Which member of a batch, from 0.
        member: Option<usize>,
    },
}
