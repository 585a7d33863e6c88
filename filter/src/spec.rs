//! What a filter says, before it is compiled.

/// One filter, as a manifest writes it. Maps keep the order in which they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterSpec {
    /// Legacy `filter.attributes`: all equal; an empty value means "present".
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
}

/// Why a filter is refused: where in it, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct FilterError {
    /// Path of map keys and list indexes from the filter's root, such as `all[1].exact.type`.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}
