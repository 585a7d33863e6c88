//! The tree.

use crate::yaml::written::Written;
use crate::{Diagnostic, Span};

/// One document of a text that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its content.
    pub root: Node,
    /// What was found while reading it: keys written twice, aliases, tags.
    pub diagnostics: Vec<Diagnostic>,
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it stands; for a sequence or mapping, where it begins.
    pub span: Span,
    /// What it holds.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A single value.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping, in the order of the text, each key once.
    Mapping(Vec<Entry>),
    /// Something that cannot be read and was reported; readers take it for present and say no more.
    Refused,
}

/// A key of a mapping with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

/// A single value as text, and whether quotes or a block style make it a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// The text, escapes resolved.
    pub text: String,
    /// Written without quotes, so that the text decides the type.
    pub is_plain: bool,
    /// How it is written, where that is not the bare text on one line.
    pub(super) written: Option<Written>,
}

/// The type that a scalar has by the core schema of YAML 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScalarType {
    Null,
    Boolean(bool),
    Integer,
    Float,
    String,
}

impl Scalar {
    /// Whether it is a string: by quotes, or because it reads as nothing else.
    pub fn is_string(&self) -> bool {
        self.ty() == ScalarType::String
    }

    /// Whether it is a number.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self.ty(), ScalarType::Integer | ScalarType::Float)
    }

    pub(crate) fn ty(&self) -> ScalarType {
        if !self.is_plain {
            return ScalarType::String;
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => ScalarType::Null,
            "true" | "True" | "TRUE" => ScalarType::Boolean(true),
            "false" | "False" | "FALSE" => ScalarType::Boolean(false),
            text if is_integer(text) => ScalarType::Integer,
            text if is_float(text) => ScalarType::Float,
            _ => ScalarType::String,
        }
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn is_integer(text: &str) -> bool {
    let all = |digits: &str, is_digit: fn(&u8) -> bool| {
        !digits.is_empty() && digits.as_bytes().iter().all(is_digit)
    };
    match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) => all(digits, u8::is_ascii_hexdigit),
        (_, Some(digits)) => all(digits, |digit| (b'0'..=b'7').contains(digit)),
        _ => all(unsigned(text), u8::is_ascii_digit),
    }
}

fn is_float(text: &str) -> bool {
    let number = unsigned(text);
    let is_named =
        matches!(number, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN");
    // Rust also reads words such as `infinity`, which are strings in YAML.
    is_named
        || (number.starts_with(|first: char| first.is_ascii_digit() || first == '.')
            && number.parse::<f64>().is_ok())
}

impl Node {
    /// Whether it is an empty value, which Kubernetes takes for absent.
    pub(crate) fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar(scalar) => scalar.ty() == ScalarType::Null,
            Value::Sequence(_) | Value::Mapping(_) | Value::Refused => false,
        }
    }

    /// What it is, for messages such as "this is a map".
    pub(crate) fn describe(&self) -> String {
        match &self.value {
            Value::Sequence(_) => "this is a list".into(),
            Value::Mapping(_) => "this is a map".into(),
            Value::Refused => "this cannot be read".into(),
            Value::Scalar(scalar) => {
                let value = crate::text::visible(&scalar.text);
                match scalar.ty() {
                    ScalarType::Null => "this is empty".into(),
                    ScalarType::Boolean(_) => format!("{value} is a boolean"),
                    ScalarType::Integer | ScalarType::Float => format!("{value} is a number"),
                    ScalarType::String => format!("'{value}' is a string"),
                }
            }
        }
    }
}
