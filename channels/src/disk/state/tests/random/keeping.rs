//! The keeper, one step at a time, so that anything may happen in between; and now and then there
//! is no room.

use std::collections::HashSet;

use super::super::super::{Round, ToKeep};
use super::Run;
use crate::StoreError;
use crate::disk::kept::KeptOp;

/// How far the keeper has come.
#[derive(Debug)]
pub(super) enum Stage {
    Idle,
    /// Kept, or not, and not told yet.
    Kept(Vec<ToKeep>, Result<(), StoreError>, Vec<ToKeep>),
    Told(Vec<ToKeep>),
    Taken(Round, Vec<ToKeep>),
    Saved(Round, Result<(), StoreError>, Vec<ToKeep>),
    Ended(Vec<ToKeep>),
    EndedOnDisk(Vec<ToKeep>, Result<(), StoreError>),
}

impl Run {
    pub(super) fn keeper_step(&mut self) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Idle => {
                let taken = self.world.state.take_to_keep();
                let (ends, puts): (Vec<_>, Vec<_>) = taken.into_iter().partition(ToKeep::ends);
                let puts = self.world.state.still_to_keep(puts);
                let result = self.keep(&ops(&puts));
                Stage::Kept(puts, result, ends)
            }
            Stage::Kept(puts, result, ends) => {
                self.tell(puts, &result);
                Stage::Told(ends)
            }
            Stage::Told(ends) => {
                let moves_floor = self.rng.u32(..4) == 0;
                self.plan_commands();
                let round = self.world.state.take_round(moves_floor);
                for reader in self.readers.values_mut() {
                    let unsaved = std::mem::take(&mut reader.unsaved);
                    reader.in_round.extend(unsaved);
                }
                Stage::Taken(round, ends)
            }
            Stage::Taken(round, ends) => {
                let ended = self.keep(&round.ends);
                let result = ended.and_then(|()| self.write(&round));
                Stage::Saved(round, result, ends)
            }
            Stage::Saved(mut round, Ok(()), ends) => {
                let ends_after = std::mem::take(&mut round.ends_after);
                let stand = |name| (name, self.reads_to(name), self.cursor(name));
                let before = super::NAMES.map(stand);
                self.world.state.round_saved(round);
                self.commands_were_stored(&before);
                for reader in self.readers.values_mut() {
                    reader.in_round.clear();
                    reader.is_unsaved = false;
                }
                drop(self.keep(&ends_after));
                Stage::Ended(ends)
            }
            Stage::Saved(round, Err(error), ends) => {
                self.world
                    .state
                    .round_failed(round, &HashSet::new(), &error);
                self.commands_were_refused();
                for reader in self.readers.values_mut() {
                    let in_round = std::mem::take(&mut reader.in_round);
                    reader.unsaved.extend(in_round);
                }
                self.tell(ends, &Err(error));
                Stage::Idle
            }
            Stage::Ended(ends) => {
                let ends = self.world.state.still_to_keep(ends);
                let result = self.keep(&ops(&ends));
                Stage::EndedOnDisk(ends, result)
            }
            Stage::EndedOnDisk(ends, result) => {
                self.tell(ends, &result);
                Stage::Idle
            }
        };
    }

    /// Goes on until there is nothing to keep; says whether there was.
    pub(super) fn keep_all(&mut self) -> bool {
        use super::super::super::Pressing;
        let is_busy = self.world.state.pressing() != Pressing::Nothing;
        let is_busy = is_busy || !matches!(self.stage, Stage::Idle);
        if is_busy {
            self.keeper_step();
            while !matches!(self.stage, Stage::Idle) {
                self.keeper_step();
            }
        }
        is_busy
    }

    fn has_no_room(&mut self) -> Result<(), StoreError> {
        if self.rng.u32(..12) == 0 {
            return Err(StoreError("there is no room".to_owned()));
        }
        Ok(())
    }

    fn keep(&mut self, ops: &[KeptOp]) -> Result<(), StoreError> {
        if ops.is_empty() {
            return Ok(());
        }
        self.has_no_room()?;
        let now_ms = self.world.now.0 as i64;
        let kept = self.world.stores.kept.apply(ops, now_ms);
        kept.unwrap_or_else(|error| panic!("{ops:?}: {error}"));
        Ok(())
    }

    fn write(&mut self, round: &Round) -> Result<(), StoreError> {
        if round.is_empty() {
            return Ok(());
        }
        self.has_no_room()?;
        let now_ms = self.world.now.0 as i64;
        let progress = &mut self.world.stores.progress;
        let written = progress.write(round.floor, round.changes.clone(), now_ms);
        written.unwrap_or_else(|error| panic!("{round:?}: {error}"));
        Ok(())
    }

    fn tell(&mut self, kept: Vec<ToKeep>, result: &Result<(), StoreError>) {
        for kept in kept {
            self.world.state.kept(kept, result, self.world.now);
        }
    }
}

fn ops(to_keep: &[ToKeep]) -> Vec<KeptOp> {
    to_keep.iter().map(|it| it.op.clone()).collect()
}
