//! Which dead letters, or which retained events, somebody means.
//!
//! Read once, so that what makes no sense is refused before anything is done.

use std::fmt;

use sluicegate_channels::{DeadLetter, KINDS, Position, Retained, Timestamp};
use sluicegate_event::Event;
use sluicegate_filter::cesql::Expression;
use sluicegate_filter::{Outcome, nearest};

use crate::api::{EventFilter, LetterFilter, When};
use crate::one_line::one_line;
use crate::registry::TriggerStore;

/// How much of an expression is told.
const EXPRESSION_CHARS_MAX: usize = 60;

/// A filter that makes no sense: what is wrong with it, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Senseless {
    /// What is wrong, with the field and the value.
    pub detail: String,
    /// What to do.
    pub hint: String,
}

impl Senseless {
    fn new(detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Senseless {
            detail: detail.into(),
            hint: hint.into(),
        }
    }
}

/// Whether something is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// The expression failed on it, so that nobody can tell; it counts as not meant.
    Undecided,
}

/// A CESQL expression as a condition, or none.
#[derive(Clone, Debug, Default)]
struct Condition(Option<Expression>);

impl Condition {
    fn read(text: Option<&str>) -> Result<Self, Senseless> {
        let Some(text) = text else {
            return Ok(Condition(None));
        };
        let parsed = Expression::parse(text).and_then(|expression| {
            expression.check_condition()?;
            Ok(expression)
        });
        parsed.map(|it| Condition(Some(it))).map_err(|error| {
            let part = one_line(text.get(error.span.start..).unwrap_or_default(), 20);
            let detail = format!(
                "`match` is no CESQL condition: {} at {part:?}",
                error.problem
            );
            Senseless::new(detail, error.remedy)
        })
    }

    fn judge(&self, event: &Event) -> Meant {
        match self.0.as_ref().map(|expression| expression.decide(event)) {
            None | Some(Outcome::Match) => Meant::Yes,
            Some(Outcome::NoMatch) => Meant::No,
            Some(Outcome::Error) => Meant::Undecided,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(it) => write!(
                f,
                ", matching {}",
                one_line(it.text(), EXPRESSION_CHARS_MAX)
            ),
            None => Ok(()),
        }
    }
}

/// Which dead letters are meant.
#[derive(Clone, Debug, Default)]
pub struct LetterChoice {
    namespace: Option<String>,
    trigger: Option<String>,
    broker: Option<String>,
    reasons: Vec<String>,
    since: Option<Timestamp>,
    condition: Condition,
}

impl LetterChoice {
    /// Reads a filter at `now`.
    ///
    /// # Errors
    ///
    /// When a reason is none, or the expression cannot be a condition.
    pub fn read(filter: &LetterFilter, now: Timestamp) -> Result<Self, Senseless> {
        if let Some(odd) = filter
            .reasons
            .iter()
            .find(|it| !KINDS.contains(&it.as_str()))
        {
            let all = format!("there are {}", KINDS.join(", "));
            let hint = match nearest(odd, KINDS) {
                Some(meant) => format!("did you mean {meant}? {all}"),
                None => all,
            };
            return Err(Senseless::new(
                format!("there is no `reason` {odd:?}"),
                hint,
            ));
        }
        Ok(LetterChoice {
            namespace: filter.namespace.clone(),
            trigger: filter.trigger.clone(),
            broker: filter.broker.clone(),
            reasons: filter.reasons.clone(),
            since: filter.since.map(|when| when.resolve(now)),
            condition: Condition::read(filter.expression.as_deref())?,
        })
    }

    /// The name of the trigger that is meant, if it is one, with its namespace if that is said.
    pub fn trigger(&self) -> Option<(Option<&str>, &str)> {
        let trigger = self.trigger.as_deref()?;
        Some((self.namespace.as_deref(), trigger))
    }

    /// Whether letters of this trigger may be meant.
    pub fn covers(&self, store: &TriggerStore<'_>) -> bool {
        let name = store.trigger;
        let is = |wanted: &Option<String>, it: &str| wanted.as_deref().is_none_or(|w| w == it);
        is(&self.namespace, &name.namespace)
            && is(&self.trigger, &name.name)
            && is(&self.broker, store.broker)
    }

    /// Whether this letter of a trigger that is covered is meant.
    pub fn judge(&self, letter: &DeadLetter) -> Meant {
        let is_of_reason =
            self.reasons.is_empty() || self.reasons.iter().any(|it| it == letter.reason.kind);
        let is_since = self.since.is_none_or(|since| letter.parked_at >= since);
        match is_of_reason && is_since {
            true => self.condition.judge(&letter.event),
            false => Meant::No,
        }
    }
}

/// `dead letters of shop/billing, given up on as exhausted, parked since …, matching …`
impl fmt::Display for LetterChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dead letters of ")?;
        match (&self.namespace, &self.trigger) {
            (Some(namespace), Some(trigger)) => write!(f, "{namespace}/{trigger}")?,
            (None, Some(trigger)) => write!(f, "every trigger {trigger}")?,
            (Some(namespace), None) => write!(f, "every trigger in {namespace}")?,
            (None, None) => f.write_str("every trigger")?,
        }
        if let Some(broker) = &self.broker {
            write!(f, " of broker {broker}")?;
        }
        if !self.reasons.is_empty() {
            write!(f, ", given up on as {}", self.reasons.join(" or "))?;
        }
        if let Some(since) = self.since {
            write!(f, ", parked since {}", crate::api::Time(since))?;
        }
        self.condition.fmt(f)
    }
}

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
        let moment = |when: Option<When>| when.map(|it| it.resolve(now));
        let (since, until) = (moment(filter.since), moment(filter.until));
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
    pub(super) fn begins(&self) -> (Option<Timestamp>, Option<Position>) {
        (self.since, self.first)
    }

    /// Whether nothing at this position or behind it is meant.
    pub(super) fn is_past(&self, position: Position) -> bool {
        self.last.is_some_and(|last| position > last)
    }

    /// Whether it was accepted too late. An event behind it may not have been: the clock of the
    /// machine may have been set back between two starts.
    pub(super) fn is_too_late(&self, retained: &Retained) -> bool {
        match self.has_until {
            true => retained.accepted_at >= self.until,
            false => retained.accepted_at > self.until,
        }
    }

    pub(super) fn judge(&self, retained: &Retained) -> Meant {
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

/// The text that [`Position`] shows itself as.
pub fn position(text: &str) -> Option<Position> {
    let (partition, offset) = match text.split_once(':') {
        Some((partition, offset)) => (partition.parse().ok()?, offset),
        None => (0, text),
    };
    Some(Position {
        partition,
        offset: offset.parse().ok()?,
    })
}
