//! What an expression came to and why, in words and as JSON: shared by the commands that explain.
//!
//! Text from events and manifests goes through [`visible`].

use serde::Serialize;
use sluicegate_filter::cesql::{ErrorKind, EvaluationError, Reading, Type, Value};
use sluicegate_filter::explain::ExpressionReason;

use crate::logging::visible;

/// How much of a value or a part of an expression is shown, in bytes.
pub(crate) const SHOWN_BYTES_MAX: usize = 120;

/// How many attributes are named.
const ATTRIBUTES_MAX: usize = 6;

/// A value in JSON, of the type that it has in the language.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum JsonValue<'a> {
    Boolean(bool),
    Integer(i32),
    String(&'a str),
}

impl<'a> From<&'a Value<'_>> for JsonValue<'a> {
    fn from(value: &'a Value<'_>) -> Self {
        match value {
            Value::Boolean(value) => JsonValue::Boolean(*value),
            Value::Integer(value) => JsonValue::Integer(*value),
            Value::String(text) => JsonValue::String(text),
        }
    }
}

/// A text as it stands in quotes: `"order.paid"`.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", visible(text, SHOWN_BYTES_MAX))
}

/// A value: `"order.paid"`, `40`, `true`.
pub(crate) fn value(value: &Value<'_>) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Boolean(_) | Value::Integer(_) => value.to_string(),
    }
}

/// What decided: `amount > 100 is false: amount is 40`; only the attributes where the whole
/// expression did, and nothing where there are none either.
pub(crate) fn decided(reason: &ExpressionReason) -> String {
    let deciding = &reason.deciding;
    let part = reason.expression.part(deciding.span);
    let read = readings(&deciding.attributes);
    let is_whole = part == reason.expression.text().trim();
    let is_attribute = matches!(&deciding.attributes[..], [one] if one.attribute == part);
    let is_literal = part.eq_ignore_ascii_case(&deciding.value.to_string());
    // The values of these say it all.
    if is_whole || is_attribute || is_literal {
        return read;
    }
    let part = format!(
        "{} is {}",
        visible(part, SHOWN_BYTES_MAX),
        value(&deciding.value)
    );
    if read.is_empty() {
        part
    } else {
        format!("{part}: {read}")
    }
}

/// Why an expression in which nothing went wrong matches nothing all the same.
pub(crate) fn no_boolean(reason: &ExpressionReason) -> Option<String> {
    let ty = reason.value.ty();
    let is_told = ty == Type::Boolean || !reason.errors.is_empty();
    (!is_told).then(|| {
        format!(
            "it comes to {}, of type {ty}, and only a Boolean matches",
            value(&reason.value)
        )
    })
}

/// Attributes and their values: `amount is 40, region is not on this event`.
fn readings(attributes: &[Reading]) -> String {
    let mut words: Vec<String> = attributes
        .iter()
        .take(ATTRIBUTES_MAX)
        .map(
            |Reading {
                 attribute,
                 value: found,
             }| {
                let name = visible(attribute, SHOWN_BYTES_MAX);
                match found {
                    Some(found) => format!("{name} is {}", value(found)),
                    None => format!("{name} is not on this event"),
                }
            },
        )
        .collect();
    if attributes.len() > ATTRIBUTES_MAX {
        words.push(format!("and {} more", attributes.len() - ATTRIBUTES_MAX));
    }
    words.join(", ")
}

/// What went wrong: `'amount' is not on this event`.
pub(crate) fn error(reason: &ExpressionReason, error: &EvaluationError) -> String {
    let part = visible(reason.expression.part(error.span), SHOWN_BYTES_MAX).to_string();
    // A literal has its own quotes.
    let part = match part.starts_with(['\'', '"']) {
        true => part,
        false => format!("'{part}'"),
    };
    let words = match error.kind {
        ErrorKind::Parse => format!("{part} is no expression"),
        ErrorKind::Math => format!("{part} has no value"),
        ErrorKind::Cast => format!("{part} is not of the type that is needed there"),
        ErrorKind::MissingAttribute => format!("{part} is not on this event"),
        ErrorKind::MissingFunction => format!("{part} calls a function that there is not"),
        ErrorKind::FunctionEvaluation => format!("{part} cannot be computed"),
        ErrorKind::Generic => "this is more work than one evaluation may be".to_owned(),
    };
    match reason.expression.why(error) {
        Some(why) => format!("{words}: {why}"),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use sluicegate_event::Event;
    use sluicegate_filter::cesql::Expression;

    use super::*;

    fn reason(text: &str) -> ExpressionReason {
        let event = Event::builder("1", "/shop", "order.paid")
            .attribute("region", "eu")
            .build()
            .unwrap();
        ExpressionReason::of(&Expression::parse(text).unwrap(), &event)
    }

    #[test]
    fn what_decided_is_named_with_what_it_read() {
        for (text, words) in [
            (
                "region = 'eu' AND type = 'x'",
                "type = 'x' is false: type is \"order.paid\"",
            ),
            ("region = 'us'", "region is \"eu\""),
            (
                "(region = 'us')",
                "region = 'us' is false: region is \"eu\"",
            ),
            ("1 = 2 OR 2 = 2", "2 = 2 is true"),
            ("1 = 2 OR TRUE", ""),
            ("(region)", "region is \"eu\""),
            ("1 = 2", ""),
            ("EXISTS a", "a is not on this event"),
            (
                "CONCAT(a, b, c, d, e, f, g, h)",
                "a is not on this event, b is not on this event, c is not on this event, \
                 d is not on this event, e is not on this event, f is not on this event, and 2 more",
            ),
        ] {
            assert_eq!(decided(&reason(text)), words, "{text}");
        }
    }

    #[test]
    fn each_error_has_words() {
        for (text, words) in [
            ("amount > 1", "'amount' is not on this event"),
            (
                "INT(region) > 1",
                "'region' is not of the type that is needed there: INT needs an Integer",
            ),
            ("1 / 0 > 1", "'1 / 0' has no value: it divides by zero"),
            (
                "LEFT(region, -1) = 'a'",
                "'LEFT(region, -1)' cannot be computed: the length is negative",
            ),
            ("FOO(1)", "'FOO(1)' calls a function that there is not"),
        ] {
            let reason = reason(text);
            assert_eq!(error(&reason, &reason.errors[0]), words, "{text}");
        }
    }
}
