//! The object of `-o json`. Its members are API.

use serde::Serialize;
use sluicegate_filter::cesql::{ErrorKind, EvaluationError, Type, Value};

use crate::reasons::JsonValue;

/// What an expression came to.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    value: JsonValue<'a>,
    #[serde(rename = "type")]
    ty: &'static str,
    errors: Vec<&'static str>,
}

impl<'a> Answer<'a> {
    pub(super) fn of(value: &'a Value<'_>, errors: &[EvaluationError]) -> Self {
        Answer {
            value: value.into(),
            ty: value.ty().as_str(),
            errors: errors.iter().map(|error| error.kind.as_str()).collect(),
        }
    }

    /// The text is no expression.
    pub(super) fn parse_error() -> Self {
        Answer::failed(ErrorKind::Parse)
    }

    /// There was nothing to ask: the request cannot be read.
    pub(super) fn no_request() -> Self {
        Answer::failed(ErrorKind::Generic)
    }

    fn failed(kind: ErrorKind) -> Self {
        Answer {
            value: JsonValue::Boolean(false),
            ty: Type::Boolean.as_str(),
            errors: vec![kind.as_str()],
        }
    }

    /// One line.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("text, numbers and lists can be written as JSON")
    }
}

#[cfg(test)]
mod tests {
    use sluicegate_event::Event;
    use sluicegate_filter::cesql::Expression;

    use super::*;

    #[test]
    fn values_keep_their_types_and_errors_their_names() {
        let event = Event::builder("1", "/s", "a\"b").build().unwrap();
        for (text, json) in [
            ("1 = 1", r#"{"value":true,"type":"Boolean","errors":[]}"#),
            ("-2", r#"{"value":-2,"type":"Integer","errors":[]}"#),
            ("type", r#"{"value":"a\"b","type":"String","errors":[]}"#),
            ("1 / 0", r#"{"value":0,"type":"Integer","errors":["math"]}"#),
            (
                "(1 / 0) + INT(x)",
                r#"{"value":0,"type":"Integer","errors":["math","missingAttribute"]}"#,
            ),
        ] {
            let expression = Expression::parse(text).unwrap();
            let evaluation = expression.evaluate(&event);
            let answer = Answer::of(&evaluation.value, &evaluation.errors);
            assert_eq!(answer.to_json(), json, "{text}");
        }
        assert_eq!(
            Answer::parse_error().to_json(),
            r#"{"value":false,"type":"Boolean","errors":["parse"]}"#
        );
        assert_eq!(
            Answer::no_request().to_json(),
            r#"{"value":false,"type":"Boolean","errors":["generic"]}"#
        );
    }
}
