//! Which retained events somebody means.

use std::fmt;

use sluicegate_channels::{Position, Retained, Timestamp};

use super::{Condition, Meant, Senseless, position, since};
use crate::api::EventFilter;

/// Which retained events are meant.
#[derive(Clone, Debug)]
pub struct EventChoice {
    since: Option<Timestamp>,
    until: Timestamp,
    has_until: bool,
    first: Option<Position>,
    last: Option<Position>,
    condition: Condition,
}

impl EventChoice {
    /// Reads a filter at `now`, which no event that is meant was accepted after.
    ///
    /// # Errors
    ///
    /// When a position is none, a range is empty, or the expression cannot be a condition.
    pub fn read(filter: &EventFilter, now: Timestamp) -> Result<Self, Senseless> {
        let position = |field: &str, text: Option<&str>| match text.map(|it| (it, position(it))) {
            None => Ok(None),
            Some((_, Some(position))) => Ok(Some(position)),
            Some((text, None)) => Err(Senseless::new(
                format!("`{field}` {text:?} is no position"),
                "a position is a number, as `get deadletters -o wide` shows it",
            )),
        };
        let first = position("firstPosition", filter.first_position.as_deref())?;
        let last = position("lastPosition", filter.last_position.as_deref())?;
        if let (Some(first), Some(last)) = (first, last)
            && first > last
        {
            let detail = format!("`firstPosition` {first} is behind `lastPosition` {last}");
            return Err(Senseless::new(detail, "name the earlier one first"));
        }
        let since = since(filter.since, now)?;
        let until = filter.until.map(|it| it.resolve(now));
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            let [since, until] = [since, until].map(crate::api::Time);
            let detail = format!("`since` {since} is not before `until` {until}");
            return Err(Senseless::new(detail, "name the earlier one with `since`"));
        }
        Ok(EventChoice {
            since,
            until: until.map_or(now, |until| until.min(now)),
            has_until: until.is_some(),
            first,
            last,
            condition: Condition::read(filter.expression.as_deref())?,
        })
    }

    /// The first moment and the first position that may be meant.
    pub(in super::super) fn begins(&self) -> (Option<Timestamp>, Option<Position>) {
        (self.since, self.first)
    }

    /// Whether nothing at this position or behind it is meant.
    pub(in super::super) fn is_past(&self, position: Position) -> bool {
        self.last.is_some_and(|last| position > last)
    }

    /// Whether it was accepted too late. An event behind it may not have been: the clock of the
    /// machine may have been set back between two starts.
    pub(in super::super) fn is_too_late(&self, retained: &Retained) -> bool {
        match self.has_until {
            true => retained.accepted_at >= self.until,
            false => retained.accepted_at > self.until,
        }
    }

    pub(in super::super) fn judge(&self, retained: &Retained) -> Meant {
        let is_since = self.since.is_none_or(|since| retained.accepted_at >= since);
        let is_from = self.first.is_none_or(|first| retained.position >= first);
        match is_since && is_from && !self.is_too_late(retained) {
            true => self.condition.judge(&retained.event),
            false => Meant::No,
        }
    }
}

impl fmt::Display for EventChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(since) = self.since {
            write!(f, ", accepted since {}", crate::api::Time(since))?;
        }
        if self.has_until {
            write!(f, ", accepted before {}", crate::api::Time(self.until))?;
        }
        match (self.first, self.last) {
            (None, None) => {}
            (Some(first), None) => write!(f, ", from position {first} on")?,
            (None, Some(last)) => write!(f, ", up to position {last}")?,
            (Some(first), Some(last)) => write!(f, ", positions {first} to {last}")?,
        }
        self.condition.fmt(f)
    }
}
