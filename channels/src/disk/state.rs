//! The subscriptions of a broker as plain data, and what may happen to them.
//!
//! Each method is one transition: it takes the time as an argument, never waits, touches no file,
//! and leaves the books balanced. What has to be done with files it leaves for the threads of the
//! channel: events to be read ([`sweeping`], [`fetching`]), entries to be kept ([`keeping`]) and
//! progress to be stored ([`saving`]). The shell in `channel.rs` holds all of it under one mutex and
//! wakes whom a transition says to wake.
//!
//! ```text
//!   accepting      events that have become durable, for those who stand at the tail
//!   sweeping       events read from the log, for those who are behind
//!   fetching       single events that are due and not in memory
//!   leasing        how events go out; ending: how leases end
//!   keeping        what is moved aside or parked, once it is durable; taking_effect: what comes of it
//!   saving         what progress is to say; commanding: what takes effect once it says so
//!   restoring      what was stored becomes subscriptions again
//!   subscribing    how subscriptions begin; operating: what operators do; describing: what is shown
//! ```
//!
//! # Who stands where
//!
//! A subscription is *live*, and is given each event as it is accepted, or *behind*, and then reads on
//! from an offset. It falls behind when it holds most of a full buffer, and everybody is behind after a
//! restart. Whoever is behind and asks for more is *hungry*.

mod accepting;
mod commanding;
mod counts;
mod describing;
mod ending;
mod fetching;
mod held;
mod keeping;
mod leasing;
mod operating;
mod restoring;
mod saving;
mod subscribed;
mod subscribing;
mod sweeping;
mod taking_effect;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::task::Waker;

pub(super) use self::accepting::Accepted;
pub(super) use self::counts::Counts;
pub(super) use self::describing::Letter;
pub(super) use self::ending::Ending;
pub(super) use self::fetching::{Fetch, Fetched};
use self::held::{Buffer, Held};
pub(super) use self::keeping::ToKeep;
pub(super) use self::saving::{Pressing, Round};
use self::saving::{Saves, Unsaved};
use self::subscribed::{Subscribed, wake};
pub(super) use self::sweeping::{SweepPlan, Swept};
use super::kept::KeptKey;
use crate::reading::SubscriptionId;
use crate::slab::Slab;
use crate::{LostEvents, SubscriptionKey};

#[derive(Debug)]
pub(super) struct State {
    subscriptions: Slab<Subscribed>,
    by_name: BTreeMap<Arc<str>, usize>,
    by_key: HashMap<SubscriptionKey, usize>,
    by_number: HashMap<u64, usize>,
    counts: Counts,
    /// The offset that the next event will have, or less: what was accepted lies below.
    tail: u64,
    /// How many events there had been when the channel was opened.
    opened_at_count: u64,
    buffer: Buffer,
    hungry: VecDeque<SubscriptionId>,
    fetches: VecDeque<Fetch>,
    to_keep: Vec<ToKeep>,
    /// Entries that are done with, to be ended once progress does not need them.
    kept_ends: Vec<KeptKey>,
    /// Dead letters whose end is being stored, each with the fetch that found nothing there.
    discarding: HashMap<KeptKey, Option<Fetch>>,
    unsaved: Unsaved,
    saves: Saves,
    next_number: u64,
    last_serial: u64,
    keys_epoch: u64,
    /// Events that are missing and no segment tells of, and the offsets of those among them that no
    /// reader comes to.
    lost_events: LostEvents,
    untold: Vec<Range<u64>>,
    /// How many subscriptions have lost where they stood, or may have.
    standings_lost: u64,
    closed: bool,
    /// The keeper has ended.
    keeps_no_more: bool,
    woken: Woken,
}

/// Whom the transitions since the last look have to wake.
#[derive(Debug, Default)]
pub(super) struct Woken {
    pub(super) readers: Vec<Waker>,
    /// Whoever reads the log of events and fetches.
    pub(super) fetcher: bool,
    /// Whoever stores what is kept and how far everybody is.
    pub(super) keeper: bool,
}

impl State {
    /// A state without subscriptions.
    pub(super) fn new(counts: Counts, tail: u64, next_number: u64, buffer_bytes: u64) -> Self {
        State {
            subscriptions: Slab::new(),
            by_name: BTreeMap::new(),
            by_key: HashMap::new(),
            by_number: HashMap::new(),
            opened_at_count: counts.at(tail),
            counts,
            tail,
            buffer: Buffer::new(buffer_bytes),
            hungry: VecDeque::new(),
            fetches: VecDeque::new(),
            to_keep: Vec::new(),
            kept_ends: Vec::new(),
            discarding: HashMap::new(),
            unsaved: Unsaved::default(),
            saves: Saves::default(),
            next_number,
            last_serial: 0,
            keys_epoch: 0,
            lost_events: LostEvents::default(),
            untold: Vec::new(),
            standings_lost: 0,
            closed: false,
            keeps_no_more: false,
            woken: Woken::default(),
        }
    }

    /// So many subscriptions have lost where they stood, or may have. As many new ones begin with the
    /// oldest event there is: nobody knows which of them they are, and an event too many is better
    /// than one too few.
    pub(super) fn has_lost_standings(&mut self, count: u64) {
        self.standings_lost = count;
    }

    /// Changes whenever the matcher's answer may name a subscription that it could not name
    /// before.
    pub(super) fn keys_epoch(&self) -> u64 {
        self.keys_epoch
    }

    pub(super) fn take_woken(&mut self) -> Woken {
        std::mem::take(&mut self.woken)
    }

    /// Of segments that may be removed, by the offsets they hold, forgets those that nobody has
    /// come to need since that was stored, and gives them: nobody can come to need them any more.
    pub(super) fn forget_events(&mut self, segments: &[Range<u64>]) -> Vec<Range<u64>> {
        let is_needed = |offsets: &Range<u64>| {
            let mut all = self.subscriptions.iter();
            all.any(|(_, subscribed)| subscribed.needs(offsets, self.tail))
        };
        let unneeded = segments.iter().filter(|it| !is_needed(it));
        let unneeded: Vec<_> = unneeded.cloned().collect();
        for removed in &unneeded {
            self.counts.forget(removed);
        }
        unneeded
    }

    /// What lies below was accepted.
    pub(super) fn tail(&self) -> u64 {
        self.tail
    }

    /// What all events in memory take up.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> u64 {
        self.buffer.used_bytes()
    }

    pub(super) fn set_buffer_bytes(&mut self, buffer_bytes: u64) {
        self.buffer.set_bytes_max(buffer_bytes);
    }

    /// Ends every wait; leases may still end.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.woken.keeper = true;
        self.woken.fetcher = true;
        for subscribed in self.subscriptions.iter_mut() {
            self.woken.readers.extend(subscribed.waker.take());
        }
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

    fn id_of(&self, name: &str) -> Option<SubscriptionId> {
        let place = *self.by_name.get(name)?;
        let serial = self.subscriptions.get(place)?.serial;
        Some(SubscriptionId { place, serial })
    }

    /// Whatever ended or came, the reader's next wait may be another.
    fn wake_reader(&mut self, id: SubscriptionId) {
        if let Some(subscribed) = self.subscriptions.get_mut(id.place) {
            wake(&mut self.woken.readers, subscribed);
        }
    }
}

const NAMED: &str = "a name stands for a subscription until it is deleted";
