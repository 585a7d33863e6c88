//! What is most likely not meant in an expression, as talk: it is valid, and says something else.

use sluicegate_filter::cesql::Expression;

use super::console::{Console, Tone};

/// Tells each doubt with carets below its part, and what to write instead.
pub(super) fn tell(expression: &Expression, console: &mut Console) {
    for doubt in expression.doubts() {
        let word = console.paint(Tone::Warning, "warning");
        let caret = doubt.span.caret(expression.text());
        let caret: Vec<String> = caret.lines().map(|line| format!("  {line}")).collect();
        console.say(format_args!(
            "{word}: {}\n{}\n  {}",
            doubt.problem,
            caret.join("\n"),
            doubt.remedy
        ));
    }
}
