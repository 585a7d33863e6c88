//! One operation as it is known: what it was asked for, how far it is, how it ended.

use parking_lot::Mutex;
use sluicegate_channels::Timestamp;

use super::pace::Stopper;
use super::{Ended, Progress};
use crate::api::{Conduct, Operation, OperationKind, OperationState};

/// One that runs, or has ended lately.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) kind: OperationKind,
    pub(super) what: String,
    pub(super) conduct: Conduct,
    pub(super) started_at: Timestamp,
    pub(super) progress: Progress,
    pub(super) stopper: Stopper,
    pub(super) ended: Mutex<Option<(Timestamp, Result<(), Ended>)>>,
}

impl Entry {
    /// When it ended, if it has.
    pub(super) fn ended_at(&self) -> Option<Timestamp> {
        self.ended.lock().as_ref().map(|(at, _)| *at)
    }

    /// As it is shown to whoever asks.
    pub(super) fn show(&self) -> Operation {
        let ended = self.ended.lock().clone();
        let state = ended
            .as_ref()
            .map_or(OperationState::Running, |(_, how)| state_after(how));
        let failure = ended
            .as_ref()
            .and_then(|(_, how)| failure(how).map(str::to_owned));
        Operation {
            id: self.id.clone(),
            kind: self.kind,
            what: self.what.clone(),
            conduct: self.conduct.clone(),
            state,
            failure,
            started_at: self.started_at.into(),
            ended_at: ended.map(|(at, _)| at.into()),
            progress: self.progress.read(),
        }
    }

    /// Notes that it has ended, and tells the log.
    pub(super) fn end(&self, at: Timestamp, how: Result<(), Ended>) {
        let progress = self.progress.read();
        tracing::info!(
            operation = self.id,
            what = self.what,
            state = state_after(&how).as_str(),
            failure = failure(&how),
            looked_at = progress.looked_at,
            done = progress.done,
            "an operation has ended"
        );
        *self.ended.lock() = Some((at, how));
    }
}

fn state_after(how: &Result<(), Ended>) -> OperationState {
    match how {
        Ok(()) => OperationState::Done,
        Err(Ended::Halted) => OperationState::Cancelled,
        Err(Ended::Failed(_)) => OperationState::Failed,
    }
}

fn failure(how: &Result<(), Ended>) -> Option<&str> {
    match how {
        Err(Ended::Failed(why)) => Some(why),
        Ok(()) | Err(Ended::Halted) => None,
    }
}
