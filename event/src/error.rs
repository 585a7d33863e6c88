//! What can be wrong with an event, said so that the sender can mend it.

use std::fmt;

/// One fault: which attribute or place, what is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The attribute's bare name, or `data`, `content-type`, `body`. Of what is no name, the first 64
    /// characters, control characters escaped.
    pub subject: Box<str>,
    /// What is wrong, with the value: lower case, no full stop.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl Fault {
    /// A fault of `subject`.
    pub fn new(
        subject: impl Into<Box<str>>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Fault {
            subject: subject.into(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }

    pub(crate) fn forbidden_character(name: &str, value: &str, character: char) -> Self {
        Fault::new(
            name,
            format!(
                "{name} {} holds U+{:04X}, which CloudEvents allows in no string",
                shown(value),
                u32::from(character)
            ),
            "remove control characters and noncharacters",
        )
    }

    pub(crate) fn duplicate(name: &str) -> Self {
        let name = named(name);
        Fault::new(
            &*name,
            format!("{name} is given more than once"),
            "give each attribute once",
        )
    }

    pub(crate) fn empty(name: &str) -> Self {
        Fault::new(
            name,
            format!("{name} is empty"),
            "give it at least one character, or leave it out where it is optional",
        )
    }

    pub(crate) fn bad_content_type(value: &str) -> Self {
        if value.is_empty() {
            return Fault::empty("datacontenttype");
        }
        Fault::new(
            "datacontenttype",
            format!("datacontenttype {} is not a media type", shown(value)),
            "write it like application/json or text/plain; charset=utf-8",
        )
    }

    pub(crate) fn bad_spec_version(value: &str) -> Self {
        Fault::new(
            "specversion",
            format!("specversion {} is not known", shown(value)),
            "send CloudEvents 1.0 or 0.3",
        )
    }

    pub(crate) fn too_many_attributes(attributes_max: usize) -> Self {
        Fault::new(
            "attributes",
            format!("the event has more than the {attributes_max} attributes allowed"),
            "move some into the data",
        )
    }

    pub(crate) fn bad_name(name: &str) -> Self {
        Fault::new(
            named(name),
            format!("{} is not a CloudEvents attribute name", shown(name)),
            "use one or more of a-z and 0-9, and not the name data",
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Fault {}

/// Why a message is not an event. The caller's door turns each variant into its own status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not a CloudEvent: 400 at an HTTP door.
    #[error("{fault}")]
    Malformed {
        /// What is wrong.
        fault: Fault,
        /// Which member of a batch, from 0.
        member: Option<usize>,
    },
    /// A media type or encoding that is not understood: 415.
    #[error("{0}")]
    Unsupported(Fault),
    /// Past a size limit: 413.
    #[error("{fault}")]
    TooLarge {
        /// What is too large.
        fault: Fault,
        /// Which member of a batch, from 0.
        member: Option<usize>,
    },
}

impl From<Fault> for DecodeError {
    fn from(fault: Fault) -> Self {
        DecodeError::Malformed {
            fault,
            member: None,
        }
    }
}

impl DecodeError {
    /// What is wrong.
    pub fn fault(&self) -> &Fault {
        match self {
            DecodeError::Malformed { fault, .. }
            | DecodeError::Unsupported(fault)
            | DecodeError::TooLarge { fault, .. } => fault,
        }
    }

    /// Which member of a batch is at fault, from 0.
    pub fn member(&self) -> Option<usize> {
        match self {
            DecodeError::Malformed { member, .. } | DecodeError::TooLarge { member, .. } => *member,
            DecodeError::Unsupported(_) => None,
        }
    }

    pub(crate) fn into_fault(self) -> Fault {
        match self {
            DecodeError::Malformed { fault, .. }
            | DecodeError::Unsupported(fault)
            | DecodeError::TooLarge { fault, .. } => fault,
        }
    }

    pub(crate) fn too_large(fault: Fault) -> Self {
        DecodeError::TooLarge {
            fault,
            member: None,
        }
    }

    /// The same, said of one member of a batch.
    pub(crate) fn in_member(mut self, index: usize) -> Self {
        match &mut self {
            DecodeError::Malformed { member, .. } | DecodeError::TooLarge { member, .. } => {
                *member = Some(index);
            }
            DecodeError::Unsupported(_) => {}
        }
        self
    }
}

/// A value for a message: quoted, with what does not print escaped, cut to 64 characters.
pub(crate) fn shown(value: &str) -> String {
    let (start, is_whole) = cut(value);
    if is_whole {
        format!("{start:?}")
    } else {
        format!("{start:?}… ({} bytes)", value.len())
    }
}

/// A name as it stands in a fault: in JSON, what is given as one may be any text.
fn named(name: &str) -> String {
    let (start, _) = cut(name);
    let mut named = String::with_capacity(start.len());
    for character in start.chars() {
        match character.is_control() {
            true => named.extend(character.escape_default()),
            false => named.push(character),
        }
    }
    named
}

/// The first 64 characters, and whether those are all.
fn cut(value: &str) -> (&str, bool) {
    match value.char_indices().nth(64) {
        Some((end, _)) => (value.split_at(end).0, false),
        None => (value, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_as_a_name_is_harmless_in_a_fault() {
        for fault in [
            Fault::duplicate("a\n\u{7f}b"),
            Fault::bad_name("a\n\u{7f}b"),
        ] {
            assert_eq!(&*fault.subject, "a\\n\\u{7f}b");
            assert!(!fault.problem.contains(char::is_control), "{fault}");
        }
        let long = Fault::duplicate(&"é".repeat(5000));
        assert_eq!(long.subject.chars().count(), 64);
        assert!(long.problem.len() < 200, "{long}");
    }

    #[test]
    fn a_value_is_shown_escaped_and_cut_to_64_characters() {
        assert_eq!(shown("a\nb\u{1b}[31m\""), r#""a\nb\u{1b}[31m\"""#);
        assert_eq!(shown(&"x".repeat(64)), format!("{:?}", "x".repeat(64)));
        assert_eq!(
            shown(&"€".repeat(65)),
            format!("\"{}\"… (195 bytes)", "€".repeat(64))
        );
    }
}
