//! Any text is an expression, or is refused with a place and a remedy.
//!
//! What is read prints in a canonical form that reads as the same expression. The input is the text;
//! what is not UTF-8 in it is replaced.

use sluicegate_filter::cesql::{EXPRESSION_BYTES_MAX, Expression, ExpressionError};

/// The parser and what prints an expression.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// Reads a text.
    pub parse: fn(&str) -> Result<Expression, ExpressionError>,
    /// Writes an expression in canonical form.
    pub print: fn(&Expression) -> String,
}

impl Subject {
    /// What is shipped.
    pub const OURS: Subject = Subject {
        parse: Expression::parse,
        print: |expression| expression.to_string(),
    };
}

/// # Panics
///
/// When `input` is treated otherwise than it must be.
pub fn check(input: &[u8], subject: &Subject) {
    let text = String::from_utf8_lossy(input);
    match (subject.parse)(&text) {
        Ok(expression) => holds_for(&expression, &text, subject),
        Err(refusal) => explains_itself(&refusal, &text),
    }
}

fn holds_for(expression: &Expression, text: &str, subject: &Subject) {
    assert!(
        text.len() <= EXPRESSION_BYTES_MAX,
        "too long a text is read"
    );
    assert_eq!(expression.text(), text, "the text is kept");
    if let Err(refusal) = expression.check_condition() {
        explains_itself(&refusal, text);
    }
    let printed = (subject.print)(expression);
    // A space around each operator can make the canonical text too long to be read.
    if printed.len() > EXPRESSION_BYTES_MAX {
        return;
    }
    let again = (subject.parse)(&printed)
        .unwrap_or_else(|error| panic!("{text:?} is printed as {printed:?}, not read: {error}"));
    assert_eq!(
        (subject.print)(&again),
        printed,
        "{text:?} is printed, read and printed"
    );
    assert_eq!(again.ty(), expression.ty(), "{text:?} and {printed:?}");
    assert_eq!(
        again.check_condition().is_ok(),
        expression.check_condition().is_ok(),
        "{text:?} and {printed:?}"
    );
}

fn explains_itself(refusal: &ExpressionError, text: &str) {
    let part = text.get(refusal.span.start..refusal.span.end);
    assert!(part.is_some(), "{refusal:?} is no part of {text:?}");
    assert!(
        !refusal.problem.is_empty() && !refusal.remedy.is_empty(),
        "{text:?}: {refusal:?}"
    );
    for sentence in [&refusal.problem, &refusal.remedy] {
        assert!(
            sentence.len() <= 1024 && !sentence.contains(char::is_control),
            "{text:?}: {refusal:?}"
        );
    }
    let caret = refusal.caret(text);
    let (line, carets) = caret.split_once('\n').unwrap_or_default();
    assert!(
        carets.ends_with('^') && !line.contains(char::is_control),
        "{text:?}: {caret:?}"
    );
    assert!(
        carets.len() <= 2 * line.chars().count().max(1) + 1,
        "{text:?}: {caret:?}"
    );
}
