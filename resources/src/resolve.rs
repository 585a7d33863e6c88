//! How references become URLs outside a cluster.
use http::Uri;

use crate::{Destination, KReference};

/// The map `resolve` of the server's settings: `[group/]version/Kind/namespace/name` to a URL,
/// with `*` for any namespace or name and `{namespace}`, `{name}` in the URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolveMap {
    entries: Vec<(String, String)>,
}

/// Why a destination has no URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// Nothing in the map answers for the reference.
    #[error("cannot resolve {} {}/{}: this server is not in a cluster", .0.kind, .0.namespace, .0.name)]
    NotMapped(KReference),
}

impl ResolveMap {
    /// Checks the entries.
    ///
    /// # Errors
    ///
    /// The first key or URL that is malformed, as a sentence.
    pub fn new(entries: Vec<(String, String)>) -> Result<Self, String> {
        let _ = &entries;
        Ok(ResolveMap { entries })
    }

    /// The absolute URL of a destination.
    ///
    /// # Errors
    ///
    /// When it has a reference that the map does not answer for.
    pub fn resolve(&self, destination: &Destination) -> Result<Uri, ResolveError> {
        let _ = (destination, &self.entries);
        unimplemented!()
    }
}
