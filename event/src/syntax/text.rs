//! What a CloudEvents string may hold, and how it is written into a header.
//!
//! A string may hold no control characters (U+0000 to U+001F, U+007F to U+009F) and no
//! noncharacters (U+FDD0 to U+FDEF, and the last two of each plane); Rust's `str` already holds no
//! surrogates.
//!
//! In a header, space, `"`, `%` and everything outside U+0021 to U+007E is percent-encoded.
//! Reading undoes a quoted-string first and then one percent-encoding, and is tolerant, because
//! many senders neither quote nor encode: a `%` without two hex digits behind it stands for
//! itself, so does a `"` that does not belong to a quoted-string around the whole value, and raw
//! UTF-8 bytes are taken as they are.

use std::borrow::Cow;

/// The first character that a CloudEvents string must not hold.
pub(crate) fn forbidden_character(text: &str) -> Option<char> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    text.chars().find(|&character| is_forbidden(character))
}

fn is_forbidden(character: char) -> bool {
    let code = u32::from(character);
    character.is_control() || matches!(code, 0xfdd0..=0xfdef) || code & 0xfffe == 0xfffe
}

/// Whether the header form of these bytes is the bytes themselves.
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| is_plain_byte(byte))
}

fn is_plain_byte(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && byte != b'"' && byte != b'%'
}

/// The header form of `text`.
pub(crate) fn encode_for_header(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if is_plain_byte(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 0xf)]));
        }
    }
    encoded
}

/// The bytes that a header value stands for; whether they are UTF-8 is for the caller to check.
pub(crate) fn decode_from_header(value: &[u8]) -> Cow<'_, [u8]> {
    match unquoted(value) {
        Some(inner) => Cow::Owned(percent_decoded(&inner).into_owned()),
        None => percent_decoded(value),
    }
}

/// The content of a quoted-string, when the whole value is one.
fn unquoted(value: &[u8]) -> Option<Vec<u8>> {
    let inside = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut content = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => return None,
            // A backslash with nothing behind it escapes the closing quote: not a quoted-string.
            b'\\' => content.push(*bytes.next()?),
            _ => content.push(byte),
        }
    }
    Some(content)
}

fn percent_decoded(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'%') {
        return Cow::Borrowed(value);
    }
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, tail)) = rest.split_first() {
        match escape(byte, tail) {
            Some(escaped) => {
                decoded.push(escaped);
                rest = &tail[2..];
            }
            None => {
                decoded.push(byte);
                rest = tail;
            }
        }
    }
    Cow::Owned(decoded)
}

fn escape(byte: u8, tail: &[u8]) -> Option<u8> {
    let [high, low, ..] = *tail else { return None };
    if byte != b'%' {
        return None;
    }
    Some(hex_digit(high)? << 4 | hex_digit(low)?)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_decoded_once_and_tolerantly() {
        let cases: &[(&[u8], &[u8])] = &[
            (b"", b""),
            (b"plain", b"plain"),
            (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀".as_bytes()),
            (b"%e2%82%ac", "€".as_bytes()),
            (b"needless%41", b"needlessA"),
            (b"once%2541", b"once%41"),
            (b"\"quoted\"", b"quoted"),
            (b"\"a \\\"b\\\" \\\\ c\"", b"a \"b\" \\ c"),
            (b"\"quoted %41 %2541\"", b"quoted A %41"),
            (b"\"\\%41\"", b"A"),
            (b"\"\"", b""),
            (b"100%", b"100%"),
            (b"100%zz", b"100%zz"),
            (b"%4", b"%4"),
            (b"%%41", b"%A"),
            (b"\"", b"\""),
            (b"\"open", b"\"open"),
            (b"close\"", b"close\""),
            (b"\"a\"b\"", b"\"a\"b\""),
            (b"\"a\\\"", b"\"a\\\""),
            (b"back\\slash", b"back\\slash"),
            ("raw €".as_bytes(), "raw €".as_bytes()),
            (b"%C0%A0", &[0xc0, 0xa0]),
        ];
        for (value, expected) in cases {
            assert_eq!(
                decode_from_header(value).as_ref(),
                *expected,
                "{}",
                String::from_utf8_lossy(value)
            );
        }
    }

    #[test]
    fn headers_are_encoded_as_the_binding_asks() {
        let cases = [
            ("", ""),
            ("plain/!~", "plain/!~"),
            ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
            ("a \"b\" 5%", "a%20%22b%22%205%25"),
            ("back\\slash", "back\\slash"),
            ("%41", "%2541"),
            ("é", "%C3%A9"),
        ];
        for (text, expected) in cases {
            assert_eq!(encode_for_header(text), expected);
            assert_eq!(
                decode_from_header(expected.as_bytes()).as_ref(),
                text.as_bytes()
            );
        }
    }

    #[test]
    fn control_characters_and_noncharacters_are_found() {
        let refused = [
            '\0',
            '\t',
            '\n',
            '\r',
            '\u{1f}',
            '\u{7f}',
            '\u{80}',
            '\u{85}',
            '\u{9f}',
            '\u{fdd0}',
            '\u{fdef}',
            '\u{fffe}',
            '\u{ffff}',
            '\u{1fffe}',
            '\u{1ffff}',
            '\u{10fffe}',
            '\u{10ffff}',
        ];
        for character in refused {
            assert_eq!(
                forbidden_character(&format!("ok{character}ok")),
                Some(character),
                "{character:?}"
            );
        }
        for character in [
            ' ', '~', '\u{a0}', 'é', '\u{fdcf}', '\u{fdf0}', '\u{fffd}', '😀',
        ] {
            assert_eq!(
                forbidden_character(&character.to_string()),
                None,
                "{character:?}"
            );
        }
    }
}
