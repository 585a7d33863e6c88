//! One event in the queues of one subscription: its ticket, and what goes with it where it stands.

use crate::Timestamp;
use crate::load::Load;

/// Where a store has an event.
pub(crate) trait Place: Clone {
    /// Whether it is in memory, to be handed out at once.
    fn is_here(&self) -> bool;
}

/// A slot of a store that has everything in memory.
impl Place for usize {
    fn is_here(&self) -> bool {
        true
    }
}

/// One event of one subscription.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket<P> {
    pub(crate) offset: u64,
    /// Where the store has it.
    pub(crate) place: P,
    pub(crate) size_bytes: u64,
    pub(crate) sends: u32,
    /// When an operator last made it pending again; the beginning of time when none did.
    pub(crate) redriven_at: Timestamp,
}

impl<P> Ticket<P> {
    pub(super) fn load(&self) -> Load {
        Load::of(self.size_bytes)
    }
}

/// What is to be done with an event that is leased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// Send it to the subscriber.
    Deliver,
    /// A full store took it: one way to the dead-letter sink.
    HandedOver,
    /// It is parked: another try at the dead-letter sink.
    Parked,
}

/// Why an event comes up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Returned,
    Deferred,
    Redriven,
    Taken,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Again<P> {
    pub(crate) ticket: Ticket<P>,
    pub(crate) why: Why,
    pub(crate) due: Timestamp,
    /// Off the agenda while its event is being fetched.
    pub(super) is_aside: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Leased<P> {
    pub(crate) ticket: Ticket<P>,
    pub(crate) handed_over: bool,
    pub(crate) token: u64,
}
