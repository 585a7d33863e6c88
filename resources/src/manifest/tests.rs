//! What valid documents become. What is said of the others stands in `tests/cases`.

use std::num::NonZeroU64;
use std::time::Duration;

use sluicegate_filter::FilterSpec;

use super::*;
use crate::{
    BackoffPolicy, ChannelConfig, DeliverySpec, Destination, Format, KReference, MemoryConfig,
    StartAt, WhenFull,
};

fn object(text: &str) -> Object {
    let mut parsed = parse(text);
    assert_eq!(parsed.diagnostics, []);
    let manifest = parsed.manifests.remove(0);
    manifest
        .object
        .unwrap_or_else(|| panic!("{:?}", manifest.diagnostics))
}

fn trigger(annotations: &str, spec: &str) -> Trigger {
    let text = format!(
        "apiVersion: eventing.knative.dev/v1\nkind: Trigger\nmetadata: {{name: billing, namespace: shop, annotations: {{{annotations}}}}}\nspec:\n  broker: orders\n  subscriber: {{uri: http://s/}}\n  {spec}\n"
    );
    match object(&text) {
        Object::Trigger(trigger) => trigger,
        other => panic!("{other:?}"),
    }
}

fn broker(spec: &str) -> Broker {
    let text = format!(
        "apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata: {{name: orders, namespace: shop, uid: u-1, labels: {{a: b}}}}\nspec: {spec}\n"
    );
    match object(&text) {
        Object::Broker(broker) => broker,
        other => panic!("{other:?}"),
    }
}

fn config(spec: &str) -> BrokerConfig {
    let text = format!(
        "apiVersion: sluicegate.dev/v1alpha1\nkind: BrokerConfig\nmetadata: {{name: fast}}\nspec: {spec}\n"
    );
    match object(&text) {
        Object::BrokerConfig(config) => config,
        other => panic!("{other:?}"),
    }
}

fn service(namespace: &str) -> KReference {
    KReference {
        api_version: "v1".to_owned(),
        kind: "Service".to_owned(),
        namespace: namespace.to_owned(),
        name: "dead".to_owned(),
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

#[test]
fn filters_keep_their_order_and_their_kind() {
    let written = "filters:
    - exact: {type: order.paid, source: /shop}
    - any: [{prefix: {subject: a}}, {not: {suffix: {subject: b}}}]
    - cesql: ''
    - all: [{exact: {region: 'yes'}}]
";
    let expected = vec![
        FilterSpec::Exact(pairs(&[("type", "order.paid"), ("source", "/shop")])),
        FilterSpec::Any(vec![
            FilterSpec::Prefix(pairs(&[("subject", "a")])),
            FilterSpec::Not(Box::new(FilterSpec::Suffix(pairs(&[("subject", "b")])))),
        ]),
        FilterSpec::All(vec![FilterSpec::Exact(pairs(&[("region", "yes")]))]),
    ];
    assert_eq!(trigger("", written).filters, expected);
}

#[test]
fn filters_win_over_the_legacy_filter_only_when_there_are_any() {
    let legacy = || {
        vec![FilterSpec::Attributes(pairs(&[
            ("type", "a"),
            ("subject", ""),
        ]))]
    };
    let exact = || vec![FilterSpec::Exact(pairs(&[("type", "b")]))];
    let attributes = "filter: {attributes: {type: a, subject: ''}}";
    for (spec, expected) in [
        ("", vec![]),
        ("filter:", vec![]),
        ("filters:", vec![]),
        ("filter: {}\n  filters: []", vec![]),
        (attributes, legacy()),
        (&format!("{attributes}\n  filters: []"), legacy()),
        (
            &format!("{attributes}\n  filters: [exact: {{type: b}}]"),
            exact(),
        ),
        ("filters: [exact: {type: b}]", exact()),
        (&format!("{attributes}\n  filters: [cesql: '']"), vec![]),
    ] {
        assert_eq!(trigger("", spec).filters, expected, "{spec}");
    }
}

#[test]
fn annotations_are_settings() {
    let default = trigger("", "").settings;
    assert_eq!(
        (default.start, default.in_flight_max.get(), default.paused),
        (StartAt::Latest, 64, false)
    );
    let set = trigger(
        "sluicegate.dev/start: 1970-01-01T00:00:01.5Z, sluicegate.dev/max-in-flight: '7', sluicegate.dev/paused: 'true'",
        "",
    )
    .settings;
    assert_eq!(
        (set.start, set.in_flight_max.get(), set.paused),
        (StartAt::Time(1_500), 7, true)
    );
    let earliest = trigger("sluicegate.dev/start: earliest", "").settings;
    assert_eq!(earliest.start, StartAt::Earliest);
}

#[test]
fn a_trigger_can_name_its_broker_by_reference() {
    let text = "apiVersion: eventing.knative.dev/v1\nkind: Trigger\nmetadata: {name: t}\nspec:\n  brokerRef: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: lab}\n  subscriber: {uri: http://s/}\n";
    let Object::Trigger(trigger) = object(text) else {
        panic!("a trigger");
    };
    assert_eq!(trigger.broker, "lab");
    assert_eq!(trigger.metadata.name.to_string(), "default/t");
}

#[test]
fn every_field_of_a_delivery_is_kept() {
    let delivery = broker(
        "{delivery: {deadLetterSink: {ref: {apiVersion: v1, kind: Service, name: dead}, uri: /x}, retry: 3, backoffPolicy: linear, backoffDelay: PT0.2S, backoffMax: PT1H, timeout: PT5S, retryAfterMax: PT0S, format: json}}",
    )
    .delivery;
    let expected = DeliverySpec {
        dead_letter_sink: Some(Destination {
            // The broker's namespace, because the reference names none.
            reference: Some(service("shop")),
            uri: Some("/x".to_owned()),
        }),
        retry: Some(3),
        backoff_policy: Some(BackoffPolicy::Linear),
        backoff_delay: Some(Duration::from_millis(200)),
        backoff_max: Some(Duration::from_secs(3_600)),
        timeout: Some(Duration::from_secs(5)),
        retry_after_max: Some(Duration::ZERO),
        format: Some(Format::Json),
    };
    assert_eq!(delivery, expected);
    assert_eq!(
        trigger("", "delivery: {}").delivery,
        DeliverySpec::default()
    );
}

#[test]
fn a_broker_keeps_its_metadata_and_its_config() {
    let reference = "apiVersion: sluicegate.dev/v1alpha1, kind: BrokerConfig, name: fast";
    let metadata = broker("").metadata;
    assert_eq!(metadata.uid.as_deref(), Some("u-1"));
    assert_eq!(metadata.labels.get("a").map(String::as_str), Some("b"));
    for (spec, expected) in [
        (String::new(), None),
        (format!("{{config: {{{reference}}}}}"), Some("shop")),
        (
            format!("{{config: {{{reference}, namespace: lab}}}}"),
            Some("lab"),
        ),
    ] {
        let config = broker(&spec).config;
        let namespace = config.as_ref().map(|config| config.namespace.as_str());
        assert_eq!(namespace, expected, "{spec}");
    }
}

#[test]
fn a_config_has_its_defaults() {
    let default = MemoryConfig {
        events_max: NonZeroU64::new(100_000).expect("not zero"),
        bytes_max: NonZeroU64::new(256 << 20).expect("not zero"),
        when_full: WhenFull::Shed,
    };
    let small = MemoryConfig {
        events_max: NonZeroU64::new(10).expect("not zero"),
        bytes_max: NonZeroU64::new(4_096).expect("not zero"),
        when_full: WhenFull::Refuse,
    };
    for (spec, memory, hops_max) in [
        ("{channel: {memory: }}", default, None),
        ("{channel: {memory: {}}, limits: {}}", default, None),
        (
            "{channel: {memory: {maxEvents: 10, maxBytes: 4Ki, whenFull: refuse}}, limits: {maxHops: 8}}",
            small,
            Some(8),
        ),
        (
            "{channel: {memory: {maxBytes: 4096, maxEvents: 10, whenFull: refuse}}}",
            small,
            None,
        ),
    ] {
        let config = config(spec);
        assert_eq!(config.channel, ChannelConfig::Memory(memory), "{spec}");
        assert_eq!(config.hops_max, hops_max, "{spec}");
    }
}

#[test]
fn a_document_that_is_wrong_is_still_known_by_its_name() {
    for (head, expected) in [
        (
            "kind: Trigger\nmetadata: {name: t, namespace: shop}",
            Some("shop/t"),
        ),
        ("kind: Trigger\nmetadata: {name: t}", Some("default/t")),
        // Refused because it is a number, yet known by what was meant.
        (
            "kind: Trigger\nmetadata: {name: t, namespace: 5}",
            Some("5/t"),
        ),
        ("kind: Trigger\nmetadata: {name: T}", None),
        ("kind: Trigger\nmetadata: {namespace: shop}", None),
        ("kind: Trigger\nmetadata: [name]", None),
        ("kind: Trigger", None),
    ] {
        let parsed = parse(&format!(
            "apiVersion: eventing.knative.dev/v1\n{head}\nspec: {{colour: red}}\n"
        ));
        let manifest = &parsed.manifests[0];
        let name = manifest.name.as_ref().map(ObjectName::to_string);
        assert_eq!(name.as_deref(), expected, "{head}");
        assert_eq!(
            (manifest.kind.as_str(), &manifest.object),
            ("Trigger", &None)
        );
        assert!(manifest.has_errors());
    }
}

#[test]
fn places_fall_back_to_what_stands_around() {
    let text = "apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata:\n  name: b\nspec:\n  delivery: {}\n";
    let places = &parse(text).manifests[0].places;
    let at = |path: &str| places.of(path).map(|span| (span.line, span.column));
    assert_eq!(at("metadata.name"), Some((4, 3)));
    assert_eq!(at("metadata.annotations"), Some((3, 1)));
    assert_eq!(at("spec.delivery.deadLetterSink.ref"), Some((5, 1)));
    assert_eq!(at("status"), None);
    assert!(places.has("spec") && !places.has("spec.config"));
}
