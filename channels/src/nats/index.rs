//! What a process knows of all that is kept apart for a broker, made of the headers of the stream's
//! messages. Plain data: no time, no waiting, no server.
//!
//! Messages are noted in any order and more than once: those that the process stored itself at their
//! acknowledgement, and all of them again as the stream is read. The sequence decides: of a subject
//! the highest stands. What ended is remembered until the stream has been read as far, or an older
//! message that is read late would bring it back.
//!
//! ```text
//!   waiting ──(the server, when due)──► due ──┬─ ended
//!      ▲                                      │
//!      └──────── deferred again, parked ◄─────┘
//! ```
//!
//! An entry may have a message in both places for a moment, while it goes from one to the other in
//! one batch; the newer says how it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::entry::{Body, Entry, EntryState, Kept};
use super::names::KeptSubject;
use crate::Timestamp;

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Index {
    /// By position, then number: as dead letters are listed.
    slots: BTreeMap<(u64, u64), Slot>,
    /// Of each event that is kept, the sequence of its message.
    bodies: BTreeMap<u64, u64>,
    sums: BTreeMap<u64, Sum>,
    /// Slots that hold nothing but what ended, by when they can be forgotten.
    fading: BTreeSet<(u64, (u64, u64))>,
    /// The stream has been read up to here.
    read_to: u64,
}

/// How an entry stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where its message is.
    pub place: Place,
    /// Its message's sequence: what a step that changes it expects.
    pub sequence: u64,
    /// The entry; of a parked one the data of the reason is missing.
    pub entry: Arc<Entry>,
}

/// Where the message of an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It waits until it is due, or for an operator.
    Waiting,
    /// It is due, and handed out by its consumer.
    Due,
}

/// What is kept for one subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Entries to be delivered, due or not.
    pub moved: u64,
    /// Those of them that an operator replays.
    pub replayed: u64,
    /// Dead letters, also those that are on their way to the sink.
    pub parked: u64,
    /// When those that wait for delivery are due, with their positions.
    dues: BTreeSet<(Timestamp, u64)>,
}

impl Sum {
    /// When the first that waits for delivery is due.
    pub fn first_due(&self) -> Option<Timestamp> {
        self.dues.first().map(|(due, _)| *due)
    }

    /// How many of those that are to be delivered are not due yet, as far as the server has said.
    pub fn waiting(&self) -> usize {
        self.dues.len()
    }

    /// How many of them are due after `now`.
    pub fn deferred(&self, now: Timestamp) -> usize {
        let later = (Bound::Excluded((now, u64::MAX)), Bound::Unbounded);
        self.dues.range(later).count()
    }

    fn is_empty(&self) -> bool {
        self.moved == 0 && self.parked == 0
    }
}

#[derive(Debug, Default)]
struct Slot {
    waiting: Held,
    due: Held,
}

/// The newest message of one subject.
#[derive(Clone, Debug, Default)]
struct Held {
    sequence: u64,
    /// None where it has ended.
    entry: Option<Arc<Entry>>,
}

impl Slot {
    fn standing(&self) -> Option<Standing> {
        let held = [(Place::Waiting, &self.waiting), (Place::Due, &self.due)];
        let present = held.into_iter().filter_map(|(place, held)| {
            let entry = Arc::clone(held.entry.as_ref()?);
            Some(Standing {
                place,
                sequence: held.sequence,
                entry,
            })
        });
        present.max_by_key(|standing| standing.sequence)
    }

    fn newest(&self) -> u64 {
        self.waiting.sequence.max(self.due.sequence)
    }
}

impl Index {
    /// An index of nothing, of a stream that has not been read yet.
    pub fn new() -> Self {
        Self::default()
    }

    // ---- what is learnt ----

    /// Notes the message of that sequence. `kept` is what it says, none for an event.
    pub fn note(&mut self, subject: KeptSubject, sequence: u64, kept: Option<Kept>) {
        let (number, position, place) = match subject {
            KeptSubject::Body { position } => {
                let held = self.bodies.entry(position).or_default();
                *held = sequence.max(*held);
                return;
            }
            KeptSubject::Waiting { number, position } => (number, position, Place::Waiting),
            KeptSubject::Due { number, position } => (number, position, Place::Due),
        };
        // What is due was taken from what waited, and so was what ended when it was due: the message
        // that said that it was due may have been replaced before it was read.
        let (entry, is_of_waiting) = match kept {
            Some(Kept::Entry(entry)) => (Some(Arc::new(entry)), place == Place::Due),
            Some(Kept::Ended) => (None, place == Place::Due),
            Some(Kept::Back) => (None, false),
            None => return,
        };
        self.change((position, number), |slot| {
            let held = match place {
                Place::Waiting => &mut slot.waiting,
                Place::Due => &mut slot.due,
            };
            if held.sequence >= sequence {
                return;
            }
            *held = Held { sequence, entry };
            if is_of_waiting && slot.waiting.sequence < sequence {
                slot.waiting = Held {
                    sequence,
                    entry: None,
                };
            }
        });
    }

    /// The stream has been read up to this sequence: what ended before it can be forgotten.
    pub fn read_to(&mut self, sequence: u64) {
        self.read_to = self.read_to.max(sequence);
        while let Some(&(newest, key)) = self.fading.first()
            && newest <= self.read_to
        {
            self.fading.pop_first();
            self.slots.remove(&key);
        }
    }

    /// How far the stream has been read.
    pub fn has_read_to(&self) -> u64 {
        self.read_to
    }

    /// Takes over what `other` was told of and this one has not read yet.
    pub fn take_newer(&mut self, other: &Index) {
        let read_to = self.read_to;
        for (position, sequence) in &other.bodies {
            if *sequence > read_to {
                let held = self.bodies.entry(*position).or_default();
                *held = (*sequence).max(*held);
            }
        }
        for (key, theirs) in &other.slots {
            if theirs.newest() <= read_to {
                continue;
            }
            self.change(*key, |slot| {
                let places = [
                    (&mut slot.waiting, &theirs.waiting),
                    (&mut slot.due, &theirs.due),
                ];
                for (mine, theirs) in places {
                    if theirs.sequence > read_to && theirs.sequence > mine.sequence {
                        *mine = theirs.clone();
                    }
                }
            });
        }
    }

    /// Forgets everything of a subscription that is deleted.
    pub fn forget(&mut self, number: u64) {
        let keys = self.slots.keys().filter(|(_, of)| *of == number);
        let keys: Vec<_> = keys.copied().collect();
        for key in keys {
            if let Some(slot) = self.slots.remove(&key) {
                self.fading.remove(&(slot.newest(), key));
            }
        }
        self.sums.remove(&number);
    }

    /// The event's message has been deleted.
    pub fn forget_body(&mut self, position: u64) {
        self.bodies.remove(&position);
    }

    fn change(&mut self, key: (u64, u64), change: impl FnOnce(&mut Slot)) {
        let (position, number) = key;
        let slot = self.slots.entry(key).or_default();
        let (before, was_newest) = (slot.standing(), slot.newest());
        change(slot);
        let (after, newest) = (slot.standing(), slot.newest());
        let sum = self.sums.entry(number).or_default();
        count(sum, position, before.as_ref(), false);
        count(sum, position, after.as_ref(), true);
        if sum.is_empty() {
            self.sums.remove(&number);
        }
        self.fading.remove(&(was_newest, key));
        if after.is_none() {
            self.fading.insert((newest, key));
            self.read_to(0);
        }
    }

    // ---- what is known ----

    /// Of each subscription with something to be delivered, when the oldest of that was accepted.
    pub fn oldest(&self) -> BTreeMap<u64, Timestamp> {
        let mut oldest: BTreeMap<u64, Timestamp> = BTreeMap::new();
        for ((_, number), slot) in &self.slots {
            if let Some(standing) = slot.standing()
                && let EntryState::Moved { .. } = standing.entry.state
            {
                let at = standing.entry.accepted_at;
                let known = oldest.entry(*number).or_insert(at);
                *known = at.min(*known);
            }
        }
        oldest
    }

    /// How the event of that position is kept for the subscription of that number.
    pub fn get(&self, number: u64, position: u64) -> Option<Standing> {
        self.slots.get(&(position, number))?.standing()
    }

    /// What is kept for the subscription of that number.
    pub fn sum(&self, number: u64) -> Option<&Sum> {
        self.sums.get(&number)
    }

    /// Up to `limit` entries that `is_listed` says yes to, in order of position and number, behind
    /// `after`.
    pub fn list(
        &self,
        after: Option<(u64, u64)>,
        limit: usize,
        mut is_listed: impl FnMut(u64, &Entry) -> bool,
    ) -> Vec<((u64, u64), Standing)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let slots = self.slots.range((from, Bound::Unbounded));
        let standing = slots.filter_map(|(key, slot)| Some((*key, slot.standing()?)));
        standing
            .filter(|((_, number), standing)| is_listed(*number, &standing.entry))
            .take(limit)
            .collect()
    }

    /// The sequence of the message that keeps the event of that position, where no entry needs it.
    pub fn unneeded_body(&self, position: u64) -> Option<u64> {
        let sequence = *self.bodies.get(&position)?;
        let of_it = self.slots.range((position, 0)..=(position, u64::MAX));
        let is_needed = of_it
            .filter_map(|(_, slot)| slot.standing())
            .any(|standing| standing.entry.body == Body::Kept);
        (!is_needed).then_some(sequence)
    }

    /// The sequence of the message that keeps the event of that position.
    pub fn body(&self, position: u64) -> Option<u64> {
        self.bodies.get(&position).copied()
    }

    /// The positions of all events that are kept.
    pub fn bodies(&self) -> impl Iterator<Item = u64> + '_ {
        self.bodies.keys().copied()
    }
}

/// Adds or takes away what an entry counts.
fn count(sum: &mut Sum, position: u64, standing: Option<&Standing>, is_added: bool) {
    let Some(standing) = standing else { return };
    let step = |number: &mut u64| {
        *number = if is_added { *number + 1 } else { *number - 1 };
    };
    match &standing.entry.state {
        EntryState::Parked { .. } => step(&mut sum.parked),
        EntryState::Moved { due, replayed } => {
            step(&mut sum.moved);
            if *replayed {
                step(&mut sum.replayed);
            }
            if standing.place == Place::Waiting {
                if is_added {
                    sum.dues.insert((*due, position));
                } else {
                    sum.dues.remove(&(*due, position));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
