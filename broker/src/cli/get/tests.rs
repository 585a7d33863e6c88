use serde_json::json;

use super::*;
use crate::api::{Broker, DeadLetter, List, Trigger};
use crate::testing::Kept;

/// What is printed as data, and as talk.
fn printed<T: Listed>(list: &List<T>, output: Output) -> (String, String) {
    let (out, talk) = (Kept::default(), Kept::default());
    print(list, output, &mut Console::plain(out.clone(), talk.clone())).unwrap();
    (out.text(), talk.text())
}

fn triggers() -> List<Trigger> {
    let trigger = |name: &str, delivering: serde_json::Value, lag: u64| {
        let errors = if name == "audit" { 0 } else { 1_025 };
        json!({"namespace": "shop", "name": name, "uid": "u", "broker": "orders",
            "filter": "type=refund.*", "subscriber": "http://refunds/",
            "subscriberUri": "http://refunds/", "ready": true, "delivering": delivering,
            "paused": false, "filterErrors": errors, "waiting": lag, "deferred": 0, "inFlight": 0, "lag": lag,
            "books": {"accepted": 5004 + lag, "replayed": 10, "filtered": 1, "delivered": 4101, "deadLettered": 900,
                "parked": 12, "cancelled": 0, "expired": 0, "discarded": 0, "pending": lag},
            "delivery": {"retries": 10, "backoffPolicy": "exponential", "backoffDelayMs": 200,
                "backoffMaxMs": 600_000, "timeoutMs": 30_000, "retryAfterMaxMs": 600_000}})
    };
    serde_json::from_value(json!({"items": [
        trigger("audit", json!({"state": "yes"}), 0),
        trigger("refunds", json!({"state": "no", "detail": "503"}), 4102),
    ]}))
    .unwrap()
}

#[test]
fn triggers_have_their_columns() {
    let (out, talk) = printed(&triggers(), Output::Table);
    assert_eq!(
        out,
        "\
NAMESPACE  NAME     BROKER  FILTER                        SUBSCRIBER       READY  DELIVERING  LAG    OK     DEAD
shop       audit    orders  type=refund.*                 http://refunds/  True   yes         0      4,101  912
shop       refunds  orders  type=refund.* (1,025 failed)  http://refunds/  True   NO: 503     4,102  4,101  912
"
    );
    assert_eq!(talk, "");
}

/// G0: the columns sum up, as the README says.
#[test]
fn what_was_accepted_and_replayed_is_the_sum_of_the_columns_behind_it() {
    let (out, _) = printed(&triggers(), Output::Wide);
    let mut lines = out.lines().map(|line| {
        let cells = line.split("  ").map(str::trim).filter(|it| !it.is_empty());
        cells.collect::<Vec<_>>()
    });
    let columns = lines.next().unwrap();
    for row in lines {
        let sum = |names: &[&str]| {
            let cells = columns
                .iter()
                .zip(&row)
                .filter(|(it, _)| names.contains(it));
            let numbers = cells.map(|(_, it)| it.replace(',', "").parse::<u64>().unwrap());
            numbers.sum::<u64>()
        };
        let ends = [
            "FILTERED",
            "DELIVERED",
            "DEAD-LETTERED",
            "PARKED",
            "CANCELLED",
            "EXPIRED",
            "DISCARDED",
            "PENDING",
        ];
        assert_eq!(sum(&["ACCEPTED", "REPLAYED"]), sum(&ends), "{row:?}");
        assert_eq!(sum(&["REPLAYED"]), 10);
    }
}

#[test]
fn a_namespace_without_any_is_told_with_those_that_have_some() {
    let others = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect();
    assert_eq!(
        none_there("triggers", "nix", &others(&["shop"])),
        "no triggers in namespace nix; there are some in the namespace shop"
    );
    let two = none_there("brokers", "nix", &others(&["default", "shop"]));
    assert!(two.ends_with("in the namespaces default, shop"), "{two}");
}

#[test]
fn brokers_have_their_columns_and_those_on_disk_tell_of_it() {
    let list: List<Broker> = serde_json::from_value(json!({"items": [
        {"namespace": "shop", "name": "fast", "ready": true, "channel": "memory",
            "durability": "memory", "url": "http://a/shop/fast", "events": 3, "bytes": 3000,
            "eventsMax": 100_000, "triggers": 1},
        {"namespace": "shop", "name": "orders", "ready": false, "reason": "DiskFull",
            "channel": "disk", "durability": "disk", "url": "http://a/shop/orders", "events": 2,
            "bytes": 2048, "triggers": 7, "disk": {"storedBytes": 1_048_576, "freeBytes": 512,
            "segments": 1, "refuses": "no_space", "lostEvents": 4, "lostEventsMax": 4,
            "oldestRetainedAgeSeconds": 61.0}},
    ]}))
    .unwrap();
    let (out, _) = printed(&list, Output::Wide);
    let cells: Vec<Vec<&str>> = out.lines().map(|it| it.split("  ").collect()).collect();
    let cells: Vec<Vec<&str>> = cells
        .into_iter()
        .map(|line| {
            line.into_iter()
                .map(str::trim)
                .filter(|it| !it.is_empty())
                .collect()
        })
        .collect();
    assert_eq!(
        cells[0],
        [
            "NAMESPACE",
            "NAME",
            "READY",
            "CHANNEL",
            "TRIGGERS",
            "EVENTS",
            "BYTES",
            "OLDEST",
            "URL",
            "MAX EVENTS",
            "MAX BYTES",
            "DURABILITY",
            "ON DISK",
            "FREE",
            "LOST",
            "RETAINED",
            "REASON"
        ]
    );
    assert_eq!(
        cells[1],
        [
            "shop",
            "fast",
            "True",
            "memory",
            "1",
            "3",
            "3,000",
            "-",
            "http://a/shop/fast",
            "100,000",
            "-",
            "memory",
            "-",
            "-",
            "-",
            "-",
            "-"
        ]
    );
    assert_eq!(
        cells[2],
        [
            "shop",
            "orders",
            "False",
            "disk",
            "7",
            "2",
            "2,048",
            "-",
            "http://a/shop/orders",
            "-",
            "-",
            "disk",
            "1,048,576",
            "512",
            "4",
            "1 min 1 s",
            "DiskFull"
        ]
    );
}

#[test]
fn wide_shows_every_term_of_the_books() {
    let (out, _) = printed(&triggers(), Output::Wide);
    for column in <Trigger as Listed>::MORE_COLUMNS {
        assert!(out.contains(column), "{column}");
    }
}

#[test]
fn json_and_yaml_are_one_document_and_name_is_a_line_each() {
    let list = triggers();
    let (json, _) = printed(&list, Output::Json);
    assert_eq!(serde_json::from_str::<List<Trigger>>(&json).unwrap(), list);
    let (yaml, _) = printed(&list, Output::Yaml);
    assert!(yaml.starts_with("items:\n  - books:\n"), "{yaml}");
    let (names, _) = printed(&list, Output::Name);
    assert_eq!(names, "shop/audit\nshop/refunds\n");
}

#[test]
fn an_empty_list_prints_nothing_and_says_what_to_do() {
    let none: List<Trigger> = List::whole(Vec::new());
    for output in [Output::Table, Output::Wide] {
        let (out, talk) = printed(&none, output);
        assert_eq!(out, "");
        assert!(talk.contains("sluicegate new trigger"), "{talk}");
    }
    let (json, _) = printed(&none, Output::Json);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json).unwrap(),
        json!({"items": []})
    );
}

#[test]
fn a_dead_letter_shows_why_and_cannot_drive_the_terminal() {
    let list: List<DeadLetter> = serde_json::from_value(json!({"items": [{
        "namespace": "shop", "trigger": "refunds", "position": "17",
        "event": {"id": "1\u{1b}[2J", "source": "/me", "type": "refund.asked", "attributes": {},
            "dataSizeBytes": 17},
        "reason": {"kind": "exhausted", "detail": "all 11 attempts failed", "code": 503},
        "sends": 11, "acceptedAt": "2026-01-05T12:01:07.402Z",
        "parkedAt": "2026-01-05T12:11:07.402Z"}]}))
    .unwrap();
    let (out, _) = printed(&list, Output::Wide);
    assert!(!out.contains('\u{1b}'));
    for shown in [
        "refunds",
        "exhausted",
        "503",
        "11",
        "2026-01-05T12:11:07.402Z",
        "17",
    ] {
        assert!(out.contains(shown), "{shown}: {out}");
    }
    assert_eq!(printed(&list, Output::Name).0, "shop/refunds/17\n");
}

#[test]
fn ages_are_spoken_and_nonsense_is_a_dash() {
    for (seconds, text) in [
        (None, "-"),
        (Some(0.2), "200 ms"),
        (Some(90.0), "1 min 30 s"),
        (Some(-1.0), "-"),
        (Some(f64::NAN), "-"),
    ] {
        assert_eq!(age(seconds), text);
    }
}

#[test]
fn a_name_that_nothing_has_is_met_with_the_one_that_was_meant() {
    for (namespace, name, told) in [
        (None, "refnds", Some("shop/refunds")),
        (Some("shop"), "refnds", Some("shop/refunds")),
        (Some("other"), "refunds", Some("shop/refunds")),
        (Some("other"), "refnds", None),
        (None, "entirely-else", None),
    ] {
        let wanted = GivenName {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        };
        let meant = meant(&wanted, &triggers().items);
        assert_eq!(meant.as_deref(), told, "{wanted}");
    }
}
