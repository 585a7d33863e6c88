//! Which dead letters, or which retained events, somebody means.
//!
//! Read once, so that what makes no sense is refused before anything is done.

use std::fmt;

use sluicegate_channels::{DeadLetter, KINDS, Position, Timestamp};
use sluicegate_event::Event;
use sluicegate_filter::cesql::Expression;
use sluicegate_filter::{Outcome, nearest};

use crate::api::{LetterFilter, When};
use crate::one_line::one_line;
use crate::registry::TriggerStore;

mod events;

pub use events::EventChoice;

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
            since: since(filter.since, now)?,
            condition: Condition::read(filter.expression.as_deref())?,
        })
    }

    /// The name of the trigger that is meant, if it is one, with its namespace if that is said.
    pub fn trigger(&self) -> Option<(Option<&str>, &str)> {
        let trigger = self.trigger.as_deref()?;
        Some((self.namespace.as_deref(), trigger))
    }

    /// The same, of the trigger of its name that is in this namespace.
    pub fn within(self, namespace: String) -> Self {
        LetterChoice {
            namespace: Some(namespace),
            ..self
        }
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

/// `dead letters of trigger shop/billing, given up on as exhausted, parked since …, matching …`
impl fmt::Display for LetterChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dead letters of ")?;
        match (&self.namespace, &self.trigger) {
            (Some(namespace), Some(trigger)) => write!(f, "trigger {namespace}/{trigger}")?,
            (None, Some(trigger)) => write!(f, "trigger {trigger}")?,
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

/// Nothing has happened yet that is to come: most likely the time zone or the year is wrong.
fn since(when: Option<When>, now: Timestamp) -> Result<Option<Timestamp>, Senseless> {
    let since = when.map(|it| it.resolve(now));
    match since.filter(|since| *since > now) {
        None => Ok(since),
        Some(since) => {
            let [since, now] = [since, now].map(crate::api::Time);
            let detail = format!("`since` {since} is in the future; it is {now} here");
            let hint = "name a time that has passed, or how long ago, such as 1h";
            Err(Senseless::new(detail, hint))
        }
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

#[cfg(test)]
mod tests;
