//! Numbers and texts as the fields of a record.

use super::TEXT_BYTES_MAX;

/// Seven bits a byte, the lowest first; the highest bit says that there is more.
pub(super) fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// The text's length and the text, cut where it is too long.
pub(super) fn put_text(text: &str, out: &mut Vec<u8>) {
    let text = &text.as_bytes()[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    put_number(text.len() as u64, out);
    out.extend_from_slice(text);
}

/// Reads fields one behind the other.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Fields { rest: bytes }
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = self.number()?.try_into().ok()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        std::str::from_utf8(text).ok()
    }
}
