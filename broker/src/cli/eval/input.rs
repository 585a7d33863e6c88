//! Lines of standard input, however long the input and each of them is.

use std::io::{self, BufRead, Read};

/// Lines of at most so many bytes.
pub(super) struct Lines<R> {
    input: R,
    bytes_max: usize,
    line: Vec<u8>,
}

/// A line, without what ends it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Text(&'a [u8]),
    /// It is longer than allowed, and was skipped.
    TooLong,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R, bytes_max: usize) -> Self {
        Lines {
            input,
            bytes_max,
            line: Vec::new(),
        }
    }

    /// The next line, None at the end. Holds no more of a line than is allowed.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        // One more for what ends it.
        let limit = self.bytes_max as u64 + 1;
        let mut bounded = (&mut self.input).take(limit);
        if bounded.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        if self.line.pop_if(|last| *last == b'\n').is_some() {
            self.line.pop_if(|last| *last == b'\r');
        } else if self.line.len() > self.bytes_max {
            self.skip_line()?;
            return Ok(Some(Line::TooLong));
        }
        Ok(Some(Line::Text(&self.line)))
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let held = self.input.fill_buf()?;
            if held.is_empty() {
                return Ok(());
            }
            let end = held.iter().position(|byte| *byte == b'\n');
            let skipped = end.map_or(held.len(), |end| end + 1);
            self.input.consume(skipped);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_a_newline_or_the_end() {
        for (input, expected) in [
            ("", &[][..]),
            ("a", &[Some("a")]),
            ("a\nb\r\n", &[Some("a"), Some("b")]),
            ("\n\na", &[Some(""), Some(""), Some("a")]),
            ("12345\n", &[Some("12345")]),
            ("12345", &[Some("12345")]),
            ("123456\na", &[None, Some("a")]),
            ("123456", &[None]),
            ("123456789012\n\na", &[None, Some(""), Some("a")]),
        ] {
            // A small buffer, so that lines span several.
            let reader = io::BufReader::with_capacity(3, input.as_bytes());
            let mut lines = Lines::new(reader, 5);
            let mut found = Vec::new();
            while let Some(line) = lines.next().unwrap() {
                found.push(match line {
                    Line::Text(text) => Some(String::from_utf8(text.to_vec()).unwrap()),
                    Line::TooLong => None,
                });
            }
            let found: Vec<Option<&str>> = found.iter().map(Option::as_deref).collect();
            assert_eq!(found, expected, "{input:?}");
        }
    }

    #[test]
    fn a_line_without_end_is_not_held() {
        let endless = io::BufReader::new(io::repeat(b'a').take(1 << 26));
        let mut lines = Lines::new(endless, 100);
        assert_eq!(lines.next().unwrap(), Some(Line::TooLong));
        assert!(lines.line.capacity() < 1 << 12);
        assert_eq!(lines.next().unwrap(), None);
    }
}
