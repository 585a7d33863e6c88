//! `sluicegate explain`: which triggers of manifests an event would match, told without a server.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use sluicegate_conformance::harness::scratch_folder;

use crate::command::{Done, sluicegate};

const EVENT: &str =
    r#"{"specversion":"1.0","id":"1","source":"/shop","type":"order.paid","region":"eu"}"#;

/// A folder with triggers of the broker `shop/orders`, by name and filters.
fn folder(triggers: &[(&str, &str)]) -> PathBuf {
    let folder = scratch_folder("explain").expect("tests have a folder of their own");
    let broker = "apiVersion: eventing.knative.dev/v1\nkind: Broker\n\
                  metadata: {name: orders, namespace: shop}\n";
    let triggers: String = triggers
        .iter()
        .map(|(name, filters)| {
            format!(
                "apiVersion: eventing.knative.dev/v1\nkind: Trigger\n\
                 metadata: {{name: {name}, namespace: shop}}\n\
                 spec: {{broker: orders, filters: {filters}, subscriber: {{uri: http://x/}}}}\n---\n"
            )
        })
        .collect();
    fs::write(folder.join("broker.yaml"), broker).expect("the folder was just made");
    fs::write(folder.join("triggers.yaml"), triggers).expect("the folder was just made");
    folder
}

fn explained(triggers: &[(&str, &str)], words: &[&str]) -> Done {
    let folder = folder(triggers);
    let path = folder.to_str().expect("it is UTF-8");
    let mut all = vec!["explain", "--event", "-", "--manifests", path];
    all.extend(words);
    sluicegate(&all, EVENT)
}

#[test]
fn each_trigger_is_told_with_the_reason() {
    let triggers = [
        ("audit", "[{exact: {source: /warehouse}}]"),
        (
            "billing",
            "[{exact: {type: order.paid}}, {any: [{exact: {region: eu}}, {exact: {region: uk}}]}]",
        ),
        ("large", "[{cesql: \"region = 'eu' AND amount > 100\"}]"),
    ];
    let done = explained(&triggers, &[]);
    assert_eq!(
        done.out,
        "\
event    order.paid  from /shop  id 1

broker   shop/orders
trigger  audit    no      exact source=\"/warehouse\"   event has \"/shop\"
trigger  billing  MATCH   ✓ exact type=\"order.paid\"
                          ✓ any
                            ✓ exact region=\"eu\"   ← decides
                            ✗ exact region=\"uk\"   event has \"eu\"
trigger  large    error   cesql  region = 'eu' AND amount > 100
                          └ 'amount' is not on this event (missingAttribute; amount > 100 reads as false)
"
    );
    assert_eq!((done.code, done.talk.as_str()), (Some(0), ""));
}

#[test]
fn the_exit_code_tells_match_no_match_invalid_and_unknown() {
    let (yes, no) = ("[{exact: {region: eu}}]", "[{exact: {region: us}}]");
    let bad = "[{exakt: {region: us}}]";
    for (triggers, words, code) in [
        (&[("a", no), ("b", yes)][..], &[][..], 0),
        (&[("a", no), ("b", yes)], &["--trigger", "shop/a"], 1),
        (&[("a", no)], &[], 1),
        (&[("a", no), ("b", bad)], &[], 3),
        (&[("a", yes), ("b", bad)], &[], 0),
        (&[("a", yes), ("b", bad)], &["--trigger", "shop/b"], 3),
        (&[("a", yes)], &["--trigger", "shop/b"], 2),
    ] {
        let done = explained(triggers, words);
        assert_eq!(
            done.code,
            Some(code),
            "{triggers:?} {words:?}: {}",
            done.talk
        );
        if code > 1 {
            assert!(!done.talk.is_empty(), "{triggers:?} {words:?}");
        }
    }
}

#[test]
fn programs_get_one_object() {
    let done = explained(
        &[("a", "[{not: {prefix: {type: order.}}}]")],
        &["-o", "json"],
    );
    let report: Value = serde_json::from_str(&done.out).expect("it is one object");
    let trigger = &report["triggers"][0];
    assert_eq!(trigger["outcome"], "noMatch");
    let comparison = &trigger["clauses"][0]["clauses"][0]["comparisons"][0];
    assert_eq!(
        *comparison,
        json!({"attribute": "type", "wanted": "order.", "found": "order.paid", "holds": true,
               "decided": true})
    );
}
