//! Records on their way to the thread that writes them.
//!
//! A producer locks, copies its record behind the others, and is gone. Bounded in records and
//! bytes: what finds no room is counted, and the count takes its place among the records once there
//! is room again, so that a story can say that it has gaps. The writer is woken by the first record
//! and by a full megabyte, not by each.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use sluicegate_channels::Timestamp;

use super::record::{Gap, GapCause, Mark, What};

/// Records that wait to be written, at most.
pub(super) const RECORDS_MAX: usize = 100_000;
/// Bytes that wait to be written, at most, but for the last record.
pub(super) const BYTES_MAX: usize = 8 << 20;
/// The writer does not wait for more than this.
const ENOUGH_BYTES: usize = 1 << 20;

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// There is something for the writer to do.
    filled: Condvar,
    /// What somebody asked to have written is.
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    records: usize,
    /// When the first of them was made.
    since: Timestamp,
    gap: Option<Gap>,
    /// How often somebody wanted everything written, and up to which of these it is.
    asked: u64,
    done: u64,
    is_closing: bool,
    is_ended: bool,
}

/// What the writer got beside records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// When the first record was made; without a meaning where there is none.
    pub(super) since: Timestamp,
    /// To be given to [`Queue::done`].
    pub(super) asked: u64,
    /// Whether somebody waits for these records to be readable.
    pub(super) is_awaited: bool,
    /// Whether these are the last.
    pub(super) is_closing: bool,
}

impl Queue {
    /// Adds a record made at `now`, and says whether there was room for it.
    pub(super) fn push(&self, mark: Mark, what: &What<'_>, now: Timestamp) -> bool {
        let mut state = self.state.lock();
        if state.is_full() || state.is_closing {
            state.leave_out(1, now, now);
            return false;
        }
        let before = state.bytes.len();
        if before == 0 {
            state.since = now;
        }
        if let Some(gap) = state.gap.take() {
            gap.encode(&mut state.bytes);
        }
        what.encode(mark, &mut state.bytes);
        state.records += 1;
        let after = state.bytes.len();
        if before == 0 || (before < ENOUGH_BYTES && after >= ENOUGH_BYTES) {
            self.filled.notify_one();
        }
        true
    }

    /// Adds a gap that the writer knows of.
    pub(super) fn add_gap(&self, gap: Gap) {
        let mut state = self.state.lock();
        if state.bytes.is_empty() {
            state.since = gap.to;
        }
        gap.encode(&mut state.bytes);
    }

    /// Notes that records which had found room could not be written.
    pub(super) fn leave_out(&self, records: u64, from: Timestamp, to: Timestamp) {
        self.state.lock().leave_out(records, from, to);
    }

    /// The gap that has not found its place among the records yet.
    pub(super) fn open_gap(&self) -> Option<Gap> {
        self.state.lock().gap
    }

    /// Waits until there is something to write, then up to `linger` for more of it, and swaps it
    /// for what is in `buffer`, which is cleared. Comes back after `idle` in any case.
    pub(super) fn take(&self, buffer: &mut Vec<u8>, linger: Duration, idle: Duration) -> Taken {
        buffer.clear();
        let mut state = self.state.lock();
        let is_urgent = |state: &State| state.is_closing || state.asked > state.done;
        self.filled.wait_while_for(
            &mut state,
            |it| it.bytes.is_empty() && it.gap.is_none() && !is_urgent(it),
            idle,
        );
        self.filled.wait_while_for(
            &mut state,
            |it| it.bytes.len() < ENOUGH_BYTES && !is_urgent(it),
            linger,
        );
        if let Some(gap) = state.gap.take() {
            if state.bytes.is_empty() {
                state.since = gap.from;
            }
            gap.encode(&mut state.bytes);
        }
        std::mem::swap(&mut state.bytes, buffer);
        state.records = 0;
        Taken {
            since: state.since,
            asked: state.asked,
            is_awaited: state.asked > state.done,
            is_closing: state.is_closing,
        }
    }

    /// What was taken can be read.
    pub(super) fn done(&self, asked: u64) {
        self.state.lock().done = asked;
        self.written.notify_all();
    }

    /// Waits until all records of up to now can be read; false if that takes longer than
    /// `wait_max`. Blocking.
    pub(super) fn await_written(&self, wait_max: Duration) -> bool {
        let mut state = self.state.lock();
        state.asked += 1;
        let asked = state.asked;
        self.filled.notify_one();
        let is_missing = |it: &mut State| it.done < asked && !it.is_ended;
        !self
            .written
            .wait_while_for(&mut state, is_missing, wait_max)
            .timed_out()
    }

    /// The writer has ended.
    pub(super) fn end(&self) {
        self.state.lock().is_ended = true;
        self.written.notify_all();
    }

    /// Waits until the writer has ended, for a bounded time. Blocking.
    pub(super) fn await_ended(&self, wait_max: Duration) {
        let mut state = self.state.lock();
        let is_running = |it: &mut State| !it.is_ended;
        self.written
            .wait_while_for(&mut state, is_running, wait_max);
    }

    /// Takes no more records; the writer writes what there is and ends.
    pub(super) fn close(&self) {
        self.state.lock().is_closing = true;
        self.filled.notify_one();
    }
}

impl State {
    fn is_full(&self) -> bool {
        self.records >= RECORDS_MAX || self.bytes.len() >= BYTES_MAX
    }

    fn leave_out(&mut self, records: u64, from: Timestamp, to: Timestamp) {
        let gap = self.gap.get_or_insert(Gap {
            from,
            to,
            records: 0,
            cause: GapCause::LeftOut,
        });
        gap.from = gap.from.min(from);
        gap.to = gap.to.max(to);
        gap.records += records;
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{End, Ended, split};
    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    fn push(queue: &Queue, detail: &str) -> bool {
        let what = What::Ended(Ended {
            position: sluicegate_channels::Position {
                partition: 0,
                offset: 0,
            },
            trigger: "billing",
            at: NOW,
            end: End::Discarded,
            reason: "shed",
            detail,
        });
        queue.push(Mark::of("1", "/test"), &what, NOW)
    }

    fn take(queue: &Queue) -> (Vec<u8>, Taken) {
        let mut buffer = vec![1, 2, 3];
        let taken = queue.take(&mut buffer, Duration::ZERO, Duration::ZERO);
        (buffer, taken)
    }

    #[test]
    fn records_come_out_as_they_went_in() {
        let queue = Queue::default();
        assert!(push(&queue, "a") && push(&queue, "b"));
        let (bytes, taken) = take(&queue);
        assert_eq!(split(&bytes).count(), 2);
        assert!(!taken.is_awaited && !taken.is_closing);
        assert!(take(&queue).0.is_empty());
    }

    #[test]
    fn what_finds_no_room_is_counted_where_it_is_missing() {
        let long = "x".repeat(1_000);
        let queue = Queue::default();
        let mut taken = 0_usize;
        while push(&queue, &long) {
            taken += 1;
        }
        assert!(taken.abs_diff(BYTES_MAX / 1_040) < 200, "{taken}");
        assert!(!push(&queue, "short"));
        let (bytes, _) = take(&queue);
        let last = split(&bytes).last().and_then(|raw| raw.decode()).unwrap();
        let What::Gap(gap) = last.what else { panic!() };
        assert_eq!((gap.records, gap.from, gap.to), (2, NOW, NOW));
        assert!(push(&queue, "again"));

        let queue = Queue::default();
        for _ in 0..RECORDS_MAX {
            assert!(push(&queue, ""));
        }
        assert!(!push(&queue, ""));
    }

    #[test]
    fn whoever_asks_waits_until_it_is_written() {
        let queue = std::sync::Arc::new(Queue::default());
        push(&queue, "a");
        assert!(!queue.await_written(Duration::from_millis(1)));
        let asking = std::thread::spawn({
            let queue = std::sync::Arc::clone(&queue);
            move || queue.await_written(Duration::from_secs(20))
        });
        let mut buffer = Vec::new();
        let mut written = 0;
        while !asking.is_finished() {
            let taken = queue.take(&mut buffer, Duration::ZERO, Duration::from_millis(10));
            written += split(&buffer).count();
            queue.done(taken.asked);
        }
        assert!(asking.join().unwrap());
        assert_eq!(written, 1);
    }

    #[test]
    fn a_closed_queue_hands_out_what_it_has_and_takes_no_more() {
        let queue = Queue::default();
        push(&queue, "a");
        queue.close();
        assert!(!push(&queue, "b"));
        let (bytes, taken) = take(&queue);
        assert!(taken.is_closing);
        assert_eq!(
            split(&bytes).count(),
            2,
            "one record, and that one is missing"
        );
    }
}
