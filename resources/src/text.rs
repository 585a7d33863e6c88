//! Small helpers for text that people read: quoting and lists.

pub use sluicegate_filter::nearest;

/// Longest value that a message quotes, in characters.
const QUOTED_MAX: usize = 60;

/// `value` in single quotes, control characters escaped, cut when long.
pub(crate) fn quoted(value: &str) -> String {
    format!("'{}'", visible(value))
}

/// `value` with control characters escaped, cut when long.
pub(crate) fn visible(value: &str) -> String {
    let mut text = String::new();
    for (index, character) in value.chars().enumerate() {
        if index == QUOTED_MAX {
            text.push('…');
            break;
        }
        push_visible(&mut text, character);
    }
    text
}

/// Adds `character`, or its escape when a terminal might act on it or not show it.
pub(crate) fn push_visible(text: &mut String, character: char) {
    if is_harmless(character) {
        text.push(character);
    } else {
        text.extend(character.escape_default());
    }
}

/// Neither a control character nor one that reorders or hides what stands beside it.
fn is_harmless(character: char) -> bool {
    !character.is_control()
        && !matches!(
            character,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

/// `a, b and c`, each in backticks.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_values_are_harmless_and_short() {
        assert_eq!(quoted("a\u{1b}[2Jb"), "'a\\u{1b}[2Jb'");
        assert_eq!(quoted("\u{202e}x"), "'\\u{202e}x'");
        assert_eq!(quoted(&"é".repeat(100)).chars().count(), QUOTED_MAX + 3);
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(listed([], "and"), "");
        assert_eq!(listed(["a"], "and"), "`a`");
        assert_eq!(listed(["a", "b", "c"], "or"), "`a`, `b` or `c`");
    }
}
