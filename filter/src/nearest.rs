//! The name that somebody meant who wrote another one: for remedies.

/// Names longer than this are not compared: nobody mistypes so long a name by two letters.
const COMPARED_MAX: usize = 64;

/// The candidate that `name` was probably meant to be.
///
/// ```
/// let names = ["billing", "audit"];
/// assert_eq!(sluicegate_filter::nearest("biling", names), Some("billing"));
/// assert_eq!(sluicegate_filter::nearest("refunds", names), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(name)?;
    let tolerance = (wanted.len() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .filter_map(|candidate| Some((distance(&wanted, &plain(candidate)?), candidate)))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters and digits in lower case, so that `max_events` and `MaxEvents` are near `maxEvents`.
fn plain(name: &str) -> Option<Vec<char>> {
    let characters: Vec<char> = name
        .chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .take(COMPARED_MAX + 1)
        .collect();
    (1..=COMPARED_MAX)
        .contains(&characters.len())
        .then_some(characters)
}

/// Insertions, deletions, substitutions and swaps of neighbours that lead from `a` to `b`.
fn distance(a: &[char], b: &[char]) -> usize {
    let width = b.len() + 1;
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..width).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1; width];
        for (j, to) in b.iter().enumerate() {
            let substituted = last[j] + usize::from(from != to);
            row[j + 1] = substituted.min(last[j + 1] + 1).min(row[j] + 1);
            let is_swap = i > 0 && j > 0 && *from == b[j - 1] && a[i - 1] == *to;
            if is_swap {
                row[j + 1] = row[j + 1].min(before_last[j - 1] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_far_ones_are_not() {
        let names = ["subscriber", "broker", "filters", "filter", "maxEvents"];
        for (written, meant) in [
            ("subscribers", Some("subscriber")),
            ("susbcriber", Some("subscriber")),
            ("Broker", Some("broker")),
            ("max_events", Some("maxEvents")),
            ("fliter", Some("filter")),
            ("zebra", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, names), meant, "{written}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), names), None);
    }
}
