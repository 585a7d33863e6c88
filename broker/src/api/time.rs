//! A time as the API writes it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sluicegate_channels::Timestamp;

/// A moment in milliseconds since the Unix epoch; RFC 3339 in UTC on the wire, always with three
/// decimals, so that times sort as text: `2026-01-05T12:01:07.402Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub Timestamp);

impl Time {
    /// The civil form; the last moment that one exists for when this is past it.
    pub fn to_civil(self) -> jiff::Timestamp {
        i64::try_from(self.0.0)
            .ok()
            .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
            .unwrap_or(jiff::Timestamp::MAX)
    }
}

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Self {
        Time(timestamp)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_civil())
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let civil: jiff::Timestamp = text
            .parse()
            .map_err(|error| de::Error::custom(format!("{text:?} is no RFC 3339 time: {error}")))?;
        let millis = u64::try_from(civil.as_millisecond())
            .map_err(|_| de::Error::custom(format!("{text:?} is before 1970")))?;
        Ok(Time(Timestamp(millis)))
    }
}
