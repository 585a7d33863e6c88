//! Writes YAML: the values of a manifest template, and `-o yaml`.
//!
//! Plain where a value can only be read one way, double quoted (with JSON's escapes, which YAML
//! shares) everywhere else. What it leaves out: reading, anchors, comments, folding.

use serde_json::Value;

/// Deeper values are written as JSON on one line, which is YAML too.
const DEPTH_MAX: usize = 32;

/// A string as a YAML scalar.
pub fn scalar(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// `text` in double quotes. JSON's escapes are YAML's; what JSON leaves bare and YAML does not allow
/// bare is escaped too.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            it if it.is_control() || matches!(it, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(it)));
            }
            it => out.push(it),
        }
    }
    out.push('"');
    out
}

/// Whether no reader of YAML, 1.1 or 1.2, takes the bare text for anything but this string.
fn is_plain(text: &str) -> bool {
    let begins_well = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/');
    let holds_well = text
        .chars()
        .all(|it| it.is_ascii_alphanumeric() || "-_./".contains(it));
    let is_url = text.starts_with("http://") || text.starts_with("https://");
    let url_holds_well = text
        .chars()
        .all(|it| it.is_ascii_alphanumeric() || "-_./:".contains(it))
        && !text.ends_with(':');
    let lower = text.to_ascii_lowercase();
    let is_a_word_of_yaml = matches!(
        lower.as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n"
    );
    begins_well && !is_a_word_of_yaml && (holds_well || (is_url && url_holds_well))
}

/// A value as a YAML document without its separator.
pub fn document(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, 0, &mut out);
    out
}

/// Writes a value that stands at the beginning of a line, or inline when it is no collection.
/// Bounded by [`DEPTH_MAX`], so that the recursion is too.
fn write_value(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() && depth < DEPTH_MAX => {
            for (index, (key, member)) in members.iter().enumerate() {
                if index > 0 {
                    indent(depth, out);
                }
                out.push_str(&scalar(key));
                out.push(':');
                write_member(member, depth, out);
            }
        }
        Value::Array(items) if !items.is_empty() && depth < DEPTH_MAX => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    indent(depth, out);
                }
                out.push_str("- ");
                write_value(item, depth + 1, out);
                end_line(out);
            }
        }
        Value::String(text) => out.push_str(&scalar(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            out.push_str(&value.to_string());
        }
    }
}

fn write_member(member: &Value, depth: usize, out: &mut String) {
    let is_nested = match member {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if is_nested && depth + 1 < DEPTH_MAX {
        out.push('\n');
        indent(depth + 1, out);
    } else {
        out.push(' ');
    }
    write_value(member, depth + 1, out);
    end_line(out);
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn end_line(out: &mut String) {
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_are_bare_only_where_they_read_one_way() {
        for (text, written) in [
            ("hello", "hello"),
            ("order.paid", "order.paid"),
            ("/shop", "/shop"),
            (
                "http://localhost:3000/events",
                "http://localhost:3000/events",
            ),
            ("true", "\"true\""),
            ("No", "\"No\""),
            ("", "\"\""),
            ("1.0", "\"1.0\""),
            ("-", "\"-\""),
            ("a: b", "\"a: b\""),
            ("a:", "\"a:\""),
            ("http://h:", "\"http://h:\""),
            ("http://h/#x", "\"http://h/#x\""),
            ("say \"hi\"\\\n", "\"say \\\"hi\\\"\\\\\\n\""),
            ("\u{7}\u{2028}ä", "\"\\u0007\\u2028ä\""),
        ] {
            assert_eq!(scalar(text), written, "{text:?}");
        }
    }

    #[test]
    fn documents_nest_by_two_spaces() {
        let value = json!({"items": [
            {"name": "a", "books": {"accepted": 1, "ok": true}, "none": [], "tags": ["x", "y"]},
            {"name": "b"}
        ], "next": null});
        // serde_json keeps the members of an object in the order of their names.
        let text = "\
items:
  - books:
      accepted: 1
      ok: true
    name: a
    none: []
    tags:
      - x
      - \"y\"
  - name: b
next: null
";
        assert_eq!(document(&value), text);
    }

    #[test]
    fn a_value_too_deep_to_nest_is_json_on_one_line() {
        let mut value = json!("x");
        for _ in 0..100 {
            value = json!([value]);
        }
        let text = document(&value);
        assert!(text.lines().count() < 3 * DEPTH_MAX, "{text}");
        assert!(text.contains("[[["));
    }
}
