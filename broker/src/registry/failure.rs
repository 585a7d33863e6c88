//! Which expression of a trigger failed on an event, and by what: for the log and for watches.
//!
//! Explains the filters once more, so it is for single events only.

use std::fmt;

use sluicegate_event::Event;
use sluicegate_filter::cesql::ErrorKind;
use sluicegate_filter::explain::{Clause, ExpressionReason, Reason, explain};
use sluicegate_filter::{FilterSpec, Outcome};

use crate::one_line::one_line;

/// How much of an expression is told, in characters.
const PART_CHARS_MAX: usize = 120;

/// The first failure of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// What went wrong; none where the value is not a Boolean.
    kind: Option<ErrorKind>,
    /// The part at fault, on one line.
    pub(super) part: String,
    /// What it needed or ran into, where its kind does not say it.
    why: Option<String>,
    /// The expression, such as `filters[0].any[1].cesql`; none where it is no single one.
    place: Option<String>,
}

impl Failure {
    /// What failed when these filters were asked of this event.
    pub(super) fn of(filters: &[FilterSpec], event: &Event) -> Self {
        let explanation = explain(filters, event);
        match first_failure(&explanation.clauses, "filters") {
            Some((place, reason)) => Failure::in_expression(place, reason),
            None => Failure {
                kind: Some(ErrorKind::Generic),
                part: "the filter is more work than one event may be".to_owned(),
                why: None,
                place: None,
            },
        }
    }

    fn in_expression(place: String, reason: &ExpressionReason) -> Self {
        let error = reason.errors.first();
        let part = match error {
            Some(error) => one_line(reason.expression.part(error.span), PART_CHARS_MAX),
            None => format!(
                "{} is of type {}",
                one_line(reason.expression.text(), PART_CHARS_MAX),
                reason.value.ty()
            ),
        };
        Failure {
            kind: error.map(|error| error.kind),
            part,
            why: error.and_then(|error| reason.expression.why(error)),
            place: Some(place),
        }
    }

    /// The kind of error, as `eval` calls it, or `notBoolean`.
    pub(super) fn kind(&self) -> &'static str {
        self.kind.map_or("notBoolean", ErrorKind::as_str)
    }

    /// What to do, where such events are not meant to be left out.
    pub(super) fn remedy(&self) -> &'static str {
        match self.kind {
            Some(ErrorKind::MissingAttribute) => {
                "where events may lack it, ask EXISTS first: EXISTS x AND x > 1"
            }
            Some(ErrorKind::Generic) => "write a shorter filter, or split the trigger",
            Some(
                ErrorKind::Parse
                | ErrorKind::Math
                | ErrorKind::Cast
                | ErrorKind::MissingFunction
                | ErrorKind::FunctionEvaluation,
            ) => {
                "guard that part by a condition that excludes such events, joined by AND before it"
            }
            None => "compare the value with something: only a Boolean can match",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind(), self.part)?;
        if let Some(why) = &self.why {
            write!(f, " ({})", one_line(why, PART_CHARS_MAX))?;
        }
        match &self.place {
            Some(place) => write!(f, ", in {place}"),
            None => Ok(()),
        }
    }
}

/// The first expression that failed, and where it stands. Recurses as deep as filters nest, which is
/// bounded by validation.
fn first_failure<'a>(clauses: &'a [Clause], list: &str) -> Option<(String, &'a ExpressionReason)> {
    clauses.iter().enumerate().find_map(|(index, clause)| {
        let place = match list.strip_suffix(".not") {
            Some(_) => format!("{list}.{}", clause.dialect),
            None => format!("{list}[{index}].{}", clause.dialect),
        };
        match &clause.reason {
            Reason::Comparisons(_) => None,
            Reason::Clauses(clauses) => first_failure(clauses, &place),
            Reason::Expression(reason) => {
                (reason.outcome() == Outcome::Error).then_some((place, &**reason))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use sluicegate_filter::cesql::Expression;

    use super::*;

    fn cesql(text: &str) -> FilterSpec {
        FilterSpec::Cesql(Expression::parse(text).unwrap())
    }

    #[test]
    fn a_failure_is_told_by_its_kind_the_part_at_fault_and_its_place() {
        let event = Event::builder("1", "/shop", "order.paid")
            .attribute("region", "eu")
            .build()
            .unwrap();
        let exact = || FilterSpec::Exact(vec![("type".to_owned(), "order.paid".to_owned())]);
        let fails = || cesql("amount > 100");
        for (filters, words) in [
            (
                vec![cesql("type = 'a' OR amount > 100")],
                "missingAttribute: amount, in filters[0].cesql",
            ),
            (
                vec![exact(), cesql("10 / (LENGTH(region) - 2) > 1")],
                "math: 10 / (LENGTH(region) - 2) (it divides by zero), in filters[1].cesql",
            ),
            (
                vec![cesql("region\n > 5")],
                "cast: region (`>` needs Integers), in filters[0].cesql",
            ),
            (
                vec![FilterSpec::Any(vec![cesql("region = 'us'"), fails()])],
                "missingAttribute: amount, in filters[0].any[1].cesql",
            ),
            (
                vec![FilterSpec::Not(Box::new(FilterSpec::All(vec![fails()])))],
                "missingAttribute: amount, in filters[0].not.all[0].cesql",
            ),
        ] {
            assert_eq!(Failure::of(&filters, &event).to_string(), words);
        }
        let expression = Expression::parse("region").unwrap();
        let reason = ExpressionReason::of(&expression, &event);
        let failure = Failure::in_expression("filters[0].cesql".to_owned(), &reason);
        assert_eq!(
            failure.to_string(),
            "notBoolean: region is of type String, in filters[0].cesql"
        );
    }
}
