//! A moment as a request may say it: as one, or as so long before now.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sluicegate_channels::Timestamp;

use super::Time;

/// `2026-01-05T12:01:07Z`, or `90s`, `1h`, `7d`, `PT1H`: so long before the server's now. A
/// request says the latter as it was typed, so that the clocks of both machines need not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// That moment.
    At(Time),
    /// So long before now.
    Ago(Duration),
}

impl When {
    /// The moment that is meant at `now`.
    pub fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            When::At(Time(at)) => at,
            When::Ago(duration) => {
                let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
                Timestamp(now.0.saturating_sub(millis))
            }
        }
    }
}

impl FromStr for When {
    type Err = String;

    /// A day is 24 hours. Months and years have no fixed length and are refused.
    fn from_str(text: &str) -> Result<Self, String> {
        const MUST: &str =
            "must be a time such as 2026-01-05T12:00:00Z, or how long ago, such as 90s, 1h or 7d";
        if let Ok(civil) = text.parse::<jiff::Timestamp>() {
            return u64::try_from(civil.as_millisecond())
                .map(|millis| When::At(Time(Timestamp(millis))))
                .map_err(|_| format!("{MUST}; {text} is before 1970"));
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("{MUST}; a bare number has no unit, write {text}s"));
        }
        text.parse::<Span>()
            .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
            .ok()
            .and_then(|ago| Duration::try_from(ago).ok())
            .map(When::Ago)
            .ok_or_else(|| MUST.to_owned())
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            When::At(time) => time.fmt(f),
            When::Ago(ago) => SignedDuration::try_from(*ago)
                .unwrap_or(SignedDuration::MAX)
                .fmt(f),
        }
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|must| de::Error::custom(format!("{text:?} {must}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 3_600 * 1_000;

    #[test]
    fn a_moment_is_said_as_one_or_as_so_long_ago() {
        let now = Timestamp(30 * DAY_MS);
        for (text, moment) in [
            ("1970-01-02T00:00:00Z", DAY_MS),
            ("1970-01-02T01:00:00.5+01:00", DAY_MS + 500),
            ("90s", now.0 - 90_000),
            ("1h", now.0 - DAY_MS / 24),
            ("7d", now.0 - 7 * DAY_MS),
            ("P1W", now.0 - 7 * DAY_MS),
            ("PT1H", now.0 - DAY_MS / 24),
            ("P900D", 0),
        ] {
            let when: When = text.parse().unwrap_or_else(|must| panic!("{text}: {must}"));
            assert_eq!(when.resolve(now), Timestamp(moment), "{text}");
            let written = when.to_string().parse();
            assert_eq!(written, Ok(when), "{text} is written as {when}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused_with_one_that_is() {
        for text in [
            "",
            "yesterday",
            "2026-01-05",
            "-1h",
            "1mo",
            "P1Y",
            "1969-01-01T00:00:00Z",
            "60",
        ] {
            let must = text.parse::<When>().unwrap_err();
            assert!(must.contains("1h"), "{text}: {must}");
        }
    }
}
