//! Explanations as JSON. Members are API.

use serde::Serialize;
use sluicegate_event::Event;
use sluicegate_filter::Outcome;
use sluicegate_filter::cesql::{Deciding, EvaluationError, Reading};
use sluicegate_filter::explain::{Clause, Comparison, ExpressionReason, Reason};

use super::Explained;
use crate::cli::console::Console;
use crate::cli::exit::Failure;
use crate::reasons::{self, JsonValue};

#[derive(Debug, Serialize)]
struct JsonReport<'a> {
    event: JsonEvent<'a>,
    triggers: Vec<JsonTrigger<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonEvent<'a> {
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    ty: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonTrigger<'a> {
    namespace: &'a str,
    name: &'a str,
    broker: &'a str,
    /// Whether a manifest describes the broker, or `sluicegate dev` has it by itself.
    broker_found: bool,
    file: &'a str,
    line: usize,
    outcome: &'static str,
    clauses: Vec<JsonClause<'a>>,
}

/// Has one of the last three members.
#[derive(Debug, Serialize)]
struct JsonClause<'a> {
    dialect: &'static str,
    outcome: &'static str,
    decided: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparisons: Option<Vec<JsonComparison<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clauses: Option<Vec<JsonClause<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression: Option<JsonExpression<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonComparison<'a> {
    attribute: &'a str,
    wanted: &'a str,
    /// Absent where the event lacks the attribute.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<&'a str>,
    holds: bool,
    decided: bool,
}

#[derive(Debug, Serialize)]
struct JsonExpression<'a> {
    text: &'a str,
    value: JsonValue<'a>,
    #[serde(rename = "type")]
    ty: &'static str,
    errors: Vec<JsonError<'a>>,
    /// Why it matches nothing where nothing went wrong in it: it is not a Boolean.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    deciding: JsonDeciding<'a>,
}

#[derive(Debug, Serialize)]
struct JsonError<'a> {
    kind: &'static str,
    part: &'a str,
    /// In characters, from the beginning of the expression; the first is 0.
    start: usize,
    /// Behind the last one.
    end: usize,
}

#[derive(Debug, Serialize)]
struct JsonDeciding<'a> {
    part: &'a str,
    start: usize,
    end: usize,
    value: JsonValue<'a>,
    attributes: Vec<JsonReading<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonReading<'a> {
    name: &'a str,
    /// Absent where the event lacks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<JsonValue<'a>>,
}

/// Prints one object.
pub(super) fn print(
    event: &Event,
    explained: &[Explained],
    console: &mut Console,
) -> Result<(), Failure> {
    let report = JsonReport {
        event: JsonEvent {
            id: event.id(),
            source: event.source(),
            ty: event.ty(),
        },
        triggers: explained.iter().map(JsonTrigger::from).collect(),
    };
    console.print(serde_json::to_string_pretty(&report).map_err(std::io::Error::from)?)
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Match => "match",
        Outcome::NoMatch => "noMatch",
        Outcome::Error => "error",
    }
}

impl<'a> From<&'a Explained> for JsonTrigger<'a> {
    fn from(explained: &'a Explained) -> Self {
        let placed = &explained.placed;
        JsonTrigger {
            namespace: &placed.name().namespace,
            name: &placed.name().name,
            broker: &placed.trigger.broker,
            broker_found: explained.has_broker,
            file: &placed.file,
            line: placed.line,
            outcome: word(explained.explanation.outcome),
            clauses: clauses(&explained.explanation.clauses),
        }
    }
}

/// Recurses as deep as filters nest, which is bounded.
fn clauses(clauses: &[Clause]) -> Vec<JsonClause<'_>> {
    clauses.iter().map(JsonClause::from).collect()
}

impl<'a> From<&'a Clause> for JsonClause<'a> {
    fn from(clause: &'a Clause) -> Self {
        let (mut comparisons, mut below, mut expression) = (None, None, None);
        match &clause.reason {
            Reason::Comparisons(of) => {
                comparisons = Some(of.iter().map(JsonComparison::from).collect());
            }
            Reason::Clauses(of) => below = Some(clauses(of)),
            Reason::Expression(of) => expression = Some(JsonExpression::from(&**of)),
        }
        JsonClause {
            dialect: clause.dialect,
            outcome: word(clause.outcome),
            decided: clause.decided,
            comparisons,
            clauses: below,
            expression,
        }
    }
}

impl<'a> From<&'a Comparison> for JsonComparison<'a> {
    fn from(comparison: &'a Comparison) -> Self {
        JsonComparison {
            attribute: &comparison.attribute,
            wanted: &comparison.wanted,
            found: comparison.found.as_deref(),
            holds: comparison.holds,
            decided: comparison.decided,
        }
    }
}

impl<'a> From<&'a ExpressionReason> for JsonExpression<'a> {
    fn from(reason: &'a ExpressionReason) -> Self {
        let chars_before = |at: usize| {
            let text = reason.expression.text();
            text.char_indices()
                .take_while(|(from, _)| *from < at)
                .count()
        };
        let error = |EvaluationError { kind, span }: &EvaluationError| JsonError {
            kind: kind.as_str(),
            part: reason.expression.part(*span),
            start: chars_before(span.start),
            end: chars_before(span.end),
        };
        let Deciding {
            span,
            value,
            attributes,
        } = &reason.deciding;
        JsonExpression {
            text: reason.expression.text(),
            value: (&reason.value).into(),
            ty: reason.value.ty().as_str(),
            errors: reason.errors.iter().map(error).collect(),
            note: reasons::no_boolean(reason),
            deciding: JsonDeciding {
                part: reason.expression.part(*span),
                start: chars_before(span.start),
                end: chars_before(span.end),
                value: value.into(),
                attributes: attributes.iter().map(JsonReading::from).collect(),
            },
        }
    }
}

impl<'a> From<&'a Reading> for JsonReading<'a> {
    fn from(reading: &'a Reading) -> Self {
        JsonReading {
            name: &reading.attribute,
            value: reading.value.as_ref().map(JsonValue::from),
        }
    }
}
