//! What is wrong in a file, where, and what to do.
//!
//! A [`Diagnostic`] is data; [`Diagnostic::render`] makes of it what people read in a terminal.
//! What is deliberately absent: colours, and files.

mod render;

/// A place in a text, 1-based lines and columns (columns in characters).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// Characters to underline; at least 1.
    pub length: usize,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The object is refused.
    Error,
    /// The object is served; someone should look.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// A stable code, such as `W002`; see [`crate::codes`].
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Where, when it has a place.
    pub span: Option<Span>,
    /// What the caret says.
    pub label: Option<String>,
    /// What to do; may have several lines.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A finding for which the object is refused.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            span: None,
            label: None,
            help: None,
        }
    }

    /// A finding with which the object is served all the same.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(code, message)
        }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// Says something beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether the object is refused for it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Renders it as people read it, with the line of `text` and a caret.
    ///
    /// The lines are not terminated by a newline at the end. Control characters of the text are
    /// escaped, and long lines are cut around the caret.
    ///
    /// ```
    /// use sluicegate_resources::{Diagnostic, Span, codes};
    ///
    /// let finding = Diagnostic::error(codes::UNKNOWN_FIELD, "unknown field `colour`")
    ///     .at(Span { line: 2, column: 1, length: 6 })
    ///     .help("known here: `name`");
    /// assert_eq!(
    ///     finding.render("a.yaml", "name: x\ncolour: red\n"),
    ///     "error[W002]: unknown field `colour`\n\
    ///      \x20 --> a.yaml:2:1\n\
    ///      2 | colour: red\n\
    ///      \x20 | ^^^^^^\n\
    ///      help: known here: `name`"
    /// );
    /// ```
    pub fn render(&self, file: &str, text: &str) -> String {
        render::render(self, file, text)
    }
}
