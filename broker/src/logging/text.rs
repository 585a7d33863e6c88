//! Text from outside, made safe to show: cut, and with every character escaped that is not what it
//! looks like.

use std::fmt::{self, Write};

/// A string in a log line takes at most this many bytes, marker included, before escaping.
pub const STRING_BYTES_MAX: usize = 256;

/// Stands at the end of what was cut.
const CUT_MARK: &str = "…";

/// Shows `text`, cut to `bytes_max` bytes, with escapes such as `\n` and `\u{1b}` for whatever would
/// end a line, drive a terminal, or change the direction or presence of what is around it.
///
/// ```
/// use sluicegate::logging::visible;
/// assert_eq!(visible("red\u{1b}[31m\nalert", 256).to_string(), r"red\u{1b}[31m\nalert");
/// ```
pub fn visible(text: &str, bytes_max: usize) -> Visible<'_> {
    Visible { text, bytes_max }
}

/// See [`visible`].
#[derive(Clone, Copy, Debug)]
pub struct Visible<'a> {
    text: &'a str,
    bytes_max: usize,
}

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kept, mark) = split_at_limit(self.text, self.bytes_max);
        for character in kept.chars() {
            match character {
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                it if is_deceptive(it) => write!(f, "\\u{{{:x}}}", u32::from(it))?,
                it => f.write_char(it)?,
            }
        }
        f.write_str(mark)
    }
}

/// What of `text` is kept, and the marker that follows it, together within `bytes_max`.
fn split_at_limit(text: &str, bytes_max: usize) -> (&str, &'static str) {
    if text.len() <= bytes_max {
        return (text, "");
    }
    let end = text.floor_char_boundary(bytes_max.saturating_sub(CUT_MARK.len()));
    (text.split_at(end).0, CUT_MARK)
}

/// Controls (C0, DEL, C1), line separators, and characters that are invisible or turn the direction
/// of their neighbours.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Writes `text` as a JSON string, deceptive characters escaped.
pub(super) fn push_json_string(line: &mut String, text: &str) {
    line.push('"');
    for character in text.chars() {
        match character {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            it if is_deceptive(it) => {
                for unit in it.encode_utf16(&mut [0; 2]) {
                    // A `String` takes any text.
                    write!(line, "\\u{unit:04x}").ok();
                }
            }
            it => line.push(it),
        }
    }
    line.push('"');
}

/// Gathers at most [`STRING_BYTES_MAX`] bytes of what is formatted into it, and then stops the
/// formatting, so that a value of any size costs little.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    text: String,
}

impl Gathered {
    /// What `value` formats to, cut at the limit.
    pub(super) fn of(value: fmt::Arguments<'_>) -> String {
        let mut gathered = Gathered::default();
        // An error says that the limit was reached, and then the text is cut below.
        gathered.write_fmt(value).ok();
        let (kept, mark) = split_at_limit(&gathered.text, STRING_BYTES_MAX);
        format!("{kept}{mark}")
    }
}

impl fmt::Write for Gathered {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        // One character past the limit is enough to know that there was more.
        let room = (STRING_BYTES_MAX + 4).saturating_sub(self.text.len());
        let end = piece.floor_char_boundary(room);
        self.text.push_str(piece.split_at(end).0);
        if end < piece.len() {
            Err(fmt::Error)
        } else {
            Ok(())
        }
    }
}
