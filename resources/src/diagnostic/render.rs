//! How a diagnostic looks in a terminal.
//!
//! Everything that comes from the file is made harmless first: a manifest must not be able to move
//! the cursor of whoever checks it.

use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::text::push_visible;

/// Widest excerpt of a line, in columns.
const EXCERPT_MAX: usize = 100;

/// Columns kept before the caret when a line is cut.
const BEFORE_CARET: usize = 40;

pub(super) fn render(diagnostic: &Diagnostic, file: &str, text: &str) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warn",
    };
    let mut out = format!("{severity}[{}]: ", diagnostic.code);
    push_line(&mut out, &diagnostic.message);
    match diagnostic.span {
        Some(span) => render_place(&mut out, diagnostic.label.as_deref(), span, file, text),
        None => {
            out.push_str("\n  --> ");
            push_line(&mut out, file);
        }
    }
    if let Some(help) = &diagnostic.help {
        for (index, line) in help.lines().enumerate() {
            out.push_str(if index == 0 { "\nhelp: " } else { "\n      " });
            push_line(&mut out, line);
        }
    }
    out
}

fn render_place(out: &mut String, label: Option<&str>, span: Span, file: &str, text: &str) {
    out.push_str("\n  --> ");
    push_line(out, file);
    out.push_str(&format!(":{}:{}", span.line, span.column));
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Some(line) = text.lines().nth(span.line.saturating_sub(1)) else {
        return;
    };
    let excerpt = Excerpt::of(line, span);
    let number = span.line.to_string();
    let gutter = " ".repeat(number.len());
    out.push_str(&format!("\n{number} | {}", excerpt.text));
    out.push_str(&format!(
        "\n{gutter} | {}{}",
        " ".repeat(excerpt.caret),
        "^".repeat(excerpt.length)
    ));
    if let Some(label) = label {
        out.push(' ');
        push_line(out, label);
    }
}

fn push_line(out: &mut String, line: &str) {
    for character in line.chars() {
        push_visible(out, character);
    }
}

/// A line as shown: escaped, perhaps cut, with the caret's place in what is shown.
struct Excerpt {
    text: String,
    caret: usize,
    length: usize,
}

impl Excerpt {
    fn of(line: &str, span: Span) -> Self {
        let caret = span.column.saturating_sub(1);
        let skipped = if line.chars().nth(EXCERPT_MAX).is_some() {
            caret.saturating_sub(BEFORE_CARET)
        } else {
            0
        };
        let mut excerpt = Excerpt {
            text: String::from(if skipped > 0 { "…" } else { "" }),
            caret: 0,
            length: 0,
        };
        let mut width = excerpt.text.chars().count();
        for (index, character) in line.chars().enumerate().skip(skipped) {
            if index == caret {
                excerpt.caret = width;
            }
            if width >= EXCERPT_MAX {
                excerpt.text.push('…');
                break;
            }
            let start = excerpt.text.len();
            push_visible(&mut excerpt.text, character);
            let shown = excerpt
                .text
                .get(start..)
                .map_or(0, |text| text.chars().count());
            width += shown;
            if (caret..caret.saturating_add(span.length)).contains(&index) {
                excerpt.length += shown;
            }
        }
        // A caret past the end of its line points at where something is missing.
        if excerpt.length == 0 {
            excerpt.caret = width;
            excerpt.length = 1;
        }
        excerpt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str, line: usize, column: usize, length: usize) -> String {
        Diagnostic::error("W008", "no")
            .at(Span {
                line,
                column,
                length,
            })
            .label("here")
            .render("f.yaml", text)
    }

    #[test]
    fn the_caret_stands_under_the_span_whatever_the_line_holds() {
        for (text, line, column, length, expected) in [
            ("a: b", 1, 4, 1, "1 | a: b\n  |    ^ here"),
            ("é: bcd", 1, 4, 3, "1 | é: bcd\n  |    ^^^ here"),
            // Escapes widen what stands before the caret, and the caret itself.
            ("\ta: b", 1, 2, 1, "1 | \\ta: b\n  |   ^ here"),
            ("\u{1b}", 1, 1, 1, "1 | \\u{1b}\n  | ^^^^^^ here"),
            // Past the end of the line: something is missing there.
            ("a:", 1, 9, 1, "1 | a:\n  |   ^ here"),
            ("\u{feff}a: b", 1, 1, 1, "1 | a: b\n  | ^ here"),
            ("a: b", 1, 4, 99, "1 | a: b\n  |    ^ here"),
        ] {
            let out = rendered(text, line, column, length);
            let (_, place) = out
                .split_once(&format!(":{line}:{column}\n"))
                .expect("place");
            assert_eq!(place, expected, "{text:?}");
        }
    }

    #[test]
    fn a_place_beyond_the_text_is_named_without_a_line() {
        assert_eq!(rendered("a", 7, 1, 1), "error[W008]: no\n  --> f.yaml:7:1");
    }

    #[test]
    fn long_lines_are_cut_around_the_caret() {
        let line = format!("{}KEY{}", "a".repeat(5_000), "b".repeat(5_000));
        let out = rendered(&line, 1, 5_001, 3);
        let lines: Vec<&str> = out.lines().collect();
        assert!(lines[2].starts_with("1 | …aaa") && lines[2].ends_with("bbb…"));
        assert!(lines[2].chars().count() <= EXCERPT_MAX + 6);
        let key = lines[2].chars().position(|c| c == 'K');
        assert_eq!(key, lines[3].chars().position(|c| c == '^'));
    }

    #[test]
    fn help_of_several_lines_stays_in_its_column() {
        let finding = Diagnostic::warning("W101", "odd").help("do\nthis");
        assert_eq!(
            finding.render("f", ""),
            "warn[W101]: odd\n  --> f\nhelp: do\n      this"
        );
    }
}
