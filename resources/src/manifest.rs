//! Documents of a manifest file.
//!
//! A document that is wrong does not take the others with it, and keeps its kind and name as far as
//! they can be known, so that whoever serves the objects can keep its last valid version. A
//! document of a kind that other programs serve is left out with a warning: one directory serves a
//! cluster and this server alike.

use std::collections::BTreeMap;

use crate::broker::read_broker;
use crate::broker_config::{self, read_broker_config};
use crate::metadata::peek_name;
use crate::text::{nearest, quoted};
use crate::trigger::read_trigger;
use crate::yaml::{self, Document, Entry, Field, Findings, Mapping, Node, Value};
use crate::{Broker, BrokerConfig, Diagnostic, ObjectName, Span, Trigger, codes};

/// The group and version of Broker and Trigger.
pub const EVENTING_API_VERSION: &str = "eventing.knative.dev/v1";

/// The kinds that are served, with their group and version.
const KINDS: [(&str, &str); 3] = [
    ("Broker", EVENTING_API_VERSION),
    ("Trigger", EVENTING_API_VERSION),
    ("BrokerConfig", broker_config::API_VERSION),
];

/// An object that a document holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// A Broker.
    Broker(Broker),
    /// A Trigger.
    Trigger(Trigger),
    /// A BrokerConfig.
    BrokerConfig(BrokerConfig),
}

impl Object {
    /// Its kind, such as `Broker`.
    pub fn kind(&self) -> &'static str {
        match self {
            Object::Broker(_) => "Broker",
            Object::Trigger(_) => "Trigger",
            Object::BrokerConfig(_) => "BrokerConfig",
        }
    }

    /// Namespace and name.
    pub fn name(&self) -> &ObjectName {
        match self {
            Object::Broker(broker) => &broker.metadata.name,
            Object::Trigger(trigger) => &trigger.metadata.name,
            Object::BrokerConfig(config) => &config.metadata.name,
        }
    }
}

/// One document: what could be known of it, valid or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Kind, as written: `Broker`, `Trigger`, `BrokerConfig`. Empty when there is none.
    pub kind: String,
    /// Namespace and name, when the document has them: an invalid object is known by its name.
    pub name: Option<ObjectName>,
    /// Where the document begins.
    pub span: Span,
    /// The object, when the document is valid.
    pub object: Option<Object>,
    /// What is wrong or odd about this document.
    pub diagnostics: Vec<Diagnostic>,
    /// Where its fields stand, for what is checked later against other objects.
    pub places: Places,
}

impl Manifest {
    /// Whether the document is refused. One of another program's kind is neither refused nor an
    /// object.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Where the fields of a document stand, by path, such as `spec.subscriber.ref`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(BTreeMap<String, Span>);

/// The fields that are checked against other objects or against an earlier version.
const PLACES: [&str; 12] = [
    "metadata",
    "metadata.name",
    "metadata.annotations",
    "spec",
    "spec.broker",
    "spec.brokerRef",
    "spec.channel",
    "spec.config",
    "spec.subscriber",
    "spec.subscriber.ref",
    "spec.delivery.deadLetterSink",
    "spec.delivery.deadLetterSink.ref",
];

impl Places {
    /// Whether the document has the field.
    pub fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// The place of the field's key, or of the nearest field around it.
    pub fn of(&self, path: &str) -> Option<Span> {
        let mut path = path;
        loop {
            if let Some(span) = self.0.get(path) {
                return Some(*span);
            }
            path = path.rsplit_once('.')?.0;
        }
    }

    fn in_document(root: &Node) -> Self {
        let entry_at = |path: &'static str| {
            let mut found: Option<&Entry> = None;
            for name in path.split('.') {
                let node = found.map_or(root, |entry| &entry.value);
                let Value::Mapping(entries) = &node.value else {
                    return None;
                };
                found = Some(entries.iter().find(|entry| entry.key == name)?);
            }
            Some((path.to_owned(), found?.key_span))
        };
        Places(PLACES.into_iter().filter_map(entry_at).collect())
    }
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// Each document, in order.
    pub manifests: Vec<Manifest>,
    /// Faults of the file as a whole: then it holds no manifests beyond the fault.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a multi-document YAML text. Objects without a namespace are in `default`.
///
/// ```
/// let text = "\
/// apiVersion: eventing.knative.dev/v1
/// kind: Trigger
/// metadata: {name: billing, namespace: shop}
/// spec:
///   broker: orders
///   filters:
///     - exact: {type: order.paid}
///   subscriber: {uri: http://localhost:3000/}
/// ";
/// let parsed = sluicegate_resources::parse(text);
/// assert_eq!(parsed.diagnostics, []);
/// assert_eq!(parsed.manifests[0].diagnostics, []);
/// assert_eq!(parsed.manifests[0].name.as_ref().unwrap().to_string(), "shop/billing");
/// ```
pub fn parse(text: &str) -> Parsed {
    let documents = yaml::documents(text);
    Parsed {
        manifests: documents.list.iter().map(read_manifest).collect(),
        diagnostics: documents.fault.into_iter().collect(),
    }
}

fn read_manifest(document: &Document) -> Manifest {
    let findings = Findings::default();
    let mut manifest = Manifest {
        kind: String::new(),
        name: None,
        span: document.root.span,
        object: None,
        diagnostics: Vec::new(),
        places: Places::in_document(&document.root),
    };
    if let Some(root) = Mapping::of(document, &findings) {
        let object = read_object(root, &mut manifest);
        manifest.object = object.filter(|_| !findings.has_errors());
    }
    manifest.diagnostics = findings.into_sorted();
    manifest
}

fn read_object(mut root: Mapping<'_>, manifest: &mut Manifest) -> Option<Object> {
    let api_version = root.required("apiVersion");
    let kind = root.required("kind");
    let api_version_text = api_version.as_ref().and_then(Field::text);
    let kind_text = kind.as_ref().and_then(Field::text);
    manifest.kind = kind_text.unwrap_or_default().to_owned();
    manifest.name = root
        .field("metadata")
        .filter(|field| matches!(field.node().value, Value::Mapping(_)))
        .and_then(|field| peek_name(&mut field.mapping()?));
    let (kind_text, api_version_text) = (kind_text?, api_version_text?);
    if let Some((finding, culprit)) = why_unserved(api_version_text, kind_text) {
        let place = match culprit {
            Culprit::ApiVersion => api_version?.span(),
            Culprit::Kind => kind?.span(),
        };
        root.findings().report(finding.at(place));
        return None;
    }
    let object = match kind_text {
        "Broker" => read_broker(&mut root).map(Object::Broker),
        "Trigger" => read_trigger(&mut root).map(Object::Trigger),
        _ => read_broker_config(&mut root).map(Object::BrokerConfig),
    };
    // The server's own words, which a manifest taken from a cluster carries.
    root.ignore(&["metadata", "spec", "status"]);
    root.finish();
    object
}

/// Which of the two fields makes that a document is not served.
enum Culprit {
    ApiVersion,
    Kind,
}

/// `None` when the kind is one of ours.
fn why_unserved(api_version: &str, kind: &str) -> Option<(Diagnostic, Culprit)> {
    if KINDS.contains(&(kind, api_version)) {
        return None;
    }
    let shown = format!("{} of {}", quoted(kind), quoted(api_version));
    let refused = |help: String| {
        Diagnostic::error(codes::UNKNOWN_KIND, format!("{shown} is not served here")).help(help)
    };
    if let Some((_, known)) = KINDS.iter().find(|(known, _)| *known == kind) {
        let help = format!("write   apiVersion: {known}");
        return Some((refused(help), Culprit::ApiVersion));
    }
    let group = |version: &str| version.split_once('/').map(|(group, _)| group.to_owned());
    let is_our_group = KINDS
        .iter()
        .any(|(_, known)| group(known) == group(api_version));
    if is_our_group {
        let help = match nearest(kind, KINDS.map(|(kind, _)| kind)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "Broker, Trigger and BrokerConfig are served".to_owned(),
        };
        return Some((refused(help), Culprit::Kind));
    }
    if kind.ends_with("List") && api_version == "v1" {
        let help = "write each object as a document of its own, with --- between them";
        return Some((refused(help.to_owned()), Culprit::Kind));
    }
    let left_out = format!("{shown} is not served here and is left out");
    Some((
        Diagnostic::warning(codes::LEFT_OUT, left_out),
        Culprit::Kind,
    ))
}

#[cfg(test)]
mod tests;
