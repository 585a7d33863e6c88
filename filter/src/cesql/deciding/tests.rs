use super::super::Expression;
use super::*;

/// `part=value` of what decided, then each attribute that it read.
fn decided(text: &str) -> String {
    let event = Event::builder("1", "/shop", "order.paid")
        .attribute("amount", "40")
        .attribute("region", "eu")
        .build()
        .expect("it is valid");
    let expression = Expression::parse(text).expect("it is an expression");
    let deciding = expression.deciding(&event);
    let evaluation = expression.evaluate(&event);
    if evaluation.errors.is_empty() && !text.contains("NOT") {
        // One operand alone decides what the whole comes to, so both are the same.
        assert_eq!(deciding.value, evaluation.value, "{text}");
    }
    let mut shown = format!("{}={}", expression.part(deciding.span), deciding.value);
    for Reading { attribute, value } in deciding.attributes {
        let value = value.map_or("absent".to_owned(), |value| value.to_string());
        shown.push_str(&format!(", {attribute} {value}"));
    }
    shown
}

#[test]
fn the_smallest_part_that_decides_alone_is_named() {
    for (text, expected) in [
        ("amount > 100", "amount > 100=false, amount 40"),
        (
            "type = 'order.paid' AND amount > 100",
            "amount > 100=false, amount 40",
        ),
        (
            "type = 'b' AND amount > 100",
            "type = 'b'=false, type order.paid",
        ),
        (
            "type = 'b' OR amount < 100 OR region = 'eu'",
            "amount < 100=true, amount 40",
        ),
        (
            "TRUE AND (region = 'uk' OR NOT (amount < 100))",
            "region = 'uk' OR NOT (amount < 100)=false, region eu, amount 40",
        ),
        (
            "TRUE AND NOT (amount < 100)",
            "amount < 100=true, amount 40",
        ),
        ("NOT NOT (amount = 40)", "amount = 40=true, amount 40"),
        ("NOT EXISTS region", "EXISTS region=true, region eu"),
        (
            "region = 'eu' AND amount = 40",
            "region = 'eu' AND amount = 40=true, region eu, amount 40",
        ),
        (
            "region = 'uk' OR amount = 41",
            "region = 'uk' OR amount = 41=false, region eu, amount 40",
        ),
        (
            "region = 'eu' XOR amount = 41",
            "region = 'eu' XOR amount = 41=true, region eu, amount 40",
        ),
        // What comes of those before decides, together.
        (
            "region = 'eu' AND amount = 40 OR type = 'x'",
            "region = 'eu' AND amount = 40=true, region eu, amount 40",
        ),
        (
            "region = 'uk' OR amount = 41 AND type = 'x'",
            "region = 'uk' OR amount = 41=false, region eu, amount 40",
        ),
        (
            "amount IN (1, amount) AND region = 'uk' AND amount = 41",
            "region = 'uk'=false, region eu",
        ),
        ("1 + 2 * 3", "1 + 2 * 3=7"),
        (
            "CONCAT(region, REGION)",
            "CONCAT(region, REGION)=eueu, region eu",
        ),
    ] {
        assert_eq!(decided(text), expected, "{text}");
    }
}

#[test]
fn what_fails_decides() {
    for (text, expected) in [
        (
            "type = 'order.paid' AND price > 100",
            "price > 100=false, price absent",
        ),
        (
            "price > 100 OR type = 'order.paid'",
            "price > 100=false, price absent",
        ),
        (
            "type = 'order.paid' XOR price > 100",
            "price > 100=false, price absent",
        ),
        ("NOT (price > 100)", "price > 100=false, price absent"),
        ("NOT 5 AND TRUE", "NOT 5=true"),
        ("TRUE AND region", "region=eu, region eu"),
        ("region OR TRUE", "region=eu, region eu"),
    ] {
        assert_eq!(decided(text), expected, "{text}");
    }
}

#[test]
fn an_evaluation_that_was_cut_short_is_not_taken_apart() {
    let long = "a".repeat(4_000);
    let event = Event::builder("1", "/s", "t")
        .attribute("long", &long)
        .build()
        .expect("it is valid");
    let test = "LENGTH(UPPER(CONCAT(long, long, long, long))) > 1";
    let text = vec![test; 100].join(" AND ");
    let expression = Expression::parse(&text).expect("it is an expression");
    let errors = expression.evaluate(&event).errors;
    assert_eq!(errors[0].kind, ErrorKind::Generic);
    let span = expression.deciding(&event).span;
    assert_eq!(expression.part(span), text);
}
