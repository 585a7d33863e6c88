use serde_json::json;
use sluicegate_event::{Event, SpecVersion};
use sluicegate_filter::cesql::Expression;

use crate::{NONE, as_json, check};

#[test]
fn an_attribute_has_the_type_it_was_received_with() {
    check(
        &json!({
            "subject": "order 5", "time": "2026-01-02T03:04:05Z", "datacontenttype": "text/plain",
            "dataschema": "https://schemas.example/order", "amount": 5, "urgent": true,
            "region": "eu", "digits": "5", "0a1": "x",
        }),
        &[
            ("specversion", json!("1.0"), NONE),
            ("id", json!("1"), NONE),
            ("source", json!("/shop"), NONE),
            ("type", json!("order.paid"), NONE),
            ("subject", json!("order 5"), NONE),
            ("time", json!("2026-01-02T03:04:05Z"), NONE),
            ("datacontenttype", json!("text/plain"), NONE),
            ("dataschema", json!("https://schemas.example/order"), NONE),
            ("amount", json!(5), NONE),
            ("urgent", json!(true), NONE),
            ("region", json!("eu"), NONE),
            ("digits", json!("5"), NONE),
            ("0a1", json!("x"), NONE),
            ("TYPE", json!("order.paid"), NONE),
            ("Region", json!("eu"), NONE),
            ("id + 1", json!(2), NONE),
            ("amount > 4 AND urgent", json!(true), NONE),
            ("digits = amount", json!(true), NONE),
            ("CONCAT(region, amount, urgent)", json!("eu5true"), NONE),
        ],
    );
}

#[test]
fn an_older_event_is_read_by_its_own_names() {
    let event = Event::builder("1", "/s", "t")
        .spec_version(SpecVersion::V03)
        .attribute("schemaurl", "urn:a")
        .attribute("dataschema", "x")
        .build()
        .expect("it is valid");
    let holding = [
        "specversion = '0.3'",
        "EXISTS schemaurl AND schemaurl = 'urn:a'",
        "schemaurl LIKE 'urn:%'",
        "schemaurl IN ('urn:a')",
        "dataschema = 'x'",
    ];
    for text in holding {
        let expression = Expression::parse(text).expect("it is an expression");
        let evaluation = expression.evaluate(&event);
        assert_eq!(as_json(&evaluation.value), json!(true), "{text}");
        assert_eq!(evaluation.errors, [], "{text}");
    }
}

#[test]
fn without_types_integers_and_booleans_are_cast_from_text() {
    let event = Event::builder("1", "/s", "t")
        .attribute("amount", "250")
        .attribute("urgent", "true")
        .build()
        .expect("it is valid");
    let holding = [
        "amount > 100",
        "urgent = TRUE",
        "urgent AND amount = '250'",
        "NOT urgent = false",
    ];
    for text in holding {
        let expression = Expression::parse(text).expect("it is an expression");
        assert_eq!(
            as_json(&expression.evaluate(&event).value),
            json!(true),
            "{text}"
        );
    }
}

#[test]
fn what_needs_a_missing_attribute_comes_to_the_zero_of_its_type() {
    let missing: &[&str] = &["missingAttribute"];
    check(
        &json!({}),
        &[
            ("absent", json!(false), missing),
            ("subject", json!(false), missing),
            ("absent = ''", json!(false), missing),
            ("absent != ''", json!(false), missing),
            ("absent < 1", json!(false), missing),
            ("absent * 5", json!(0), missing),
            ("1 / absent", json!(0), missing),
            ("-absent", json!(0), missing),
            ("NOT absent", json!(false), missing),
            ("NOT (absent = 'x')", json!(false), missing),
            ("absent LIKE '%'", json!(false), missing),
            ("absent NOT LIKE 'x'", json!(false), missing),
            ("absent IN ('x')", json!(false), missing),
            ("absent NOT IN ('x')", json!(false), missing),
            ("'x' IN (absent, 'x')", json!(false), missing),
            ("LENGTH(absent)", json!(0), missing),
            ("CONCAT('a', absent)", json!(""), missing),
            ("BOOL(absent)", json!(false), missing),
            ("TRUE AND absent = ''", json!(false), missing),
            ("absent = '' OR TRUE", json!(false), missing),
            ("TRUE OR absent", json!(true), NONE),
            ("EXISTS absent AND absent = 'x'", json!(false), NONE),
            (
                "absent + other",
                json!(0),
                &["missingAttribute", "missingAttribute"],
            ),
        ],
    );
}

#[test]
fn exists_asks_for_presence_alone() {
    check(
        &json!({"region": "eu", "urgent": false, "empty": ""}),
        &[
            (
                "EXISTS id AND EXISTS source AND EXISTS type AND EXISTS specversion",
                json!(true),
                NONE,
            ),
            ("EXISTS region", json!(true), NONE),
            ("exists REGION", json!(true), NONE),
            ("EXISTS urgent", json!(true), NONE),
            ("EXISTS subject", json!(false), NONE),
            ("NOT EXISTS subject", json!(true), NONE),
            ("EXISTS data", json!(false), NONE),
        ],
    );
}
