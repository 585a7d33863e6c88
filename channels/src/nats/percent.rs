//! Text of any kind as a header's value: what is not printable ASCII, and `%`, is written `%` and two
//! hex digits a byte. Spaces within stay; one at either end is written out, since clients trim.

use std::fmt::Write as _;

/// `text` as printable ASCII.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    let last = text.len().saturating_sub(1);
    for (at, byte) in text.bytes().enumerate() {
        let is_plain = match byte {
            b' ' => at != 0 && at != last,
            b'%' => false,
            _ => byte.is_ascii_graphic(),
        };
        if is_plain {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a String takes all");
        }
    }
    encoded
}

/// The text again; what cannot be had back is replaced.
pub(super) fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| escape(tail)).flatten();
        bytes.push(escaped.unwrap_or(byte));
        rest = match escaped {
            Some(_) => &tail[2..],
            None => tail,
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn escape(tail: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back_and_is_printable_in_between() {
        let cases = [
            ("", ""),
            ("refused: 410", "refused: 410"),
            (" a b ", "%20a b%20"),
            ("100%", "100%25"),
            ("a\r\nb: c", "a%0D%0Ab: c"),
            ("é", "%C3%A9"),
            (" ", "%20"),
        ];
        for (text, expected) in cases {
            assert_eq!(encoded(text), expected);
            assert_eq!(decoded(expected), text);
        }
        for odd in ["%", "%4", "%zz", "%C3"] {
            decoded(odd);
        }
    }
}
