//! Names of objects, and their metadata.

use std::collections::BTreeMap;
use std::fmt;

use crate::text::quoted;
use crate::yaml::{Field, Mapping, Value};
use crate::{Diagnostic, codes};

/// Namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What we use of an object's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Namespace and name.
    pub name: ObjectName,
    /// `uid`, when the object comes from a cluster.
    pub uid: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// The namespace of objects that name none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// Longest namespace, in bytes (RFC 1123 label).
const LABEL_BYTES_MAX: usize = 63;

/// Longest name, in bytes (RFC 1123 subdomain).
const SUBDOMAIN_BYTES_MAX: usize = 253;

/// What the API server keeps in metadata and a manifest taken from a cluster carries.
const OF_THE_API_SERVER: [&str; 9] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
];

/// Whether `text` may be a namespace: a-z, 0-9 and `-`, at most 63, ends with a letter or digit.
pub fn is_namespace(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LABEL_BYTES_MAX).contains(&text.len())
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether `text` may be an object's name: labels as in a namespace, of any length, joined by
/// dots, at most 253.
pub fn is_object_name(text: &str) -> bool {
    let is_label = |label: &str| {
        label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= SUBDOMAIN_BYTES_MAX && text.split('.').all(is_label)
}

/// Reads a name and reports one that Kubernetes would not take.
pub(crate) fn read_object_name(field: &Field<'_>) -> Option<String> {
    let text = field.string()?;
    if is_object_name(text) {
        return Some(text.to_owned());
    }
    refuse_name(
        field,
        text,
        SUBDOMAIN_BYTES_MAX,
        "`a-z`, `0-9`, `-` and `.`",
    );
    None
}

/// Reads a namespace and reports one that Kubernetes would not take.
pub(crate) fn read_namespace(field: &Field<'_>) -> Option<String> {
    let text = field.string()?;
    if is_namespace(text) {
        return Some(text.to_owned());
    }
    refuse_name(field, text, LABEL_BYTES_MAX, "`a-z`, `0-9` and `-`");
    None
}

fn refuse_name(field: &Field<'_>, text: &str, longest: usize, allowed: &str) {
    field.refuse(
        codes::OBJECT_NAME,
        format!(
            "`{}` {} is not a name in Kubernetes",
            field.path(),
            quoted(text)
        ),
        format!("use {allowed}, a letter or digit first and last, at most {longest} characters"),
    );
}

/// Name and namespace, as far as they can be known, without reporting anything: so that a document
/// that is wrong can still be spoken of.
pub(crate) fn peek_name(metadata: &mut Mapping<'_>) -> Option<ObjectName> {
    let text = |field: Field<'_>| match &field.node().value {
        Value::Scalar(scalar) => Some(scalar.text.clone()),
        Value::Sequence(_) | Value::Mapping(_) | Value::Refused => None,
    };
    let name = metadata.field("name").and_then(text)?;
    let namespace = match metadata.field("namespace") {
        Some(field) => text(field)?,
        None => DEFAULT_NAMESPACE.to_owned(),
    };
    (is_object_name(&name) && is_namespace(&namespace)).then_some(ObjectName { namespace, name })
}

/// Reads `metadata`; reports a missing or malformed name.
fn read_metadata(mut metadata: Mapping<'_>) -> Option<Metadata> {
    let name = match (metadata.contains("name"), metadata.field("generateName")) {
        (false, Some(generate)) => {
            generate.refuse(
                codes::NOT_AVAILABLE,
                "`metadata.generateName` makes a new object each time it is applied",
                "give the object a `name`",
            );
            None
        }
        (_, generate) => {
            if let Some(generate) = generate {
                no_effect(&generate, "`name` is given");
            }
            metadata
                .required("name")
                .and_then(|field| read_object_name(&field))
        }
    };
    let namespace = match metadata.field("namespace") {
        Some(field) => read_namespace(&field),
        None => Some(DEFAULT_NAMESPACE.to_owned()),
    };
    let uid = metadata.field("uid").and_then(|field| field.text());
    let labels = string_map(&mut metadata, "labels");
    let annotations = string_map(&mut metadata, "annotations");
    metadata.ignore(&OF_THE_API_SERVER);
    metadata.finish();
    Some(Metadata {
        name: ObjectName {
            namespace: namespace?,
            name: name?,
        },
        uid: uid.map(str::to_owned),
        labels: labels.into_iter().collect(),
        annotations: annotations.into_iter().collect(),
    })
}

fn string_map(metadata: &mut Mapping<'_>, name: &'static str) -> Vec<(String, String)> {
    metadata
        .field(name)
        .and_then(|field| field.string_map())
        .unwrap_or_default()
}

/// Reports that something valid has no effect here.
pub(crate) fn no_effect(field: &Field<'_>, reason: &str) {
    let message = format!("`{}` has no effect here: {reason}", field.path());
    field
        .findings()
        .report(Diagnostic::warning(codes::NO_EFFECT, message).at(field.key_span()));
}

/// The metadata of a document, and its annotations as fields, each with its place.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    /// Absent when it is missing or wrong, which was reported.
    pub(crate) metadata: Option<Metadata>,
    /// The annotations as far as they could be read.
    pub(crate) annotations: Vec<(&'a str, Field<'a>)>,
}

impl Header<'_> {
    /// The object's namespace; empty while it is not known, which was reported.
    pub(crate) fn namespace(&self) -> &str {
        let metadata = self.metadata.as_ref();
        metadata.map_or("", |metadata| &metadata.name.namespace)
    }
}

/// Reads `metadata` of a document.
pub(crate) fn read_header<'a>(document: &mut Mapping<'a>) -> Header<'a> {
    let field = document.required("metadata");
    let Some(mut metadata) = field.and_then(|field| field.mapping()) else {
        return Header {
            metadata: None,
            annotations: Vec::new(),
        };
    };
    Header {
        annotations: annotation_fields(&mut metadata),
        metadata: read_metadata(metadata),
    }
}

/// Says nothing about annotations that are not a map: reading the metadata does.
fn annotation_fields<'a>(metadata: &mut Mapping<'a>) -> Vec<(&'a str, Field<'a>)> {
    metadata
        .field("annotations")
        .filter(|field| matches!(field.node().value, Value::Mapping(_)))
        .and_then(|field| field.mapping())
        .map_or_else(Vec::new, |entries| entries.into_fields().collect())
}
