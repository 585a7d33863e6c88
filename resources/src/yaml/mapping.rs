//! Reading a mapping by asking for its fields.

use crate::text::{listed, nearest, visible};
use crate::yaml::node::{Document, Entry, Node, Value};
use crate::yaml::{Field, Findings};
use crate::{Diagnostic, Span, codes};

/// A mapping being read. Ask for every field that exists, then call [`Mapping::finish`], which
/// reports the fields that nobody asked for.
#[derive(Debug)]
#[must_use = "call finish, which reports unknown fields"]
pub struct Mapping<'a> {
    entries: &'a [Entry],
    span: Span,
    path: String,
    findings: &'a Findings,
    asked: Vec<&'static str>,
}

impl<'a> Mapping<'a> {
    /// Reads the root of a document; reports when it is not a mapping.
    pub fn of(document: &'a Document, findings: &'a Findings) -> Option<Self> {
        findings.extend(document.diagnostics.iter().cloned());
        match &document.root.value {
            Value::Mapping(entries) => Some(Mapping::new(
                entries,
                document.root.span,
                String::new(),
                findings,
            )),
            Value::Scalar(_) | Value::Sequence(_) => {
                findings.report(
                    Diagnostic::error(
                        codes::WRONG_TYPE,
                        format!("a document must be a map; {}", document.root.describe()),
                    )
                    .at(document.root.span),
                );
                None
            }
            Value::Refused => None,
        }
    }

    pub(super) fn new(
        entries: &'a [Entry],
        span: Span,
        path: String,
        findings: &'a Findings,
    ) -> Self {
        Mapping {
            entries,
            span,
            path,
            findings,
            asked: Vec::new(),
        }
    }

    /// The field `name`, when it is there and not empty.
    pub fn field(&mut self, name: &'static str) -> Option<Field<'a>> {
        self.ignore(&[name]);
        self.entry(name).filter(|field| !field.node().is_null())
    }

    /// The field `name`; reports when it is missing or empty.
    pub fn required(&mut self, name: &'static str) -> Option<Field<'a>> {
        self.ignore(&[name]);
        match self.entry(name) {
            Some(field) if !field.node().is_null() => Some(field),
            empty => {
                let place = empty.map_or(self.span, |field| field.key_span());
                self.findings.report(self.missing(name).at(place));
                None
            }
        }
    }

    /// That the field `name` is required and not there, for whoever decides that by more than one
    /// field. Withdrawn when a field turns out to be a misspelling of it.
    pub fn missing(&self, name: &str) -> Diagnostic {
        let message = format!("`{}` is required", self.path_of(name));
        Diagnostic::error(codes::MISSING_FIELD, message).at(self.span)
    }

    /// Whether `name` is written, even if empty. Does not count as asking for it.
    pub fn contains(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == name)
    }

    /// Every entry, whatever its name, as a map of free keys has them.
    pub fn into_fields(self) -> impl Iterator<Item = (&'a str, Field<'a>)> {
        let (path, findings) = (self.path, self.findings);
        self.entries.iter().map(move |entry| {
            let field = Field::new(
                join(&path, &entry.key),
                entry.key_span,
                &entry.value,
                findings,
            );
            (entry.key.as_str(), field)
        })
    }

    /// Fields that exist and mean nothing here: they count as asked for.
    pub fn ignore(&mut self, names: &[&'static str]) {
        for name in names {
            if !self.asked.contains(name) {
                self.asked.push(name);
            }
        }
    }

    /// Where the mapping begins.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The path from the document's root, such as `spec.delivery`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where the findings go.
    pub fn findings(&self) -> &'a Findings {
        self.findings
    }

    /// The path of the field `name` of this mapping.
    pub fn path_of(&self, name: &str) -> String {
        join(&self.path, name)
    }

    /// Reports every field that was not asked for, with the name it was probably meant to have.
    /// Says whether there was none.
    pub fn finish(self) -> bool {
        let is_unknown = |entry: &&Entry| !self.asked.contains(&entry.key.as_str());
        let mut unknown = self.entries.iter().filter(is_unknown).peekable();
        let all_known = unknown.peek().is_none();
        unknown.for_each(|entry| self.findings.report(self.unknown(entry)));
        all_known
    }

    fn unknown(&self, entry: &Entry) -> Diagnostic {
        let shown = visible(&join(&self.path, &entry.key));
        let finding = |message| Diagnostic::error(codes::UNKNOWN_FIELD, message).at(entry.key_span);
        // Only names that are not there yet: nobody misspells a field next to itself.
        let free = self.asked.iter().filter(|name| !self.contains(name));
        match nearest(&entry.key, free.copied()) {
            Some(meant) => {
                // One mistake, one finding: it is not missing, it is misspelt.
                self.findings.withdraw(&self.missing(meant));
                finding(format!("unknown field `{shown}`; did you mean `{meant}`?"))
            }
            None => finding(format!("unknown field `{shown}`")).help(self.known()),
        }
    }

    fn known(&self) -> String {
        if self.asked.is_empty() {
            return "nothing is read here; remove it".into();
        }
        format!("known here: {}", listed(self.asked.iter().copied(), "and"))
    }

    fn entry(&self, name: &str) -> Option<Field<'a>> {
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        Some(Field::new(
            self.path_of(name),
            entry.key_span,
            &entry.value,
            self.findings,
        ))
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// The entries of a node that is known to be a mapping.
pub(super) fn entries(node: &Node) -> Option<&[Entry]> {
    match &node.value {
        Value::Mapping(entries) => Some(entries),
        Value::Scalar(_) | Value::Sequence(_) | Value::Refused => None,
    }
}
