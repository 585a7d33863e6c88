//! The dialect `cesql`: an expression, with its faults shown in the file.

use sluicegate_filter::FilterSpec;
use sluicegate_filter::cesql::{Expression, ExpressionError};

use crate::trigger::filters::{Read, Refused};
use crate::yaml::Field;
use crate::{Diagnostic, codes};

pub(super) fn read(field: &Field<'_>) -> Read {
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
    Ok(Some(FilterSpec::Cesql(expression)))
}

/// Points at the part at fault where it stands in the file; where that cannot be told, shows the
/// expression by itself.
fn refuse(field: &Field<'_>, text: &str, what: &str, error: &ExpressionError) -> Refused {
    let message = format!("{} {what}: {}", field.name(), error.problem);
    let finding = Diagnostic::error(codes::CESQL, message);
    field
        .findings()
        .report(match field.span_within(error.span.start..error.span.end) {
            Some(span) => finding.at(span).help(&*error.remedy),
            None => {
                let caret = error.caret(text);
                let help = format!("in the expression\n{caret}\n{}", error.remedy);
                finding.at(field.key_span()).help(help)
            }
        });
    Refused
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
