//! What a history tells of itself: metrics, log lines, and notes for whoever asks about an event.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_channels::Timestamp;
use sluicegate_resources::ObjectName;

use crate::disposable;
use crate::metrics::history::{HistoryHandles, Part};

/// Notes that are kept; the oldest make room.
const NOTES_MAX: usize = 10;
/// A failure that lasts is logged at most this often.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Clones tell of the same history.
#[derive(Clone, Debug)]
pub(super) struct Telling {
    broker: ObjectName,
    metrics: HistoryHandles,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    notes: Vec<String>,
    log_again_at: Timestamp,
}

impl Telling {
    pub(super) fn new(broker: ObjectName, metrics: HistoryHandles) -> Self {
        Telling {
            broker,
            metrics,
            state: Arc::default(),
        }
    }

    pub(super) fn left_out(&self, records: u64) {
        self.metrics.left_out(records);
    }

    pub(super) fn left_out_so_far(&self) -> u64 {
        self.metrics.left_out_so_far()
    }

    pub(super) fn holds(&self, bytes: u64) {
        self.metrics.holds(bytes);
    }

    pub(super) fn notes(&self) -> Vec<String> {
        self.state.lock().notes.clone()
    }

    /// A part could not be opened, and was given another name.
    pub(super) fn set_aside(&self, part: Part, aside: &Path, error: &dyn Display) {
        self.metrics.set_aside(part);
        let part = part.label();
        tracing::error!(
            code = disposable::DAMAGED,
            broker = %self.broker,
            part,
            file = %aside.display(),
            help = disposable::NOTHING_TO_MEND,
            "a part of the history was damaged and is set aside; no event is affected: {error}"
        );
        self.note(format!(
            "the {part} of the history was damaged and is set aside as {}: {error}",
            aside.display()
        ));
    }

    /// Places of the log are not as they were written, and are read past.
    pub(super) fn damaged(&self, dir: &Path, places: usize, first: &dyn std::fmt::Debug) {
        self.metrics.damaged(places);
        tracing::error!(
            code = disposable::DAMAGED,
            broker = %self.broker,
            file = %dir.display(),
            places,
            ?first,
            help = disposable::NOTHING_TO_MEND,
            "the history is damaged and is read past that; no event is affected"
        );
        self.note(format!(
            "{places} places of the history in {} are damaged and were read past",
            dir.display()
        ));
    }

    /// Something failed that is tried again.
    pub(super) fn failed(&self, dir: &Path, what: &str, error: &dyn Display, now: Timestamp) {
        {
            let mut state = self.state.lock();
            if now < state.log_again_at {
                return;
            }
            state.log_again_at = now + LOG_EVERY;
        }
        tracing::warn!(
            broker = %self.broker,
            dir = %dir.display(),
            "the history {what}; no event is affected: {error}"
        );
    }

    fn note(&self, note: String) {
        let notes = &mut self.state.lock().notes;
        if notes.len() >= NOTES_MAX {
            notes.remove(0);
        }
        notes.push(note);
    }
}
