//! What a filter asks of one attribute.

use sluicegate_event::Event;

/// One question about one attribute.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(super) subject: Subject,
    pub(super) test: Test,
}

/// What is looked at.
#[derive(Debug, PartialEq)]
pub(super) enum Subject {
    Attribute(Box<str>),
    /// The legacy name `schemaurl`.
    SchemaUrl,
    /// The legacy name `datamediatype`.
    MediaType,
}

/// What must hold of it. Nothing holds of an attribute that is absent.
#[derive(Debug)]
pub(super) enum Test {
    Equals(Box<str>),
    EqualsIgnoringCase(Box<str>),
    StartsWith(Box<str>),
    EndsWith(Box<str>),
    IsNotEmpty,
}

impl Condition {
    pub(crate) fn equals(name: &str, value: &str) -> Self {
        Condition {
            subject: Subject::Attribute(name.into()),
            test: Test::Equals(value.into()),
        }
    }

    pub(crate) fn starts_with(name: &str, value: &str) -> Self {
        Condition {
            subject: Subject::Attribute(name.into()),
            test: Test::StartsWith(value.into()),
        }
    }

    pub(crate) fn ends_with(name: &str, value: &str) -> Self {
        Condition {
            subject: Subject::Attribute(name.into()),
            test: Test::EndsWith(value.into()),
        }
    }

    pub(crate) fn legacy(name: &str, value: &str) -> Self {
        let subject = match name {
            "schemaurl" => Subject::SchemaUrl,
            "datamediatype" => Subject::MediaType,
            _ => Subject::Attribute(name.into()),
        };
        let test = match (&subject, value) {
            (_, "") => Test::IsNotEmpty,
            (Subject::MediaType, _) => Test::EqualsIgnoringCase(value.into()),
            (Subject::Attribute(_) | Subject::SchemaUrl, _) => Test::Equals(value.into()),
        };
        Condition { subject, test }
    }

    /// The text that is compared.
    pub(crate) fn subject_of<'e>(&self, event: &'e Event) -> Option<&'e str> {
        self.subject.of(event)
    }

    pub(crate) fn holds(&self, event: &Event) -> bool {
        let found = self.subject_of(event);
        found.is_some_and(|found| self.test.holds(found))
    }
}

impl Test {
    pub(super) fn holds(&self, found: &str) -> bool {
        match self {
            Test::Equals(wanted) => found == &**wanted,
            Test::EqualsIgnoringCase(wanted) => found.eq_ignore_ascii_case(wanted),
            Test::StartsWith(wanted) => found.starts_with(&**wanted),
            Test::EndsWith(wanted) => found.ends_with(&**wanted),
            Test::IsNotEmpty => !found.is_empty(),
        }
    }
}

impl Subject {
    pub(super) fn of<'e>(&self, event: &'e Event) -> Option<&'e str> {
        match self {
            Subject::Attribute(name) => event.attribute(name),
            Subject::SchemaUrl => event
                .attribute("schemaurl")
                .or_else(|| event.attribute("dataschema")),
            Subject::MediaType => event
                .attribute("datamediatype")
                .or_else(|| event.data_content_type().map(without_parameters)),
        }
    }
}

fn without_parameters(content_type: &str) -> &str {
    let (media_type, _) = content_type.split_once(';').unwrap_or((content_type, ""));
    media_type.trim()
}
