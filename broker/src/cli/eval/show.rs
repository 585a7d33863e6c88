//! What an expression came to, for people.

use sluicegate_filter::Outcome;
use sluicegate_filter::cesql::{Span, Value};
use sluicegate_filter::explain::ExpressionReason;

use crate::cli::console::{Console, Tone};
use crate::cli::doubts;
use crate::cli::exit::Failure;
use crate::reasons;

/// Prints the value and its type, what decided, and each error with carets below the part at fault.
pub(super) fn show(reason: &ExpressionReason, console: &mut Console) -> Result<(), Failure> {
    let tone = match (reason.outcome(), &reason.value) {
        (Outcome::Match, _) => Tone::Good,
        (Outcome::NoMatch | Outcome::Error, Value::Boolean(_)) => Tone::Bad,
        (Outcome::NoMatch | Outcome::Error, Value::Integer(_) | Value::String(_)) => Tone::Strong,
    };
    let value = console.paint(tone, reasons::value(&reason.value));
    let ty = console.paint(Tone::Faint, reason.value.ty());
    console.print(format_args!("{value}   {ty}"))?;
    let decided = reasons::decided(reason);
    if !decided.is_empty() {
        console.print(format_args!("└ {decided}"))?;
    }
    for error in &reason.errors {
        let kind = console.paint(Tone::Bad, error.kind.as_str());
        let words = reasons::error(reason, error);
        let caret = caret(reason.expression.text(), error.span);
        console.print(format_args!("{kind}: {words}\n{caret}"))?;
    }
    doubts::tell(&reason.expression, console);
    Ok(())
}

/// The part of `text` with carets below, indented.
pub(super) fn caret(text: &str, span: Span) -> String {
    let lines: Vec<String> = span
        .caret(text)
        .lines()
        .map(|line| format!("  {line}"))
        .collect();
    lines.join("\n")
}
