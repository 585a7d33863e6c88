//! The events themselves: each is kept once, however many subscriptions hold it, and its slot is
//! free as soon as nobody does, wherever it lies.
//!
//! A holder is *ordinary* (the event waits, is deferred, leased or parked for it) or has been
//! *handed over* (taken from its subscription by a full store and on its way to a dead-letter
//! sink). A slot with no ordinary holder left stands in the reserve and no longer weighs on what
//! ingress may use; [`Slots::relieved`] says how much does.

use std::sync::Arc;

use sluicegate_event::Event;

use crate::Timestamp;
use crate::load::Load;
use crate::slab::Slab;

/// One event that somebody holds.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) event: Arc<Event>,
    pub(super) offset: u64,
    pub(super) size_bytes: u64,
    pub(super) accepted_at: Timestamp,
    /// How many subscriptions hold it in the ordinary way.
    pub(super) ordinary: u32,
    /// From how many it was taken and is not yet done with.
    pub(super) handed_over: u32,
}

impl Slot {
    fn in_reserve(&self) -> bool {
        self.ordinary == 0 && self.handed_over > 0
    }
}

/// Which of its two kinds of holders an event loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Ordinary,
    HandedOver,
}

#[derive(Debug)]
pub(super) struct Slots {
    slots: Slab<Slot>,
    used: Load,
    relieved: Load,
}

const HELD: &str = "a slot lives until its last holder lets go";

impl Slots {
    pub(super) fn new() -> Self {
        Slots {
            slots: Slab::new(),
            used: Load::default(),
            relieved: Load::default(),
        }
    }

    /// Everything held.
    pub(super) fn used(&self) -> Load {
        self.used
    }

    /// The part of `used` that has handed-over holders only.
    pub(super) fn relieved(&self) -> Load {
        self.relieved
    }

    pub(super) fn get(&self, place: usize) -> &Slot {
        self.slots.get(place).expect(HELD)
    }

    /// The slot at `place` if it still holds the event appended at `offset`.
    pub(super) fn find(&self, place: usize, offset: u64) -> Option<&Slot> {
        self.slots.get(place).filter(|slot| slot.offset == offset)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Slot)> {
        self.slots.iter()
    }

    /// Stores an event that nobody holds yet; the caller lets somebody hold it.
    pub(super) fn put(&mut self, slot: Slot) -> usize {
        debug_assert!(slot.ordinary == 0 && slot.handed_over == 0);
        self.used += Load::of(slot.size_bytes);
        self.slots.insert(slot)
    }

    /// One more ordinary holder.
    pub(super) fn hold(&mut self, place: usize) {
        self.change(place, |slot| slot.ordinary += 1);
    }

    /// One ordinary holder becomes a handed-over one.
    pub(super) fn hand_over(&mut self, place: usize) {
        self.change(place, |slot| {
            slot.ordinary -= 1;
            slot.handed_over += 1;
        });
    }

    /// One holder fewer; without any, the slot is free.
    pub(super) fn let_go(&mut self, place: usize, holder: Holder) {
        self.change(place, |slot| match holder {
            Holder::Ordinary => slot.ordinary -= 1,
            Holder::HandedOver => slot.handed_over -= 1,
        });
    }

    fn change(&mut self, place: usize, change: impl FnOnce(&mut Slot)) {
        let slot = self.slots.get_mut(place).expect(HELD);
        let load = Load::of(slot.size_bytes);
        let was_in_reserve = slot.in_reserve();
        change(slot);
        match (was_in_reserve, slot.in_reserve()) {
            (false, true) => self.relieved += load,
            (true, false) => self.relieved -= load,
            (true, true) | (false, false) => {}
        }
        if slot.ordinary == 0 && slot.handed_over == 0 {
            self.used -= load;
            self.slots.remove(place);
        }
    }
}
