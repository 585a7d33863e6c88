use super::*;
use crate::parse;

const BROKER: &str = "apiVersion: eventing.knative.dev/v1\nkind: Broker\n";
const TRIGGER: &str = "apiVersion: eventing.knative.dev/v1\nkind: Trigger\n";
const CONFIG: &str = "apiVersion: sluicegate.dev/v1alpha1\nkind: BrokerConfig\n";

fn broker(name: &str) -> String {
    format!("{BROKER}metadata: {name}\n")
}

fn trigger(name: &str, broker: &str) -> String {
    format!(
        "{TRIGGER}metadata: {name}\nspec:\n  broker: {broker}\n  subscriber: {{uri: http://s/}}\n"
    )
}

/// Renders what `check` finds in files named `0.yaml`, `1.yaml` and so on.
fn said(files: &[String], check: impl Fn(&[Located<'_>]) -> Vec<CrossFinding>) -> String {
    let names: Vec<String> = (0..files.len())
        .map(|index| format!("{index}.yaml"))
        .collect();
    let parsed: Vec<_> = files.iter().map(|text| parse(text)).collect();
    let mut located = Vec::new();
    let mut texts = Vec::new();
    for ((parsed, file), text) in parsed.iter().zip(&names).zip(files) {
        for manifest in &parsed.manifests {
            located.push(Located { file, manifest });
            texts.push((file, text));
        }
    }
    let rendered: Vec<String> = check(&located)
        .iter()
        .map(|found| {
            let (file, text) = texts[found.index];
            found.diagnostic.render(file, text)
        })
        .collect();
    rendered.join("\n\n")
}

#[track_caller]
fn assert_references(files: &[String], expected: &str) {
    assert_eq!(said(files, check_references), expected);
}

#[test]
fn what_is_complete_is_quiet() {
    assert_references(&[], "");
    assert_references(
        &[
            trigger("{name: t}", "orders"),
            broker("{name: orders}"),
            format!(
                "{}spec: {{config: {{apiVersion: sluicegate.dev/v1alpha1, kind: BrokerConfig, name: c}}}}\n---\n{CONFIG}metadata: {{name: c}}\nspec: {{channel: {{memory: {{}}}}}}\n",
                broker("{name: other}")
            ),
        ],
        "",
    );
}

#[test]
fn a_missing_broker_is_named_with_the_nearest() {
    assert_references(
        &[
            trigger("{name: t, namespace: shop}", "order"),
            broker("{name: orders, namespace: shop}"),
        ],
        "error[W006]: broker 'shop/order' does not exist; there is 'shop/orders'\n  --> 0.yaml:5:3\n5 |   broker: order\n  |   ^^^^^^",
    );
    assert_references(
        &[
            trigger("{name: t, namespace: shop}", "orders"),
            broker("{name: orders}"),
        ],
        "error[W006]: broker 'shop/orders' does not exist; there is 'default/orders'\n  --> 0.yaml:5:3\n5 |   broker: orders\n  |   ^^^^^^\nhelp: put both into one namespace, or write a Broker in 'shop'",
    );
    assert_references(
        &[trigger("{name: t}", "orders"), broker("{name: lab}")],
        "error[W006]: broker 'default/orders' does not exist\n  --> 0.yaml:5:3\n5 |   broker: orders\n  |   ^^^^^^\nhelp: there is default/lab",
    );
    assert_references(
        &[trigger("{name: t}", "orders")],
        "error[W006]: broker 'default/orders' does not exist\n  --> 0.yaml:5:3\n5 |   broker: orders\n  |   ^^^^^^\nhelp: write a Broker of that name",
    );
}

#[test]
fn a_broker_that_is_wrong_in_itself_still_counts_as_there() {
    let wrong = format!("{}spec: {{colour: red}}\n", broker("{name: orders}"));
    assert_references(&[trigger("{name: t}", "orders"), wrong], "");
}

#[test]
fn a_missing_config_is_named() {
    let reference =
        "spec:\n  config: {apiVersion: sluicegate.dev/v1alpha1, kind: BrokerConfig, name: fst}\n";
    let config = format!("{CONFIG}metadata: {{name: fast}}\nspec: {{channel: {{memory: {{}}}}}}\n");
    assert_references(
        &[format!("{}{reference}", broker("{name: orders}")), config],
        "error[W032]: BrokerConfig 'default/fst' does not exist; there is 'default/fast'\n  --> 0.yaml:5:3\n5 |   config: {apiVersion: sluicegate.dev/v1alpha1, kind: BrokerConfig, name: fst}\n  |   ^^^^^^",
    );
}

#[test]
fn an_object_described_twice_is_refused_the_second_time() {
    // Kinds have names of their own, and a default namespace is a namespace.
    assert_references(
        &[
            format!("{}---\n{}", broker("{name: a}"), trigger("{name: a}", "a")),
            broker("{name: a, namespace: shop}"),
            broker("{name: a, namespace: default}"),
        ],
        "error[W012]: Broker 'default/a' is described twice; first in 0.yaml:1\n  --> 2.yaml:3:12\n3 | metadata: {name: a, namespace: default}\n  |            ^^^^\nhelp: keep one of them, or give this one another name",
    );
}

#[test]
fn references_without_a_url_are_named_with_the_remedy() {
    let reference = |kind: &str, name: &str| format!("{{apiVersion: {kind}, name: {name}}}");
    let service = |name: &str| reference("v1, kind: Service", name);
    let own = reference("eventing.knative.dev/v1, kind: Broker", "orders");
    let foreign = reference("eventing.knative.dev/v1, kind: Broker", "gone");
    let files = [
        format!(
            "{}spec:\n  delivery:\n    deadLetterSink:\n      ref: {}\n",
            broker("{name: orders, namespace: shop}"),
            service("dead")
        ),
        format!(
            "{TRIGGER}metadata: {{name: t, namespace: shop}}\nspec:\n  broker: orders\n  subscriber:\n    ref: {}\n  delivery:\n    deadLetterSink: {{ref: {own}}}\n",
            service("billing")
        ),
        format!(
            "{TRIGGER}metadata: {{name: u, namespace: shop}}\nspec:\n  broker: orders\n  subscriber: {{ref: {foreign}}}\n"
        ),
    ];
    let map = ResolveMap::new(vec![(
        "v1/Service/shop/dead".to_owned(),
        "http://localhost:3001".to_owned(),
    )])
    .expect("a map");
    assert_eq!(
        said(&files, |located| check_resolution(located, &map)),
        "error[W007]: cannot resolve Service shop/billing: this server is not in a cluster\n  --> 1.yaml:7:5\n7 |     ref: {apiVersion: v1, kind: Service, name: billing}\n  |     ^^^\nhelp: add to sluicegate.yaml →  resolve: {\"v1/Service/shop/billing\": \"http://localhost:3001\"}\n      or for one run         →  sluicegate dev --map svc:shop/billing=http://localhost:3001\n\nerror[W007]: cannot resolve Broker shop/gone: this server is not in a cluster\n  --> 2.yaml:6:16\n6 |   subscriber: {ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: gone}}\n  |                ^^^\nhelp: add to sluicegate.yaml →  resolve: {\"eventing.knative.dev/v1/Broker/shop/gone\": \"http://localhost:3001\"}\n      or for one run         →  sluicegate dev --map eventing.knative.dev/v1/Broker/shop/gone=http://localhost:3001"
    );
}
