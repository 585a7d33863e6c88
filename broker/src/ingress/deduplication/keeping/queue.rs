//! The pairs that wait to be written, between whoever stores events and the thread that writes.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use sluicegate_channels::Timestamp;

use super::Pair;

/// Pairs are written this long after the first of them at most.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// Without any, what is old is removed this often.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Pairs that wait to be written; past it they are taken out of the window.
pub(super) const WAITING_MAX: usize = 1_000_000;

#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) pairs: Vec<Pair>,
    /// From then on there was no room for some.
    pub(super) missing_since: Option<Timestamp>,
    is_closing: bool,
    pub(super) is_ended: bool,
}

impl State {
    pub(super) fn add(&mut self, pairs: impl ExactSizeIterator<Item = Pair>) {
        let room = WAITING_MAX.saturating_sub(self.pairs.len());
        let mut pairs = pairs;
        self.pairs.extend(pairs.by_ref().take(room));
        if let Some((at, _)) = pairs.next() {
            self.missing_since = earlier(self.missing_since, at);
        }
    }
}

fn earlier(one: Option<Timestamp>, other: Timestamp) -> Option<Timestamp> {
    Some(one.map_or(other, |it| it.min(other)))
}

/// What is to be written.
pub(super) struct Taken {
    pub(super) pairs: Vec<Pair>,
    pub(super) missing_since: Option<Timestamp>,
    /// Nothing will come after it.
    pub(super) is_closing: bool,
}

impl Queue {
    pub(super) fn close(&self) {
        self.state.lock().is_closing = true;
        self.changed.notify_all();
    }

    /// Waits for pairs, then a little for more.
    pub(super) fn take(&self) -> Taken {
        let mut state = self.state.lock();
        let is_idle = |it: &mut State| it.pairs.is_empty() && !it.is_closing;
        self.changed.wait_while_for(&mut state, is_idle, LOOK_EVERY);
        if !state.pairs.is_empty() {
            self.changed
                .wait_while_for(&mut state, |it| !it.is_closing, WRITE_EVERY);
        }
        Taken {
            pairs: std::mem::take(&mut state.pairs),
            missing_since: state.missing_since.take(),
            is_closing: state.is_closing,
        }
    }

    pub(super) fn end(&self) {
        self.state.lock().is_ended = true;
        self.changed.notify_all();
    }
}
