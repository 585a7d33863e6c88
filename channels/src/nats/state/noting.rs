//! What is learnt of entries, and who loses an event by it.

use super::State;
use super::held::Source;
use crate::nats::entry::Kept;
use crate::nats::index::{Index, Place};
use crate::nats::names::KeptSubject;

impl State {
    /// Notes a message of what is kept apart, as [`Index::note`] does. What is held here by what it
    /// says is somebody else's now is let go of.
    pub(in crate::nats) fn note(
        &mut self,
        subject: KeptSubject,
        sequence: u64,
        kept: Option<Kept>,
    ) {
        let (KeptSubject::Waiting { number, position } | KeptSubject::Due { number, position }) =
            subject
        else {
            return self.index.note(subject, sequence, kept);
        };
        let had_any = self.index.sum(number).is_some();
        self.index.note(subject, sequence, kept);
        if !had_any && self.index.sum(number).is_some() {
            // From now on there may be something due.
            self.wake(number);
        }
        self.reconcile(number, position);
    }

    /// The stream has been read up to here.
    pub(in crate::nats) fn read_to(&mut self, sequence: u64) {
        self.index.read_to(sequence);
    }

    /// The event's message has been deleted.
    pub(in crate::nats) fn forget_body(&mut self, position: u64) {
        self.index.forget_body(position);
    }

    /// The stream was read anew, into an index of its own, because too much may have been missed. What
    /// was told of meanwhile, and lies behind what was read, stays.
    pub(in crate::nats) fn replace_index(&mut self, mut index: Index) {
        index.take_newer(&self.index);
        self.index = index;
        for subscribed in self.subscriptions.iter_mut() {
            self.woken.extend(subscribed.waker.take());
        }
        let held = self.subscriptions.iter().flat_map(|(_, subscribed)| {
            let positions = subscribed.held.keys();
            positions.map(|position| (subscribed.number, *position))
        });
        let held: Vec<_> = held.collect();
        for (number, position) in held {
            self.reconcile(number, position);
        }
    }

    /// Whether an entry stands in the place of what the first stream hands out.
    pub(super) fn is_kept_apart(&self, number: u64, position: u64) -> bool {
        let standing = self.index.get(number, position);
        standing.is_some_and(|it| !it.entry.is_replayed())
    }

    /// Lets go of what is held at that position, if the index says that it is not this process' any
    /// more; but not while a step of its own may be what the index says.
    pub(super) fn reconcile(&mut self, number: u64, position: u64) {
        let is_kept = self.is_kept_apart(number, position);
        let standing = self.index.get(number, position);
        let Some(subscribed) = self.numbered(number) else {
            return;
        };
        let held = subscribed.held.get(&position);
        let Some(held) = held.filter(|held| !held.is_stepping) else {
            return;
        };
        let is_lost = match &held.source {
            Source::Events => is_kept,
            Source::Due { sequence, .. } => {
                !standing.is_some_and(|it| it.place == Place::Due && it.sequence == *sequence)
            }
        };
        if is_lost {
            let to_do = subscribed.let_go_of(position);
            self.to_do.extend(to_do);
            self.wake(number);
        }
    }
}
