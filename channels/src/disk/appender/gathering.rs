//! How long the owner waits for more before it writes.
//!
//! Producers that send their next event once the last is stored come back just after they were
//! answered, too late for a batch that begins at once with whoever came meanwhile. They would be
//! stored in two groups by turns, each waiting for the other's sync: twice the syncs, and twice the
//! wait. So after a batch the owner waits until most of those that it has answered are back, for
//! a part of a sync at most; and where they do not come in time, it does not try again for a while.

use std::time::Duration;

/// How many batches go without, after a wait that was for nothing.
const BATCHES_WITHOUT: u32 = 16;
/// The longest wait, however slow the disk is.
const WAIT_MAX: Duration = Duration::from_millis(2);

/// What is known of the batches before.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// How long a commit takes, as a mean of the last few.
    commit_takes: Duration,
    /// How many appends the queue should hold before the next batch; 0 to wait for none.
    wanted: usize,
    batches_without: u32,
}

/// For whom the owner waits, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    pub(super) appends: usize,
    pub(super) at_most: Duration,
}

impl Gathering {
    /// A batch was committed in this time, `answered` appends of it are answered, and so many came
    /// meanwhile.
    pub(super) fn committed(&mut self, took: Duration, answered: usize, queued: usize) {
        self.commit_takes = (self.commit_takes * 7 + took) / 8;
        self.batches_without = self.batches_without.saturating_sub(1);
        self.wanted = match self.batches_without {
            0 => queued + answered - answered / 8,
            _ => 0,
        };
    }

    /// What to wait for before the next batch.
    pub(super) fn patience(&self) -> Patience {
        Patience {
            appends: self.wanted,
            at_most: (self.commit_takes / 2).min(WAIT_MAX),
        }
    }

    /// They did not come in time.
    pub(super) fn was_in_vain(&mut self) {
        self.batches_without = BATCHES_WITHOUT;
        self.wanted = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: Duration = Duration::from_millis(1);

    #[test]
    fn most_of_those_that_were_answered_are_waited_for_besides_those_that_are_there() {
        for (answered, queued, wanted) in [(1, 0, 1), (32, 32, 60), (64, 0, 56), (4, 60, 64)] {
            let mut gathering = Gathering::default();
            gathering.committed(COMMIT, answered, queued);
            assert_eq!(gathering.patience().appends, wanted);
        }
    }

    #[test]
    fn the_wait_is_a_part_of_a_commit() {
        let mut gathering = Gathering::default();
        assert_eq!(gathering.patience().at_most, Duration::ZERO);
        for _ in 0..100 {
            gathering.committed(COMMIT, 1, 0);
        }
        let at_most = gathering.patience().at_most;
        assert!(at_most <= COMMIT / 2 && at_most > COMMIT / 3, "{at_most:?}");
        for _ in 0..100 {
            gathering.committed(Duration::from_secs(1), 1, 0);
        }
        assert_eq!(gathering.patience().at_most, WAIT_MAX);
    }

    #[test]
    fn a_wait_in_vain_is_not_tried_again_for_a_while() {
        let mut gathering = Gathering::default();
        gathering.committed(COMMIT, 8, 8);
        gathering.was_in_vain();
        let mut without = 0;
        while gathering.patience().appends == 0 {
            gathering.committed(COMMIT, 8, 8);
            without += 1;
        }
        assert_eq!(without, BATCHES_WITHOUT);
        assert_eq!(gathering.patience().appends, 15);
    }
}
