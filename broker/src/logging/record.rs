//! One log line before it is text: gathered from a `tracing` event, rendered as JSON or for people.

use std::fmt;

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Level, Metadata};

use super::text::{Gathered, STRING_BYTES_MAX, push_json_string, visible};
use crate::causes::causes;

/// How a line is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// A JSON record.
    Json,
    /// For people.
    Human {
        /// With ANSI colours.
        colour: bool,
    },
}

/// Everything one line says.
#[derive(Debug)]
pub(super) struct Record {
    level: Level,
    /// Only for lines of other people's crates: ours say what they mean.
    target: Option<String>,
    code: Option<String>,
    message: String,
    fields: Vec<(&'static str, Value)>,
}

#[derive(Debug)]
enum Value {
    Text(String),
    /// A number, `true` or `false`: the same in JSON and for people.
    Literal(String),
}

/// The record's own keys; a field of that name gets an underscore in front, so that no key comes
/// twice.
const OWN_KEYS: [(&str, &str); 5] = [
    ("ts", "_ts"),
    ("level", "_level"),
    ("msg", "_msg"),
    ("target", "_target"),
    ("code", "_code"),
];

impl Record {
    /// A line without fields yet.
    pub(super) fn new(metadata: &Metadata<'_>) -> Self {
        let ours = metadata.target().starts_with("sluicegate");
        Record {
            level: *metadata.level(),
            target: (!ours).then(|| metadata.target().to_owned()),
            code: None,
            message: String::new(),
            fields: Vec::new(),
        }
    }

    /// A warning of the logger itself.
    pub(super) fn lost(lines: u64) -> Self {
        Record {
            level: Level::WARN,
            target: None,
            code: None,
            message: "log lines were lost: standard error was not read fast enough".to_owned(),
            fields: vec![("lost", Value::Literal(lines.to_string()))],
        }
    }

    /// The line, with its line end.
    pub(super) fn render(&self, at: Timestamp, style: Style) -> String {
        match style {
            Style::Json => self.to_json(at),
            Style::Human { colour } => self.to_human(at, colour),
        }
    }

    fn to_json(&self, at: Timestamp) -> String {
        let mut line = format!("{{\"ts\":\"{at:.3}\",\"level\":\"{}\"", self.level_word());
        let texts = [("code", &self.code), ("target", &self.target)];
        for (key, text) in texts
            .into_iter()
            .filter_map(|(key, text)| Some((key, text.as_ref()?)))
        {
            line.push_str(&format!(",\"{key}\":"));
            push_json_string(&mut line, text);
        }
        line.push_str(",\"msg\":");
        push_json_string(&mut line, &self.message);
        for (name, value) in &self.fields {
            line.push(',');
            push_json_string(&mut line, name);
            line.push(':');
            match value {
                Value::Text(text) => push_json_string(&mut line, text),
                Value::Literal(text) => line.push_str(text),
            }
        }
        line.push_str("}\n");
        line
    }

    fn to_human(&self, at: Timestamp, colour: bool) -> String {
        let mut line = format!(
            "{}  {}  ",
            at.strftime("%H:%M:%S%.3f"),
            self.painted_level(colour)
        );
        for text in [&self.code, &self.target].into_iter().flatten() {
            line.push_str(&format!("{}  ", visible(text, STRING_BYTES_MAX)));
        }
        line.push_str(&visible(&self.message, STRING_BYTES_MAX).to_string());
        for (index, (name, value)) in self.fields.iter().enumerate() {
            line.push_str(if index == 0 { "  " } else { " " });
            line.push_str(name);
            line.push('=');
            match value {
                Value::Text(text) => push_human_value(&mut line, text),
                Value::Literal(text) => line.push_str(text),
            }
        }
        line.push('\n');
        line
    }

    fn level_word(&self) -> &'static str {
        match self.level {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        }
    }

    fn painted_level(&self, colour: bool) -> String {
        let word = format!("{:5}", self.level_word());
        let code = match self.level {
            Level::ERROR => "31",
            Level::WARN => "33",
            Level::INFO => "32",
            Level::DEBUG | Level::TRACE => "2",
        };
        if colour {
            format!("\u{1b}[{code}m{word}\u{1b}[0m")
        } else {
            word
        }
    }

    fn put(&mut self, field: &Field, value: Value) {
        let name = field.name();
        match (name, value) {
            ("message", Value::Text(text) | Value::Literal(text)) => self.message = text,
            ("code", Value::Text(text)) => self.code = Some(text),
            (name, value) => {
                let own = OWN_KEYS.iter().find(|(own, _)| *own == name);
                self.fields
                    .push((own.map_or(name, |(_, renamed)| renamed), value));
            }
        }
    }
}

/// A value with nothing in it that needs quotes stands as it is; people copy those.
fn push_human_value(line: &mut String, text: &str) {
    let shown = visible(text, STRING_BYTES_MAX).to_string();
    let bare = !shown.is_empty() && !shown.contains([' ', '"', '=']);
    if bare {
        line.push_str(&shown);
    } else {
        line.push('"');
        line.push_str(&shown.replace('"', "\\\""));
        line.push('"');
    }
}

impl Visit for Record {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::Text(Gathered::of(format_args!("{value}"))));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::Text(Gathered::of(format_args!("{value:?}"))));
    }

    fn record_error(&mut self, field: &Field, error: &(dyn std::error::Error + 'static)) {
        let chain: Vec<String> = causes(error).map(ToString::to_string).collect();
        let text = chain.join(": ");
        self.put(field, Value::Text(Gathered::of(format_args!("{text}"))));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Literal(value.to_string()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Literal(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::Literal(value.to_string()));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.put(field, Value::Literal(value.to_string()));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put(field, Value::Literal(value.to_string()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for infinities and NaN.
        let text = value.to_string();
        let value = if value.is_finite() {
            Value::Literal(text)
        } else {
            Value::Text(text)
        };
        self.put(field, value);
    }
}
