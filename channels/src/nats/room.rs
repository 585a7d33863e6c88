//! How much of a broker's streams is used, and who may use more of it; what is given back to make room,
//! and what a limit took.
//!
//! ```text
//!   0 %                                   70 %    80 %         100 %
//!   ├─────────────── ingress ───────────────┼───────┤             │
//!   ├─────────────── replies ───────────────┼───────┴─────────────┤
//!            what nobody waits for is purged ┘  down to 65 %
//! ```
//!
//! What is used is what the servers said a second ago, with what was let in since. What is kept apart
//! counts, since its stream has no limit of its own.

pub mod purging;
pub mod taken;

use std::time::Duration;

use parking_lot::Mutex;

use super::options::StreamOptions;
use super::survey::Survey;
use crate::load::{Load, Unit};
use crate::memory::ingress_share;
use crate::{Admission, AppendError};

/// Above so much of the room that there is, in percent, some is given back.
const FULL_ABOVE: u64 = 70;
/// Down to so much.
const FULL_AFTERWARDS: u64 = 65;

/// See the [module](self).
#[derive(Debug)]
pub struct Room {
    /// What there is.
    all: Load,
    retry_after: Duration,
    used: Mutex<Used>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Used {
    /// As the servers said last.
    surveyed: Load,
    /// All that was ever let in.
    let_in: Load,
    /// The part of it that the servers may have counted.
    counted: Load,
}

/// What had been let in at some moment.
#[derive(Clone, Copy, Debug)]
pub struct Mark(Load);

impl Room {
    /// What a broker's options give it. Nothing of it is used until a survey says so.
    pub fn new(options: &StreamOptions, retry_after: Duration) -> Self {
        Room {
            all: Load {
                events: options.events_max.unwrap_or(u64::MAX),
                bytes: options.bytes_max.unwrap_or(u64::MAX),
            },
            retry_after,
            used: Mutex::default(),
        }
    }

    /// Lets in so many events of so many bytes together, as they are stored.
    ///
    /// # Errors
    ///
    /// When there is no room for them now, or never.
    pub fn let_in(&self, events: u64, bytes: u64, admission: Admission) -> Result<(), AppendError> {
        let need = Load { events, bytes };
        let share = match admission {
            Admission::Ingress => Load {
                events: ingress_share(self.all.events),
                bytes: ingress_share(self.all.bytes),
            },
            Admission::Internal => self.all,
        };
        match need.over(share) {
            Some(Unit::Events) => {
                return Err(AppendError::TooMany {
                    events,
                    events_max: share.events,
                });
            }
            Some(Unit::Bytes) => {
                return Err(AppendError::TooLarge {
                    size_bytes: bytes,
                    max_bytes: share.bytes,
                });
            }
            None => {}
        }
        let mut used = self.used.lock();
        if (used.now() + need).over(share).is_some() {
            return Err(AppendError::Full {
                retry_after: self.retry_after,
            });
        }
        used.let_in += need;
        Ok(())
    }

    /// Taken before a survey begins, for [`Room::surveyed`].
    pub fn mark(&self) -> Mark {
        Mark(self.used.lock().let_in)
    }

    /// What the servers say, asked for since `mark` was taken.
    pub fn surveyed(&self, mark: Mark, survey: &Survey) {
        let mut used = self.used.lock();
        used.surveyed = load(survey);
        used.counted = mark.0;
    }

    /// How many events, and bytes, there are.
    pub fn used(&self) -> (u64, u64) {
        let used = self.used.lock().now();
        (used.events, used.bytes)
    }

    /// Up to which sequence events are to be purged for room, if nobody waits for them; none where
    /// there is room.
    pub fn wants_purged(&self, survey: &Survey) -> Option<u64> {
        let used = load(survey);
        let units = [Unit::Events, Unit::Bytes];
        let too_many = units.into_iter().filter_map(|unit| {
            let (all, used) = (self.all.in_unit(unit), used.in_unit(unit));
            if all == u64::MAX || used <= percent(all, FULL_ABOVE) {
                return None;
            }
            let excess = used - percent(all, FULL_AFTERWARDS);
            let events = survey.events;
            let each = match unit {
                Unit::Events => 1,
                Unit::Bytes => (events.bytes / events.messages.max(1)).max(1),
            };
            Some(excess.div_ceil(each))
        });
        let too_many = too_many.max()?;
        // Where sequences are missing it takes more than one look.
        Some(survey.events.first.saturating_add(too_many - 1))
    }
}

impl Used {
    fn now(&self) -> Load {
        self.surveyed + (self.let_in - self.counted)
    }
}

fn load(survey: &Survey) -> Load {
    Load {
        events: survey.events.messages + survey.kept.messages,
        bytes: survey.events.bytes + survey.kept.bytes,
    }
}

fn percent(all: u64, percent: u64) -> u64 {
    u64::try_from(u128::from(all) * u128::from(percent) / 100).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nats::survey::Sizes;

    const RETRY_AFTER: Duration = Duration::from_secs(1);

    fn room(events_max: Option<u64>, bytes_max: Option<u64>) -> Room {
        let options = StreamOptions {
            events_max,
            bytes_max,
            ..StreamOptions::default()
        };
        Room::new(&options, RETRY_AFTER)
    }

    fn survey(messages: u64, kept: u64) -> Survey {
        let sizes = |messages| Sizes {
            first: 101,
            last: 100 + messages,
            messages,
            bytes: messages * 10,
            oldest_at: None,
        };
        Survey {
            events: sizes(messages),
            kept: sizes(kept),
            ..Survey::default()
        }
    }

    #[test]
    fn ingress_has_a_share_and_what_was_let_in_counts_until_the_servers_count_it() {
        let full = Err(AppendError::Full {
            retry_after: RETRY_AFTER,
        });
        for room in [room(Some(100), None), room(None, Some(1_000))] {
            room.surveyed(room.mark(), &survey(40, 30));
            assert_eq!(room.let_in(10, 100, Admission::Ingress), Ok(()));
            assert_eq!(room.let_in(1, 10, Admission::Ingress), full);
            let mark = room.mark();
            assert_eq!(room.let_in(20, 200, Admission::Internal), Ok(()));
            assert_eq!(room.let_in(1, 10, Admission::Internal), full);
            assert_eq!(room.used(), (100, 1_000));
            // The servers may have counted the ten, and cannot have counted the twenty.
            room.surveyed(mark, &survey(40, 20));
            assert_eq!(room.used(), (80, 800));
            assert_eq!(room.let_in(1, 10, Admission::Ingress), full);
            room.surveyed(room.mark(), &survey(60, 20));
            assert_eq!(room.used(), (80, 800));
        }
        let boundless = room(None, None);
        boundless.surveyed(boundless.mark(), &survey(u64::MAX / 1_000, 0));
        assert_eq!(boundless.let_in(1, 1, Admission::Ingress), Ok(()));
    }

    #[test]
    fn what_can_never_be_let_in_is_said_so() {
        let by_events = room(Some(100), None).let_in(81, 1, Admission::Ingress);
        let too_many = AppendError::TooMany {
            events: 81,
            events_max: 80,
        };
        assert_eq!(by_events, Err(too_many));
        let by_bytes = room(None, Some(100)).let_in(1, 101, Admission::Internal);
        let too_large = AppendError::TooLarge {
            size_bytes: 101,
            max_bytes: 100,
        };
        assert_eq!(by_bytes, Err(too_large));
    }

    #[test]
    fn past_a_bound_so_much_is_purged_that_there_is_room_for_a_while() {
        for (room, messages, kept, to) in [
            (room(None, None), 1_000, 0, None),
            (room(Some(100), None), 70, 0, None),
            (room(Some(100), None), 71, 0, Some(106)),
            (room(Some(100), None), 40, 31, Some(106)),
            (room(None, Some(1_000)), 71, 0, Some(106)),
            (room(Some(1_000), Some(1_000)), 80, 0, Some(115)),
        ] {
            assert_eq!(room.wants_purged(&survey(messages, kept)), to, "{room:?}");
        }
    }
}
