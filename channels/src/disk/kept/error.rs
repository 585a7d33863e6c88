//! What can go wrong besides what a log tells.

use std::io;
use std::path::Path;

use sluicegate_event::StoredError;

use super::super::log::{LogError, ReadError, TooLarge};
use super::super::patience::{Advice, Patience};
use super::KeptKey;

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// Its log cannot be opened.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The system cannot read it, and it is not that a sector is bad, which is passed over.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A later program wrote here. What it says is not guessed at.
    #[error(
        "record {offset} of what is kept has version {found}, and only version 1 can be read: run \
         the program that wrote it, or a later one"
    )]
    Version {
        /// The version.
        found: u8,
        /// The record's place in its log.
        offset: u64,
    },
}

/// Why an event or a reason could not be read now. It is not lost.
#[derive(Debug, thiserror::Error)]
pub enum KeptReadError {
    /// The system could not read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A later program wrote it.
    #[error(transparent)]
    Event(StoredError),
}

impl KeptReadError {
    /// What to do about it, by the [patience](super::super::patience) that was had so far. What a later
    /// program wrote is never passed over.
    pub(in super::super) fn advice(
        &self,
        patience: &mut Patience,
        answers: impl FnOnce() -> bool,
    ) -> Advice {
        match self {
            KeptReadError::Read(error) => patience.failed_on(&error.source, answers),
            KeptReadError::Event(_) => Advice::GiveUp,
        }
    }
}

/// Why operations can never be done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error(
        "the event at {} is not kept, so subscription {} cannot keep it without giving it",
        .0.offset,
        .0.subscription
    )]
    NoEvent(KeptKey),
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

impl Refused {
    /// As an error of the log in `dir`, which is as it was.
    pub(super) fn in_log(self, dir: &Path) -> LogError {
        LogError::Io {
            what: "keep what was given in",
            path: dir.to_owned(),
            source: io::Error::new(io::ErrorKind::InvalidInput, self),
        }
    }
}
