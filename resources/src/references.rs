//! What can be checked only when all objects are known: that each is there once, that what they
//! name exists, and that references have URLs.
//!
//! A document that is wrong in itself still counts as there when it has a name: one mistake is
//! said once, where it is.

use std::collections::{BTreeMap, BTreeSet};

use http::Uri;

use crate::manifest::EVENTING_API_VERSION;
use crate::text::{nearest, quoted};
use crate::{
    Broker, Destination, Diagnostic, KReference, Manifest, Object, ObjectName, ResolveError,
    ResolveMap, Trigger, codes,
};

/// A manifest and the file that holds it.
#[derive(Clone, Copy, Debug)]
pub struct Located<'a> {
    /// The file, as it is shown to people.
    pub file: &'a str,
    /// The manifest.
    pub manifest: &'a Manifest,
}

/// A finding about one of the manifests given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossFinding {
    /// Its index in what was given.
    pub index: usize,
    /// What was found.
    pub diagnostic: Diagnostic,
}

/// Checks that no object is described twice, that the broker of each trigger exists, and the
/// config of each broker.
///
/// A missing broker or config is an error here. Who applies objects to a running server may take
/// it for a state that passes: the specification lets triggers come before their broker.
pub fn check_references(manifests: &[Located<'_>]) -> Vec<CrossFinding> {
    let known = Known::of(manifests);
    let mut findings = known.duplicates(manifests);
    for (index, located) in manifests.iter().enumerate() {
        let found = match &located.manifest.object {
            Some(Object::Trigger(trigger)) => missing_broker(trigger, &known, located.manifest),
            Some(Object::Broker(broker)) => missing_config(broker, &known, located.manifest),
            Some(Object::BrokerConfig(_)) | None => None,
        };
        findings.extend(found.map(|diagnostic| CrossFinding { index, diagnostic }));
    }
    findings.sort_by_key(|finding| finding.index);
    findings
}

/// Checks that every subscriber and dead-letter sink has a URL: by itself, by the map, or because
/// it is a broker among `manifests`, whose URL the server knows.
pub fn check_resolution(manifests: &[Located<'_>], map: &ResolveMap) -> Vec<CrossFinding> {
    let known = Known::of(manifests);
    let mut findings = Vec::new();
    for (index, located) in manifests.iter().enumerate() {
        for (path, destination) in destinations(located.manifest) {
            let resolved = map.resolve_with(destination, |reference| known.own_url(reference));
            if let Err(error) = resolved {
                let mut diagnostic = unresolved(&error);
                diagnostic.span = located.manifest.places.of(path);
                findings.push(CrossFinding { index, diagnostic });
            }
        }
    }
    findings
}

/// The names that are taken, by kind, with the index of the first manifest that has each.
struct Known<'a> {
    first: BTreeMap<(&'a str, &'a ObjectName), usize>,
}

impl<'a> Known<'a> {
    fn of(manifests: &[Located<'a>]) -> Self {
        let mut first = BTreeMap::new();
        for (index, located) in manifests.iter().enumerate() {
            if let Some(key) = key_of(located.manifest) {
                first.entry(key).or_insert(index);
            }
        }
        Known { first }
    }

    fn duplicates(&self, manifests: &[Located<'_>]) -> Vec<CrossFinding> {
        let duplicate = |(index, located): (usize, &Located<'_>)| {
            let (kind, name) = key_of(located.manifest)?;
            let first = *self.first.get(&(kind, name))?;
            if first == index {
                return None;
            }
            let (file, line) = (manifests[first].file, manifests[first].manifest.span.line);
            let message = format!("{kind} '{name}' is described twice; first in {file}:{line}");
            let mut diagnostic = Diagnostic::error(codes::DUPLICATE_OBJECT, message)
                .help("keep one of them, or give this one another name");
            diagnostic.span = located.manifest.places.of("metadata.name");
            Some(CrossFinding { index, diagnostic })
        };
        manifests.iter().enumerate().filter_map(duplicate).collect()
    }

    fn has(&self, kind: &str, name: &ObjectName) -> bool {
        self.first.contains_key(&(kind, name))
    }

    fn names(&self, kind: &'a str) -> impl Iterator<Item = &'a ObjectName> {
        self.first
            .keys()
            .filter(move |(known, _)| *known == kind)
            .map(|(_, name)| *name)
    }

    /// Some URL, when the reference is to a broker that is known.
    fn own_url(&self, reference: &KReference) -> Option<Uri> {
        let name = ObjectName {
            namespace: reference.namespace.clone(),
            name: reference.name.clone(),
        };
        let is_own = reference.api_version == EVENTING_API_VERSION
            && reference.kind == "Broker"
            && self.has("Broker", &name);
        is_own.then(|| Uri::from_static("http://localhost/"))
    }
}

/// Kind and name of a manifest that is ours, valid or not.
fn key_of(manifest: &Manifest) -> Option<(&str, &ObjectName)> {
    const OURS: [&str; 3] = ["Broker", "Trigger", "BrokerConfig"];
    let kind = manifest.kind.as_str();
    let name = manifest.name.as_ref()?;
    OURS.contains(&kind).then_some((kind, name))
}

fn missing_broker(trigger: &Trigger, known: &Known<'_>, manifest: &Manifest) -> Option<Diagnostic> {
    let wanted = ObjectName {
        namespace: trigger.metadata.name.namespace.clone(),
        name: trigger.broker.clone(),
    };
    if known.has("Broker", &wanted) {
        return None;
    }
    let mut diagnostic = missing(codes::NO_SUCH_BROKER, "broker", &wanted, known, "Broker");
    let written = ["spec.broker", "spec.brokerRef"];
    diagnostic.span = written
        .iter()
        .find(|path| manifest.places.has(path))
        .and_then(|path| manifest.places.of(path));
    Some(diagnostic)
}

fn missing_config(broker: &Broker, known: &Known<'_>, manifest: &Manifest) -> Option<Diagnostic> {
    let reference = broker.config.as_ref()?;
    let wanted = ObjectName {
        namespace: reference.namespace.clone(),
        name: reference.name.clone(),
    };
    if known.has("BrokerConfig", &wanted) {
        return None;
    }
    let code = codes::NO_SUCH_CONFIG;
    let mut diagnostic = missing(code, "BrokerConfig", &wanted, known, "BrokerConfig");
    diagnostic.span = manifest.places.of("spec.config");
    Some(diagnostic)
}

fn missing(
    code: &'static str,
    what: &str,
    wanted: &ObjectName,
    known: &Known<'_>,
    kind: &'static str,
) -> Diagnostic {
    let absent = format!("{what} '{wanted}' does not exist");
    let near = known
        .names(kind)
        .filter(|name| name.namespace == wanted.namespace);
    if let Some(near) = nearest(&wanted.name, near.map(|name| name.name.as_str())) {
        let namespace = &wanted.namespace;
        return Diagnostic::error(code, format!("{absent}; there is '{namespace}/{near}'"));
    }
    if let Some(other) = known.names(kind).find(|name| name.name == wanted.name) {
        return Diagnostic::error(code, format!("{absent}; there is '{other}'")).help(format!(
            "put both into one namespace, or write a {kind} in {}",
            quoted(&wanted.namespace)
        ));
    }
    let all: BTreeSet<String> = known
        .names(kind)
        .take(5)
        .map(ObjectName::to_string)
        .collect();
    let help = match all.len() {
        0 => format!("write a {kind} of that name"),
        _ => format!("there is {}", Vec::from_iter(all).join(", ")),
    };
    Diagnostic::error(code, absent).help(help)
}

/// The destinations of a valid manifest, with the path that leads to each.
fn destinations(manifest: &Manifest) -> Vec<(&'static str, &Destination)> {
    const SUBSCRIBER: &str = "spec.subscriber.ref";
    const DEAD_LETTERS: &str = "spec.delivery.deadLetterSink.ref";
    let mut found = Vec::new();
    let delivery = match &manifest.object {
        Some(Object::Trigger(trigger)) => {
            found.push((SUBSCRIBER, &trigger.subscriber));
            &trigger.delivery
        }
        Some(Object::Broker(broker)) => &broker.delivery,
        Some(Object::BrokerConfig(_)) | None => return found,
    };
    let sink = delivery.dead_letter_sink.iter();
    found.extend(sink.map(|sink| (DEAD_LETTERS, sink)));
    found
}

/// The finding for a destination without a URL. Its place is the caller's to add.
pub fn unresolved(error: &ResolveError) -> Diagnostic {
    let diagnostic = Diagnostic::error(codes::UNRESOLVABLE, error.to_string());
    match error {
        ResolveError::NotMapped(reference) => diagnostic.help(how_to_map(reference)),
        ResolveError::Malformed { .. } => diagnostic,
    }
}

fn how_to_map(reference: &KReference) -> String {
    let (api_version, kind) = (reference.api_version.as_str(), reference.kind.as_str());
    let object = format!("{}/{}", reference.namespace, reference.name);
    let key = format!("{api_version}/{kind}/{object}");
    let short = match (api_version, kind) {
        ("v1", "Service") => format!("svc:{object}"),
        ("serving.knative.dev/v1", "Service") => format!("ksvc:{object}"),
        _ => key.clone(),
    };
    format!(
        "add to sluicegate.yaml →  resolve: {{\"{key}\": \"http://localhost:3001\"}}\n\
         or for one run         →  sluicegate dev --map {short}=http://localhost:3001"
    )
}

#[cfg(test)]
mod tests;
