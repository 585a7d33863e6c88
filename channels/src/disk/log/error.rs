//! What can go wrong with a log, by what its owner can do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::files::is_no_space;

/// Why a log did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is no room. The log is as it was, and the same may be asked again.
    #[error("no space is left for {what} in {}", path.display())]
    NoSpace {
        /// What the room was wanted for.
        what: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// The file system failed, and nothing was written wrongly: the log is as it was.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A write or a sync has failed, now or before, so that nobody knows what the files hold.
    /// Nothing more is written; what was synced can still be read. Opening the log anew finds out
    /// what is there and writes it again.
    #[error("the log takes no more records until it is opened anew: {0}")]
    Poisoned(Poison),
    /// Another process, or another part of this one, has the log open.
    #[error("the log in {} is in use", .0.display())]
    InUse(PathBuf),
    /// The file was written by another version of the program, and is left as it is.
    #[error("{} has version {found} of the format, and only version 1 can be read", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The newest segment cannot be removed, since the position of the log stands in it; roll
    /// first. Nor can one that is not there.
    #[error("segment {0} cannot be removed: it is the newest, or not there")]
    NotRemovable(u64),
}

/// What has poisoned a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poison(Arc<str>);

impl fmt::Display for Poison {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Poison {
    pub(super) fn new(what: &str, path: &Path, error: &io::Error) -> Self {
        Poison(format!("cannot {what} {}: {error}", path.display()).into())
    }
}

impl LogError {
    /// An error that leaves the log as it was.
    pub(super) fn harmless(what: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if is_no_space(&source) {
            LogError::NoSpace { what, path }
        } else {
            LogError::Io { what, path, source }
        }
    }
}

/// Why a reader could not read on. It stays where it is, and may be asked again.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {source}", path.display())]
pub struct ReadError {
    /// The segment's file.
    pub path: PathBuf,
    /// The system's error.
    pub source: io::Error,
}
