use serde_json::json;
use sluicegate_filter::Outcome;
use sluicegate_filter::cesql::{Expression, Type};

use crate::event;

fn parse(text: &str) -> Expression {
    Expression::parse(text).expect("it is an expression")
}

#[test]
fn the_type_is_known_but_for_extensions() {
    let cases = [
        ("TRUE", Some(Type::Boolean)),
        ("a = b", Some(Type::Boolean)),
        ("a AND b", Some(Type::Boolean)),
        ("NOT a", Some(Type::Boolean)),
        ("a LIKE 'b'", Some(Type::Boolean)),
        ("a IN (b)", Some(Type::Boolean)),
        ("EXISTS a", Some(Type::Boolean)),
        ("IS_INT(a)", Some(Type::Boolean)),
        ("BOOL(a)", Some(Type::Boolean)),
        ("UNKNOWN(a)", Some(Type::Boolean)),
        ("1", Some(Type::Integer)),
        ("-a", Some(Type::Integer)),
        ("a + b", Some(Type::Integer)),
        ("a % b", Some(Type::Integer)),
        ("LENGTH(a)", Some(Type::Integer)),
        ("ABS(a)", Some(Type::Integer)),
        ("INT(a)", Some(Type::Integer)),
        ("'a'", Some(Type::String)),
        ("(type)", Some(Type::String)),
        ("subject", Some(Type::String)),
        ("CONCAT(a)", Some(Type::String)),
        ("SUBSTRING(a, 1)", Some(Type::String)),
        ("STRING(a)", Some(Type::String)),
        ("a", None),
        ("schemaurl", None),
    ];
    for (text, ty) in cases {
        assert_eq!(parse(text).ty(), ty, "{text}");
        let may_be_condition = matches!(ty, None | Some(Type::Boolean));
        let is_condition = parse(text).check_condition().is_ok();
        assert_eq!(
            is_condition,
            may_be_condition && text != "UNKNOWN(a)",
            "{text}"
        );
    }
}

#[test]
fn a_condition_of_another_type_or_with_an_unknown_function_is_refused() {
    let cases = [
        ("amount + 1", "type Integer", "compare"),
        ("  type ", "type String", "type = 'order.paid'"),
        (
            "FALSE AND REVERSE(type) = 'x'",
            "no function REVERSE",
            "CONCAT_WS, LOWER",
        ),
        (
            "NOT (x IN (1, LENGTH()))",
            "LENGTH is given 0 arguments",
            "takes 1",
        ),
        (
            "-SUBSTRING(type) = 5",
            "SUBSTRING is given 1 argument",
            "2 or 3",
        ),
        (
            "CONCAT(CONCAT_WS()) = 'a'",
            "CONCAT_WS is given 0",
            "1 or more",
        ),
        ("nope(type) LIKE 'a'", "no function NOPE", "LENGTH"),
        ("LENGHT(type) > 1", "no function LENGHT", "mean LENGTH?"),
        (
            "SUBSTR(type, 1) = 'a'",
            "no function SUBSTR",
            "mean SUBSTRING?",
        ),
        ("STARTSWITH(type, 'a')", "no function", "x LIKE 'text%'"),
        ("EndsWith(type, 'a')", "no function", "x LIKE '%text'"),
        ("CONTAINS(type, 'a')", "no function", "x LIKE '%text%'"),
        ("REGEXP(type, 'a')", "no function", "LIKE 'pattern'"),
        (
            "data LIKE '%eu%'",
            "`data` is not an attribute",
            "never the data",
        ),
        (
            "type = 'a' AND (DATA > 1)",
            "`data` is not",
            "attributes only",
        ),
        ("NOT EXISTS data", "`data` is not", "let the producer"),
        (
            "x IN (1, LENGTH(data))",
            "`data` is not",
            "let the producer",
        ),
    ];
    for (text, problem, remedy) in cases {
        let error = parse(text).check_condition().expect_err(text);
        assert!(error.problem.contains(problem), "{text}: {}", error.problem);
        assert!(error.remedy.contains(remedy), "{text}: {}", error.remedy);
        assert!(error.span.start < error.span.end, "{text}");
    }
}

#[test]
fn a_filter_matches_for_true_without_any_error() {
    let event = event(&json!({"urgent": true, "calm": false, "amount": 1, "region": "true"}));
    let cases = [
        ("type = 'order.paid'", Outcome::Match),
        ("type = 'order.made'", Outcome::NoMatch),
        ("urgent", Outcome::Match),
        ("calm", Outcome::NoMatch),
        ("absent", Outcome::Error),
        ("NOT absent = 'x'", Outcome::Error),
        ("NOT 5", Outcome::Error),
        ("amount", Outcome::Error),
        ("region", Outcome::Error),
        ("REVERSE(region)", Outcome::Error),
    ];
    for (text, outcome) in cases {
        assert_eq!(parse(text).decide(&event), outcome, "{text}");
    }
}

/// SQ-1
#[test]
fn evaluation_leaves_the_event_as_it_is() {
    let event = event(&json!({"region": "eu"}));
    let before = format!("{event:?}");
    parse("CONCAT(UPPER(region), 1) LIKE 'EU%'").evaluate(&event);
    assert_eq!(format!("{event:?}"), before);
}
