//! A trigger's filter in a few words, for lists: `type=order.paid + 1 more`.

use sluicegate_filter::FilterSpec;

use crate::one_line::one_line;

/// The first condition of a filter, and how many there are besides.
pub(super) fn in_words(filters: &[FilterSpec]) -> String {
    let Some(first) = filters.iter().find_map(first_condition) else {
        return "all events".to_owned();
    };
    match filters.iter().map(count).sum::<usize>() {
        0 | 1 => first.words,
        more => format!("{} + {} more", first.as_part(), more - 1),
    }
}

/// A condition in words.
struct Condition {
    words: String,
    /// Whether it is an expression, which beside other words must not be read as going on in them.
    is_expression: bool,
}

impl Condition {
    fn plain(words: String) -> Self {
        Condition {
            words,
            is_expression: false,
        }
    }

    fn as_part(&self) -> String {
        match self.is_expression {
            true => format!("({})", self.words),
            false => self.words.clone(),
        }
    }
}

/// Nesting is bounded by validation, so that recursion is too.
fn first_condition(filter: &FilterSpec) -> Option<Condition> {
    let plain = match filter {
        FilterSpec::Attributes(entries) => entries.first().map(|(name, value)| match &**value {
            "" => format!("{name} present"),
            value => equals(name, value),
        }),
        FilterSpec::Exact(entries) => entries.first().map(|(name, value)| equals(name, value)),
        FilterSpec::Prefix(entries) => entries
            .first()
            .map(|(name, value)| format!("{name}={value}*")),
        FilterSpec::Suffix(entries) => entries
            .first()
            .map(|(name, value)| format!("{name}=*{value}")),
        FilterSpec::All(nested) => return nested.iter().find_map(first_condition),
        FilterSpec::Any(nested) => nested
            .iter()
            .find_map(first_condition)
            .map(|first| format!("any of {}", first.as_part())),
        FilterSpec::Not(nested) => {
            first_condition(nested).map(|first| format!("not {}", first.as_part()))
        }
        FilterSpec::Cesql(expression) => {
            return Some(Condition {
                words: one_line(expression.text(), EXPRESSION_CHARS_MAX),
                is_expression: true,
            });
        }
    };
    plain.map(Condition::plain)
}

/// How much of an expression is told, in characters.
const EXPRESSION_CHARS_MAX: usize = 60;

/// A star outside quotes stands for any text, as in a prefix.
fn equals(name: &str, value: &str) -> String {
    if value.contains('*') {
        format!("{name}='{value}'")
    } else {
        format!("{name}={value}")
    }
}

fn count(filter: &FilterSpec) -> usize {
    match filter {
        FilterSpec::Attributes(entries)
        | FilterSpec::Exact(entries)
        | FilterSpec::Prefix(entries)
        | FilterSpec::Suffix(entries) => entries.len(),
        FilterSpec::All(nested) | FilterSpec::Any(nested) => nested.iter().map(count).sum(),
        FilterSpec::Not(nested) => count(nested),
        FilterSpec::Cesql(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    use sluicegate_filter::cesql::Expression;

    use super::*;

    fn entries(entries: &[(&str, &str)]) -> Vec<(String, String)> {
        entries
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn cesql(text: &str) -> FilterSpec {
        FilterSpec::Cesql(Expression::parse(text).unwrap())
    }

    #[test]
    fn a_filter_is_told_by_its_first_condition() {
        let paid = || FilterSpec::Exact(entries(&[("type", "order.paid")]));
        let cases = [
            (vec![], "all events"),
            (vec![paid()], "type=order.paid"),
            (
                vec![FilterSpec::Prefix(entries(&[("type", "refund.")]))],
                "type=refund.*",
            ),
            (
                vec![FilterSpec::Exact(entries(&[("type", "refund.*")]))],
                "type='refund.*'",
            ),
            (
                vec![FilterSpec::Attributes(entries(&[("type", "refund.*")]))],
                "type='refund.*'",
            ),
            (
                vec![FilterSpec::Suffix(entries(&[("source", "/shop")]))],
                "source=*/shop",
            ),
            (
                vec![FilterSpec::Attributes(entries(&[("subject", "")]))],
                "subject present",
            ),
            (
                vec![paid(), FilterSpec::Not(Box::new(paid()))],
                "type=order.paid + 1 more",
            ),
            (
                vec![FilterSpec::Not(Box::new(paid()))],
                "not type=order.paid",
            ),
            (
                vec![FilterSpec::Any(vec![paid(), paid()])],
                "any of type=order.paid + 1 more",
            ),
            (
                vec![cesql("amount > 100\n  AND region = 'eu'\n"), paid()],
                "(amount > 100 AND region = 'eu') + 1 more",
            ),
            (
                vec![FilterSpec::Any(vec![cesql("amount > 1000"), paid()])],
                "any of (amount > 1000) + 1 more",
            ),
            (
                vec![FilterSpec::Not(Box::new(cesql("EXISTS subject")))],
                "not (EXISTS subject)",
            ),
            (
                vec![cesql(&format!("type = '{}'", "é".repeat(51)))],
                &format!("type = '{}'", "é".repeat(51)),
            ),
            (
                vec![cesql(&format!("type = '{}'", "é".repeat(52)))],
                &format!("type = '{}…", "é".repeat(51)),
            ),
        ];
        for (filters, words) in cases {
            assert_eq!(in_words(&filters), words);
        }
    }
}
