//! What a filter says, before it is compiled, and why it may be refused.
//!
//! The types hold anything; what may stand in them is checked by
//! [`Filter::compile`](crate::Filter::compile).

use crate::cesql::Expression;

/// How many `all`, `any` and `not` may stand around a filter.
///
/// A reader of outside data stops there too: copying or dropping a spec recurses, so one of any
/// depth must never be built.
pub const NESTING_MAX: usize = 64;

/// How many filters and attribute conditions all specs of one trigger may hold together. Each of
/// them may have to be asked for an event.
pub const NODES_MAX: usize = 10_000;

/// One filter, as a manifest writes it. Maps keep the order in which they were written.
///
/// An attribute that an event lacks fails `exact`, `prefix` and `suffix`, so a `not` of them
/// matches. Values are compared by their canonical text, and case matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterSpec {
    /// Legacy `filter.attributes`: all equal; an empty value means "present and not empty".
    ///
    /// Three more names are understood than events of version 1.0 carry: `schemaurl` is their
    /// `dataschema`, `datamediatype` the `datacontenttype` without its parameters (compared
    /// without regard to case, as media types are), `datacontentencoding` that of version 0.3. An
    /// extension of such a name comes first. No entry at all accepts every event.
    Attributes(Vec<(String, String)>),
    /// All entries equal.
    Exact(Vec<(String, String)>),
    /// All entries begin so.
    Prefix(Vec<(String, String)>),
    /// All entries end so.
    Suffix(Vec<(String, String)>),
    /// Every nested filter matches.
    All(Vec<FilterSpec>),
    /// At least one nested filter matches.
    Any(Vec<FilterSpec>),
    /// The nested filter does not match.
    Not(Box<FilterSpec>),
    /// An expression that is true. One that fails does not match: a `not` around it does.
    Cesql(Expression),
}

impl FilterSpec {
    /// The key under which a manifest writes it.
    pub fn dialect(&self) -> &'static str {
        match self {
            FilterSpec::Attributes(_) => "attributes",
            FilterSpec::Exact(_) => "exact",
            FilterSpec::Prefix(_) => "prefix",
            FilterSpec::Suffix(_) => "suffix",
            FilterSpec::All(_) => "all",
            FilterSpec::Any(_) => "any",
            FilterSpec::Not(_) => "not",
            FilterSpec::Cesql(_) => "cesql",
        }
    }
}

/// Why a filter is refused: where in it, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct FilterError {
    /// Path of map keys and list indexes from the trigger's `spec`, such as
    /// `filters[0].all[1].exact.type` or `filter.attributes.type`.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}
