//! The grammars that attribute values must follow, each a check over text with no allocation.
//!
//! They say yes or no; the words for a refusal are chosen where the attribute's name is known.

pub(crate) mod media_type;
pub(crate) mod text;
pub(crate) mod timestamp;
pub(crate) mod uri;
