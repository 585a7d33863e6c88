//! What progress is to say, and when.
//!
//! A cursor is stored soon after it has moved: when so many events have ended, or a moment after the
//! first. Losing one costs duplicates, never an event. Whoever has nothing to do stands at the common
//! floor, which moves now and then, together with the cursors of all who have something to do.

use std::collections::{HashMap, HashSet};

use tokio::sync::oneshot;

use super::super::kept::KeptOp;
use super::super::progress::{Change, Floor};
use super::State;
use super::commanding::Command;
use super::subscribed::Subscribed;
use crate::StoreError;
use crate::reading::SubscriptionId;

/// After so many ends a cursor does not wait any longer.
const ENDS_MAX: u32 = 128;
/// After so many that are not stored nothing more is handed out, for a crash would have all of them
/// delivered again (G3).
const UNSAVED_MAX: u32 = 256;

/// Whose progress is to be stored.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    ids: Vec<SubscriptionId>,
    deleted: Vec<u64>,
    answers: Vec<Answer>,
    /// What takes effect once it is stored.
    pub(super) commands: Vec<Command>,
    pub(super) is_urgent: bool,
}

/// Whether what is to be stored can be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Saves {
    #[default]
    Well,
    /// Not now. To deliver goes before not to deliver twice.
    Badly,
}

type Answer = oneshot::Sender<Result<(), StoreError>>;

/// What is to be stored at once.
#[derive(Debug, Default)]
pub(in super::super) struct Round {
    pub(in super::super) floor: Option<Floor>,
    pub(in super::super) changes: Vec<Change>,
    /// What is done with, and ends before that is counted: what is stored then still says of it
    /// costs no more than any end that was not stored in time.
    pub(in super::super) ends: Vec<KeptOp>,
    /// What may end once this is stored.
    pub(in super::super) ends_after: Vec<KeptOp>,
    ids: Vec<SubscriptionId>,
    deleted: Vec<u64>,
    answers: Vec<Answer>,
    /// What takes effect once this is stored, which says how things will stand then.
    commands: HashMap<SubscriptionId, Command>,
}

/// How pressing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Pressing {
    Nothing,
    Soon,
    Now,
}

impl State {
    /// How pressing it is to keep or to store something.
    pub(in super::super) fn pressing(&self) -> Pressing {
        let unsaved = &self.unsaved;
        if unsaved.is_urgent || !self.to_keep.is_empty() {
            Pressing::Now
        } else if !unsaved.ids.is_empty()
            || !unsaved.deleted.is_empty()
            || !self.kept_ends.is_empty()
        {
            Pressing::Soon
        } else {
            Pressing::Nothing
        }
    }

    /// The progress of this subscription is to be stored, soon.
    pub(super) fn must_save(&mut self, id: SubscriptionId) {
        let Some(subscribed) = self.subscribed(id) else {
            return;
        };
        if !subscribed.is_unsaved {
            subscribed.is_unsaved = true;
            self.woken.keeper |= self.unsaved.ids.is_empty();
            self.unsaved.ids.push(id);
        }
    }

    /// An event has ended for it, or is kept apart now.
    pub(super) fn has_ended(&mut self, id: SubscriptionId) {
        self.must_save(id);
        let Some(subscribed) = self.subscribed(id) else {
            return;
        };
        subscribed.unsaved_ends += 1;
        if subscribed.unsaved_ends >= ENDS_MAX {
            self.unsaved.is_urgent = true;
            self.woken.keeper = true;
        }
    }

    /// An event is done with. Where the subscription has gone back since the event was handed out,
    /// it has yet to come by it again, and is then given it once more; and so it is where it has come
    /// by it, and lets go of what lies before.
    pub(super) fn is_done_with(&mut self, id: SubscriptionId, offset: u64) {
        let (tail, is_there) = (self.tail, self.counts.has(offset));
        if let Some(subscribed) = self.subscribed(id)
            && is_there
        {
            if offset >= subscribed.reads_to(tail) {
                subscribed.tally.replayed += 1;
            } else {
                subscribed.has_done(offset);
            }
        }
        self.has_ended(id);
    }

    /// The progress of this subscription is to be stored now; what this gives is answered then.
    pub(super) fn save_now(
        &mut self,
        id: SubscriptionId,
    ) -> oneshot::Receiver<Result<(), StoreError>> {
        self.must_save(id);
        let (answer, answered) = oneshot::channel();
        self.will_answer(answer);
        self.unsaved.is_urgent = true;
        self.woken.keeper = true;
        answered
    }

    /// The subscription of this number has ended; what this gives is answered once that is stored.
    pub(super) fn has_deleted(&mut self, number: u64) -> oneshot::Receiver<Result<(), StoreError>> {
        let (answer, answered) = oneshot::channel();
        self.unsaved.deleted.push(number);
        self.will_answer(answer);
        self.unsaved.is_urgent = true;
        self.woken.keeper = true;
        answered
    }

    /// Once the keeper has ended nobody would answer.
    fn will_answer(&mut self, answer: Answer) {
        if self.keeps_no_more {
            let closed = StoreError("the channel is closed".to_owned());
            drop(answer.send(Err(closed)));
        } else {
            self.unsaved.answers.push(answer);
        }
    }

    /// Everything that is to be stored now. With `moves_floor` also everybody's place who has
    /// something to do, for the floor says nothing of them.
    pub(in super::super) fn take_round(&mut self, moves_floor: bool) -> Round {
        let unsaved = std::mem::take(&mut self.unsaved);
        let mut round = Round {
            ids: unsaved.ids,
            answers: unsaved.answers,
            commands: self.take_commands(unsaved.commands),
            ..Round::default()
        };
        let tail = self.tail;
        if moves_floor {
            round.floor = Some(Floor {
                offset: tail,
                count: self.counts.at(tail),
            });
            let says_enough = |subscribed: &Subscribed| {
                subscribed.is_unsaved || subscribed.is_saved_idle && subscribed.is_idle()
            };
            let all = self.subscriptions.iter();
            let others = all.filter(|(_, subscribed)| !says_enough(subscribed));
            round
                .ids
                .extend(others.map(|(place, subscribed)| subscribed.id(place)));
        }
        for id in &round.ids {
            let Some(subscribed) = self
                .subscriptions
                .get_mut(id.place)
                .filter(|subscribed| subscribed.serial == id.serial)
            else {
                continue;
            };
            let mut standing = subscribed.standing(tail);
            if let Some(command) = round.commands.get_mut(id) {
                command.foresee(&mut standing, subscribed, tail, &self.counts);
            }
            subscribed.is_unsaved = false;
            subscribed.saving_ends = std::mem::take(&mut subscribed.unsaved_ends);
            subscribed.is_saved_idle = standing.is_idle;
            round.changes.push(Change::Put(standing));
        }
        for number in unsaved.deleted {
            round.changes.push(Change::Delete(number));
            round.ends_after.push(KeptOp::EndAll {
                subscription: number,
            });
            round.deleted.push(number);
        }
        self.hurry_commands();
        let mut ends = std::mem::take(&mut self.kept_ends);
        ends.retain(|key| !self.is_kept(*key));
        round.ends = ends.into_iter().map(KeptOp::End).collect();
        round
    }

    /// Whether more of its events have ended than a crash may have delivered again.
    pub(super) fn is_ahead_of_its_progress(&mut self, id: SubscriptionId) -> bool {
        let saves = self.saves;
        let subscribed = self.subscribed(id);
        let unsaved = subscribed.map_or(0, |it| it.unsaved_ends + it.saving_ends);
        saves == Saves::Well && unsaved >= UNSAVED_MAX
    }

    /// It is stored.
    pub(in super::super) fn round_saved(&mut self, round: Round) {
        self.saves = Saves::Well;
        for id in round.ids {
            let was_ahead = self.is_ahead_of_its_progress(id);
            if let Some(subscribed) = self.subscribed(id) {
                subscribed.saving_ends = 0;
            }
            if was_ahead {
                self.wake_reader(id);
            }
        }
        for answer in round.answers {
            drop(answer.send(Ok(())));
        }
        for command in round.commands.into_values() {
            self.carry_out(command);
        }
    }

    /// Not all of it could be stored: it is to be tried again, but for the commands. One whose
    /// subscription is among the `stored` would come true after a crash, so it is carried out.
    pub(in super::super) fn round_failed(
        &mut self,
        round: Round,
        stored: &HashSet<u64>,
        error: &StoreError,
    ) {
        self.saves = Saves::Badly;
        for id in round.ids {
            self.must_save(id);
            if let Some(subscribed) = self.subscribed(id) {
                subscribed.is_saved_idle = false;
                subscribed.unsaved_ends += std::mem::take(&mut subscribed.saving_ends);
                self.wake_reader(id);
            }
        }
        self.unsaved.deleted.extend(round.deleted);
        self.kept_ends
            .extend(round.ends.iter().filter_map(|end| match end {
                KeptOp::End(key) => Some(*key),
                KeptOp::EndAll { .. } | KeptOp::Put { .. } => None,
            }));
        for answer in round.answers {
            drop(answer.send(Err(error.clone())));
        }
        for (id, command) in round.commands {
            let number = self.subscribed(id).map(|it| it.number);
            match number.is_some_and(|it| stored.contains(&it)) {
                true => self.carry_out(command),
                false => command.refuse(error),
            }
        }
    }

    /// Whoever waits for progress to be stored is told that it is not.
    pub(super) fn refuse_answers(&mut self, error: &StoreError) {
        self.unsaved.is_urgent = false;
        for answer in self.unsaved.answers.drain(..) {
            drop(answer.send(Err(error.clone())));
        }
        for command in self.unsaved.commands.drain(..) {
            command.refuse(error);
        }
    }
}

impl Round {
    pub(in super::super) fn is_empty(&self) -> bool {
        self.floor.is_none() && self.changes.is_empty()
    }

    /// The subscriptions whose change `is_stored`; nobody asks where there is no command.
    pub(in super::super) fn stored(&self, is_stored: impl Fn(&Change) -> bool) -> HashSet<u64> {
        if self.commands.is_empty() {
            return HashSet::new();
        }
        let stored = self.changes.iter().filter(|it| is_stored(it));
        let numbers = stored.filter_map(|change| match change {
            Change::Put(standing) => Some(standing.number),
            Change::Delete(_) => None,
        });
        numbers.collect()
    }
}

#[cfg(test)]
pub(super) mod tests;
