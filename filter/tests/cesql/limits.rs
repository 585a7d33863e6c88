//! I4: bounds that hold for any input, and leave room for what is really written.

use proptest::prelude::*;
use serde_json::json;
use sluicegate_event::Event;
use sluicegate_filter::Outcome;
use sluicegate_filter::cesql::{
    DEPTH_MAX, EXPRESSION_BYTES_MAX, ErrorKind, Expression, STEPS_MAX, Value,
};

use crate::{decides_as_it_evaluates, event};

fn parse(text: &str) -> Expression {
    Expression::parse(text).unwrap_or_else(|error| panic!("{error}\n{}", error.caret(text)))
}

#[test]
fn a_text_of_8_kib_is_read_and_a_byte_more_is_refused() {
    let longest = format!("'{}' = 'a'", "a".repeat(EXPRESSION_BYTES_MAX - 8));
    assert_eq!(longest.len(), EXPRESSION_BYTES_MAX);
    parse(&longest);
    let longer = format!("{longest} ");
    let error = Expression::parse(&longer).expect_err("it is too long");
    assert!(error.problem.contains("8193"), "{error}");
    assert_eq!(error.span.start, EXPRESSION_BYTES_MAX);
    // A character that lies across the bound.
    let across = format!("{}é", "a".repeat(EXPRESSION_BYTES_MAX - 1));
    assert!(Expression::parse(&across).is_err());
}

/// Ways to nest: what stands before each level, what after, and what within all.
const NESTING: [(&str, &str, &str); 9] = [
    ("(", ")", "TRUE"),
    ("NOT ", "", "TRUE"),
    ("-", "", "x"),
    ("- ", "", "5"),
    ("BOOL(", ")", "TRUE"),
    ("CONCAT('a', ", ")", "'b'"),
    ("1 IN (", ")", "1"),
    ("1 + (", ")", "1"),
    ("TRUE AND NOT (", ")", "TRUE"),
];

#[test]
fn what_nests_64_deep_is_read_and_65_deep_is_refused() {
    for (before, after, inmost) in NESTING {
        let nested = |depth| format!("{}{inmost}{}", before.repeat(depth), after.repeat(depth));
        let levels = before.matches(['(', '-']).count() + before.matches("NOT").count();
        let depth = DEPTH_MAX / levels;
        let deepest = parse(&nested(depth));
        deepest.evaluate(&event(&json!({})));
        parse(&deepest.to_string());
        let error = Expression::parse(&nested(depth + 1)).expect_err(before);
        assert!(
            error.problem.contains("deeper than 64"),
            "{before}: {error}"
        );
    }
}

#[test]
fn half_a_million_levels_are_refused_at_once() {
    for (before, after, inmost) in NESTING {
        let depth = 500_000;
        let text = format!("{}{inmost}{}", before.repeat(depth), after.repeat(depth));
        assert!(Expression::parse(&text).is_err());
    }
}

#[test]
fn a_chain_may_be_as_long_as_the_text() {
    let event = event(&json!({}));
    let cases = [
        ("1", "+1", json!(4096)),
        ("TRUE", " AND 1", json!(true)),
        ("1", "=1", json!(true)),
        ("'a'", " LIKE '%'", json!(true)),
        ("NOT FALSE", " XOR FALSE", json!(true)),
    ];
    for (first, link, value) in cases {
        let links = (EXPRESSION_BYTES_MAX - first.len()) / link.len();
        let expression = parse(&format!("{first}{}", link.repeat(links)));
        let evaluation = expression.evaluate(&event);
        assert_eq!(crate::as_json(&evaluation.value), value, "{link}");
        assert_eq!(evaluation.errors, []);
    }
    let members = vec!["0"; 4000].join(",");
    let expression = parse(&format!("1 NOT IN ({members})"));
    assert_eq!(expression.decide(&event), Outcome::Match);
    let many = vec!["0"; 10_000].join(",");
    assert!(Expression::parse(&format!("1 IN ({many})")).is_err());
}

#[test]
fn a_pattern_with_a_hundred_wildcards_is_within_the_bound_over_64_kib() {
    let event = Event::builder("1", "/s", "t")
        .attribute("long", &"a".repeat(64 * 1024))
        .build()
        .expect("it is valid");
    for pattern in [
        "a%".repeat(100),
        "%a_".repeat(100),
        "_%".repeat(100),
        "%".repeat(100),
    ] {
        let matching = parse(&format!("long LIKE '{pattern}'"));
        assert_eq!(matching.decide(&event), Outcome::Match, "{pattern}");
        let other = parse(&format!("long LIKE '{pattern}b'"));
        assert_eq!(other.decide(&event), Outcome::NoMatch, "{pattern}");
    }
}

#[test]
fn an_evaluation_that_is_too_much_work_ends_with_one_error() {
    let event = Event::builder("1", "/s", "t")
        .attribute("a", &"é".repeat(32 * 1024))
        .attribute("zeros", &"0".repeat(64 * 1024))
        .build()
        .expect("it is valid");
    let joined = format!("CONCAT({})", vec!["a"; 500].join(","));
    let mut nested = joined.clone();
    for _ in 0..10 {
        nested = format!("CONCAT({nested},{nested})");
        if nested.len() * 2 > EXPRESSION_BYTES_MAX {
            break;
        }
    }
    let cases = [
        format!("{nested} = 'x'"),
        format!("{joined} IN ({joined}, 'x')"),
        vec!["UPPER(a) = LOWER(a)"; 50].join(" OR "),
        vec!["LENGTH(a) = 0"; 100].join(" OR "),
        format!("a LIKE '%_{}%'", "é".repeat(4000)),
        vec!["LEFT(a, 40000) = ''"; 100].join(" OR "),
        format!("1 IN ({})", vec!["zeros"; 1000].join(",")),
        vec!["zeros > 0"; 500].join(" OR "),
        vec!["zeros = 1"; 500].join(" OR "),
        vec!["IS_INT(a)"; 500].join(" OR "),
        vec!["a = 'x'"; 700].join(" OR "),
    ];
    for text in cases {
        let expression = parse(&text);
        let evaluation = expression.evaluate(&event);
        let kinds: Vec<_> = evaluation.errors.iter().map(|error| error.kind).collect();
        assert_eq!(kinds, [ErrorKind::Generic], "{text:.60}");
        assert_eq!(evaluation.value, Value::Boolean(false));
        assert_eq!(expression.decide(&event), Outcome::Error);
    }
}

/// Every part of the longest expression can be looked at.
const _: () = assert!(EXPRESSION_BYTES_MAX < STEPS_MAX);

/// Words that, put in a row, are an expression often enough.
const WORDS: &[&str] = &[
    "type",
    "x",
    "flag",
    "number",
    "absent",
    "'a'",
    "\"5\"",
    "'%a_'",
    "'\\%'",
    "0",
    "1",
    "-1",
    "2147483647",
    "-2147483648",
    "TRUE",
    "false",
    "AND",
    "OR",
    "XOR",
    "NOT",
    "LIKE",
    "NOT LIKE",
    "IN",
    "NOT IN",
    "EXISTS",
    "(",
    ")",
    "(",
    ")",
    ",",
    "=",
    "!=",
    "<>",
    "<",
    "<=",
    ">",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "%",
    "LENGTH(",
    "CONCAT(",
    "LEFT(",
    "SUBSTRING(",
    "ABS(",
    "INT(",
    "NOPE(",
];

fn holds_for_any(text: &str) {
    let event = event(&json!({"x": "5", "flag": true, "number": -7}));
    match Expression::parse(text) {
        Ok(expression) => {
            decides_as_it_evaluates(&expression, &event);
            let printed = parse(&expression.to_string());
            assert_eq!(printed.to_string(), expression.to_string());
            let (one, other) = (expression.evaluate(&event), printed.evaluate(&event));
            assert_eq!(one.value, other.value, "{text}");
            assert_eq!(one.errors.len(), other.errors.len(), "{text}");
        }
        Err(error) => {
            let part = text.get(error.span.start..error.span.end);
            assert!(part.is_some(), "{text:?}: {error:?}");
            assert!(!error.problem.is_empty() && !error.remedy.is_empty());
            assert!(error.caret(text).ends_with('^'), "{text:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}") {
        holds_for_any(&text);
    }

    #[test]
    fn any_characters_of_the_language_are_read_or_refused(
        text in "[a-z0-9'\"\\\\()<>=!+*/%,_ \n-]{0,30}",
    ) {
        holds_for_any(&text);
    }

    #[test]
    fn any_row_of_words_is_read_or_refused(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..24),
    ) {
        holds_for_any(&words.join(" "));
    }
}
