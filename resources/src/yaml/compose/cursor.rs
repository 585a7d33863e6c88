//! What stands in the text for a scalar.

use saphyr_parser::ScalarStyle;

use crate::yaml::written::{Quotes, Written};

/// Nothing for what is written as it reads, which most scalars are.
pub(super) fn written(text: &str, style: ScalarStyle, source: &str) -> Option<Written> {
    let quotes = match style {
        ScalarStyle::Plain if text == source => return None,
        ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => Quotes::None,
        ScalarStyle::SingleQuoted => Quotes::Single,
        ScalarStyle::DoubleQuoted => Quotes::Double,
    };
    Some(Written {
        quotes,
        source: source.into(),
    })
}

/// Finds characters by their number, in ascending order and one walk.
pub(super) struct Cursor<'a> {
    rest: &'a str,
    index: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn at_start(text: &'a str) -> Self {
        Cursor {
            rest: text,
            index: 0,
        }
    }

    /// What stands from the character `start` up to `end`; goes on at `start`.
    pub(super) fn take(&mut self, start: usize, end: usize) -> &'a str {
        let (_, rest) = split_at_char(self.rest, start.saturating_sub(self.index));
        (self.rest, self.index) = (rest, start.max(self.index));
        split_at_char(rest, end.saturating_sub(self.index)).0
    }
}

fn split_at_char(text: &str, index: usize) -> (&str, &str) {
    let (byte, _) = text.char_indices().nth(index).unwrap_or((text.len(), ' '));
    text.split_at(byte)
}
