//! Commands of operators that move a subscription about: seek and replay. They take effect once they
//! are stored, and not at all where they cannot be.
//!
//! A command waits for the next round of the keeper, which stores where the subscription will stand:
//! that is foreseen beside the state, which stays as it is. Once it is stored the command is carried
//! out on the state as it is by then, and answered. So nobody is handed an event by a command that is
//! answered as failed. Of a round that was stored in part, the commands of that part are carried out. A
//! crash between the two leaves what was stored. After a sync that failed nobody knows what is stored
//! until the store is opened anew.

mod foreseeing;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::held::{Place, Ticket};
use super::subscribed::{Feed, Subscribed, count_discarded, wake};
use super::{NAMED, State};
use crate::BY_THE_OPERATOR;
use crate::queues::Why;
use crate::reading::{PARTITION, SubscriptionId};
use crate::{Position, Replayed, SeekError, StoreError, Timestamp};

type Answer<T> = oneshot::Sender<Result<T, SeekError>>;
type Answered<T> = oneshot::Receiver<Result<T, SeekError>>;

/// A command that is not carried out yet.
#[derive(Debug)]
pub(super) struct Command {
    id: SubscriptionId,
    name: Arc<str>,
    what: What,
}

#[derive(Debug)]
enum What {
    Seek {
        to: u64,
        /// Which way that is, once it was foreseen: the cursor may pass it until it is stored.
        way: Way,
        answer: Answer<()>,
    },
    Replay {
        positions: Vec<Position>,
        at: Timestamp,
        /// What is given, once it was foreseen: no more than that is stored.
        given: BTreeSet<u64>,
        /// What is told of all.
        replayed: Replayed,
        answer: Answer<Replayed>,
    },
}

/// Where a place lies that a subscription is moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    On,
    Back,
}

impl State {
    /// Asks to move the place that the subscription reads on from. What waits before a later place is
    /// discarded then; what lies behind an earlier one is replayed, but for what is unfinished.
    pub(in super::super) fn begin_seek(
        &mut self,
        name: &str,
        to: u64,
    ) -> Result<Answered<()>, SeekError> {
        let (answer, answered) = oneshot::channel();
        let what = What::Seek {
            to,
            way: Way::On,
            answer,
        };
        self.command(name, what)?;
        Ok(answered)
    }

    /// Asks to give the subscription these events once more, from the log of events.
    pub(in super::super) fn begin_replay(
        &mut self,
        name: &str,
        positions: Vec<Position>,
        at: Timestamp,
    ) -> Result<Answered<Replayed>, SeekError> {
        let (answer, answered) = oneshot::channel();
        let what = What::Replay {
            positions,
            at,
            given: BTreeSet::new(),
            replayed: Replayed::default(),
            answer,
        };
        self.command(name, what)?;
        Ok(answered)
    }

    fn command(&mut self, name: &str, what: What) -> Result<(), SeekError> {
        let Some(id) = self.id_of(name) else {
            return Err(SeekError::Unknown(Arc::from(name)));
        };
        let name = Arc::from(name);
        let command = Command { id, name, what };
        if self.keeps_no_more {
            command.refuse(&StoreError("the channel is closed".to_owned()));
            return Ok(());
        }
        self.unsaved.commands.push(command);
        self.must_save(id);
        self.unsaved.is_urgent = true;
        self.woken.keeper = true;
        Ok(())
    }

    /// Of the commands that wait the first of each subscription; the others wait on.
    pub(super) fn take_commands(
        &mut self,
        waiting: Vec<Command>,
    ) -> HashMap<SubscriptionId, Command> {
        let mut taken = HashMap::new();
        for command in waiting {
            match taken.contains_key(&command.id) {
                true => self.unsaved.commands.push(command),
                false => drop(taken.insert(command.id, command)),
            }
        }
        taken
    }

    /// Those that wait on are for the next round.
    pub(super) fn hurry_commands(&mut self) {
        let ids: Vec<_> = self.unsaved.commands.iter().map(|it| it.id).collect();
        for id in ids {
            self.must_save(id);
            self.unsaved.is_urgent = true;
            self.woken.keeper = true;
        }
    }

    /// Does it, which is stored.
    pub(super) fn carry_out(&mut self, command: Command) {
        let Command { id, name, what } = command;
        // It may have been deleted meanwhile.
        let gone = || SeekError::Unknown(name);
        match what {
            What::Seek { to, way, answer } => {
                let done = self.seek(id, to, way).ok_or_else(gone);
                drop(answer.send(done));
            }
            What::Replay {
                at,
                given,
                replayed,
                answer,
                ..
            } => {
                let done = self.replay(id, given, replayed, at).ok_or_else(gone);
                drop(answer.send(done));
            }
        }
    }

    /// None where the subscription is gone.
    fn seek(&mut self, id: SubscriptionId, to: u64, way: Way) -> Option<()> {
        self.subscribed(id)?;
        let tail = self.tail;
        let to = self.counts.next_from(to, tail);
        let subscribed = self.subscriptions.get_mut(id.place).expect(NAMED);
        let cursor = subscribed.cursor(tail);
        match way {
            Way::On => {
                let discarded = subscribed.skip_to(to, tail, &self.counts, &mut self.kept_ends);
                count_discarded(&mut subscribed.tally, BY_THE_OPERATOR, discarded);
            }
            Way::Back => {
                subscribed.let_go_of_fresh(0);
                subscribed.done_ahead.clear();
                subscribed.tally.replayed += subscribed.others_in(&self.counts, &(to..cursor));
                subscribed.feed = Feed::Behind(to);
            }
        }
        // Nobody knows yet what one that was not opened since the start wants.
        subscribed.feed = match subscribed.reads_to(tail) {
            from if from < tail || subscribed.key.is_none() => Feed::Behind(from),
            _ => Feed::Live,
        };
        let waker = subscribed.waker.take();
        self.woken.readers.extend(waker);
        self.must_save(id);
        Some(())
    }

    /// None where the subscription is gone.
    fn replay(
        &mut self,
        id: SubscriptionId,
        given: BTreeSet<u64>,
        foreseen: Replayed,
        at: Timestamp,
    ) -> Option<Replayed> {
        self.subscribed(id)?;
        let tail = self.tail;
        let subscribed = self.subscriptions.get_mut(id.place).expect(NAMED);
        let mut replayed = foreseen;
        for offset in given {
            // It may have let go of what it had read, and comes by the event once more.
            if offset >= subscribed.reads_to(tail) || subscribed.queues.has(offset) {
                replayed.given -= 1;
                replayed.unfinished += 1;
                replayed.passed_over.push(Position {
                    partition: PARTITION,
                    offset,
                });
            } else {
                subscribed.give_again(offset, at);
            }
        }
        wake(&mut self.woken.readers, subscribed);
        self.must_save(id);
        Some(replayed)
    }
}

impl Command {
    /// It could not be stored.
    pub(super) fn refuse(self, error: &StoreError) {
        let error = || SeekError::Store(error.clone());
        match self.what {
            What::Seek { answer, .. } => drop(answer.send(Err(error()))),
            What::Replay { answer, .. } => drop(answer.send(Err(error()))),
        }
    }
}

impl Subscribed {
    fn give_again(&mut self, offset: u64, at: Timestamp) {
        let ticket = Ticket {
            offset,
            place: Place {
                held: None,
                accepted_at: Timestamp::default(),
                is_kept: false,
            },
            size_bytes: 0,
            sends: 0,
            redriven_at: at,
        };
        self.queues.put_again(ticket, false, Why::Redriven, at);
        self.tally.replayed += 1;
    }
}

#[cfg(test)]
impl State {
    /// Carries out a seek as if it had been stored.
    pub(super) fn seek_at_once(&mut self, name: &str, to: u64) {
        let id = self.id_of(name).expect("it is known");
        let at = self.counts.next_from(to, self.tail);
        let subscribed = self.subscriptions.get(id.place).expect(NAMED);
        let way = match at >= subscribed.cursor(self.tail) {
            true => Way::On,
            false => Way::Back,
        };
        self.seek(id, to, way).expect("it is known");
    }

    /// Carries out a replay as if it had been stored.
    pub(super) fn replay_at_once(
        &mut self,
        name: &str,
        positions: &[Position],
        at: Timestamp,
    ) -> Replayed {
        let id = self.id_of(name).expect("it is known");
        let subscribed = self.subscriptions.get(id.place).expect(NAMED);
        let (replayed, given) = subscribed.to_replay(positions, self.tail, &self.counts);
        let done = self.replay(id, given, replayed, at);
        done.expect("it is known")
    }
}
