//! How a scalar is written in its file, and from that where a part of its text stands.
//!
//! The text and what is written are read side by side, and a place is given only where both agree
//! up to it, so that no caret stands in a wrong place. Folded lines, indentation and the escapes of
//! quotes and backslashes are followed; what stands behind any other escape has no place.

use std::iter::Peekable;
use std::ops::Range;
use std::str::Chars;

use crate::Span;

/// The quotes around a scalar decide what in it is an escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    /// Plain, or a block.
    None,
    Single,
    Double,
}

/// What stands in the file for a scalar that is not written as its bare text on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) quotes: Quotes,
    /// From the scalar's first character; of a block, from its first line that is not empty.
    pub(super) source: Box<str>,
}

/// Where the bytes `part` of `text` stand, for a scalar that begins at `start`.
///
/// A part begins with its first character that is not blank. What is missing at the end of the text
/// stands behind its last word. Of a part on several lines it is what stands on the first of them.
pub(super) fn place(
    text: &str,
    written: Option<&Written>,
    start: Span,
    part: Range<usize>,
) -> Option<Span> {
    let mut source = Source::new(text, written, start)?;
    let mut found: Option<Span> = None;
    for (at, character) in text.char_indices().filter(|(_, c)| !is_blank(*c)) {
        if at >= part.end {
            break;
        }
        source.skip_blanks();
        let (line, column) = (source.line, source.column);
        source.take(character)?;
        if at < part.start {
            continue;
        }
        let span = found.get_or_insert(Span {
            line,
            column,
            length: 0,
        });
        if span.line == line {
            span.length = source.column - span.column;
        }
    }
    Some(found.unwrap_or(Span {
        line: source.line,
        column: source.column,
        length: 1,
    }))
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// What is written, and the place in the file up to which it was read.
struct Source<'a> {
    rest: Peekable<Chars<'a>>,
    quotes: Quotes,
    line: usize,
    column: usize,
}

impl<'a> Source<'a> {
    /// None where a tag or an anchor stands before the quotes.
    fn new(text: &'a str, written: Option<&'a Written>, start: Span) -> Option<Self> {
        let (quotes, source) = match written {
            Some(written) => (written.quotes, &*written.source),
            None => (Quotes::None, text),
        };
        let mut source = Source {
            rest: source.chars().peekable(),
            quotes,
            line: start.line,
            column: start.column,
        };
        match quotes {
            Quotes::None => {}
            Quotes::Single => source.next_if('\'')?,
            Quotes::Double => source.next_if('"')?,
        }
        Some(source)
    }

    fn skip_blanks(&mut self) {
        while let Some(blank) = self.rest.next_if(|c| is_blank(*c)) {
            if blank == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
    }

    /// Reads what is written for one character of the text; None where that is something else.
    fn take(&mut self, wanted: char) -> Option<()> {
        match (self.quotes, wanted) {
            (Quotes::Single, '\'') => self.next_if('\'')?,
            // A slash and an apostrophe need no escape between double quotes; a slash may have one.
            (Quotes::Double, '"' | '\\') => self.next_if('\\')?,
            (Quotes::Double, '/') if self.rest.peek() == Some(&'\\') => self.next_if('\\')?,
            (Quotes::None | Quotes::Single | Quotes::Double, _) => {}
        }
        self.next_if(wanted)
    }

    fn next_if(&mut self, wanted: char) -> Option<()> {
        self.rest.next_if_eq(&wanted)?;
        self.column += 1;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use crate::yaml::{Findings, Mapping, documents};

    /// What a caret marks for the part `marked` of the text of `a`; nothing without a place.
    fn marked(yaml: &str, part: &str) -> Option<String> {
        let documents = documents(yaml);
        let findings = Findings::default();
        let mut mapping = Mapping::of(&documents.list[0], &findings).expect("a map");
        let field = mapping.field("a").expect("the field");
        let text = field.string().expect("a string");
        mapping.ignore(&["b", "c"]);
        assert!(mapping.finish());
        let start = text.find(part).expect("the part");
        let span = field.span_within(start..start + part.len())?;
        let line = yaml.lines().nth(span.line - 1).expect("the line");
        let characters = line.chars().skip(span.column - 1);
        Some(characters.take(span.length).collect())
    }

    #[test]
    fn a_part_is_found_in_every_style() {
        for yaml in [
            "a: type is KEY here",
            "a: type is KEY # here",
            "a: type\n  is\n\n  x KEY",
            "a:\n\n  é KEY",
            "a: 'é it''s ''KEY'",
            "a: 'two\n\n\n  lines KEY'",
            "a: \"é \\\"\\\\ \\/ / ' KEY\"",
            "a: \"two\n  lines KEY\"",
            "a: |\n  é\n    x KEY\n",
            "a: |\n\n\n  \"x\" KEY\n",
            "a: |4-\n      'x\\ KEY\n",
            "a: >-\n  é\n\n   x\n  y KEY\n\n",
            "a: >+  # folded\n  y KEY\n\n",
            "a: |\r\n  x\r\n  y KEY\r\n",
            "# é\n{b: [é], a: x KEY, c: y}",
            "{b: [é], a: 'x KEY', c: y}",
            "{b: [é], a: \"x\n KEY\", c: y}",
        ] {
            assert_eq!(marked(yaml, "KEY").as_deref(), Some("KEY"), "{yaml:?}");
        }
    }

    #[test]
    fn a_part_of_several_words_or_lines_is_marked_on_its_first_line() {
        for (yaml, part, expected) in [
            ("a: x y  z w", "y  z", "y  z"),
            ("a: x y\n  z w", "y z", "y"),
            ("a: 'x ''y'' z'", "'y'", "''y''"),
            ("a: \"x \\\"y\\\" z\"", "\"y\"", "\\\"y\\\""),
            ("a: |\n  x y\n    z w\n", "y\n  z", "y"),
        ] {
            assert_eq!(marked(yaml, part).as_deref(), Some(expected), "{yaml:?}");
        }
    }

    #[test]
    fn what_stands_behind_other_escapes_or_a_tag_has_no_place() {
        for yaml in [
            "a: \"\\x41 KEY\"",
            "a: \"x\\n KEY\"",
            "a: \"x \\\n  KEY\"",
            "a: \"\\u00e9 KEY\"",
            "a: !!str 'KEY'",
            "a: &b 'KEY'",
        ] {
            assert_eq!(marked(yaml, "KEY"), None, "{yaml:?}");
        }
        // What stands before them has.
        assert_eq!(marked("a: \"KEY \\x41\"", "KEY").as_deref(), Some("KEY"));
    }

    #[test]
    fn what_is_missing_stands_behind_the_last_word() {
        for (yaml, line, column) in [
            ("a: x >", 1, 7),
            ("a: 'x > '", 1, 8),
            ("a: |\n  x\n  >  \n\n", 3, 4),
            ("a: >\n  x\n  >\nb: c", 3, 4),
            ("a: \"x\n  >\n\n \"", 2, 4),
        ] {
            let documents = documents(yaml);
            let findings = Findings::default();
            let mut mapping = Mapping::of(&documents.list[0], &findings).expect("a map");
            let field = mapping.field("a").expect("the field");
            mapping.ignore(&["b"]);
            assert!(mapping.finish());
            let end = field.string().expect("a string").len();
            let span = field.span_within(end..end).expect("a place");
            assert_eq!((span.line, span.column), (line, column), "{yaml:?}");
        }
    }
}
