//! How much of the store who may use.
//!
//! ```text
//!  0 %                                            80 %        90 %       100 %
//!  ├─────────────── ingress ───────────────────────┼── events taken for ──┤
//!  │                                               │   their dead-letter  │
//!  │                                               │   sink: half of it   │
//!  ├─────────────── replies: all of it ────────────┴──────────────────────┤
//! ```
//!
//! Events handed over to a dead-letter sink do not count against ingress, which is why taking
//! them makes room for it, but always against the whole.

use crate::load::{Load, Unit};
use crate::{Admission, AppendError};

#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// What the store may hold.
    pub(super) all: Load,
    /// What ingress may use of it.
    pub(super) ingress: Load,
    /// How much may be on its way to dead-letter sinks, counted per subscription.
    pub(super) handed_over: Load,
}

/// What ingress may use of a store that may hold `all`, in events or in bytes: 80 %. The rest is
/// kept for replies and dead letters.
///
/// Rounded in favour of ingress, so that a store of one event still takes one.
///
/// ```
/// use sluicegate_channels::memory::ingress_share;
///
/// assert_eq!(ingress_share(100), 80);
/// assert_eq!(ingress_share(1), 1);
/// ```
pub fn ingress_share(all: u64) -> u64 {
    all - all / 5
}

impl Bounds {
    pub(super) fn new(all: Load) -> Self {
        let ingress = Load {
            events: ingress_share(all.events),
            bytes: ingress_share(all.bytes),
        };
        let reserve = all - ingress;
        Bounds {
            all,
            ingress,
            handed_over: Load {
                events: reserve.events / 2,
                bytes: reserve.bytes / 2,
            },
        }
    }

    fn share(&self, admission: Admission) -> Load {
        match admission {
            Admission::Ingress => self.ingress,
            Admission::Internal => self.all,
        }
    }

    /// Whether `need` could be stored if the store were empty.
    pub(super) fn could_ever_hold(
        &self,
        need: Load,
        admission: Admission,
    ) -> Result<(), AppendError> {
        let share = self.share(admission);
        match need.over(share) {
            Some(Unit::Events) => Err(AppendError::TooMany {
                events: need.events,
                events_max: share.events,
            }),
            Some(Unit::Bytes) => Err(AppendError::TooLarge {
                size_bytes: need.bytes,
                max_bytes: share.bytes,
            }),
            None => Ok(()),
        }
    }

    /// The unit that `need` does not fit in beside what is used; `None` when it fits.
    pub(super) fn exceeded(
        &self,
        used: Load,
        relieved: Load,
        need: Load,
        admission: Admission,
    ) -> Option<Unit> {
        let of_share = match admission {
            Admission::Ingress => (used - relieved + need).over(self.ingress),
            Admission::Internal => None,
        };
        of_share.or_else(|| (used + need).over(self.all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(events: u64, bytes: u64) -> Load {
        Load { events, bytes }
    }

    #[test]
    fn ingress_has_four_fifths_and_never_nothing() {
        for (all, ingress, handed_over) in
            [(1, 1, 0), (4, 4, 0), (5, 4, 0), (10, 8, 1), (100, 80, 10)]
        {
            let bounds = Bounds::new(load(all, all));
            assert_eq!(bounds.ingress, load(ingress, ingress), "of {all}");
            assert_eq!(
                bounds.handed_over,
                load(handed_over, handed_over),
                "of {all}"
            );
        }
    }

    #[test]
    fn the_unit_that_is_exceeded_is_named() {
        let bounds = Bounds::new(load(100, 1_000));
        let cases = [
            (load(79, 0), load(0, 0), Admission::Ingress, None),
            (
                load(80, 0),
                load(0, 0),
                Admission::Ingress,
                Some(Unit::Events),
            ),
            (load(80, 0), load(1, 0), Admission::Ingress, None),
            (
                load(100, 0),
                load(50, 0),
                Admission::Ingress,
                Some(Unit::Events),
            ),
            (
                load(0, 800),
                load(0, 0),
                Admission::Ingress,
                Some(Unit::Bytes),
            ),
            (load(99, 990), load(0, 0), Admission::Internal, None),
            (
                load(100, 0),
                load(50, 0),
                Admission::Internal,
                Some(Unit::Events),
            ),
            (
                load(0, 1_000),
                load(0, 0),
                Admission::Internal,
                Some(Unit::Bytes),
            ),
        ];
        for (used, relieved, admission, expected) in cases {
            let exceeded = bounds.exceeded(used, relieved, load(1, 1), admission);
            assert_eq!(exceeded, expected, "{used:?} {relieved:?} {admission:?}");
        }
    }
}
