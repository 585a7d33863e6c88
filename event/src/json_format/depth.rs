//! How deep JSON text nests, counted without parsing it.

/// Whether arrays and objects in `text` nest at most `depth_max` deep. Text that is not JSON gets
/// some answer; whether it is JSON is for the parser to say.
pub(super) fn is_within(text: &str, depth_max: usize) -> bool {
    // What opens no more often than that cannot nest deeper; counting is many times faster than
    // following strings, and decides nearly always.
    openings(text) <= depth_max || deepest(text) <= depth_max
}

/// How many brackets open, those in strings included. Counted in bytes over pieces that a byte
/// can count, so that the compiler can take many at a time.
fn openings(text: &str) -> usize {
    let in_piece = |piece: &[u8]| {
        piece.iter().fold(0_u8, |count, &byte| {
            count.wrapping_add(u8::from(is_opening(byte)))
        })
    };
    text.as_bytes()
        .chunks(usize::from(u8::MAX))
        .map(|piece| usize::from(in_piece(piece)))
        .sum()
}

fn is_opening(byte: u8) -> bool {
    byte == b'{' || byte == b'['
}

fn deepest(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ if is_opening(byte) => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            _ => {}
        }
    }
    deepest
}

/// Moves past the end of the string whose opening quote was just read.
fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => _ = bytes.next(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_strings() {
        let cases = [
            ("", 0),
            ("1", 0),
            ("{}", 1),
            ("[[],[],{}]", 2),
            (r#"{"a":[1,{"b":2}]}"#, 3),
            (r#"["[[[[", "\"[[[", "\\", [1]]"#, 2),
            (r#"{"[[[":"{{{"}"#, 1),
            ("]]]][", 1),
            (r#"["open [[["#, 1),
        ];
        for (text, depth) in cases {
            assert_eq!(deepest(text), depth, "{text}");
            assert!(is_within(text, depth), "{text}");
            assert!(depth == 0 || !is_within(text, depth - 1), "{text}");
        }
        assert_eq!(deepest(&"[".repeat(1_000_000)), 1_000_000);
    }

    #[test]
    fn openings_are_counted_across_pieces() {
        for length in [0, 1, 254, 255, 256, 511, 1_000] {
            assert_eq!(openings(&"[".repeat(length)), length);
            assert_eq!(openings(&"{]".repeat(length)), length);
        }
    }
}
