//! The thread that owns the log: takes all that waits, writes it, syncs once, answers.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::gathering::Gathering;
use super::prepared::{Prepared, Stored};
use super::queue::{Answer, Queue, Waiting, Work};
use super::room::RoomKeeper;
use super::{Accept, AppenderOptions};
use crate::disk::log::{Batch, Log, LogError};
use crate::{AppendError, Clock, Position, telemetry};

/// A batch that has become larger than this gives its memory back.
const BATCH_BYTES_KEPT: usize = 4 << 20;

pub(super) struct Owner {
    pub(super) log: Log,
    pub(super) queue: Arc<Queue>,
    pub(super) options: AppenderOptions,
    pub(super) room: RoomKeeper,
    pub(super) gathering: Gathering,
    pub(super) clock: Clock,
    pub(super) accept: Arc<dyn Accept>,
    /// What is being written, and what is kept from batch to batch to be filled again.
    pub(super) batch: Batch,
    pub(super) answers: Vec<Unanswered>,
    /// Whether the last append failed, so that a failure that lasts is told once.
    pub(super) is_failing: bool,
    /// Whether the log has failed for good.
    pub(super) is_broken: bool,
}

/// An append that is being written.
pub(super) struct Unanswered {
    answer: oneshot::Sender<Answer>,
    events: u64,
}

/// Leaves nobody waiting for a thread that has ended, however it ended.
struct LastWord(Arc<Queue>);

impl Drop for LastWord {
    fn drop(&mut self) {
        let why = "the thread that stores events has ended";
        self.0.abandon(&why.into());
    }
}

impl Owner {
    /// Works until the queue is closed and empty, then closes the log. `runtime` is whose time the
    /// clock tells.
    pub(super) fn run(mut self, runtime: Option<&Handle>) -> Result<(), LogError> {
        let _time = runtime.map(Handle::enter);
        let _last_word = LastWord(Arc::clone(&self.queue));
        let mut taken = Vec::new();
        loop {
            let more = self.gathering.patience();
            let next = self.queue.take(&mut taken, self.room.patience(), more);
            if next.waited_in_vain {
                self.gathering.was_in_vain();
            }
            if taken.is_empty() && next.work.is_none() {
                self.room.look();
            }
            let has_stored = self.commit(&mut taken);
            if let Some(work) = next.work {
                self.work(work);
            }
            if next.is_ended {
                return self.log.close();
            }
            self.rest(has_stored);
        }
    }

    /// Stores what was taken as one batch, answers all of it, and says whether anything was stored.
    fn commit(&mut self, taken: &mut Vec<Waiting>) -> bool {
        if taken.is_empty() {
            return false;
        }
        self.room.look_if_due();
        let stored = self.lay_out(taken);
        if stored.is_empty() {
            return false;
        }
        let began = Instant::now();
        let written = self.write();
        let has_stored = written.is_ok();
        let (took, queued) = (began.elapsed(), self.queue.len());
        self.gathering.committed(took, self.answers.len(), queued);
        match written {
            Ok(first_offset) => {
                self.room.wrote(self.batch.size_bytes());
                self.accepted(stored, first_offset);
            }
            Err(error) => self.refused(&error),
        }
        if self.batch.size_bytes() > BATCH_BYTES_KEPT {
            self.batch = Batch::new();
        }
        self.batch.clear();
        has_stored
    }

    /// Puts what may be stored into the batch. Offsets are counted from 0 for now.
    fn lay_out(&mut self, taken: &mut Vec<Waiting>) -> Vec<Stored> {
        let room = self.room.room();
        let accepted_at = self.clock.now();
        let timestamp_ms = accepted_at.signed_millis();
        let mut stored = Vec::with_capacity(taken.len());
        for waiting in taken.drain(..) {
            let (batch, answer) = (waiting.prepared, waiting.answer);
            if answer.is_closed() {
                continue;
            }
            if !room.admits(waiting.admission) {
                send(answer, Err(self.options.no_space()));
                continue;
            }
            let first_offset = self.batch.len() as u64;
            push(&mut self.batch, timestamp_ms, &batch);
            let events = batch.events.len() as u64;
            self.answers.push(Unanswered { answer, events });
            stored.push(Stored {
                batch,
                first_offset,
                accepted_at,
            });
        }
        stored
    }

    fn write(&mut self) -> Result<u64, LogError> {
        let batch_bytes = self.batch.size_bytes() as u64;
        if self.log.needs_room_for(batch_bytes) {
            // A segment takes up its room at once, and what is kept free stays so.
            self.room.look();
        }
        self.log.limit_room(self.room.to_spare_bytes());
        let offsets = self.log.append(&mut self.batch)?;
        self.log.sync()?;
        Ok(offsets.start)
    }

    fn accepted(&mut self, mut stored: Vec<Stored>, first_offset: u64) {
        self.is_failing = false;
        for it in &mut stored {
            it.first_offset += first_offset;
        }
        self.accept.accept(stored);
        let mut offset = first_offset;
        for it in self.answers.drain(..) {
            let end = offset + it.events;
            send(it.answer, Ok((offset..end).map(position).collect()));
            offset = end;
        }
    }

    fn refused(&mut self, error: &LogError) {
        let answer = match error {
            LogError::NoSpace { .. } => {
                self.room.write_was_refused();
                self.options.no_space()
            }
            LogError::Poisoned(_) => {
                let why = error.to_string().into();
                self.break_down(&why);
                AppendError::Broken(why)
            }
            LogError::Io { .. }
            | LogError::InUse(_)
            | LogError::Version { .. }
            | LogError::NotRemovable(_) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    telemetry::append_failed(error);
                }
                AppendError::Broken(error.to_string().into())
            }
        };
        for it in self.answers.drain(..) {
            send(it.answer, Err(answer.clone()));
        }
    }

    fn work(&mut self, work: Work) {
        work(&mut self.log);
        let poison = self.log.poison().map(|it| it.to_string().into());
        if let Some(why) = poison {
            self.break_down(&why);
        }
    }

    fn break_down(&mut self, why: &Arc<str>) {
        if !std::mem::replace(&mut self.is_broken, true) {
            telemetry::store_broken(why);
        }
        self.queue.break_down(why);
    }

    /// What may wait until nobody does. Room for the next segment is not taken before there is
    /// anything to store, so that a broker without events takes up none.
    fn rest(&mut self, has_stored: bool) {
        if has_stored && self.room.may_prepare() {
            self.log.limit_room(self.room.to_spare_bytes());
            match self.log.prepare() {
                Ok(true) => self.room.look(),
                Err(LogError::NoSpace { .. }) => self.room.write_was_refused(),
                Ok(false) | Err(_) => {}
            }
        }
        self.room.rest();
    }
}

/// Lays out the events of one append, joined, so that a crash leaves all of them or none.
fn push(batch: &mut Batch, timestamp_ms: i64, prepared: &Prepared) {
    for (at, event) in prepared.events.iter().enumerate() {
        let parts: &[&[u8]] = &[&event.encoded];
        let pushed = match at {
            0 => batch.push(timestamp_ms, parts),
            _ => batch.push_joined(timestamp_ms, parts),
        };
        pushed.expect("what is larger than a batch was refused at the door");
    }
}

/// Answers, once: who no longer waits need not be told.
fn send(answer: oneshot::Sender<Answer>, what: Answer) {
    drop(answer.send(what));
}

fn position(offset: u64) -> Position {
    Position {
        partition: 0,
        offset,
    }
}
