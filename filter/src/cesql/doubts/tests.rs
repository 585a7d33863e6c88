use crate::cesql::{DoubtKind, Expression};

#[test]
fn a_star_is_doubtful_where_nothing_takes_it_for_a_pattern() {
    let cases = [
        (
            "type = 'order.*'",
            "type = 'order.*'",
            "type LIKE 'order.%'",
        ),
        ("'*.paid' = type", "'*.paid' = type", "type LIKE '%.paid'"),
        (
            "a AND type != '*x*'",
            "type != '*x*'",
            "type NOT LIKE '%x%'",
        ),
        ("type = 'a_b%*'", "type = 'a_b%*'", "LIKE 'a\\_b\\%%'"),
        ("subject = '*'", "subject = '*'", "EXISTS subject"),
        (
            "LOWER(type) = 'x*'",
            "LOWER(type) = 'x*'",
            "LOWER(type) LIKE 'x%'",
        ),
        ("type IN ('a', 'b.*')", "'b.*'", "type LIKE 'b.%' with OR"),
        (
            "NOT (type NOT IN ('*b'))",
            "'*b'",
            "type NOT LIKE '%b' with AND",
        ),
        (
            "type LIKE 'order.*'",
            "LIKE 'order.*'",
            "use %: LIKE 'order.%'",
        ),
        ("type NOT LIKE '*a_'", "NOT LIKE '*a_'", "use %: LIKE '%a_'"),
    ];
    for (text, part, remedy) in cases {
        let expression = Expression::parse(text).expect("it is an expression");
        let doubts = expression.doubts();
        assert_eq!(doubts.len(), 1, "{text}: {doubts:?}");
        assert_eq!(doubts[0].kind, DoubtKind::Star, "{text}");
        assert_eq!(expression.part(doubts[0].span), part, "{text}");
        assert!(doubts[0].remedy.contains(remedy), "{text}: {doubts:?}");
    }
}

#[test]
fn a_negation_is_doubtful_where_the_comparison_behind_it_cannot_be_meant() {
    let cases = [
        ("NOT type = 'a'", "NOT (type = 'a')"),
        ("x OR NOT  region = 'eu'", "NOT (region = 'eu')"),
        ("NOT type != subject", "NOT (type != subject)"),
        ("NOT amount > 100", "NOT (amount > 100)"),
        ("NOT type LIKE 'order.%'", "NOT (type LIKE 'order.%')"),
        ("NOT region IN ('eu', 'us')", "NOT (region IN ('eu', 'us'))"),
    ];
    for (text, remedy) in cases {
        let expression = Expression::parse(text).expect("it is an expression");
        let doubts = expression.doubts();
        assert_eq!(doubts.len(), 1, "{text}: {doubts:?}");
        assert_eq!(doubts[0].kind, DoubtKind::Negation, "{text}");
        assert!(doubts[0].remedy.contains(remedy), "{text}: {doubts:?}");
    }
}

#[test]
fn what_may_be_meant_is_not_doubted() {
    for text in [
        "type = 'a*b'",
        "type LIKE 'order.*%'",
        "type LIKE 'order.%'",
        "amount * 2 > 5",
        "CONCAT('*', type) = 'a'",
        "NOT (type = 'a')",
        "(NOT type) = 'a'",
        "NOT important = TRUE",
        "NOT important = 'false'",
        "NOT region = other",
        "NOT type",
        "NOT a IN (TRUE, 'x')",
        "NOT a LIKE 't%'",
        "NOT EXISTS a AND b = 'c'",
    ] {
        let expression = Expression::parse(text).expect("it is an expression");
        assert_eq!(expression.doubts(), [], "{text}");
    }
}
