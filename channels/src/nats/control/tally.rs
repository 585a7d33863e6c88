//! How the events of a subscription ended, added up over all processes.
//!
//! ```text
//!   Sluicegate-Tally: ended; delivered=120; discarded-operator=3; expired-to=77
//! ```
//!
//! A process adds what ended with it to what stands, and expects that nobody was first; who is told
//! that somebody was reads again and adds again. What is 0 is not written.

use async_nats::HeaderMap;
use bytes::Bytes;

use crate::nats::fields::{FieldError, Fields, FieldsText};
use crate::{BY_AGE, BY_THE_LEASE, BY_THE_OPERATOR};

const TALLY: &str = "Sluicegate-Tally";

/// Why events were discarded, and the field for each.
const DISCARDS: [(&str, &str); 4] = [
    ("shed", "discarded-shed"),
    (BY_THE_OPERATOR, "discarded-operator"),
    (BY_AGE, "discarded-age"),
    (BY_THE_LEASE, "discarded-lease"),
];

/// See the [module](self). Cancelled events are those of a deleted subscription, which has no tally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Taken by the subscriber.
    pub delivered: u64,
    /// Taken by the dead-letter sink.
    pub dead_lettered: u64,
    /// Taken by a limit of the server, or not readable.
    pub expired: u64,
    /// Handed out once more by an operator.
    pub replayed: u64,
    /// Of which nobody could tell whether they are wanted.
    pub undecided: u64,
    /// Ended unseen, by each of the reasons, in the order `shed`, `operator`, `age`, `lease`.
    pub discarded: [u64; 4],
    /// Up to which sequence those that a limit took have been counted as expired.
    pub expired_to: u64,
}

impl Tally {
    /// The message that says so.
    pub fn write(&self) -> (HeaderMap, Bytes) {
        let named = self.named().into_iter();
        let text = named.fold(FieldsText::new("ended"), |text, (field, count)| {
            text.with_some(field, (count > 0).then_some(count))
        });
        let mut headers = HeaderMap::new();
        headers.insert(TALLY, text.finish());
        (headers, Bytes::new())
    }

    /// Reads what a message says; one that says nothing is of nothing.
    ///
    /// # Errors
    ///
    /// When a count is none.
    pub fn read(headers: &HeaderMap) -> Result<Self, FieldError> {
        let text = headers.get(TALLY).map(async_nats::HeaderValue::as_str);
        let fields = Fields::of(text.unwrap_or_default());
        let mut discarded = [0; 4];
        for (count, (_, field)) in discarded.iter_mut().zip(DISCARDS) {
            *count = fields.count(field)?;
        }
        Ok(Tally {
            delivered: fields.count("delivered")?,
            dead_lettered: fields.count("dead-lettered")?,
            expired: fields.count("expired")?,
            replayed: fields.count("replayed")?,
            undecided: fields.count("undecided")?,
            discarded,
            expired_to: fields.count("expired-to")?,
        })
    }

    /// Counts an event that was discarded. A reason that is not known counts as the lease's.
    pub fn discard(&mut self, reason: &str, count: u64) {
        let known = DISCARDS.iter().position(|(known, _)| *known == reason);
        self.discarded[known.unwrap_or(DISCARDS.len() - 1)] += count;
    }

    /// Why and how many events were discarded, where any were.
    pub fn discarded_by(&self) -> Vec<(&'static str, u64)> {
        let reasons = DISCARDS.iter().map(|(reason, _)| *reason);
        let counted = reasons.zip(self.discarded);
        counted.filter(|(_, count)| *count > 0).collect()
    }

    fn named(&self) -> [(&'static str, u64); 10] {
        let [shed, operator, age, lease] = self.discarded;
        [
            ("delivered", self.delivered),
            ("dead-lettered", self.dead_lettered),
            ("expired", self.expired),
            ("replayed", self.replayed),
            ("undecided", self.undecided),
            (DISCARDS[0].1, shed),
            (DISCARDS[1].1, operator),
            (DISCARDS[2].1, age),
            (DISCARDS[3].1, lease),
            ("expired-to", self.expired_to),
        ]
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.delivered += other.delivered;
        self.dead_lettered += other.dead_lettered;
        self.expired += other.expired;
        self.replayed += other.replayed;
        self.undecided += other.undecided;
        for (mine, theirs) in self.discarded.iter_mut().zip(other.discarded) {
            *mine += theirs;
        }
        self.expired_to = self.expired_to.max(other.expired_to);
    }
}

/// Takes back what was added; the bound stays.
impl std::ops::SubAssign for Tally {
    fn sub_assign(&mut self, other: Tally) {
        let take = |mine: &mut u64, theirs: u64| *mine = mine.saturating_sub(theirs);
        take(&mut self.delivered, other.delivered);
        take(&mut self.dead_lettered, other.dead_lettered);
        take(&mut self.expired, other.expired);
        take(&mut self.replayed, other.replayed);
        take(&mut self.undecided, other.undecided);
        for (mine, theirs) in self.discarded.iter_mut().zip(other.discarded) {
            take(mine, theirs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Tally {
        Tally {
            delivered: 1,
            dead_lettered: 2,
            expired: 3,
            replayed: 4,
            undecided: 5,
            discarded: [6, 7, 9, 8],
            expired_to: u64::MAX,
        }
    }

    #[test]
    fn a_tally_comes_back() {
        for tally in [Tally::default(), full()] {
            assert_eq!(Tally::read(&tally.write().0), Ok(tally));
        }
        assert_eq!(Tally::read(&HeaderMap::new()), Ok(Tally::default()));
        let mut headers = HeaderMap::new();
        headers.insert(TALLY, "ended; delivered=many");
        assert_eq!(Tally::read(&headers), Err(FieldError("delivered")));
    }

    #[test]
    fn tallies_are_added_and_a_bound_is_not() {
        let mut sum = full();
        sum += Tally {
            delivered: 10,
            expired_to: 5,
            ..Tally::default()
        };
        let expected = Tally {
            delivered: 11,
            ..full()
        };
        assert_eq!(sum, expected);
        let mut rest = sum;
        rest -= Tally {
            expired_to: 0,
            ..full()
        };
        let expected = Tally {
            delivered: 10,
            expired_to: u64::MAX,
            ..Tally::default()
        };
        assert_eq!(rest, expected);
        sum.discard("operator", 3);
        assert_eq!(
            sum.discarded_by(),
            [("shed", 6), ("operator", 10), ("age", 9), ("lease", 8)]
        );
        assert_eq!(Tally::default().discarded_by(), []);
    }
}
