//! Where events are sent: a URI, or a reference to an object that has one.

use std::fmt;

use crate::metadata::{read_namespace, read_object_name};
use crate::text::quoted;
use crate::uri::{self, UriFault};
use crate::yaml::{Field, Mapping};
use crate::{Diagnostic, codes};

/// A destination as written; validated, not resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// `ref`, its namespace defaulted.
    pub reference: Option<KReference>,
    /// `uri`: absolute when alone, relative to the reference otherwise.
    pub uri: Option<String>,
}

/// A reference to an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KReference {
    /// `apiVersion`, such as `v1` or `serving.knative.dev/v1`.
    pub api_version: String,
    /// `kind`
    pub kind: String,
    /// `namespace`, defaulted to the parent's.
    pub namespace: String,
    /// `name`
    pub name: String,
}

/// The URI, or `Kind namespace/name` with the relative URI behind it in brackets.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.reference, &self.uri) {
            (None, None) => Ok(()),
            (None, Some(uri)) => f.write_str(uri),
            (Some(reference), None) => reference.fmt(f),
            (Some(reference), Some(uri)) => write!(f, "{reference}[{uri}]"),
        }
    }
}

impl fmt::Display for KReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// Reads a destination of an object in `namespace`.
pub(crate) fn read_destination(field: &Field<'_>, namespace: &str) -> Option<Destination> {
    let mut destination = field.mapping()?;
    let reference = destination.field("ref");
    let uri = destination.field("uri");
    refuse_tls_fields(&mut destination);
    let all_known = destination.finish();

    let has_reference = reference.is_some();
    if !has_reference && uri.is_none() {
        // With an unknown field it is the misspelt one of the two, which was said.
        if all_known {
            field.refuse(
                codes::DESTINATION,
                format!("`{}` needs `ref` or `uri`", field.path()),
                "for example   uri: http://localhost:3000/",
            );
        }
        return None;
    }
    // Both are read before either can fail, so that each fault is reported.
    let reference = reference.map(|field| read_reference(&field, namespace));
    let uri = uri.map(|field| read_uri(&field, has_reference));
    if matches!(reference, Some(None)) || matches!(uri, Some(None)) {
        return None;
    }
    Some(Destination {
        reference: reference.flatten(),
        uri: uri.flatten(),
    })
}

fn refuse_tls_fields(destination: &mut Mapping<'_>) {
    for (name, remedy) in [
        (
            "CACerts",
            "remove it; the certificates that the operating system trusts are used",
        ),
        (
            "audience",
            "remove it; requests are sent without a token for the receiver",
        ),
    ] {
        if let Some(field) = destination.field(name) {
            let message = format!("`{}` is not available in this version", field.path());
            field.refuse(codes::NOT_AVAILABLE, message, remedy);
        }
    }
}

/// Reads a reference of an object in `namespace`.
pub(crate) fn read_reference(field: &Field<'_>, namespace: &str) -> Option<KReference> {
    let mut reference = field.mapping()?;
    let group = reference.field("group");
    let api_version = match &group {
        // One finding: the group is where the version should be.
        Some(_) => reference.field("apiVersion"),
        None => reference.required("apiVersion"),
    };
    if let Some(group) = group {
        group.refuse(
            codes::NOT_AVAILABLE,
            format!("`{}` is not read here", group.path()),
            "write group and version together, such as   apiVersion: serving.knative.dev/v1",
        );
    }
    if let Some(address) = reference.field("address") {
        address.refuse(
            codes::NOT_AVAILABLE,
            format!("`{}`, the choice among several addresses, is not available in this version", address.path()),
            "remove it; give the URL as `uri` when the object's first address is not the one you mean",
        );
    }
    let api_version = api_version.and_then(|field| read_api_version(&field));
    let kind = reference
        .required("kind")
        .and_then(|field| read_kind(&field));
    let name = reference
        .required("name")
        .and_then(|field| read_object_name(&field));
    let namespace = match reference.field("namespace") {
        Some(field) => read_namespace(&field),
        None => Some(namespace.to_owned()),
    };
    reference.finish();
    Some(KReference {
        api_version: api_version?,
        kind: kind?,
        namespace: namespace?,
        name: name?,
    })
}

fn read_api_version(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    if is_api_version(text) {
        return Some(text.to_owned());
    }
    let problem = format!(
        "must be a version such as v1 or serving.knative.dev/v1; this is {}",
        quoted(text)
    );
    field.not_allowed(&problem, None);
    None
}

/// `version` or `group/version`.
pub(crate) fn is_api_version(text: &str) -> bool {
    let (group, version) = text.split_once('/').unwrap_or(("core", text));
    crate::metadata::is_object_name(group) && crate::metadata::is_namespace(version)
}

fn read_kind(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    if is_kind(text) {
        return Some(text.to_owned());
    }
    let problem = format!("must be a kind such as Service; this is {}", quoted(text));
    field.not_allowed(&problem, None);
    None
}

/// A word of letters and digits in upper camel case.
pub(crate) fn is_kind(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn read_uri(field: &Field<'_>, has_reference: bool) -> Option<String> {
    let text = field.text()?;
    let checked = if has_reference {
        uri::check_relative(text)
    } else {
        uri::check_absolute(text)
    };
    match checked {
        Ok(()) => Some(text.to_owned()),
        Err(fault) => {
            // A password must not get into the log by way of the message that refuses it.
            let shown = match fault {
                UriFault::UserInfo => String::new(),
                _ => format!(" {}", quoted(text)),
            };
            let message = format!("`{}`{shown} {fault}", field.path());
            let mut finding = Diagnostic::error(codes::DESTINATION, message).at(field.span());
            finding.help = remedy(&fault).map(str::to_owned);
            field.findings().report(finding);
            None
        }
    }
}

fn remedy(fault: &UriFault) -> Option<&'static str> {
    match fault {
        UriFault::Relative => Some("write the whole URL, such as http://localhost:3000/events"),
        UriFault::Absolute => Some("keep `uri` alone, or only its path beside `ref`"),
        UriFault::Scheme => Some("use http:// or https://"),
        UriFault::UserInfo => Some("remove it; credentials do not belong in a manifest"),
        UriFault::Fragment => Some("remove the part from # on; it is never sent"),
        UriFault::Character(_) => Some("percent-encode it"),
        UriFault::Percent | UriFault::Host | UriFault::TooLong | UriFault::Malformed => None,
    }
}
