//! Where everything that is wrong is collected.

use std::cell::RefCell;

use crate::{Diagnostic, codes};

/// How many findings of one document are told one by one: a person reads fewer, and a hostile text
/// could have as many as it has values.
pub const SHOWN_MAX: usize = 500;

/// What was found in one document. Shared by all its readers.
#[derive(Debug, Default)]
pub struct Findings {
    list: RefCell<Vec<Diagnostic>>,
}

impl Findings {
    /// Adds one.
    pub fn report(&self, diagnostic: Diagnostic) {
        self.list.borrow_mut().push(diagnostic);
    }

    /// Adds several.
    pub fn extend(&self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        self.list.borrow_mut().extend(diagnostics);
    }

    /// Takes back what was reported with the same code and message, wherever it points.
    pub(super) fn withdraw(&self, diagnostic: &Diagnostic) {
        self.list.borrow_mut().retain(|reported| {
            (reported.code, &reported.message) != (diagnostic.code, &diagnostic.message)
        });
    }

    /// Whether something was found for which the object is refused.
    pub fn has_errors(&self) -> bool {
        self.list.borrow().iter().any(Diagnostic::is_error)
    }

    /// All of them in the order of the text; those without a place first. Past [`SHOWN_MAX`] only
    /// their number is told.
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let mut list = self.list.into_inner();
        list.sort_by_key(|diagnostic| diagnostic.span.map(|span| (span.line, span.column)));
        if list.len() > SHOWN_MAX {
            let rest = list.split_off(SHOWN_MAX);
            let message = format!(
                "{} more findings in this document are not shown",
                rest.len()
            );
            // The document must not pass for valid because its errors come late.
            list.push(if rest.iter().any(Diagnostic::is_error) {
                Diagnostic::error(codes::TOO_MANY, message)
            } else {
                Diagnostic::warning(codes::TOO_MANY, message)
            });
        }
        list
    }
}
