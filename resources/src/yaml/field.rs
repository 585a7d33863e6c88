//! A value with its path, read as the type that the reader expects.
//!
//! Each getter gives the value or reports why it can't and gives `None`.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use crate::text::{listed, nearest, quoted, visible};
use crate::yaml::Findings;
use crate::yaml::duration::{DurationFault, parse_duration, show_duration};
use crate::yaml::mapping::{Mapping, entries};
use crate::yaml::node::{Node, Scalar, ScalarType, Value};
use crate::yaml::quantity::{parse_quantity, show_quantity, suggest_quantity};
use crate::yaml::written::place;
use crate::{Diagnostic, Span, codes};

/// A value of a mapping or an item of a list.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    path: String,
    key_span: Span,
    node: &'a Node,
    findings: &'a Findings,
}

impl<'a> Field<'a> {
    pub(super) fn new(
        path: String,
        key_span: Span,
        node: &'a Node,
        findings: &'a Findings,
    ) -> Self {
        Field {
            path,
            key_span,
            node,
            findings,
        }
    }

    /// The path from the document's root, such as `spec.filters[1].exact`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.path
            .rsplit_once('.')
            .map_or(&self.path, |(_, name)| name)
    }

    /// Where the value stands.
    pub fn span(&self) -> Span {
        self.node.span
    }

    /// Where a part of the string that is the value stands, given as bytes of it; None where that
    /// cannot be told for certain.
    ///
    /// ```
    /// use sluicegate_resources::yaml::{self, Findings, Mapping};
    ///
    /// let documents = yaml::documents("greeting: 'it''s late'\n");
    /// let findings = Findings::default();
    /// let mut mapping = Mapping::of(&documents.list[0], &findings).expect("a mapping");
    /// let greeting = mapping.field("greeting").expect("the field");
    /// assert_eq!(greeting.string(), Some("it's late"));
    /// assert_eq!(greeting.span_within(5..9).expect("a place").column, 18);
    /// assert!(mapping.finish());
    /// ```
    pub fn span_within(&self, part: Range<usize>) -> Option<Span> {
        match &self.node.value {
            Value::Scalar(Scalar { text, written, .. }) => {
                place(text, written.as_ref(), self.node.span, part)
            }
            Value::Sequence(_) | Value::Mapping(_) | Value::Refused => None,
        }
    }

    /// Where the key stands; for an item of a list, the item.
    pub fn key_span(&self) -> Span {
        self.key_span
    }

    /// The node itself.
    pub fn node(&self) -> &'a Node {
        self.node
    }

    /// Where the findings go.
    pub fn findings(&self) -> &'a Findings {
        self.findings
    }

    /// Reports an error at the value.
    pub fn refuse(&self, code: &'static str, message: impl Into<String>, help: impl Into<String>) {
        self.findings
            .report(Diagnostic::error(code, message).at(self.span()).help(help));
    }

    /// A string.
    pub fn string(&self) -> Option<&'a str> {
        let scalar = self.scalar("a string")?;
        if scalar.ty() == ScalarType::String {
            return Some(&scalar.text);
        }
        let help = format!("put it in quotes: \"{}\"", scalar.text.escape_default());
        self.wrong_type("a string", Some(help));
        None
    }

    /// A string that is not empty.
    pub fn text(&self) -> Option<&'a str> {
        let text = self.string()?;
        if text.is_empty() {
            self.not_allowed("must not be empty", None);
            return None;
        }
        Some(text)
    }

    /// One of `choices`: the second of the pair whose first is written.
    pub fn one_of<T: Copy>(&self, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.string()?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let names = || choices.iter().map(|(name, _)| *name);
        let meant = nearest(text, names()).map(|meant| format!("did you mean `{meant}`?"));
        self.not_allowed(
            &format!(
                "must be {}; this is {}",
                listed(names(), "or"),
                quoted(text)
            ),
            meant,
        );
        None
    }

    /// A boolean.
    pub fn boolean(&self) -> Option<bool> {
        match self.scalar("true or false")?.ty() {
            ScalarType::Boolean(value) => Some(value),
            ScalarType::Null | ScalarType::Integer | ScalarType::Float | ScalarType::String => {
                self.wrong_type("true or false", None);
                None
            }
        }
    }

    /// A whole number within `range`.
    pub fn integer(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let scalar = self.scalar("a whole number")?;
        if scalar.ty() != ScalarType::Integer {
            let unquoted: Option<u64> = scalar.text.parse().ok();
            let help = unquoted.map(|number| format!("write it without quotes: {number}"));
            self.wrong_type("a whole number", help);
            return None;
        }
        let number = parse_integer(&scalar.text);
        self.within(number, &scalar.text, &range, |bound| bound.to_string())
    }

    /// A number of bytes within `range`, such as `64Ki`, `10Gi` or `1048576`.
    pub fn quantity(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let scalar = self.scalar("a size such as 64Ki or 10Gi")?;
        let text = &scalar.text;
        let Some(bytes) = parse_quantity(text) else {
            let meant = suggest_quantity(text);
            let help = meant.map(|meant| format!("{} is written {meant}", quoted(text)));
            self.not_allowed(
                &format!(
                    "must be a size such as 64Ki or 10Gi; this is {}",
                    quoted(text)
                ),
                help,
            );
            return None;
        };
        self.within(Some(bytes), text, &range, |bound| show_quantity(*bound))
    }

    /// An ISO 8601 duration within `range`.
    pub fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let scalar = self.scalar("an ISO 8601 duration")?;
        match parse_duration(&scalar.text) {
            Ok(duration) => self.within(Some(duration), &scalar.text, &range, |bound| {
                show_duration(*bound)
            }),
            Err(fault) => {
                self.findings
                    .report(self.duration_fault(&scalar.text, &fault));
                None
            }
        }
    }

    /// The items of a list.
    pub fn list(&self) -> Option<Vec<Field<'a>>> {
        match &self.node.value {
            Value::Sequence(items) => Some(self.items(items)),
            Value::Scalar(_) | Value::Mapping(_) => {
                self.wrong_type("a list", None);
                None
            }
            Value::Refused => None,
        }
    }

    /// A mapping with known fields.
    pub fn mapping(&self) -> Option<Mapping<'a>> {
        match entries(self.node) {
            Some(entries) => Some(Mapping::new(
                entries,
                self.key_span,
                self.path.clone(),
                self.findings,
            )),
            None => {
                if self.node.value != Value::Refused {
                    self.wrong_type("a map", None);
                }
                None
            }
        }
    }

    /// A map from free keys to strings, in the order of the text.
    pub fn string_map(&self) -> Option<Vec<(String, String)>> {
        self.mapping()?
            .into_fields()
            .map(|(key, field)| Some((key.to_owned(), field.string()?.to_owned())))
            // Collected first, so that every value that is not a string is reported.
            .collect::<Vec<Option<_>>>()
            .into_iter()
            .collect()
    }

    /// A diagnostic that the value has the wrong type.
    pub fn wrong_type(&self, expected: &str, help: Option<String>) {
        let mut finding = Diagnostic::error(
            codes::WRONG_TYPE,
            format!(
                "`{}` must be {expected}; {}",
                self.path,
                self.node.describe()
            ),
        )
        .at(self.span());
        finding.help = help;
        self.findings.report(finding);
    }

    /// A diagnostic that the value, of the right type, is not allowed: "must be ...".
    pub fn not_allowed(&self, problem: &str, help: Option<String>) {
        let message = format!("`{}` {problem}", self.path);
        let mut finding = Diagnostic::error(codes::NOT_ALLOWED, message).at(self.span());
        finding.help = help;
        self.findings.report(finding);
    }

    fn items(&self, items: &'a [Node]) -> Vec<Field<'a>> {
        let item = |(index, node): (usize, &'a Node)| {
            let path = format!("{}[{index}]", self.path);
            Field::new(path, node.span, node, self.findings)
        };
        items.iter().enumerate().map(item).collect()
    }

    fn scalar(&self, expected: &str) -> Option<&'a Scalar> {
        match &self.node.value {
            Value::Scalar(scalar) => Some(scalar),
            Value::Sequence(_) | Value::Mapping(_) => {
                self.wrong_type(expected, None);
                None
            }
            Value::Refused => None,
        }
    }

    fn within<T: PartialOrd>(
        &self,
        value: Option<T>,
        written: &str,
        range: &RangeInclusive<T>,
        show: impl Fn(&T) -> String,
    ) -> Option<T> {
        let value = value.filter(|value| range.contains(value));
        if value.is_none() {
            let bounds = format!(
                "must be from {} to {}; this is {}",
                show(range.start()),
                show(range.end()),
                visible(written)
            );
            self.not_allowed(&bounds, None);
        }
        value
    }

    fn duration_fault(&self, text: &str, fault: &DurationFault) -> Diagnostic {
        let value = quoted(text);
        let name = &self.path;
        let finding = |message| Diagnostic::error(codes::DURATION, message).at(self.span());
        match fault {
            DurationFault::NotIso { meant: Some(meant) } => {
                finding(format!("`{name}` {fault}; {value} is written {meant}"))
            }
            DurationFault::NotIso { meant: None } => {
                finding(format!("`{name}` {fault}; {value} is none"))
                    .help("write it like PT5S, PT0.2S, PT10M or P7D")
            }
            DurationFault::Calendar => finding(format!("`{name}` {fault}; this is {value}"))
                .help("count in days: P30D, P365D"),
            DurationFault::Negative | DurationFault::TooLong => {
                finding(format!("`{name}` {fault}; this is {value}"))
            }
        }
    }
}

fn parse_integer(text: &str) -> Option<u64> {
    match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) => u64::from_str_radix(digits, 16).ok(),
        (_, Some(digits)) => u64::from_str_radix(digits, 8).ok(),
        _ => text.parse().ok(),
    }
}
