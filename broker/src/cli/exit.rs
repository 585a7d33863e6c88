//! How the program ends: every exit code and every message about a failure is made here.
//!
//! The codes are API. A failure always carries one next step, so that nobody is left standing.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// An exit code and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: tried and failed, or compared and different.
    Failed,
    /// 2: the command line makes no sense.
    Usage,
    /// 3: manifests or settings were looked at and are invalid.
    InvalidManifests,
    /// 5: the server does not answer.
    Unreachable,
    /// 6: the server answers and does not let us (401, 403).
    Refused,
    /// 78: bad configuration at the start of a server.
    BadConfiguration,
    /// 130: interrupted from the terminal.
    Interrupted,
}

impl Exit {
    /// The code as the shell sees it.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::InvalidManifests => 3,
            Exit::Unreachable => 5,
            Exit::Refused => 6,
            Exit::BadConfiguration => 78,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// Why a command did not do what it was asked, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    exit: Exit,
    words: Option<Words>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Words {
    message: String,
    next: String,
}

impl Failure {
    /// A failure with a message (lower case, no full stop, the wrong value in it) and one next
    /// step (a sentence or a command).
    pub fn new(exit: Exit, message: impl Into<String>, next: impl Into<String>) -> Self {
        let words = Words {
            message: message.into(),
            next: next.into(),
        };
        Failure {
            exit,
            words: Some(words),
        }
    }

    /// A failure of which everything has been said already, as part of the output.
    pub fn already_told(exit: Exit) -> Self {
        Failure { exit, words: None }
    }

    /// The command line is understood by the parser and still makes no sense.
    pub fn usage(message: impl Into<String>, next: impl Into<String>) -> Self {
        Failure::new(Exit::Usage, message, next)
    }

    /// How the program ends.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// What went wrong, unless it was told already.
    pub fn message(&self) -> Option<&str> {
        self.words.as_ref().map(|words| words.message.as_str())
    }

    /// What to do next, unless it was told already.
    pub fn next(&self) -> Option<&str> {
        self.words.as_ref().map(|words| words.next.as_str())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.words {
            Some(Words { message, next }) => write!(f, "error: {message}\nnext:  {next}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

/// Output that cannot be written. A reader that has gone (`sluicegate get triggers | head -1`) has
/// seen what it wanted: that is no failure.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::already_told(Exit::Done);
        }
        Failure::new(
            Exit::Failed,
            format!("cannot write the output: {error}"),
            "check that the file or device that standard output goes to can be written",
        )
    }
}

/// The next step after an address could not be listened on, which `flag` sets.
pub fn after_no_listener(error: &io::Error, flag: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("free the address, or take another with {flag} (port 0 takes any free one)")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("give {flag} an address of this machine; 127.0.0.1 is always one")
        }
        io::ErrorKind::PermissionDenied => {
            format!(
                "give {flag} a port from 1024 on; those below are for the system's own services"
            )
        }
        _ => format!("give another address with {flag}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_documented_ones() {
        for (exit, code) in [
            (Exit::Done, 0),
            (Exit::Failed, 1),
            (Exit::Usage, 2),
            (Exit::InvalidManifests, 3),
            (Exit::Unreachable, 5),
            (Exit::Refused, 6),
            (Exit::BadConfiguration, 78),
            (Exit::Interrupted, 130),
        ] {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }

    #[test]
    fn a_failure_ends_with_its_next_step() {
        let failure = Failure::new(Exit::Unreachable, "cannot reach it", "start it");
        assert_eq!(
            failure.to_string(),
            "error: cannot reach it\nnext:  start it"
        );
    }

    #[test]
    fn the_step_after_a_bind_that_failed_fits_its_reason() {
        for (kind, step) in [
            (io::ErrorKind::AddrInUse, "free the address"),
            (io::ErrorKind::AddrNotAvailable, "of this machine"),
            (io::ErrorKind::PermissionDenied, "from 1024 on"),
            (io::ErrorKind::Other, "another address"),
        ] {
            let next = after_no_listener(&io::Error::from(kind), "--listen");
            assert!(next.contains(step) && next.contains("--listen"), "{next}");
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure() {
        let gone = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((gone.exit(), gone.message()), (Exit::Done, None));
        let full = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.exit(), Exit::Failed);
        assert!(full.next().is_some());
    }
}
