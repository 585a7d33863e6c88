//! How references become URLs outside a cluster.

use http::Uri;

use crate::destination::{is_api_version, is_kind};
use crate::metadata::{is_namespace, is_object_name};
use crate::text::quoted;
use crate::{Destination, KReference, uri};

/// The map `resolve` of the server's settings: `[group/]version/Kind/namespace/name` to a URL,
/// with `*` for any namespace or name and `{namespace}`, `{name}` in the URL.
///
/// The entry that names most answers: both, then the namespace alone, then the name alone, then
/// neither.
///
/// ```
/// use sluicegate_resources::{Destination, KReference, ResolveMap};
///
/// let map = ResolveMap::new(vec![(
///     "v1/Service/*/*".to_owned(),
///     "http://localhost:8000/{namespace}/{name}/".to_owned(),
/// )])?;
/// let billing = Destination {
///     reference: Some(KReference {
///         api_version: "v1".to_owned(),
///         kind: "Service".to_owned(),
///         namespace: "shop".to_owned(),
///         name: "billing".to_owned(),
///     }),
///     uri: Some("events".to_owned()),
/// };
/// assert_eq!(map.resolve(&billing).unwrap(), "http://localhost:8000/shop/billing/events");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolveMap {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    api_version: String,
    kind: String,
    /// `None` for any.
    namespace: Option<String>,
    /// `None` for any.
    name: Option<String>,
    template: String,
}

/// Why a destination has no URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// Nothing in the map answers for the reference.
    #[error("cannot resolve {} {}/{}: this server is not in a cluster", .0.kind, .0.namespace, .0.name)]
    NotMapped(KReference),
    /// The URI is not one, or does not fit the URL of the reference.
    #[error("cannot use the URI of {destination}: it {reason}")]
    Malformed {
        /// The destination.
        destination: String,
        /// Such as `has no host`.
        reason: String,
    },
}

impl ResolveMap {
    /// Checks the entries.
    ///
    /// # Errors
    ///
    /// The first key or URL that is malformed or written twice, as a sentence.
    pub fn new(entries: Vec<(String, String)>) -> Result<Self, String> {
        let mut checked: Vec<Entry> = Vec::with_capacity(entries.len());
        for (key, template) in entries {
            let entry = Entry::parse(&key, template)?;
            if checked.iter().any(|other| other.has_key_of(&entry)) {
                return Err(format!("the key {} is written twice", quoted(&key)));
            }
            checked.push(entry);
        }
        Ok(ResolveMap { entries: checked })
    }

    /// This map with the entries of `over` laid over it: an entry of the same key is replaced.
    #[must_use]
    pub fn overlaid_with(mut self, over: ResolveMap) -> Self {
        self.entries
            .retain(|entry| !over.entries.iter().any(|other| other.has_key_of(entry)));
        self.entries.extend(over.entries);
        self
    }

    /// The absolute URL of a destination.
    ///
    /// # Errors
    ///
    /// When it has a reference that the map does not answer for.
    pub fn resolve(&self, destination: &Destination) -> Result<Uri, ResolveError> {
        self.resolve_with(destination, |_| None)
    }

    /// As [`ResolveMap::resolve`], asking `known` for what the map does not answer: a server knows
    /// the URLs of its own brokers.
    ///
    /// # Errors
    ///
    /// When neither answers.
    pub fn resolve_with(
        &self,
        destination: &Destination,
        known: impl FnOnce(&KReference) -> Option<Uri>,
    ) -> Result<Uri, ResolveError> {
        let malformed = |fault: uri::UriFault| ResolveError::Malformed {
            destination: destination.to_string(),
            reason: fault.to_string(),
        };
        let own = destination.uri.as_deref();
        let Some(reference) = &destination.reference else {
            return uri::parse_absolute(own.unwrap_or_default()).map_err(malformed);
        };
        let base = match self.look_up(reference) {
            Some(url) => uri::parse_absolute(&url).map_err(malformed)?,
            None => known(reference).ok_or_else(|| ResolveError::NotMapped(reference.clone()))?,
        };
        match own {
            Some(relative) => uri::resolve(&base, relative).map_err(malformed),
            None => Ok(base),
        }
    }

    fn look_up(&self, reference: &KReference) -> Option<String> {
        let answers = self.entries.iter().filter(|entry| entry.covers(reference));
        let best = answers.max_by_key(|entry| (entry.namespace.is_some(), entry.name.is_some()))?;
        Some(filled(
            &best.template,
            &reference.namespace,
            &reference.name,
        ))
    }
}

impl Entry {
    fn parse(key: &str, template: String) -> Result<Self, String> {
        let shape = || {
            format!(
                "the key {} must be version/Kind/namespace/name or group/version/Kind/namespace/name, with * for any namespace or name",
                quoted(key)
            )
        };
        let parts: Vec<&str> = key.split('/').collect();
        let (api_version, kind, namespace, name) = match parts[..] {
            [version, kind, namespace, name] => (version.to_owned(), kind, namespace, name),
            [group, version, kind, namespace, name] => {
                (format!("{group}/{version}"), kind, namespace, name)
            }
            _ => return Err(shape()),
        };
        let any_or = |text: &str, is_valid: fn(&str) -> bool| match text {
            "*" => Ok(None),
            text if is_valid(text) => Ok(Some(text.to_owned())),
            _ => Err(shape()),
        };
        if !is_api_version(&api_version) || !is_kind(kind) {
            return Err(shape());
        }
        check_template(key, &template)?;
        Ok(Entry {
            api_version,
            kind: kind.to_owned(),
            namespace: any_or(namespace, is_namespace)?,
            name: any_or(name, is_object_name)?,
            template,
        })
    }

    fn has_key_of(&self, other: &Entry) -> bool {
        self.api_version == other.api_version
            && self.kind == other.kind
            && self.namespace == other.namespace
            && self.name == other.name
    }

    fn covers(&self, reference: &KReference) -> bool {
        let fits =
            |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|name| name == is);
        self.api_version == reference.api_version
            && self.kind == reference.kind
            && fits(&self.namespace, &reference.namespace)
            && fits(&self.name, &reference.name)
    }
}

/// Names of objects hold nothing that has a meaning in a URL, so they go in as they are.
fn filled(template: &str, namespace: &str, name: &str) -> String {
    template
        .replace("{namespace}", namespace)
        .replace("{name}", name)
}

fn check_template(key: &str, template: &str) -> Result<(), String> {
    let (key, shown) = (quoted(key), quoted(template));
    let sample = filled(template, "namespace", "name");
    if sample.contains(['{', '}']) {
        return Err(format!(
            "the URL {shown} of {key} has braces around something other than namespace and name"
        ));
    }
    uri::check_absolute(&sample).map_err(|fault| match fault {
        uri::UriFault::Relative => {
            format!("the URL {shown} of {key} must begin with http:// or https://")
        }
        fault => format!("the URL {shown} of {key} {fault}"),
    })
}

#[cfg(test)]
mod tests;
