//! What each trigger is given of a page, what is held for it, and how that is told.

use std::collections::HashSet;

use sluicegate_channels::{Position, Replayed, SeekError, Timestamp};
use sluicegate_resources::ObjectName;

use super::super::Ended;
use super::super::pace::Halt;
use super::walks::Walks;
use super::{Chosen, Receiver, Standing};
use crate::history::{Command, Commanded};

/// How many triggers that take no more are named.
const HELD_UP_MAX: usize = 10;

impl Walks<'_> {
    pub(super) fn given(&self) -> u64 {
        self.progress.note(|it| it.done)
    }

    /// Gives a receiver these events. If it takes no more before their end the rest is held, and it goes
    /// on from `next` after that.
    pub(super) async fn hand_out(
        &mut self,
        place: usize,
        chosen: Vec<Chosen>,
        next: Option<Position>,
        halt: &mut Halt,
    ) -> Result<(), Ended> {
        let mut left = &*chosen;
        while !left.is_empty() && self.left_to_do > 0 {
            let limit = usize::try_from(self.left_to_do).unwrap_or(usize::MAX);
            let allowed = self.pace.ready(halt).await?.min(limit).min(left.len());
            let (now, _) = left.split_at(allowed);
            let replayed = match self.replay(place, now).await? {
                Some(replayed) => replayed,
                None => return Ok(()),
            };
            self.note(&replayed);
            left = left.split_at(replayed.dealt_with.min(allowed)).1;
            if replayed.dealt_with < allowed {
                break;
            }
        }
        if !left.is_empty() {
            self.hold(place, left.to_vec(), next);
        }
        Ok(())
    }

    /// It takes no more for now, or is to get no more.
    pub(super) fn hold(&mut self, place: usize, left: Vec<Chosen>, next: Option<Position>) {
        self.stand(place, Standing::Behind(next));
        if let Some(receiver) = self.receivers.get_mut(place) {
            receiver.held = left;
        }
    }

    /// Gives everybody who is behind what is held for it; who has had all of that goes on.
    pub(super) async fn hand_out_held(&mut self, halt: &mut Halt) -> Result<(), Ended> {
        for place in 0..self.receivers.len() {
            let Some(receiver) = self.receivers.get_mut(place) else {
                continue;
            };
            let Standing::Behind(next) = receiver.standing else {
                continue;
            };
            let held = std::mem::take(&mut receiver.held);
            let goes_on = next.map_or(Standing::Finished, |next| Standing::From(Some(next)));
            receiver.standing = goes_on;
            self.hand_out(place, held, next, halt).await?;
        }
        let nexts = self.receivers.iter().filter_map(|it| match it.standing {
            Standing::From(from) => from,
            Standing::Behind(_) | Standing::Finished => None,
        });
        self.tell_standing(nexts.min());
        Ok(())
    }

    /// None when there is no such trigger any more.
    pub(super) async fn replay(
        &mut self,
        place: usize,
        now: &[Chosen],
    ) -> Result<Option<Replayed>, Ended> {
        if self.is_dry {
            return Ok(Some(Replayed {
                dealt_with: now.len(),
                given: now.len() as u64,
                ..Replayed::default()
            }));
        }
        let Some(receiver) = self.receivers.get(place) else {
            return Ok(None);
        };
        let positions: Vec<Position> = now.iter().map(|(position, _)| *position).collect();
        let at = self.history.as_ref().map(|it| it.now());
        match self
            .channel
            .replay(&receiver.subscription, &positions)
            .await
        {
            Ok(replayed) => {
                if let Some(at) = at {
                    self.record(&receiver.trigger.name, at, now, &replayed);
                }
                Ok(Some(replayed))
            }
            Err(SeekError::Unknown(_)) => {
                self.stand(place, Standing::Finished);
                Ok(None)
            }
            Err(error) => Err(Ended::Failed(format!("{}: {error}", receiver.trigger))),
        }
    }

    /// Tells the history which events the trigger gets once more.
    pub(super) fn record(
        &self,
        trigger: &str,
        at: Timestamp,
        chosen: &[Chosen],
        replayed: &Replayed,
    ) {
        let Some(history) = &self.history else { return };
        let passed_over: HashSet<&Position> = replayed.passed_over.iter().collect();
        let dealt_with = chosen.iter().take(replayed.dealt_with);
        let given = dealt_with.filter(|(position, _)| !passed_over.contains(position));
        for (position, mark) in given {
            let commanded = Commanded {
                position: *position,
                trigger,
                at,
                command: Command::Replay,
                operation: self.id,
                letter: None,
            };
            history.commanded(*mark, commanded);
        }
    }

    pub(super) fn note(&mut self, replayed: &Replayed) {
        self.pace
            .spent(usize::try_from(replayed.given).unwrap_or(usize::MAX));
        self.left_to_do = self.left_to_do.saturating_sub(replayed.given);
        self.progress.note(|progress| {
            progress.done += replayed.given;
            progress.unfinished += replayed.unfinished;
            progress.gone += replayed.gone;
        });
    }

    pub(super) fn stand(&mut self, place: usize, standing: Standing) {
        if let Some(receiver) = self.receivers.get_mut(place) {
            receiver.standing = standing;
        }
    }

    /// Tells up to where everything is dealt with, and who takes no more for now. `next` is where the
    /// walk goes on.
    pub(super) fn tell_standing(&self, next: Option<Position>) {
        let behind: Vec<(&ObjectName, Position)> = self
            .receivers
            .iter()
            .filter_map(|it| Some((&it.trigger, it.held.first()?.0)))
            .collect();
        let reached = behind.iter().map(|(_, at)| *at).chain(next).min();
        let is_over = self.left_to_do == 0;
        let named = behind.iter().filter(|_| !is_over).take(HELD_UP_MAX);
        self.progress.note(|progress| {
            progress.reached = reached.map(|it| it.to_string());
            progress.held_up_by = named.map(|(trigger, _)| trigger.to_string()).collect();
        });
    }

    pub(super) fn has_held(&self) -> bool {
        let is_behind = |it: &Receiver| matches!(it.standing, Standing::Behind(_));
        self.receivers.iter().any(is_behind)
    }
}
