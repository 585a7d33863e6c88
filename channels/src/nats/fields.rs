//! A header of ours that says several things: a word for what it is, and what belongs to it.
//!
//! ```text
//!   moved; sends=3; accepted=1795299541935; body=kept
//! ```
//!
//! A field that is not known is passed over, so that an older program can read what a later one wrote
//! where the word is the same; what must not be passed over gets a word of its own.

use std::fmt::{self, Write as _};

use crate::Timestamp;

/// A header's text, taken apart.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    /// What stands first.
    pub(super) word: &'a str,
    named: Vec<(&'a str, &'a str)>,
}

/// A field that is missing, or is not what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the field {0} is missing or not what it must be")]
pub struct FieldError(pub &'static str);

impl<'a> Fields<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        Fields {
            word: parts.next().unwrap_or_default(),
            named: parts.filter_map(|part| part.split_once('=')).collect(),
        }
    }

    pub(super) fn text(&self, field: &'static str) -> Result<&'a str, FieldError> {
        let found = self.named.iter().find(|(name, _)| *name == field);
        found.map(|(_, value)| *value).ok_or(FieldError(field))
    }

    pub(super) fn number<T: std::str::FromStr>(
        &self,
        field: &'static str,
    ) -> Result<T, FieldError> {
        self.text(field)?.parse().map_err(|_| FieldError(field))
    }

    /// A number that need not be there, and is 0 then.
    pub(super) fn count(&self, field: &'static str) -> Result<u64, FieldError> {
        match self.text(field) {
            Ok(text) => text.parse().map_err(|_| FieldError(field)),
            Err(_) => Ok(0),
        }
    }

    pub(super) fn time(&self, field: &'static str) -> Result<Timestamp, FieldError> {
        self.number(field).map(Timestamp)
    }

    pub(super) fn flag(&self, field: &'static str) -> Result<bool, FieldError> {
        self.number(field)
    }
}

/// A header's text in the making.
#[derive(Debug)]
pub(super) struct FieldsText(String);

impl FieldsText {
    pub(super) fn new(word: &str) -> Self {
        FieldsText(word.to_owned())
    }

    pub(super) fn with(mut self, field: &str, value: impl fmt::Display) -> Self {
        write!(self.0, "; {field}={value}").expect("a String takes all");
        self
    }

    /// The same, where there is something to say.
    pub(super) fn with_some(self, field: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(field, value),
            None => self,
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}
