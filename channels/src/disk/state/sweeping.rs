//! Those who are behind are given what is read from the log of events.
//!
//! One *sweep* reads a stretch of the log for whoever has been hungry longest, matches each event once,
//! and gives it to everybody hungry who stands within the stretch. So ten thousand that stand at one
//! place after a restart cost one reading; one that is far behind and slow does not hold up one that
//! is nearer, because they take turns; and none gets more than its window holds.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use sluicegate_event::Event;

use super::super::appender::Answers;
use super::accepting::fresh;
use super::subscribed::{Feed, wake};
use super::{Held, State};
use crate::Timestamp;
use crate::reading::SubscriptionId;

/// What is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct SweepPlan {
    /// The first offset.
    pub(in super::super) from: u64,
    /// Up to which offset, or less.
    pub(in super::super) until: u64,
    pub(super) keys_epoch: u64,
}

/// What was read, in the order of offsets.
#[derive(Debug)]
pub(in super::super) enum Swept {
    Event {
        event: Arc<Event>,
        offset: u64,
        accepted_at: Timestamp,
        answers: Answers,
    },
    /// Damage has taken the events at these offsets.
    Lost(Range<u64>),
}

impl Swept {
    fn start(&self) -> u64 {
        match self {
            Swept::Event { offset, .. } => *offset,
            Swept::Lost(offsets) => offsets.start,
        }
    }
}

/// Somebody hungry who stands within what was read.
#[derive(Clone, Copy, Debug)]
struct Aboard {
    from: u64,
    /// The first offset that it had no room for.
    stopped_at: Option<u64>,
    got_any: bool,
}

type Boarded = HashMap<usize, Aboard>;

impl State {
    /// Puts a subscription in the queue of the hungry, if it is behind and has room.
    pub(super) fn ask_for_more(&mut self, id: SubscriptionId) {
        let Some(subscribed) = self.subscribed(id) else {
            return;
        };
        if !subscribed.is_hungry && subscribed.wants_more() {
            subscribed.is_hungry = true;
            self.hungry.push_back(id);
            self.woken.fetcher = true;
        }
    }

    /// What to read next; none when nobody is hungry.
    pub(in super::super) fn plan_sweep(&mut self) -> Option<SweepPlan> {
        while let Some(id) = self.hungry.front().copied() {
            let (tail, keys_epoch) = (self.tail, self.keys_epoch);
            if self.closed {
                return None;
            }
            if let Some(subscribed) = self.subscribed(id)
                && subscribed.wants_more()
            {
                let from = subscribed.reads_to(tail);
                if from < tail {
                    return Some(SweepPlan {
                        from,
                        until: tail,
                        keys_epoch,
                    });
                }
                subscribed.feed = Feed::Live;
            }
            if let Some(subscribed) = self.subscribed(id) {
                subscribed.is_hungry = false;
            }
            self.hungry.pop_front();
        }
        None
    }

    /// Gives out what was read, from the beginning of the plan up to `until`. For those that have come
    /// since it was matched it is read again.
    pub(in super::super) fn swept(&mut self, plan: SweepPlan, swept: Vec<Swept>, until: u64) {
        let mut boarded = self.board(plan.from..until, plan.keys_epoch);
        let untold = self.untold.iter();
        let untold = untold.filter(|it| plan.from < it.end && it.start < until);
        let mut untold = untold.cloned().collect::<Vec<_>>().into_iter().peekable();
        for swept in swept {
            while let Some(lost) = untold.next_if(|it| it.start < swept.start()) {
                self.pass_over(&mut boarded, &lost);
            }
            match swept {
                Swept::Event {
                    event,
                    offset,
                    accepted_at,
                    answers,
                } => self.give(&mut boarded, &event, offset, accepted_at, &answers),
                Swept::Lost(offsets) => self.pass_over(&mut boarded, &offsets),
            }
        }
        for lost in untold {
            self.pass_over(&mut boarded, &lost);
        }
        for (place, aboard) in &boarded {
            self.land(*place, *aboard, until);
        }
        self.requeue(&boarded);
        self.make_room();
    }

    /// What a plan asked for could not be read for now: its turn is behind the others'. Says whether
    /// there are others.
    pub(in super::super) fn sweep_failed(&mut self, plan: SweepPlan) -> bool {
        let tail = self.tail;
        let is_of_plan = |state: &mut Self, id| {
            let subscribed = state.subscribed(id);
            subscribed.is_some_and(|it| it.reads_to(tail) == plan.from)
        };
        for _ in 0..self.hungry.len() {
            match self.hungry.front().copied() {
                Some(id) if is_of_plan(self, id) => self.hungry.rotate_left(1),
                Some(_) => return true,
                None => return false,
            }
        }
        false
    }

    fn board(&mut self, stretch: Range<u64>, keys_epoch: u64) -> Boarded {
        let hungry = self.hungry.iter();
        let boarded = hungry.filter_map(|id| {
            let subscribed = self.subscriptions.get(id.place)?;
            let Feed::Behind(from) = subscribed.feed else {
                return None;
            };
            let is_aboard = subscribed.serial == id.serial
                && subscribed.keyed_in <= keys_epoch
                && stretch.contains(&from)
                && !subscribed.is_paused;
            let aboard = Aboard {
                from,
                stopped_at: None,
                got_any: false,
            };
            is_aboard.then_some((id.place, aboard))
        });
        boarded.collect()
    }

    fn give(
        &mut self,
        boarded: &mut Boarded,
        event: &Arc<Event>,
        offset: u64,
        accepted_at: Timestamp,
        answers: &Answers,
    ) {
        let mut held: Option<Arc<Held>> = None;
        let size_bytes = event.size_bytes() as u64;
        for key in &answers.wanted {
            let Some((place, aboard)) = self
                .by_key
                .get(key)
                .and_then(|place| Some((*place, boarded.get_mut(place)?)))
            else {
                continue;
            };
            let Some(subscribed) = self.subscriptions.get_mut(place) else {
                continue;
            };
            if offset < aboard.from || aboard.stopped_at.is_some() {
                continue;
            }
            // It was handed out, moved or parked before it was read again.
            if subscribed.queues.has(offset) {
                continue;
            }
            let is_full = self.buffer.is_over() && !subscribed.queues.fresh.is_empty();
            if is_full || !subscribed.has_room() {
                aboard.stopped_at = Some(offset);
                continue;
            }
            let held = held.get_or_insert_with(|| self.buffer.hold(Arc::clone(event), size_bytes));
            subscribed
                .queues
                .push_fresh(fresh(offset, accepted_at, size_bytes, held));
            aboard.got_any = true;
        }
        for key in &answers.undecided {
            let Some(place) = self.by_key.get(key) else {
                continue;
            };
            let is_aboard = boarded
                .get(place)
                .is_some_and(|it| offset >= it.from && it.stopped_at.is_none());
            if is_aboard && let Some(subscribed) = self.subscriptions.get_mut(*place) {
                subscribed.tally.undecided += 1;
                subscribed.is_saved_idle = false;
            }
        }
    }

    /// Nobody knows who wanted what is lost, so it has expired for all.
    fn pass_over(&mut self, boarded: &mut Boarded, lost: &Range<u64>) {
        for (place, aboard) in boarded {
            if aboard.stopped_at.is_some() {
                continue;
            }
            if let Some(subscribed) = self.subscriptions.get_mut(*place) {
                let lost = lost.start.max(aboard.from)..lost.end;
                let missed = subscribed.others_in(&self.counts, &lost);
                subscribed.tally.expired += missed;
                // What is stored of it says less, also where it is idle.
                subscribed.is_saved_idle &= missed == 0;
            }
        }
    }

    /// One that had no room stays where it stopped; the others have read on, and may be at the tail.
    fn land(&mut self, place: usize, aboard: Aboard, until: u64) {
        let tail = self.tail;
        let Some(subscribed) = self.subscriptions.get_mut(place) else {
            return;
        };
        let at = aboard.stopped_at.unwrap_or(until);
        let is_done = aboard.stopped_at.is_some() || at >= tail;
        subscribed.feed = if at >= tail {
            Feed::Live
        } else {
            Feed::Behind(at)
        };
        subscribed.is_hungry = !is_done;
        if aboard.got_any {
            wake(&mut self.woken.readers, subscribed);
        }
        // Who is stored as idle stands at the floor anyway.
        if !subscribed.is_saved_idle {
            let id = subscribed.id(place);
            self.must_save(id);
        }
    }

    /// Who took part goes behind who did not.
    fn requeue(&mut self, boarded: &Boarded) {
        let (again, mut others): (Vec<_>, Vec<_>) = self
            .hungry
            .drain(..)
            .partition(|id| boarded.contains_key(&id.place));
        others.extend(again);
        let subscriptions = &self.subscriptions;
        self.hungry.extend(others.into_iter().filter(|id| {
            let subscribed = subscriptions.get(id.place);
            subscribed.is_some_and(|it| it.serial == id.serial && it.is_hungry)
        }));
    }
}
