//! Any expression comes to a value for any event, and says what went wrong.
//!
//! Deciding agrees with evaluating, and a filter of the expression with both; the canonical form
//! evaluates alike, types that are known before hold, and no value is larger than the work that is
//! allowed could make it.
//!
//! The first line of the input is the expression, each further one an attribute of the event:
//! `name=value` is text, `name:value` a Boolean or an integer where it reads as one. A line that no
//! event could hold is left out.

use sluicegate_event::{AttributeType, Event, SpecVersion};
use sluicegate_filter::cesql::{
    ErrorKind, Evaluation, Expression, ExpressionError, STEPS_MAX, Value,
};
use sluicegate_filter::{Filter, FilterError, FilterSet, FilterSpec, Outcome};

/// How many attributes an input may set.
const ATTRIBUTES_MAX: usize = 64;

/// What a step may copy, by the docs of [`STEPS_MAX`].
const BYTES_PER_STEP: usize = 256;

/// What asks an expression.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// Reads an expression.
    pub parse: fn(&str) -> Result<Expression, ExpressionError>,
    /// Writes an expression in canonical form.
    pub print: fn(&Expression) -> String,
    /// Its value and errors.
    pub evaluate: for<'a> fn(&'a Expression, &'a Event) -> Evaluation<'a>,
    /// What it says as a filter.
    pub decide: fn(&Expression, &Event) -> Outcome,
    /// Makes a filter of it.
    pub compile: fn(&[FilterSpec]) -> Result<Filter, FilterError>,
}

impl Subject {
    /// What is shipped.
    pub const OURS: Subject = Subject {
        parse: Expression::parse,
        print: |expression| expression.to_string(),
        evaluate: Expression::evaluate,
        decide: Expression::decide,
        compile: Filter::compile,
    };
}

/// # Panics
///
/// When an expression is evaluated otherwise than it must be.
pub fn check(input: &[u8], subject: &Subject) {
    let text = String::from_utf8_lossy(input);
    let (text, attributes) = text.split_once('\n').unwrap_or((&text, ""));
    let Ok(expression) = (subject.parse)(text) else {
        return;
    };
    let event = event_of(attributes);
    let evaluation = (subject.evaluate)(&expression, &event);
    is_plausible(&expression, &evaluation);
    assert_eq!(
        (subject.evaluate)(&expression, &event),
        evaluation,
        "{text:?} is evaluated twice"
    );
    let decision = decision_of(&evaluation);
    assert_eq!(
        (subject.decide)(&expression, &event),
        decision,
        "{text:?} is decided; it comes to {evaluation:?}"
    );
    is_a_filter(&expression, &event, decision, subject);

    let printed = (subject.print)(&expression);
    if let Ok(again) = (subject.parse)(&printed) {
        let alike = (subject.evaluate)(&again, &event);
        assert_eq!(alike.value, evaluation.value, "{text:?} and {printed:?}");
        assert_eq!(
            kinds(&alike),
            kinds(&evaluation),
            "{text:?} and {printed:?}"
        );
    }
}

fn is_plausible(expression: &Expression, evaluation: &Evaluation<'_>) {
    let text = expression.text();
    if let (Some(ty), []) = (expression.ty(), &*evaluation.errors) {
        assert_eq!(evaluation.value.ty(), ty, "the type of {text:?}");
    }
    assert!(
        evaluation.errors.len() <= STEPS_MAX + 1,
        "{text:?} makes {} errors",
        evaluation.errors.len()
    );
    for error in &evaluation.errors {
        assert_ne!(error.kind, ErrorKind::Parse, "{text:?}");
        assert_ne!(expression.part(error.span), "", "{text:?}: {error:?}");
    }
    if let Value::String(value) = &evaluation.value {
        // A literal or an attribute costs nothing and may be the whole value.
        let bytes_max = STEPS_MAX * BYTES_PER_STEP + text.len() + (1 << 20);
        assert!(value.len() <= bytes_max, "{text:?}: {} bytes", value.len());
    }
}

/// A filter of the expression, and one of its negation, say what the expression says.
fn is_a_filter(expression: &Expression, event: &Event, decision: Outcome, subject: &Subject) {
    let spec = FilterSpec::Cesql(expression.clone());
    let negated = FilterSpec::Not(Box::new(spec.clone()));
    let (filter, negated) = match ((subject.compile)(&[spec]), (subject.compile)(&[negated])) {
        (Ok(filter), Ok(negated)) => (filter, negated),
        (Err(refusal), Err(_)) => {
            assert!(expression.check_condition().is_err(), "{refusal:?}");
            return;
        }
        (filter, negated) => panic!("{expression}: {filter:?}, and NOT: {negated:?}"),
    };
    assert_eq!(expression.check_condition(), Ok(()), "{expression}");
    let says = filter.evaluate(event);
    // Of an event that a comparison excludes, the expression is not asked.
    let is_excluded = says == Outcome::NoMatch && decision == Outcome::Error;
    assert!(
        says == decision || is_excluded,
        "a filter of {expression} says {says:?}, not {decision:?}"
    );
    assert_eq!(
        negated.evaluate(event) == Outcome::Match,
        decision != Outcome::Match,
        "the negation of {expression}, which says {decision:?}"
    );
    let mut set = FilterSet::new();
    set.insert(0, filter.clone());
    set.insert(1, negated.clone());
    let mut together = [Outcome::NoMatch; 2];
    set.matches(event, |index: usize, outcome| together[index] = outcome);
    assert_eq!(together, [says, negated.evaluate(event)], "{expression}");
}

fn decision_of(evaluation: &Evaluation<'_>) -> Outcome {
    match (&evaluation.value, &*evaluation.errors) {
        (Value::Boolean(true), []) => Outcome::Match,
        (Value::Boolean(false), []) => Outcome::NoMatch,
        (Value::Boolean(_) | Value::Integer(_) | Value::String(_), _) => Outcome::Error,
    }
}

fn kinds(evaluation: &Evaluation<'_>) -> Vec<ErrorKind> {
    evaluation.errors.iter().map(|error| error.kind).collect()
}

/// The event that `lines` describe, beside or instead of what every event must have.
pub(crate) fn event_of(lines: &str) -> Event {
    let mut builder = Event::builder("1", "/shop", "order.paid");
    if lines.lines().any(|line| line == "specversion=0.3") {
        builder = builder.spec_version(SpecVersion::V03);
    }
    let mut extensions = Vec::new();
    for line in lines.lines().take(ATTRIBUTES_MAX) {
        let Some(at) = line.find(['=', ':']) else {
            continue;
        };
        let (name, marked) = line.split_at(at);
        let value = marked.get(1..).unwrap_or_default();
        extensions.push((name, value, type_of(value, marked.starts_with(':'))));
        let wider = builder.clone().attribute(name, value);
        if wider.clone().build().is_ok() {
            builder = wider;
        }
    }
    let mut event = builder
        .build()
        .expect("an event is valid with each attribute that was taken");
    for (name, value, ty) in extensions {
        // A core attribute is no extension, and was set above.
        drop(event.set_extension(name, value, ty));
    }
    event
}

fn type_of(value: &str, is_typed: bool) -> AttributeType {
    let is_integer = || {
        value
            .parse::<i32>()
            .is_ok_and(|number| number.to_string() == value)
    };
    match value {
        "true" | "false" if is_typed => AttributeType::Boolean,
        _ if is_typed && is_integer() => AttributeType::Integer,
        _ => AttributeType::String,
    }
}
