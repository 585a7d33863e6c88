//! Documents of a manifest file.
use crate::{Broker, BrokerConfig, Diagnostic, ObjectName, Span, Trigger};

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

/// One document: what could be known of it, valid or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Kind, as written: `Broker`, `Trigger`, `BrokerConfig`.
    pub kind: String,
    /// Namespace and name, when the document has them: an invalid object is known by its name.
    pub name: Option<ObjectName>,
    /// Where the document begins.
    pub span: Span,
    /// The object, when the document is valid.
    pub object: Option<Object>,
    /// What is wrong or odd about this document.
    pub diagnostics: Vec<Diagnostic>,
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
pub fn parse(text: &str) -> Parsed {
    let _ = text;
    unimplemented!()
}
