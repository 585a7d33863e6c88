//! What is stored of a subscription: plain data.

use std::sync::Arc;

/// Where a subscription stands.
///
/// An *offset* is a place in the log of events and may leave gaps; a *count* is of records and has
/// none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Stands for the subscription in the files, and is never given to another.
    pub number: u64,
    /// The subscription's durable name.
    pub name: Arc<str>,
    /// How many events the log of events ever took before its first.
    pub began: u64,
    /// The offset it reads on from: all below is finished but for the exceptions, and all from there
    /// on is still to be read but for those.
    pub reads_on_from: u64,
    /// When this was written nothing was unfinished and it had read all there was. So it stands at the
    /// [`Floor`] wherever that is higher than `reads_on_from`, and has no exceptions.
    pub is_idle: bool,
    /// What is handed out or comes up again, with rising offsets. Some of it may lie above
    /// `reads_on_from`: where it has gone back, or an operator had it replay what it does not want.
    pub exceptions: Vec<Exception>,
    /// How events have ended.
    pub tally: Tally,
    /// Whether an operator has paused it.
    pub is_paused: bool,
}

/// An event that is handed out, or comes up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Where it is.
    pub offset: u64,
    /// How often it was sent.
    pub sends: u32,
    /// When it was last redriven, in milliseconds since 1970; 0 for never.
    pub redriven_at_ms: i64,
}

/// How many events of a subscription have ended in which way, as
/// [`Books`](crate::Books) count them. What is parked and pending is counted where it is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Tally {
    /// Taken by the subscriber.
    pub delivered: u64,
    /// Taken by the dead-letter sink.
    pub dead_lettered: u64,
    /// Ended because the subscription was deleted.
    pub cancelled: u64,
    /// Lost to a limit or to damage before they ended.
    pub expired: u64,
    /// Made pending once more by an operator.
    pub replayed: u64,
    /// Wanted because asking whether they were failed.
    pub undecided: u64,
    /// Ended unseen, by why.
    pub discarded_by: Vec<(Arc<str>, u64)>,
}

/// A place where all idle subscriptions stand, as an offset and as a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Floor {
    /// The offset.
    pub offset: u64,
    /// How many records the log of events ever took before it.
    pub count: u64,
}

/// A change of what is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This takes the place of what there was for its number, if there was anything.
    Put(Standing),
    /// The subscription of this number has ended.
    Delete(u64),
}

impl Standing {
    /// The offset it reads on from, given the floor.
    #[must_use]
    pub fn stands_at(&self, floor: Floor) -> u64 {
        if self.is_idle {
            self.reads_on_from.max(floor.offset)
        } else {
            self.reads_on_from
        }
    }

    /// What is wrong with it, if it can't be stored as it is.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let offsets = || self.exceptions.iter().map(|it| it.offset);
        if !offsets().zip(offsets().skip(1)).all(|(a, b)| a < b) {
            return Some("its exceptions do not rise");
        }
        if self.is_idle && !self.exceptions.is_empty() {
            return Some("it is idle and has exceptions");
        }
        None
    }
}
