//! What is wrong with an expression, and where: before it can be evaluated, and while it is.

use std::fmt::Write as _;

/// How many characters of a long line are shown on each side of the place at fault.
const SHOWN_AROUND_CHARS: usize = 32;

/// How many characters of a word a sentence holds.
const WORD_CHARS_MAX: usize = 60;

/// A part of an expression's text: bytes from `start` up to, not including, `end`. Both stand
/// between characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

impl Span {
    /// From the beginning of this one to the end of `last`.
    pub(crate) fn to(self, last: Span) -> Span {
        Span {
            start: self.start,
            end: last.end,
        }
    }

    /// Two lines: the line of `text` in which this part begins, shortened around it when it is long,
    /// and carets below the part.
    ///
    /// ```
    /// use sluicegate_filter::cesql::Span;
    ///
    /// assert_eq!(Span { start: 4, end: 9 }.caret("1 + price"), "1 + price\n    ^^^^^");
    /// ```
    pub fn caret(self, text: &str) -> String {
        let before = text.get(..self.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text.get(line_start..).unwrap_or_default();
        let line = line.split('\n').next().unwrap_or_default();
        let column = before.chars().count() - text.get(..line_start).map_or(0, count);
        let width = text
            .get(self.start..self.end)
            .map_or(0, |part| count(part.split('\n').next().unwrap_or_default()))
            .clamp(1, SHOWN_AROUND_CHARS);

        let from = column.saturating_sub(SHOWN_AROUND_CHARS);
        let to = column + width + SHOWN_AROUND_CHARS;
        let (front, back) = (
            if from > 0 { "…" } else { "" },
            if to < count(line) { "…" } else { "" },
        );
        // A tab or a carriage return would move the carets.
        let shown = without_controls(line.chars().skip(from).take(to - from));
        let indent = column - from + count(front);
        let mut lines = format!("{front}{shown}{back}\n");
        write!(lines, "{:indent$}{:^<width$}", "", "").expect("writing into a String cannot fail");
        lines
    }
}

/// Why an expression is refused: it cannot be read, or it can never be what it is wanted for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ExpressionError {
    /// The part of the text that is at fault; empty at the end when something is missing there.
    pub span: Span,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl ExpressionError {
    pub(crate) fn new(span: Span, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        ExpressionError {
            span,
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }

    /// Two lines: the line of `text` that is at fault, shortened around the place when it is long,
    /// and carets below the part. `text` is the one that was refused.
    ///
    /// ```
    /// use sluicegate_filter::cesql::Expression;
    ///
    /// let text = "type = 'paid' AND amount > ";
    /// let error = Expression::parse(text).unwrap_err();
    /// assert_eq!(error.caret(text), "type = 'paid' AND amount > \n                           ^");
    /// ```
    pub fn caret(&self, text: &str) -> String {
        self.span.caret(text)
    }
}

/// A word of an expression as a sentence can hold it: its beginning, without control characters.
pub(crate) fn in_a_sentence(word: &str) -> String {
    let mut shown = without_controls(word.chars().take(WORD_CHARS_MAX));
    if word.chars().nth(WORD_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn without_controls(characters: impl Iterator<Item = char>) -> String {
    let harmless = |c: char| if c.is_control() { ' ' } else { c };
    characters.map(harmless).collect()
}

fn count(text: &str) -> usize {
    text.chars().count()
}

/// What may go wrong with an expression, as the specification divides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The text is no expression. Evaluation never meets it: such a text is refused before.
    Parse,
    /// Division by zero, or a result outside 32 bits.
    Math,
    /// A value is not one of the type that is needed, and cannot be made one.
    Cast,
    /// The event lacks an attribute that the expression asks for.
    MissingAttribute,
    /// There is no function of that name with as many arguments.
    MissingFunction,
    /// A function cannot work with the arguments it was given.
    FunctionEvaluation,
    /// Anything else: the work allowed for one evaluation is used up.
    Generic,
}

impl ErrorKind {
    /// The name under which tools know it, such as `missingAttribute`.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Parse => "parse",
            ErrorKind::Math => "math",
            ErrorKind::Cast => "cast",
            ErrorKind::MissingAttribute => "missingAttribute",
            ErrorKind::MissingFunction => "missingFunction",
            ErrorKind::FunctionEvaluation => "functionEvaluation",
            ErrorKind::Generic => "generic",
        }
    }
}

/// What went wrong in an evaluation, and which part of the expression it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvaluationError {
    /// What it was.
    pub kind: ErrorKind,
    /// The part at fault: the attribute that is missing, the operand that cannot be cast.
    pub span: Span,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caret(text: &str, start: usize, end: usize) -> String {
        ExpressionError::new(Span { start, end }, "", "").caret(text)
    }

    #[test]
    fn carets_stand_below_the_part_at_fault() {
        assert_eq!(caret("a = b", 2, 3), "a = b\n  ^");
        assert_eq!(caret("a == b", 2, 4), "a == b\n  ^^");
        assert_eq!(caret("a =", 3, 3), "a =\n   ^");
        assert_eq!(caret("", 0, 0), "\n^");
        assert_eq!(caret("'é' ?", 5, 6), "'é' ?\n    ^");
    }

    #[test]
    fn of_several_lines_the_one_at_fault_is_shown() {
        assert_eq!(caret("a\nAND ?\nOR c", 6, 7), "AND ?\n    ^");
        assert_eq!(caret("a\r\n? b", 3, 4), "? b\n^");
        assert_eq!(caret("a AND 'b\nc", 6, 10), "a AND 'b\n      ^^");
    }

    #[test]
    fn a_long_line_is_shortened_around_the_place() {
        let text = format!("{} ? {}", "a".repeat(100), "b".repeat(100));
        let shown = format!("…{} ? {}…", "a".repeat(31), "b".repeat(31));
        assert_eq!(
            caret(&text, 101, 102),
            format!("{shown}\n{}^", " ".repeat(33))
        );
    }
}
