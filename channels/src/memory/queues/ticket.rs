//! One event in the queues of one subscription: its ticket, and what goes with it where it stands.

use super::super::load::Load;
use crate::Timestamp;

/// One event of one subscription.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Ticket {
    pub(in super::super) offset: u64,
    /// Its place among the slots.
    pub(in super::super) place: usize,
    pub(in super::super) size_bytes: u64,
    pub(in super::super) sends: u32,
    /// When an operator last made it pending again; the beginning of time when none did.
    pub(in super::super) redriven_at: Timestamp,
}

impl Ticket {
    pub(super) fn load(&self) -> Load {
        Load::of(self.size_bytes)
    }
}

/// What is to be done with an event that is leased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Duty {
    /// Send it to the subscriber.
    Deliver,
    /// A full store took it: one way to the dead-letter sink.
    HandedOver,
    /// It is parked: another try at the dead-letter sink.
    Parked,
}

/// Why an event comes up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Why {
    Returned,
    Deferred,
    Redriven,
    Taken,
}

#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Again {
    pub(in super::super) ticket: Ticket,
    pub(super) why: Why,
    pub(super) due: Timestamp,
}

#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Leased {
    pub(in super::super) ticket: Ticket,
    pub(in super::super) handed_over: bool,
    pub(super) token: u64,
}
