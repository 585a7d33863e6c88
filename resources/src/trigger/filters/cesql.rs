//! The dialect `cesql`: an expression, with its faults shown in the file.

use sluicegate_filter::FilterSpec;
use sluicegate_filter::cesql::{DoubtKind, Expression, ExpressionError, Span};

use crate::trigger::filters::{Read, Refused};
use crate::yaml::{Field, Value};
use crate::{Diagnostic, codes};

pub(super) fn read(field: &Field<'_>) -> Read {
    refuse_a_number(field)?;
    let text = field.string().ok_or(Refused)?;
    // As Knative has it: an empty expression is no filter.
    if text.trim().is_empty() {
        return Ok(None);
    }
    let refused = |what: &str, error: &ExpressionError| refuse(field, text, what, error);
    let expression = Expression::parse(text).map_err(|error| refused("does not parse", &error))?;
    expression
        .check_condition()
        .map_err(|error| refused("matches no event", &error))?;
    warn(field, &expression);
    Ok(Some(FilterSpec::Cesql(expression)))
}

/// In quotes a number would be an expression, and no condition.
fn refuse_a_number(field: &Field<'_>) -> Result<(), Refused> {
    match &field.node().value {
        Value::Scalar(scalar) if scalar.is_number() => {
            let help = "write a condition:\n  - cesql: amount > 100".to_owned();
            field.wrong_type("an expression", Some(help));
            Err(Refused)
        }
        Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) | Value::Refused => Ok(()),
    }
}

fn refuse(field: &Field<'_>, text: &str, what: &str, error: &ExpressionError) -> Refused {
    let message = format!("{} {what}: {}", field.name(), error.problem);
    let finding = Diagnostic::error(codes::CESQL, message);
    report(field, text, error.span, finding, &error.remedy);
    Refused
}

/// Tells what is most likely not meant.
fn warn(field: &Field<'_>, expression: &Expression) {
    for doubt in expression.doubts() {
        let code = match doubt.kind {
            DoubtKind::Star => codes::STAR_IS_A_LETTER,
            DoubtKind::Negation => codes::NOT_BINDS_TIGHTER,
        };
        let finding = Diagnostic::warning(code, format!("{}: {}", field.name(), doubt.problem));
        report(field, expression.text(), doubt.span, finding, &doubt.remedy);
    }
}

/// Points at the part where it stands in the file; where that cannot be told, shows the expression
/// by itself.
fn report(field: &Field<'_>, text: &str, part: Span, finding: Diagnostic, remedy: &str) {
    let finding = match field.span_within(part.start..part.end) {
        Some(span) => finding.at(span).help(remedy),
        None => {
            let caret = part.caret(text);
            let help = format!("in the expression\n{caret}\n{remedy}");
            finding.at(field.key_span()).help(help)
        }
    };
    field.findings().report(finding);
}

/// `sql`, as the CloudEvents Subscriptions API calls the same language.
pub(super) fn refuse_other_name(field: &Field<'_>) {
    let message = format!(
        "the dialect `{}` is called `cesql` in a trigger",
        field.name()
    );
    field.findings().report(
        Diagnostic::error(codes::CESQL, message)
            .at(field.key_span())
            .help("write it as `cesql`, the only name that Knative knows too"),
    );
}
