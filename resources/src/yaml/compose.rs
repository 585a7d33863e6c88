//! From the parser's events to trees, without recursion and within bounds.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use crate::text::quoted;
use crate::yaml::node::{Document, Entry, Node, Scalar, Value};
use crate::yaml::written::Written;
use crate::{Diagnostic, Span, codes};

mod cursor;

use cursor::{Cursor, written};

/// Longest text that is read, in bytes: 1 MiB.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// Most nodes that are read from one text.
pub const NODES_MAX: usize = 100_000;

/// Deepest nesting of lists and mappings. 64 filters may stand around one, and a level of `all` takes
/// two of YAML's: the list and the mapping in it.
pub const DEPTH_MAX: usize = 160;

/// How an expression is kept from being read as YAML.
const EXPRESSION_APART: &str = "put the expression on a line of its own, as it is:\n  - cesql: |\n      \
                                type = 'order.paid'";

/// The documents of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// Each document that is not empty, in order, up to the fault.
    pub list: Vec<Document>,
    /// Why the text could not be read to its end.
    pub fault: Option<Diagnostic>,
}

/// Reads the documents of `text`.
pub fn documents(text: &str) -> Documents {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut composer = Composer::default();
    let fault = check_text(text).or_else(|| composer.run(text).err());
    Documents {
        list: composer.finished,
        fault: fault.map(|fault| with_remedy(*fault, text)),
    }
}

/// Expressions are full of what YAML reads as its own: a fault beside one has a remedy.
fn with_remedy(fault: Diagnostic, text: &str) -> Diagnostic {
    let line = fault.span.and_then(|span| text.lines().nth(span.line - 1));
    if fault.help.is_some() || !line.is_some_and(|line| line.contains("cesql:")) {
        return fault;
    }
    fault.help(EXPRESSION_APART)
}

/// Boxed, because the happy path should not carry its size.
type Fault = Box<Diagnostic>;

fn fault(span: Span, message: impl Into<String>) -> Fault {
    Box::new(Diagnostic::error(codes::NOT_YAML, message).at(span))
}

fn check_text(text: &str) -> Option<Fault> {
    if text.len() > TEXT_BYTES_MAX {
        return Some(Box::new(
            Diagnostic::error(
                codes::NOT_YAML,
                format!(
                    "the file has {} bytes; at most {TEXT_BYTES_MAX} are read",
                    text.len()
                ),
            )
            .help("split it into several files"),
        ));
    }
    // The parser takes NUL for the end of the text, and what follows would be lost in silence.
    let (line, column) = text.lines().enumerate().find_map(|(line, content)| {
        let column = content.chars().position(|c| c.is_control() && c != '\t')?;
        Some((line + 1, column + 1))
    })?;
    let span = Span {
        line,
        column,
        length: 1,
    };
    let fault = fault(span, "control characters are not allowed in YAML");
    Some(Box::new(fault.help(
        "remove it; in a double-quoted string it can be written as an escape such as \"\\x1b\"",
    )))
}

/// A list or mapping that has begun and not ended.
#[derive(Debug)]
enum Open {
    Sequence {
        span: Span,
        items: Vec<Node>,
    },
    Mapping {
        span: Span,
        entries: Vec<Entry>,
        key: Option<(String, Span)>,
    },
}

#[derive(Debug, Default)]
struct Composer {
    finished: Vec<Document>,
    open: Vec<Open>,
    root: Option<Node>,
    diagnostics: Vec<Diagnostic>,
    nodes: usize,
}

impl Composer {
    fn run(&mut self, text: &str) -> Result<(), Fault> {
        let mut parser = Parser::new_from_str(text);
        let mut cursor = Cursor::at_start(text);
        while let Some(event) = parser.next_event() {
            let (event, place) = event.map_err(|error| syntax_fault(&error))?;
            let written = match &event {
                Event::Scalar(text, style, ..) => {
                    let source = cursor.take(place.start.index(), place.end.index());
                    written(text, *style, source)
                }
                _ => None,
            };
            self.apply(event, span_of(place.start, place.end), written)?;
        }
        Ok(())
    }

    fn apply(
        &mut self,
        event: Event<'_>,
        span: Span,
        written: Option<Written>,
    ) -> Result<(), Fault> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
            Event::DocumentEnd => self.end_document(),
            Event::Alias(_) => {
                self.diagnostics.push(
                    Diagnostic::error(codes::NOT_YAML, "aliases (`*name`) are not read here")
                        .at(span)
                        .help(self.or_apart("write the value out")),
                );
                self.place(Node {
                    span,
                    value: Value::Refused,
                })?;
            }
            Event::Scalar(text, style, _, tag) => {
                let is_string = self.check_tag(tag.as_deref(), span);
                let scalar = Scalar {
                    is_plain: style == ScalarStyle::Plain && !is_string,
                    text: text.into_owned(),
                    written,
                };
                // What stands behind such a tag is the rest of something else, such as `!(a OR b)`.
                let is_cut = self.key().is_some() && tag.is_some_and(|tag| tag.handle == "!");
                let value = match is_cut {
                    true => Value::Refused,
                    false => Value::Scalar(scalar),
                };
                self.place(Node { span, value })?;
            }
            Event::SequenceStart(_, tag) => {
                self.check_tag(tag.as_deref(), span);
                let items = Vec::new();
                self.begin(Open::Sequence { span, items }, span)?;
            }
            Event::MappingStart(_, tag) => {
                self.check_tag(tag.as_deref(), span);
                let entries = Vec::new();
                let key = None;
                self.begin(Open::Mapping { span, entries, key }, span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
        }
        Ok(())
    }

    /// Says whether the tag makes a scalar a string; every other tag is refused.
    fn check_tag(&mut self, tag: Option<&Tag>, span: Span) -> bool {
        let Some(tag) = tag else { return false };
        if tag.is_yaml_core_schema() && tag.suffix == "str" {
            return true;
        }
        self.diagnostics.push(
            Diagnostic::error(
                codes::NOT_YAML,
                format!("the tag {} is not read here", quoted(&tag.to_string())),
            )
            .at(span)
            .help(self.or_apart("remove it; quotes make a value a string")),
        );
        false
    }

    /// The key of the value that is read next, in the innermost mapping.
    fn key(&self) -> Option<&str> {
        match self.open.last() {
            Some(Open::Mapping { key, .. }) => key.as_ref().map(|(key, _)| key.as_str()),
            Some(Open::Sequence { .. }) | None => None,
        }
    }

    fn or_apart(&self, remedy: &'static str) -> &'static str {
        match self.key() {
            Some("cesql") => EXPRESSION_APART,
            _ => remedy,
        }
    }

    fn begin(&mut self, open: Open, span: Span) -> Result<(), Fault> {
        if self.open.len() == DEPTH_MAX {
            return Err(fault(
                span,
                format!("nested deeper than {DEPTH_MAX} levels"),
            ));
        }
        if let Some(Open::Mapping { key: None, .. }) = self.open.last() {
            return Err(fault(span, "the key of a mapping must be a single value")
                .help("a template placeholder such as {{ name }} must stand in quotes")
                .into());
        }
        self.open.push(open);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        match self.open.pop() {
            None => Ok(()),
            Some(Open::Sequence { span, items }) => self.place(Node {
                span,
                value: Value::Sequence(items),
            }),
            Some(Open::Mapping { span, entries, .. }) => {
                let span = under_first_key(span, &entries);
                let value = Value::Mapping(self.without_duplicates(entries));
                self.place(Node { span, value })
            }
        }
    }

    /// Puts a finished node where it belongs: into its list or mapping, or at the root.
    fn place(&mut self, node: Node) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(fault(
                node.span,
                format!("more than {NODES_MAX} values in one file"),
            )
            .help("split it into several files")
            .into());
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::Sequence { items, .. }) => items.push(node),
            Some(Open::Mapping { entries, key, .. }) => match key.take() {
                Some((key, key_span)) => entries.push(Entry {
                    key,
                    key_span,
                    value: node,
                }),
                None => *key = Some(key_of(node)?),
            },
        }
        Ok(())
    }

    fn without_duplicates(&mut self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let mut first = std::collections::HashMap::new();
        let diagnostics = &mut self.diagnostics;
        entries.retain(|entry| match first.get(&entry.key) {
            None => {
                first.insert(entry.key.clone(), entry.key_span.line);
                true
            }
            Some(line) => {
                let key = quoted(&entry.key);
                diagnostics.push(
                    Diagnostic::error(
                        codes::DUPLICATE_KEY,
                        format!("the key {key} is written twice; first on line {line}"),
                    )
                    .at(entry.key_span)
                    .help("keep one of them"),
                );
                false
            }
        });
        entries
    }

    fn end_document(&mut self) {
        let diagnostics = std::mem::take(&mut self.diagnostics);
        let Some(root) = self.root.take() else { return };
        // `---` at the end of a file, or a document of comments only.
        if root.is_null() && diagnostics.is_empty() {
            return;
        }
        self.finished.push(Document { root, diagnostics });
    }
}

/// A block mapping begins with its first key, and the caret reads best under all of it.
fn under_first_key(span: Span, entries: &[Entry]) -> Span {
    let first = entries.first().map(|entry| entry.key_span);
    first
        .filter(|key| (key.line, key.column) == (span.line, span.column))
        .unwrap_or(span)
}

fn key_of(node: Node) -> Result<(String, Span), Fault> {
    match node.value {
        Value::Scalar(scalar) => Ok((scalar.text, node.span)),
        Value::Sequence(_) | Value::Mapping(_) | Value::Refused => Err(fault(
            node.span,
            "the key of a mapping must be a single value",
        )),
    }
}

fn span_of(start: Marker, end: Marker) -> Span {
    let is_one_line = start.line() == end.line();
    Span {
        line: start.line(),
        column: start.col() + 1,
        length: if is_one_line {
            end.col().saturating_sub(start.col()).max(1)
        } else {
            1
        },
    }
}

fn syntax_fault(error: &ScanError) -> Fault {
    let mark = *error.marker();
    // The parser says "double-quoted" of either.
    let reason = error.info().trim_end_matches('.').replace(
        "invalid trailing content after double-quoted scalar",
        "something stands behind the quote that ends a text",
    );
    fault(span_of(mark, mark), format!("not YAML: {reason}"))
}
