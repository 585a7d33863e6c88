//! What a subscription can possibly want, for stores whose server looks at what it hands out.

use std::sync::Arc;

/// What a subscription can possibly want: every event that it wants is among these. A store may hand
/// out others too, and asks the [`Matcher`](super::Matcher) of each.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Interest {
    /// Any event.
    #[default]
    Everything,
    /// Events that meet at least one of these; none of them, and it wants nothing.
    AnyOf(Vec<Wish>),
}

/// What an event must meet, as far as a server can be told.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Wish {
    /// What its `type` must be.
    pub ty: Option<Wanted>,
    /// What its `source` must be.
    pub source: Option<Wanted>,
}

/// What an attribute must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// This text.
    Equal(Arc<str>),
    /// A text that begins so.
    StartsWith(Arc<str>),
}

impl Wanted {
    /// Whether `text` is wanted.
    pub fn holds(&self, text: &str) -> bool {
        match self {
            Wanted::Equal(wanted) => **wanted == *text,
            Wanted::StartsWith(start) => text.starts_with(&**start),
        }
    }
}
