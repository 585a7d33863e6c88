//! CESQL 1.0, rule by rule: an expression and an event in, a value and errors out.
//!
//! `kit` runs the test cases that come with the specification where they are at hand; everything
//! else stands here in words of our own, so that each rule is tested without them.

mod attributes;
mod casts;
mod conditions;
mod functions;
mod kit;
mod limits;
mod operators;
mod syntax;

use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value as Json, json};
use sluicegate_event::{Decoded, Event, Limits};
use sluicegate_filter::cesql::{ErrorKind, Expression, Value};

const NONE: &[&str] = &[];

/// An event of version 1.0 with `attributes` beside, or instead of, the required ones, each of the
/// type it has in JSON.
fn event(attributes: &Json) -> Event {
    let mut members = Map::new();
    let required =
        json!({"specversion": "1.0", "id": "1", "source": "/shop", "type": "order.paid"});
    for given in [&required, attributes] {
        for (name, value) in given.as_object().expect("attributes are a JSON object") {
            members.insert(name.clone(), value.clone());
        }
    }
    let mut headers = HeaderMap::new();
    headers.insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/cloudevents+json"),
    );
    let body = Json::Object(members).to_string().into();
    match sluicegate_event::decode(&headers, body, &Limits::default()) {
        Ok(Decoded::One(event)) => *Box::new(event),
        Ok(other) => panic!("not one event: {other:?}"),
        Err(error) => panic!("the event of a test is valid: {error:?}"),
    }
}

fn kinds(expression: &Expression, event: &Event) -> Vec<&'static str> {
    let errors = expression.evaluate(event).errors;
    errors.iter().map(|error| error.kind.as_str()).collect()
}

/// A value as JSON, whose types are told apart just as ours are.
fn as_json(value: &Value<'_>) -> Json {
    match value {
        Value::Boolean(value) => json!(value),
        Value::Integer(value) => json!(value),
        Value::String(text) => json!(text),
    }
}

/// Checks each expression against the value and the errors it comes to, for an event with
/// `attributes`; and that printing it changes neither, and that it decides accordingly.
fn check(attributes: &Json, cases: &[(&str, Json, &[&str])]) {
    let event = event(attributes);
    for (text, value, errors) in cases {
        let expression = Expression::parse(text)
            .unwrap_or_else(|error| panic!("{text}: {error}\n{}", error.caret(text)));
        let evaluation = expression.evaluate(&event);
        assert_eq!(as_json(&evaluation.value), *value, "{text}");
        assert_eq!(kinds(&expression, &event), *errors, "{text}");

        let printed = Expression::parse(&expression.to_string()).expect("what is printed reads");
        assert_eq!(
            as_json(&printed.evaluate(&event).value),
            *value,
            "{printed}"
        );
        assert_eq!(kinds(&printed, &event), *errors, "{printed}");

        decides_as_it_evaluates(&expression, &event);
    }
}

fn decides_as_it_evaluates(expression: &Expression, event: &Event) {
    use sluicegate_filter::Outcome;

    let evaluation = expression.evaluate(event);
    let expected = match (&evaluation.value, evaluation.errors.as_slice()) {
        (Value::Boolean(true), []) => Outcome::Match,
        (Value::Boolean(false), []) => Outcome::NoMatch,
        _ => Outcome::Error,
    };
    assert_eq!(expression.decide(event), expected, "{expression}");
    if let (Some(ty), []) = (expression.ty(), evaluation.errors.as_slice()) {
        assert_eq!(evaluation.value.ty(), ty, "{expression}");
    }
    for error in &evaluation.errors {
        assert_ne!(error.kind, ErrorKind::Parse, "{expression}");
        assert_ne!(expression.part(error.span), "", "{expression}: {error:?}");
    }
}
