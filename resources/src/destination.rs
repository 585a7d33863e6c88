//! Where events are sent: a URI, or a reference to an object that has one.

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
