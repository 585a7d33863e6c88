//! The conservation law of a subscription: every accepted event is in exactly one state.
//!
//! `accepted + replayed = filtered + delivered + dead_lettered + parked + cancelled + expired +
//! discarded + pending`. The terms on the right are states, not counters of things that happened: a
//! parked event that its sink takes later moves from `parked` to `dead_lettered`. An event that is
//! replayed is in a state once more, so replays count beside what was accepted.

/// How many events of a subscription are in which state.
///
/// `accepted` counts events that the channel took after the subscription existed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// Events that the channel accepted while this subscription existed.
    pub accepted: u64,
    /// How often one of them, or one from before, was made pending once more by an operator.
    pub replayed: u64,
    /// Not wanted by the subscription.
    pub filtered: u64,
    /// Taken by the subscriber (2xx).
    pub delivered: u64,
    /// Taken by the dead-letter sink.
    pub dead_lettered: u64,
    /// In the built-in dead-letter store, now.
    pub parked: u64,
    /// Ended because the subscription was deleted.
    pub cancelled: u64,
    /// Deleted by a backend's own limit, or lost to damage of its storage, before it was settled.
    pub expired: u64,
    /// Ended unseen: the store was past its bound, or an operator said so.
    pub discarded: u64,
    /// Waiting, deferred or leased, now.
    pub pending: u64,
}

impl Books {
    /// The sum of all states; equal to `accepted` and `replayed` whenever the books balance.
    pub fn states(&self) -> u64 {
        self.filtered
            + self.delivered
            + self.dead_lettered
            + self.parked
            + self.cancelled
            + self.expired
            + self.discarded
            + self.pending
    }

    /// Whether every accepted event is in exactly one state, and every replay in one more.
    pub fn balance(&self) -> bool {
        self.accepted + self.replayed == self.states()
    }
}

/// Adds state by state: the books of several replicas, or of a subscription that was made anew.
impl std::ops::AddAssign for Books {
    fn add_assign(&mut self, other: Books) {
        self.accepted += other.accepted;
        self.replayed += other.replayed;
        self.filtered += other.filtered;
        self.delivered += other.delivered;
        self.dead_lettered += other.dead_lettered;
        self.parked += other.parked;
        self.cancelled += other.cancelled;
        self.expired += other.expired;
        self.discarded += other.discarded;
        self.pending += other.pending;
    }
}
