//! Text of someone else's on one line of ours.

/// The beginning of `text`, at most `chars_max` characters of it, with a space for each run of blanks.
pub(crate) fn one_line(text: &str, chars_max: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().nth(chars_max).is_none() {
        return line;
    }
    let kept: String = line.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_not_in_bytes() {
        for (text, expected) in [
            ("", ""),
            ("a\n  b\r\n\tc ", "a b c"),
            ("éééééé", "éééééé"),
            ("ééééééé", "ééééé…"),
            ("abcd   efgh", "abcd…"),
        ] {
            assert_eq!(one_line(text, 6), expected, "{text:?}");
        }
    }
}
