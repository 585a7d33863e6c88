//! The store as one would write it without a thought for speed: a map per subscription, and
//! everything else counted anew each time it is asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::bounds::Bounds;
use super::super::super::queues::Duty;
use super::super::SubscriptionId;
use crate::load::{Load, Unit};
use crate::{Admission, Books, Exhausted, Timestamp};

/// Where one event of one subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Fresh,
    Again {
        due: Timestamp,
        deferred: bool,
    },
    Taken {
        due: Timestamp,
        deferred: bool,
    },
    Leased {
        token: u64,
        taken: bool,
    },
    Parked {
        due: Option<Timestamp>,
    },
    ParkedLeased {
        token: u64,
        retry_at: Option<Timestamp>,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) at: At,
    pub(super) sends: u32,
    pub(super) size_bytes: u64,
}

#[derive(Debug)]
pub(super) struct Reader {
    pub(super) id: SubscriptionId,
    pub(super) exhausted: Exhausted,
    pub(super) deferred_max: usize,
    pub(super) paused: bool,
    pub(super) open: bool,
    pub(super) items: BTreeMap<u64, Item>,
    /// Everything but the gauges.
    pub(super) ended: Books,
}

impl Reader {
    fn takeable(&self) -> impl Iterator<Item = (u64, Item)> {
        let takeable =
            |item: &Item| matches!(item.at, At::Fresh | At::Again { .. } | At::Parked { .. });
        self.items
            .iter()
            .filter(move |(_, item)| takeable(item))
            .map(|(offset, item)| (*offset, *item))
    }

    fn held(&self, unit: Unit) -> u64 {
        let loads = self.takeable().map(|(_, item)| Load::of(item.size_bytes));
        loads.sum::<Load>().in_unit(unit)
    }

    pub(super) fn deferred(&self) -> usize {
        let deferred = |item: &&Item| {
            matches!(
                item.at,
                At::Again { deferred: true, .. } | At::Taken { deferred: true, .. }
            )
        };
        self.items.values().filter(deferred).count()
    }

    pub(super) fn books(&self) -> Books {
        let mut books = self.ended;
        for item in self.items.values() {
            match item.at {
                At::Parked { .. } | At::ParkedLeased { .. } => books.parked += 1,
                At::Fresh | At::Again { .. } | At::Taken { .. } | At::Leased { .. } => {
                    books.pending += 1;
                }
            }
        }
        books
    }

    /// What may be handed out now, with the sends and the duty it must have.
    pub(super) fn ready(&self, now: Timestamp) -> BTreeMap<u64, (u32, Duty)> {
        let stalled = self.deferred() >= self.deferred_max;
        let duty = |at: At| match at {
            At::Fresh if !stalled => Some(Duty::Deliver),
            At::Again { due, .. } if due <= now => Some(Duty::Deliver),
            At::Taken { due, .. } if due <= now => Some(Duty::HandedOver),
            At::Parked { due: Some(due) } if due <= now => Some(Duty::Parked),
            _ => None,
        };
        self.items
            .iter()
            .filter_map(|(offset, item)| Some((*offset, (item.sends, duty(item.at)?))))
            .collect()
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let due = |item: &Item| match item.at {
            At::Again { due, .. } | At::Taken { due, .. } => Some(due),
            At::Parked { due } => due,
            At::Fresh | At::Leased { .. } | At::ParkedLeased { .. } => None,
        };
        self.items.values().filter_map(due).min()
    }
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) bounds: Bounds,
    pub(super) readers: BTreeMap<&'static str, Reader>,
    pub(super) appended: u64,
}

impl Model {
    /// Everything held, and the part of it that stands in the reserve.
    pub(super) fn used(&self) -> (Load, Load) {
        let mut sizes = BTreeMap::new();
        let mut ordinary = BTreeSet::new();
        for (offset, item) in self.readers.values().flat_map(|reader| &reader.items) {
            sizes.insert(*offset, item.size_bytes);
            if !matches!(item.at, At::Taken { .. } | At::Leased { taken: true, .. }) {
                ordinary.insert(*offset);
            }
        }
        let load = |(_, size_bytes): (&u64, &u64)| Load::of(*size_bytes);
        let used = sizes.iter().map(load).sum();
        let in_reserve = sizes
            .iter()
            .filter(|(offset, _)| !ordinary.contains(offset));
        (used, in_reserve.map(load).sum())
    }

    fn handed_over(&self) -> Load {
        let items = self
            .readers
            .values()
            .flat_map(|reader| reader.items.values());
        items
            .filter(|item| matches!(item.at, At::Taken { .. } | At::Leased { taken: true, .. }))
            .map(|item| Load::of(item.size_bytes))
            .sum()
    }

    /// Takes events by the rule, one at a time, until the need fits. False when that cannot be;
    /// what was taken until then is taken, so the caller tries on a copy.
    pub(super) fn make_room(&mut self, need: Load, admission: Admission, now: Timestamp) -> bool {
        let mut unit = None;
        loop {
            let (used, relieved) = self.used();
            let exceeded = self.bounds.exceeded(used, relieved, need, admission);
            if need.events == 0 || exceeded.is_none() {
                return true;
            }
            unit = exceeded.or(unit);
            if !unit.is_some_and(|unit| self.take_one(unit, now)) {
                return false;
            }
        }
    }

    fn take_one(&mut self, unit: Unit, now: Timestamp) -> bool {
        let least = self.readers.values().map(|reader| reader.held(unit)).min();
        let room = self.bounds.handed_over;
        let handed_over = self.handed_over();
        let most = self
            .readers
            .values_mut()
            .max_by_key(|reader| (reader.held(unit), std::cmp::Reverse(reader.id.place)));
        let (Some(least), Some(most)) = (least, most) else {
            return false;
        };
        if least * 2 >= most.held(unit) {
            return false;
        }
        let Some((offset, item)) = most.takeable().next() else {
            return false;
        };
        let fits = (handed_over + Load::of(item.size_bytes))
            .over(room)
            .is_none();
        if fits && most.exhausted == Exhausted::HandOver {
            let at = At::Taken {
                due: now,
                deferred: false,
            };
            most.items.insert(offset, Item { at, ..item });
        } else {
            most.items.remove(&offset);
            most.ended.discarded += 1;
        }
        true
    }
}
