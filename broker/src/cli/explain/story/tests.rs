//! What is printed of stories. That the server tells them is tested from outside.

use clap::Parser;
use serde_json::{Value, json};

use super::*;
use crate::cli::{Cli, Verb};
use crate::testing::Kept;

fn args(words: &[&str]) -> ExplainArgs {
    let all = ["sluicegate", "explain"].iter().chain(words);
    let Verb::Explain(args) = Cli::try_parse_from(all).unwrap().verb else {
        panic!()
    };
    args
}

fn shown(story: Value, history: Value) -> (String, String) {
    let stories = json!({"events": [story], "histories": [history]});
    let stories: Stories = serde_json::from_value(stories).unwrap();
    let (out, talk) = (Kept::default(), Kept::default());
    let mut console = Console::plain(out.clone(), talk.clone());
    words::show("e1", &stories, &mut console).unwrap();
    (out.text(), talk.text())
}

fn reach(gaps: Value) -> Value {
    json!({"broker": "shop/orders", "enabled": true, "inMemory": false, "leftOut": 0, "gaps": gaps,
        "since": "2026-01-05T11:00:00.000Z", "behind": false, "cut": false})
}

fn trigger(name: &str, more: Value) -> Value {
    let mut whole = json!({"namespace": "shop", "name": name, "decision": "match", "recorded": true,
        "exists": true, "attempts": [], "attemptsLeftOut": 0});
    let (Value::Object(all), Value::Object(more)) = (&mut whole, more) else {
        panic!()
    };
    all.extend(more);
    whole
}

fn attempt(n: u32, at: &str, took_us: u64, more: Value) -> Value {
    let mut whole = json!({"n": n, "toSink": false, "at": format!("2026-01-05T{at}Z"),
        "tookUs": took_us});
    let (Value::Object(all), Value::Object(more)) = (&mut whole, more) else {
        panic!()
    };
    all.extend(more);
    whole
}

#[test]
fn a_story_is_told_from_arrival_to_the_end() {
    let refused = |next: &str| {
        json!({"reason": "connection refused", "detail": "…",
            "nextAt": format!("2026-01-05T{next}Z")})
    };
    let story = json!({"broker": "shop/orders", "position": "2", "source": "/shop",
    "type": "order.paid", "dataContentType": "application/json", "dataBytes": 1234,
    "acceptedAt": "2026-01-05T12:01:07.198Z", "storedInUs": 41, "reply": false,
    "retained": true, "matched": 1, "failed": 0, "triggersLeftOut": 0, "gaps": false,
    "triggers": [
        trigger("audit", json!({"decision": "noMatch", "recorded": false, "filter": [
            {"depth": 0, "outcome": "noMatch", "text": "exact source=\"/other\"",
                "found": "event has \"/shop\"", "decided": true, "decidedAlone": false}]})),
        trigger("billing", json!({"state": "delivered", "filter": [
            {"depth": 0, "outcome": "match", "text": "prefix type=\"order.\"",
                "decided": true, "decidedAlone": false}],
            "attempts": [
                attempt(1, "12:01:07.199", 900, refused("12:01:08.199")),
                attempt(2, "12:01:08.300", 900, refused("12:01:12.300")),
                attempt(3, "12:01:14.312", 1100, json!({"code": 503,
                    "reason": "error status", "nextAt": "2026-01-05T12:01:22.313Z"})),
                attempt(4, "12:01:22.398", 1000, json!({"code": 200})),
            ],
            "replies": [{"at": "2026-01-05T12:01:22.399Z", "events": 1, "position": "3",
                "id": "r1"}]})),
        trigger("later", json!({"recorded": false, "state": "waiting", "filter": []})),
    ]});
    let (out, talk) = shown(story, reach(json!([])));
    assert_eq!(
        out,
        "\
event    order.paid  from /shop  id e1  at 2026-01-05T12:01:07.198Z  (1,234 B, application/json)
broker   shop/orders   stored in 41 µs, position 2

trigger  audit    no      exact source=\"/other\"   event has \"/shop\"
trigger  billing  MATCH   prefix type=\"order.\"
         1-2 12:01:07.199 .. 12:01:08.300  connection refused (2 times)   → retry in 4 s
         3   12:01:14.312  503  1.1 ms   → retry in 8 s
         4   12:01:22.398  200  1.0 ms   delivered, 15.2 s after arrival
         12:01:22.399  answered with an event, stored at position 3, id r1
trigger  later    MATCH   (as recorded)
         nothing was sent yet, by the filter in force now
"
    );
    assert_eq!(talk, "");
}

#[test]
fn what_matched_when_it_was_stored_does_not_contradict_what_became_of_it() {
    for (decision, state, is_said) in [
        ("match", Value::Null, true),
        ("noMatch", Value::Null, true),
        ("match", json!("delivered"), false),
        ("undecided", Value::Null, false),
    ] {
        let late = trigger(
            "late",
            json!({"decision": decision, "state": state,
            "recorded": false, "filter": []}),
        );
        let story = json!({"broker": "shop/orders", "position": "2", "source": "/shop",
            "type": "order.paid", "acceptedAt": "2026-01-05T12:01:07.198Z", "reply": false,
            "retained": true, "matched": 0, "failed": 0, "triggersLeftOut": 0, "gaps": false,
            "triggers": [late]});
        let (out, _) = shown(story, reach(json!([])));
        let told = out.contains("no trigger matched when it was stored");
        assert_eq!(told, is_said, "{decision}, {state}: {out}");
    }
}

#[test]
fn a_dead_letter_says_why_and_what_is_tried_next() {
    for (end, told) in [
        (
            json!({"state": "parked", "nextAt": "2026-01-05T12:10:00.000Z"}),
            "12:02:00.000  parked (exhausted): answered 503; its sink is tried again at 12:10:00.000",
        ),
        (
            json!({"state": "deadLettered"}),
            "12:02:00.000  dead-lettered (exhausted): answered 503",
        ),
        (
            json!({"state": "discarded"}),
            "12:02:00.000  discarded (exhausted): answered 503",
        ),
    ] {
        let mut billing = trigger(
            "billing",
            json!({"reason": "exhausted",
            "detail": "answered 503", "since": "2026-01-05T12:02:00.000Z"}),
        );
        let (Value::Object(all), Value::Object(end)) = (&mut billing, end) else {
            panic!()
        };
        all.extend(end);
        let story = json!({"broker": "shop/orders", "position": "2", "reply": true,
            "acceptedAt": "2026-01-05T12:01:00.000Z",
            "retained": true, "triggersLeftOut": 0, "gaps": false, "triggers": [billing]});
        let (out, _) = shown(story, reach(json!([])));
        assert_eq!(out.lines().last().unwrap().trim(), told);
        assert!(out.contains("position 2, a reply"), "{out}");
    }
}

#[test]
fn what_operators_did_stands_where_it_happened() {
    let at = |time: &str| format!("2026-01-05T{time}.000Z");
    let billing = trigger(
        "billing",
        json!({"state": "discarded", "since": at("12:20:00"), "attempts": [
            {"n": 1, "toSink": false, "at": at("12:01:00"), "tookUs": 1100, "code": 503, "reason": "http"},
            {"n": 1, "toSink": false, "at": at("12:06:00"), "tookUs": 1100, "code": 503, "reason": "http"}
        ], "commands": [
            {"at": at("12:05:00"), "what": "redriven", "operation": "01K0Z", "reason": "exhausted",
             "parkedAt": at("12:02:00")},
            {"at": at("12:20:00"), "what": "discarded"}
        ]}),
    );
    let gone = json!({"name": "gone", "namespace": "shop", "decision": "match", "recorded": true, "exists": false,
        "attempts": [], "attemptsLeftOut": 0, "state": "cancelled", "since": at("12:30:00"),
        "deletedAt": at("12:30:00")});
    let story = json!({"broker": "shop/orders", "position": "2", "reply": false,
        "acceptedAt": at("12:01:00"), "retained": true, "triggersLeftOut": 0, "gaps": false,
        "deletions": [{"trigger": "audit", "at": at("12:31:00"), "cancelled": 1200}],
        "triggers": [billing, gone]});
    let (out, _) = shown(story, reach(json!([])));
    let below: Vec<&str> = out.lines().skip(3).collect();
    assert_eq!(
        below,
        [
            "trigger  billing  MATCH   (as recorded)",
            "         1   12:01:00.000  503  1.1 ms",
            "         12:05:00.000  redriven by operation 01K0Z, parked (exhausted) since 12:02:00.000",
            "         1   12:06:00.000  503  1.1 ms",
            "         12:20:00.000  discarded by command",
            "trigger  gone     MATCH   (as recorded; deleted at 12:30:00.000)",
            "         12:30:00.000  cancelled: the trigger was deleted before it was through with it",
            "trigger  audit  deleted at 12:31:00.000 with 1,200 events that it was not through with; this may be one",
        ]
    );
}

#[test]
fn what_is_missing_is_said_beside_the_story() {
    let story = json!({"broker": "shop/orders", "position": "2", "reply": false,
        "retained": false, "triggersLeftOut": 0, "gaps": true, "triggers": []});
    let gap = |records: Value, cause: &str| {
        let (from, to) = ("2026-01-05T12:00:00.000Z", "2026-01-05T12:00:01.000Z");
        json!([{"from": from, "to": to, "records": records, "cause": cause}])
    };
    for (gaps, told) in [
        (
            gap(json!(1200), "leftOut"),
            "1,200 records were left out between 2026-01-05T12:00:00.000Z",
        ),
        (
            gap(Value::Null, "crash"),
            "the process ended before it wrote what was recorded",
        ),
        (gap(Value::Null, "damage"), "what was written is damaged"),
    ] {
        let (out, talk) = shown(story.clone(), reach(gaps));
        assert!(
            talk.contains("the story has gaps: ") && talk.contains(told),
            "{talk}"
        );
        assert!(talk.contains("no longer has the event"), "{talk}");
        assert!(out.contains("stored before what the history has"), "{out}");
    }
}

#[test]
fn an_unknown_id_says_how_far_back_is_known() {
    for (history, told) in [
        (
            reach(json!([])),
            "that of shop/orders reaches back to 2026-01-05T11:00:00.000Z",
        ),
        (
            json!({"broker": "shop/orders", "enabled": false, "inMemory": false, "leftOut": 0,
            "behind": false, "cut": false}),
            "`history.enabled` is false",
        ),
        (
            json!({"broker": "shop/orders", "enabled": true, "inMemory": true, "leftOut": 0,
            "behind": false, "cut": false, "notes": ["it was set aside"]}),
            "that of shop/orders is empty; it was set aside",
        ),
    ] {
        let stories = json!({"events": [], "histories": [history]});
        let stories: Stories = serde_json::from_value(stories).unwrap();
        let asked = words::Asked {
            id: "e\u{1b}1",
            source: None,
            trigger: None,
        };
        let (message, next) = words::nothing(&asked, &stories);
        assert_eq!(
            message,
            "no history knows of an event with the id e\\u{1b}1"
        );
        assert!(next.contains(told), "{next}");
    }
}

#[test]
fn an_id_may_hold_anything() {
    for (words, path) in [
        (&["e1"][..], "/api/v1/events/e1"),
        (
            &["a/b?c", "--source", "/shop&x", "--broker", "shop/orders"],
            "/api/v1/events/a%2Fb%3Fc?source=%2Fshop%26x&broker=shop%2Forders",
        ),
        (
            &["e1", "--broker", "orders"],
            "/api/v1/events/e1?broker=default%2Forders",
        ),
        (
            &["e1", "--trigger", "billing"],
            "/api/v1/events/e1?trigger=billing",
        ),
        (
            &["e1", "--trigger", "billing", "-n", "shop"],
            "/api/v1/events/e1?trigger=shop%2Fbilling",
        ),
    ] {
        assert_eq!(path_of(words[0], &args(words)), path);
    }
}

#[test]
fn an_id_and_a_file_are_not_asked_about_together() {
    for words in [
        &["explain"][..],
        &["explain", "e1", "--event", "-"],
        &["explain", "--event", "-", "--source", "/shop"],
    ] {
        let all = ["sluicegate"].iter().chain(words);
        assert!(Cli::try_parse_from(all).is_err(), "{words:?}");
    }
}

#[test]
fn an_event_that_is_known_otherwise_is_not_denied() {
    let at = "2026-01-05T12:10:00.000Z";
    for (source, trigger, deleted_at, message, next) in [
        (
            Some("/other"),
            None,
            None,
            "no event with the id e1 has the source /other",
            "the id is known with the source /shop",
        ),
        (
            Some("/shop"),
            Some("gone"),
            Some(at),
            "nothing is known of the event e1 and the trigger gone",
            "the event is known; the trigger was deleted at 2026-01-05T12:10:00.000Z",
        ),
        (
            None,
            Some("billing"),
            None,
            "nothing is known of the event e1 and the trigger billing",
            "the event is known; leave --trigger out",
        ),
    ] {
        let others = json!([{"broker": "shop/orders", "position": "2", "source": "/shop"}]);
        let stories = json!({"events": [], "histories": [reach(json!([]))], "others": others,
            "triggerDeletedAt": deleted_at});
        let stories: Stories = serde_json::from_value(stories).unwrap();
        let id = "e1";
        let asked = words::Asked {
            id,
            source,
            trigger,
        };
        let told = words::nothing(&asked, &stories);
        assert_eq!(told.0, message);
        assert!(told.1.starts_with(next), "{}", told.1);
    }
}
