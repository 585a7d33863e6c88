//! What the server found in its manifests.

use serde::{Deserialize, Serialize};
use sluicegate_resources::{Diagnostic, Severity};

/// The manifests as the last look at the folder found them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// Whether nothing in them is an error.
    pub valid: bool,
    /// The folder of manifests, absolute, on the server's machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Errors and warnings, in order of file and place.
    pub findings: Vec<Finding>,
}

/// One error or warning, as `validate -o json` has it too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The path of the file, as the folder or the file itself was given.
    pub file: String,
    /// The line, from 1; absent when it has no place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in characters, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// How many characters from there on are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<usize>,
    /// `error` or `warning`
    pub severity: String,
    /// Such as `W003`.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// All of it as people read it, with the line and carets.
    pub rendered: String,
    /// The object, when the fault lies within one that has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<FoundIn>,
    /// Whether an earlier valid version of the object stays in force; only a server knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps_earlier: Option<bool>,
}

/// An object in which something was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundIn {
    /// `Broker`, `Trigger` or `BrokerConfig`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Finding {
    /// What a file alone tells; `rendered` is the diagnostic as people read it.
    pub fn new(file: &str, diagnostic: &Diagnostic, rendered: &str) -> Self {
        let span = diagnostic.span;
        Finding {
            file: file.to_owned(),
            line: span.map(|span| span.line),
            column: span.map(|span| span.column),
            length: span.map(|span| span.length),
            severity: match diagnostic.severity {
                Severity::Error => "error".to_owned(),
                Severity::Warning => "warning".to_owned(),
            },
            code: diagnostic.code.to_owned(),
            message: diagnostic.message.clone(),
            help: diagnostic.help.clone(),
            rendered: rendered.to_owned(),
            object: None,
            keeps_earlier: None,
        }
    }
}
