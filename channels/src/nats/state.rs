//! The subscriptions of a broker as one process has them, as plain data, and what may happen to them.
//!
//! Each method is one transition: it takes the time as an argument, never waits, asks no server, and
//! leaves the books balanced. What has to be done with a server it leaves as a [`ToDo`] for the tasks
//! of the channel, which say later what came of it. The shell holds all of it under one mutex and wakes
//! whom a transition says to wake.
//!
//! ```text
//!   answers        what the matcher said, by message and by position
//!   arriving       what a server hands out, also when it does so again
//!   leasing        how events go out, and what is asked of the server for that
//!   ending         how leases end; stepping: what comes of a step, once it is stored or not
//!   noting         what is learnt of entries, and who loses an event by it
//!   dead_letters   what operators do to what is parked
//!   ticking        what time alone does: progress, pauses, tallies, steps once more
//!   subscribing    how subscriptions begin, change and go; moving: to other places
//!   counting       books and figures; describing: what is shown; listing: what is looked up
//! ```
//!
//! # Who has an event
//!
//! What a server has handed to this process is *held* until it is acknowledged: an event of the first
//! stream, or an entry that is due, with its event. One position is held once. What is kept apart is
//! the index's, and beats what is held of the first stream: who learns of an entry acknowledges the
//! event and forgets it, so that of two processes that had it one goes on.

mod answers;
mod arriving;
mod counting;
mod dead_letters;
mod describing;
mod ending;
mod held;
mod leasing;
mod listing;
mod moving;
mod noting;
mod stepping;
mod subscribed;
mod subscribing;
#[cfg(test)]
mod tests;
mod ticking;
mod todo;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::task::Waker;

use self::answers::Known;
pub(super) use self::answers::MessageId;
pub(super) use self::arriving::{Arrival, Due};
pub(super) use self::ending::Ending;
pub(super) use self::held::Reply;
pub(super) use self::leasing::PullEnd;
pub(super) use self::listing::{Letter, Past};
pub(super) use self::moving::Left;
use self::stepping::Retries;
use self::subscribed::Subscribed;
pub(super) use self::todo::{Consumer, ToDo, ToStep};
use super::index::Index;
#[cfg(test)]
pub(super) use super::survey::Figures;
use crate::SubscriptionKey;
use crate::reading::SubscriptionId;
use crate::slab::Slab;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct State {
    subscriptions: Slab<Subscribed>,
    by_name: BTreeMap<Arc<str>, usize>,
    by_key: HashMap<SubscriptionKey, usize>,
    by_number: HashMap<u64, usize>,
    known: Known,
    index: Index,
    /// The highest sequence of the first stream that was heard of.
    highest: u64,
    /// How many events this process has appended.
    appended: u64,
    to_do: Vec<ToDo>,
    retries: Retries,
    last_serial: u64,
    keys_epoch: u64,
    closed: bool,
    woken: Vec<Waker>,
}

impl State {
    /// A state without subscriptions.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Whether something is left to be done with the server.
    pub(super) fn has_to_do(&self) -> bool {
        !self.to_do.is_empty()
    }

    /// What is left to be done with the server, in this order.
    pub(super) fn take_to_do(&mut self) -> Vec<ToDo> {
        std::mem::take(&mut self.to_do)
    }

    /// Readers for whom something may have changed since the last look.
    pub(super) fn take_woken(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.woken)
    }

    /// Changes whenever the matcher's answer may name a subscription that it could not name before.
    pub(super) fn keys_epoch(&self) -> u64 {
        self.keys_epoch
    }

    /// What is known of all that is kept apart.
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// Ends every wait; leases may still end.
    pub(super) fn close(&mut self) {
        self.closed = true;
        for subscribed in self.subscriptions.iter_mut() {
            self.woken.extend(subscribed.waker.take());
        }
    }

    /// Whether it was closed.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Forgets what is left to be done: whoever waits for it learns that it never will be.
    pub(super) fn abandon(&mut self) {
        self.to_do.clear();
        self.retries = Retries::default();
    }

    fn serial(&mut self) -> u64 {
        self.last_serial += 1;
        self.last_serial
    }

    fn subscribed(&mut self, id: SubscriptionId) -> Option<&mut Subscribed> {
        self.subscriptions
            .get_mut(id.place)
            .filter(|subscribed| subscribed.serial == id.serial)
    }

    fn numbered(&mut self, number: u64) -> Option<&mut Subscribed> {
        let place = *self.by_number.get(&number)?;
        self.subscriptions.get_mut(place)
    }

    fn named(&self, name: &str) -> Option<&Subscribed> {
        self.subscriptions.get(*self.by_name.get(name)?)
    }

    /// Whatever ended or came, the reader's next wait may be another.
    fn wake(&mut self, number: u64) {
        if let Some(place) = self.by_number.get(&number)
            && let Some(subscribed) = self.subscriptions.get_mut(*place)
            && !subscribed.is_paused
        {
            self.woken.extend(subscribed.waker.take());
        }
    }
}

const NAMED: &str = "a name stands for a subscription until it is deleted";
