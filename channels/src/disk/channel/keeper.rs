//! The thread that stores what is kept, and how far everybody is; and tidies up.
//!
//! In this order, so that no crash in between costs an event: what is to be kept, and only then the
//! progress that no longer names it. What was kept and is done with ends before the progress that
//! counts it, so that a crash in between does not have it counted and handed out once more; what an
//! operator discards ends after it, so that nothing older can bring it back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::super::kept::{Kept, KeptOp};
use super::super::log::LogError;
use super::super::progress::Progress;
use super::super::state::{Pressing, Round, ToKeep};
use super::shared::{Shared, Stage};
use crate::{StoreError, telemetry};

/// How long a cursor that has moved waits for others.
const SAVE_AFTER: Duration = Duration::from_millis(200);
/// How often is looked for what may be removed.
const TIDY_EVERY: Duration = Duration::from_secs(1);
/// How long nothing is tried after there was no room.
const NO_ROOM_WAIT: Duration = Duration::from_secs(1);
/// How much is kept at a time, but for a single event that is larger.
const WRITE_BYTES_MAX: usize = 4 << 20;
/// How much of the kept log is rewritten at a time.
const COMPACTIONS: usize = 4;

pub(super) struct Keeper {
    pub(super) shared: Arc<Shared>,
    pub(super) progress: Progress,
    kept: Kept,
    pub(super) runtime: Handle,
    tidied_at: Instant,
    /// The newest segment of events when the floor last moved.
    floor_segment: Option<u64>,
    /// There was no room, so nothing is tried before then.
    no_room_until: Option<Instant>,
}

impl Keeper {
    pub(super) fn new(
        shared: Arc<Shared>,
        progress: Progress,
        kept: Kept,
        runtime: Handle,
    ) -> Self {
        Keeper {
            shared,
            progress,
            kept,
            runtime,
            tidied_at: Instant::now(),
            floor_segment: None,
            no_room_until: None,
        }
    }

    pub(super) fn run(mut self) {
        while self.wait() == Stage::Running {
            if self.tidied_at.elapsed() < TIDY_EVERY {
                // What could not be stored is tried again with the next work.
                drop(self.work(false));
                continue;
            }
            let newest = self.newest_segment();
            let moves_floor = newest != self.floor_segment;
            if self.work(moves_floor).is_ok() && moves_floor {
                self.floor_segment = newest;
            }
            self.tidy();
            self.tidied_at = Instant::now();
        }
        let shared = Arc::clone(&self.shared);
        if shared.stage() == Stage::Finishing {
            // What fails now costs duplicates, and was told.
            drop(self.work(true));
            self.close();
        }
        shared.apply(|state, now| state.stop_keeping(now));
    }

    /// Waits until there is something to do.
    fn wait(&mut self) -> Stage {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state.lock();
        if let Some(until) = self.no_room_until.take() {
            while shared.stage() == Stage::Running {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() || shared.to_keep.wait_for(&mut state, left).timed_out() {
                    break;
                }
            }
            return shared.stage();
        }
        let is_broken = shared.broken().is_some();
        loop {
            let stage = shared.stage();
            if stage != Stage::Running {
                return stage;
            }
            let patience = match state.pressing() {
                Pressing::Now => return stage,
                // Of what can never be stored nobody waits for an answer.
                Pressing::Soon if !is_broken => SAVE_AFTER,
                Pressing::Soon => TIDY_EVERY,
                Pressing::Nothing => TIDY_EVERY,
            };
            if shared.to_keep.wait_for(&mut state, patience).timed_out() {
                return shared.stage();
            }
        }
    }

    /// Stores what there is to store; fails if progress could not be.
    fn work(&mut self, moves_floor: bool) -> Result<(), StoreError> {
        if let Some(why) = self.shared.broken() {
            let error = StoreError(why.to_string());
            self.shared
                .apply(|state, now| state.refuse_all(&error, now));
            return Err(error);
        }
        let (ends, puts): (Vec<_>, Vec<_>) = self
            .shared
            .apply(|state, _| state.take_to_keep())
            .into_iter()
            .partition(ToKeep::ends);
        self.keep(puts);
        let round = self.shared.apply(|state, _| state.take_round(moves_floor));
        let saved = self.save(round);
        if let Err(error) = &saved {
            self.answer(ends, &Err(error.clone()));
        } else {
            self.keep(ends);
        }
        saved
    }

    fn keep(&mut self, mut left: Vec<ToKeep>) {
        while !left.is_empty() {
            let rest = left.split_off(one_write(left.iter().map(|it| it.op.size_bytes())));
            let to_keep = self.shared.apply(|state, _| state.still_to_keep(left));
            let ops: Vec<KeptOp> = to_keep.iter().map(|it| it.op.clone()).collect();
            let result = self.apply_kept(&ops);
            self.answer(to_keep, &result);
            left = rest;
        }
    }

    fn answer(&self, to_keep: Vec<ToKeep>, result: &Result<(), StoreError>) {
        self.shared.apply(|state, now| {
            for kept in to_keep {
                state.kept(kept, result, now);
            }
        });
    }

    fn save(&mut self, mut round: Round) -> Result<(), StoreError> {
        let ended = self.apply_kept(&round.ends);
        let saved = ended.and_then(|()| self.write_progress(&round));
        match saved {
            Ok(()) => {
                let ends_after = std::mem::take(&mut round.ends_after);
                self.shared.apply(|state, _| state.round_saved(round));
                // Entries of nobody are ended when the store is opened, if they cannot be now.
                drop(self.apply_kept(&ends_after));
                Ok(())
            }
            Err(error) => {
                // Of more than is written at once a part may be stored.
                let stored = round.stored(|it| self.progress.holds(it));
                self.shared
                    .apply(|state, _| state.round_failed(round, &stored, &error));
                Err(error)
            }
        }
    }

    fn write_progress(&mut self, round: &Round) -> Result<(), StoreError> {
        if round.is_empty() {
            return Ok(());
        }
        let now_ms = self.now_ms();
        self.with_reserve(|keeper| {
            keeper
                .progress
                .write(round.floor, round.changes.clone(), now_ms)
        })
    }

    fn apply_kept(&mut self, ops: &[KeptOp]) -> Result<(), StoreError> {
        if ops.is_empty() {
            return Ok(());
        }
        let now_ms = self.now_ms();
        self.with_reserve(|keeper| keeper.kept.apply(ops, now_ms))
    }

    /// Does it, with the room set aside for this where there is none otherwise.
    fn with_reserve(
        &mut self,
        mut act: impl FnMut(&mut Self) -> Result<(), LogError>,
    ) -> Result<(), StoreError> {
        if let Some(why) = self.shared.broken() {
            return Err(StoreError(why.to_string()));
        }
        let mut result = act(self);
        if matches!(result, Err(LogError::NoSpace { .. })) && self.shared.space.give_back_reserve()
        {
            result = act(self);
        }
        result.map_err(|error| {
            match &error {
                LogError::NoSpace { .. } | LogError::Io { .. } => {
                    self.no_room_until = Some(Instant::now() + NO_ROOM_WAIT);
                    telemetry::not_kept(&error);
                }
                LogError::Poisoned(_)
                | LogError::InUse(_)
                | LogError::Version { .. }
                | LogError::NotRemovable(_) => self.shared.break_off(&error.to_string()),
            }
            StoreError(error.to_string())
        })
    }

    fn now_ms(&self) -> i64 {
        self.shared.clock.now().signed_millis()
    }

    // ---- tidying ----

    /// When another was begun, the one before may be removed once the floor has moved.
    fn newest_segment(&self) -> Option<u64> {
        let segments = self.shared.appender().segments();
        segments.last().map(|segment| segment.base)
    }

    fn tidy(&mut self) {
        if self.shared.broken().is_some() {
            return;
        }
        let now_ms = self.now_ms();
        for _ in 0..COMPACTIONS {
            match self.kept.compact(now_ms) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    telemetry::not_kept(&error);
                    break;
                }
            }
        }
        self.remove_segments();
        let other_bytes = self.progress.size_bytes() + self.kept.size_bytes();
        self.shared
            .other_bytes
            .store(other_bytes, Ordering::Relaxed);
    }

    fn close(self) {
        if self.shared.broken().is_some() {
            return;
        }
        let closed = self.progress.close();
        if let Err(error) = closed.and(self.kept.close()) {
            telemetry::not_kept(&error);
        }
    }
}

/// How many of operations of these sizes are stored at once: a thousand leases may hold a mebibyte
/// each, and a log takes only so much in one write.
fn one_write(sizes_bytes: impl Iterator<Item = usize>) -> usize {
    let mut bytes = 0;
    let fits = |it: &usize| {
        bytes += it;
        bytes <= WRITE_BYTES_MAX
    };
    sizes_bytes.take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_at_once_is_bounded_and_never_nothing() {
        let check = |sizes_bytes: &[usize], expected| {
            let found = one_write(sizes_bytes.iter().copied());
            assert_eq!(found, expected, "{sizes_bytes:?}");
        };
        check(&[1], 1);
        check(&[WRITE_BYTES_MAX, 1], 1);
        check(&[WRITE_BYTES_MAX + 1, 1], 1);
        check(&[1 << 20; 5], 4);
        check(&[500; 1_000], 1_000);
    }
}
