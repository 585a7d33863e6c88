//! One subscription as a process has it in memory.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use super::held::{AllHeld, Queues};
use super::leasing::Pulls;
use super::todo::ToDo;
use crate::nats::control::record::Record;
use crate::nats::control::tally::Tally;
use crate::nats::survey::Figures;
use crate::reading::SubscriptionId;
use crate::{BY_THE_LEASE, Exhausted, Settled, SubscriptionKey, Timestamp};

/// So many that were settled are known again if the server has not heard of it.
const SETTLED_MAX: usize = 1_024;

#[derive(Debug)]
pub(super) struct Subscribed {
    /// Tells it from a later one at the same place.
    pub(super) serial: u64,
    pub(super) number: u64,
    pub(super) epoch: u64,
    pub(super) name: Arc<str>,
    /// None until it is opened here: then nobody knows what it wants.
    pub(super) key: Option<SubscriptionKey>,
    /// The matcher knows the key from this epoch of the state's keys on.
    pub(super) keyed_in: u64,
    pub(super) exhausted: Exhausted,
    pub(super) deferred_max: usize,
    pub(super) is_paused: bool,
    pub(super) paused_at: Timestamp,
    /// Whether a reading end is alive.
    pub(super) is_open: bool,
    pub(super) waker: Option<Waker>,
    /// From no earlier than this do the ages of its events count.
    pub(super) ages_from: Timestamp,
    /// The last sequence before the first event that counts as accepted.
    pub(super) began: u64,
    pub(super) queues: Queues,
    pub(super) held: AllHeld,
    /// Positions of the first stream, in the order in which they were settled.
    pub(super) settled: VecDeque<u64>,
    pub(super) pulls: Pulls,
    /// What lies below, or here, was handed out to some process if it was to be at all.
    pub(super) handed_to: u64,
    /// What lies there or below, and is handed out for the first time, was handed out before the
    /// subscription went back.
    pub(super) again_to: u64,
    pub(super) figures: Option<Figures>,
    /// What other processes hold of the first stream, as far as is known.
    pub(super) others: u64,
    /// How many acknowledgements have gone out since the last figures.
    pub(super) acknowledged: u64,
    /// What ended here and is to be added to what stands.
    pub(super) ended: Tally,
    /// What is being added.
    pub(super) adding: Option<Tally>,
    /// What stands.
    pub(super) stands: Tally,
}

impl Subscribed {
    pub(super) fn new(record: &Record, deferred_max: usize, now: Timestamp) -> Self {
        Subscribed {
            serial: 0,
            number: record.number,
            epoch: record.epoch,
            name: Arc::clone(&record.name),
            key: None,
            keyed_in: 0,
            exhausted: Exhausted::Discard,
            deferred_max,
            is_paused: record.is_paused,
            paused_at: now,
            is_open: false,
            waker: None,
            ages_from: Timestamp::default(),
            began: record.began,
            queues: Queues::default(),
            held: AllHeld::new(),
            settled: VecDeque::new(),
            pulls: Pulls::default(),
            handed_to: match record.epoch {
                0 => record.began,
                // It may have gone back.
                _ => 0,
            },
            again_to: 0,
            figures: None,
            others: 0,
            acknowledged: 0,
            ended: Tally::default(),
            adding: None,
            stands: Tally::default(),
        }
    }

    pub(super) fn id(&self, place: usize) -> SubscriptionId {
        SubscriptionId {
            place,
            serial: self.serial,
        }
    }

    pub(super) fn count(&mut self, how: Settled) {
        match how {
            Settled::Delivered => self.ended.delivered += 1,
            Settled::DeadLettered => self.ended.dead_lettered += 1,
            Settled::Discarded => self.ended.discard(BY_THE_LEASE, 1),
        }
    }

    /// What is held there is nobody's here any more. Gives what is left to be said of it.
    pub(super) fn let_go_of(&mut self, position: u64) -> Option<ToDo> {
        let held = self.held.remove(&position)?;
        self.queues.remove(position);
        if held.is_of_events() {
            self.acknowledged += 1;
        }
        Some(ToDo::Acknowledge(held.reply))
    }

    pub(super) fn has_been_settled(&mut self, position: u64) {
        if self.settled.len() == SETTLED_MAX {
            self.settled.pop_front();
        }
        self.settled.push_back(position);
    }
}
