//! Filters and events at random, for tests: few names and short values, so that conditions often
//! hold; and what a filter means, to compare with.

use proptest::prelude::*;
use sluicegate_event::{AttributeType, Event, SpecVersion};

use crate::FilterSpec;
use crate::cesql::{Expression, Value};

/// What the documentation says of each dialect, written down as plainly as it can be.
pub(crate) fn by_definition(spec: &FilterSpec, event: &Event) -> bool {
    let value = |name: &str| event.attribute(name);
    match spec {
        FilterSpec::Attributes(entries) => entries.iter().all(|(name, wanted)| {
            let found = match (value(name), name.as_str()) {
                (Some(found), _) => found.to_owned(),
                (None, "schemaurl") => value("dataschema").unwrap_or_default().to_owned(),
                (None, "datamediatype") => value("datacontenttype")
                    .and_then(|content_type| content_type.split(';').next())
                    .unwrap_or_default()
                    .trim()
                    .to_ascii_lowercase(),
                (None, _) => String::new(),
            };
            !found.is_empty() && (wanted.is_empty() || *wanted == found)
        }),
        FilterSpec::Exact(entries) => entries
            .iter()
            .all(|(name, wanted)| value(name) == Some(wanted)),
        FilterSpec::Prefix(entries) => entries
            .iter()
            .all(|(name, wanted)| value(name).is_some_and(|found| found.starts_with(wanted))),
        FilterSpec::Suffix(entries) => entries
            .iter()
            .all(|(name, wanted)| value(name).is_some_and(|found| found.ends_with(wanted))),
        FilterSpec::All(children) => children.iter().all(|child| by_definition(child, event)),
        FilterSpec::Any(children) => children.iter().any(|child| by_definition(child, event)),
        FilterSpec::Not(child) => !by_definition(child, event),
        FilterSpec::Cesql(expression) => {
            let evaluation = expression.evaluate(event);
            evaluation.errors.is_empty() && evaluation.value == Value::Boolean(true)
        }
    }
}

/// Two of them differ in the last byte of a character.
const VALUES: &[&str] = &["a", "b", "ab", "ba", "aba", "é", "èa"];

/// Extensions that come with a type, and texts that are cast to the same value.
const TYPED: [(&str, AttributeType); 2] = [
    ("7", AttributeType::Integer),
    ("true", AttributeType::Boolean),
];
const CAST: &[&str] = &["7", "07", "true", "TRUE"];

/// Few names and short values, so that conditions often hold.
fn any_condition() -> impl Strategy<Value = (String, String)> {
    let name = prop::sample::select(vec!["type", "source", "subject", "one", "two"]);
    let value = prop::sample::select(VALUES);
    (name, value).prop_map(|(name, value)| (name.to_owned(), value.to_owned()))
}

fn any_legacy_condition() -> impl Strategy<Value = (String, String)> {
    let media_types = prop::sample::select(vec!["", "text/xml", "application/json"]);
    let schemas = prop::sample::select(vec!["", "urn:a", "urn:b"]);
    prop_oneof![
        4 => any_condition(),
        1 => any_condition().prop_map(|(name, _)| (name, String::new())),
        1 => media_types.prop_map(|value| ("datamediatype".to_owned(), value.to_owned())),
        1 => schemas.prop_map(|value| ("schemaurl".to_owned(), value.to_owned())),
    ]
}

/// Comparisons that a guard is made of and others, true, false and failing, in any combination.
fn any_expression() -> impl Strategy<Value = Expression> {
    let name = prop_oneof![
        9 => prop::sample::select(vec!["type", "source", "subject", "one", "TWO"]),
        1 => prop::sample::select(vec!["schemaurl", "dataschema"]),
    ];
    let value = prop_oneof![
        6 => prop::sample::select(VALUES),
        2 => prop::sample::select(CAST),
        1 => Just("urn:a"),
    ];
    let leaf = (name, value, 0..10);
    let leaf = leaf.prop_map(|(name, value, kind)| match kind {
        0 => format!("'{value}' = {name}"),
        1 => format!("{name} LIKE '{value}%'"),
        2 => format!("{name} LIKE '_{value}'"),
        3 => format!("{name} IN ('{value}', 'b', 'zz')"),
        4 => format!("{name} <> '{value}'"),
        5 => format!("EXISTS {name}"),
        6 => format!("LENGTH({name}) > 1"),
        7 => format!("{name} > 0"),
        _ => format!("{name} = '{value}'"),
    });
    let joined = leaf.prop_recursive(4, 8, 3, |inner| {
        let operator = prop::sample::select(vec!["AND", "AND", "OR", "XOR"]);
        let chain = (
            inner.clone(),
            prop::collection::vec((operator, inner.clone()), 1..3),
        );
        prop_oneof![
            4 => chain.prop_map(|(first, rest)| rest.into_iter().fold(
                first,
                |text, (operator, operand)| format!("{text} {operator} {operand}"),
            )),
            2 => inner.clone().prop_map(|inner| format!("({inner})")),
            1 => inner.prop_map(|inner| format!("NOT ({inner})")),
        ]
    });
    joined.prop_map(|text| Expression::parse(&text).expect("what is drawn is an expression"))
}

/// A filter with none inside.
pub(crate) fn any_flat_filter() -> impl Strategy<Value = FilterSpec> {
    let some = || prop::collection::vec(any_condition(), 1..3);
    prop_oneof![
        prop::collection::vec(any_legacy_condition(), 0..3).prop_map(FilterSpec::Attributes),
        some().prop_map(FilterSpec::Exact),
        some().prop_map(FilterSpec::Prefix),
        some().prop_map(FilterSpec::Suffix),
        any_expression().prop_map(FilterSpec::Cesql),
    ]
}

pub(crate) fn any_filter() -> impl Strategy<Value = FilterSpec> {
    any_flat_filter().prop_recursive(6, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(FilterSpec::All),
            prop::collection::vec(inner.clone(), 1..4).prop_map(FilterSpec::Any),
            inner.prop_map(|inner| FilterSpec::Not(Box::new(inner))),
        ]
    })
}

pub(crate) fn any_event() -> impl Strategy<Value = Event> {
    let value = || prop::sample::select(VALUES);
    let schema = prop::sample::select(vec!["urn:a", "urn:b"]);
    let content_type = prop::sample::select(vec!["text/xml;a=b", "Application/Json", "text/plain"]);
    // A source is a URI. Only an extension may be empty.
    let source = prop::sample::select(vec!["a", "b", "ab", "ba", "aba"]);
    let text =
        || prop_oneof![7 => value(), 1 => Just("")].prop_map(|it| (it, AttributeType::String));
    let extension = || prop_oneof![4 => text(), 1 => prop::sample::select(&TYPED[..])];
    let version = prop_oneof![4 => Just(SpecVersion::V10), 1 => Just(SpecVersion::V03)];
    let optional = (
        prop::option::of(value()),
        prop::option::of(schema),
        prop::option::of(content_type),
    );
    let extensions = (prop::option::of(extension()), prop::option::of(extension()));
    let drawn = (version, source, value(), optional, extensions);
    drawn.prop_map(
        |(version, source, ty, (subject, schema, content), (one, two))| {
            let schema_name = match version {
                SpecVersion::V10 => "dataschema",
                SpecVersion::V03 => "schemaurl",
            };
            let given = [
                ("subject", subject),
                (schema_name, schema),
                ("datacontenttype", content),
            ];
            let builder = Event::builder("1", source, ty).spec_version(version);
            let mut event = given
                .into_iter()
                .filter_map(|(name, value)| value.map(|value| (name, value)))
                .fold(builder, |builder, (name, value)| {
                    builder.attribute(name, value)
                })
                .build()
                .expect("the attributes drawn are valid");
            for (name, extension) in [("one", one), ("two", two)] {
                if let Some((value, ty)) = extension {
                    let set = event.set_extension(name, value, ty);
                    set.expect("the extensions drawn are valid");
                }
            }
            event
        },
    )
}
