//! `retention`: for how long settled events stay.

use std::time::Duration;

use crate::yaml::Field;

use super::{AGE_MAX, BOUND_MAX};

/// How much of what is settled is kept, for replay. What is not settled is kept whatever this says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// `maxAge`
    pub age_max: Option<Duration>,
    /// `maxBytes`
    pub bytes_max: Option<u64>,
}

impl Retention {
    /// This, with what it leaves out taken from `other`.
    #[must_use]
    pub fn or(self, other: Retention) -> Self {
        Retention {
            age_max: self.age_max.or(other.age_max),
            bytes_max: self.bytes_max.or(other.bytes_max),
        }
    }
}

/// Reads `retention`, in a BrokerConfig or in the server's settings.
pub fn read_retention(field: &Field<'_>) -> Option<Retention> {
    let mut retention = field.mapping()?;
    let age = Duration::from_secs(1)..=AGE_MAX;
    let age_max = retention.field("maxAge").and_then(|it| it.duration(age));
    let bytes_max = retention
        .field("maxBytes")
        .and_then(|it| it.quantity(1..=BOUND_MAX));
    retention.finish();
    Some(Retention { age_max, bytes_max })
}
