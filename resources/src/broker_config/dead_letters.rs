//! `limits.maxPendingAge` and `deadLetters`: how long events wait, and what happens then.

use std::time::Duration;

use crate::yaml::Field;

use super::AGE_MAX;

/// How long events may lie in the dead-letter store, and what happens to those that lie longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeadLetters {
    /// `maxAge`; zero is for ever.
    pub age_max: Option<Duration>,
    /// `whenExpired`
    pub when_expired: Option<WhenExpired>,
}

/// What happens once a dead letter is older than it may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WhenExpired {
    /// The broker refuses new events until someone has sent the old ones again or discarded them.
    #[default]
    Refuse,
    /// The old ones are discarded.
    Discard,
}

impl DeadLetters {
    /// This, with what it leaves out taken from `other`.
    #[must_use]
    pub fn or(self, other: DeadLetters) -> Self {
        DeadLetters {
            age_max: self.age_max.or(other.age_max),
            when_expired: self.when_expired.or(other.when_expired),
        }
    }
}

/// Reads `deadLetters`, in a BrokerConfig or in the server's settings.
pub fn read_dead_letters(field: &Field<'_>) -> Option<DeadLetters> {
    let mut letters = field.mapping()?;
    let age_max = letters.field("maxAge").and_then(|it| read_age(&it));
    let words = [
        ("refuse", WhenExpired::Refuse),
        ("discard", WhenExpired::Discard),
    ];
    let when_expired = letters
        .field("whenExpired")
        .and_then(|it| it.one_of(&words));
    letters.finish();
    Some(DeadLetters {
        age_max,
        when_expired,
    })
}

/// Reads an age that something may get; `PT0S` is for ever.
pub fn read_age(field: &Field<'_>) -> Option<Duration> {
    field.duration(Duration::ZERO..=AGE_MAX)
}
