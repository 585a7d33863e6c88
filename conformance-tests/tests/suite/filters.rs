//! Filters: which trigger gets which event. Expressions have a file of their own.
//!
//! Each table is one broker with a trigger for each filter; every event goes to all of them, and
//! each trigger must get exactly those that its row names. That an event does *not* arrive is known
//! once the books say that nothing is pending.

use serde_json::{Value, json};
use sluicegate_conformance::event::{Event, Mode};

use crate::scene::{Load, Scene, await_verbose, ids};

mod expressions;

/// A filter, as the trigger's spec has it, and the ids of the events that it wants.
type Row = (Value, &'static [&'static str]);

async fn check(name: &str, events: &[(Event, Mode)], rows: &[Row]) {
    let mut scene = Scene::new(name).await.broker(json!({}));
    for (index, (spec, _)) in rows.iter().enumerate() {
        scene = scene.trigger(&format!("row{index}"), spec.clone());
    }
    let scene = scene.start().await;
    for (event, mode) in events {
        let answer = scene.send(event, *mode).await;
        assert_eq!(answer.status(), Some(202), "{event:?}");
    }
    let triggers = scene.quiet(events.len() as u64).await;
    for (index, (spec, expected)) in rows.iter().enumerate() {
        let name = format!("row{index}");
        let mut expected: Vec<String> = expected.iter().map(|&id| id.to_owned()).collect();
        expected.sort();
        assert_eq!(ids(&scene.received(&name)), expected, "{spec}");
        let status = triggers
            .iter()
            .find(|status| status.name == name)
            .expect("it is ready");
        assert_eq!(status.books.delivered, expected.len() as u64, "{spec}");
        assert_eq!(
            status.books.filtered,
            (events.len() - expected.len()) as u64,
            "{spec}"
        );
    }
}

fn event(id: &str, ty: &str, attributes: &[(&str, &str)]) -> (Event, Mode) {
    let event = attributes
        .iter()
        .fold(Event::new(id, "/filters", ty), |event, (name, value)| {
            event.with(name, value)
        });
    (event, Mode::Binary)
}

/// RK-5, RK-8, CP-44, CP-45, CP-71, T13: the legacy filter wants every name present and every
/// value that is not empty equal, in case too.
#[tokio::test]
async fn legacy_filters_want_all_their_attributes() {
    let legacy = |attributes: Value| json!({"filter": {"attributes": attributes}});
    let events = [
        event("paid", "order.paid", &[("subject", "1"), ("region", "eu")]),
        event("lost", "order.lost", &[("region", "us")]),
        event("empty", "order.paid", &[("region", "")]),
        event("bare", "order.Paid", &[]),
    ];
    let rows: &[Row] = &[
        (json!({}), &["paid", "lost", "empty", "bare"]),
        (json!({"filter": {}}), &["paid", "lost", "empty", "bare"]),
        (legacy(json!({})), &["paid", "lost", "empty", "bare"]),
        (legacy(json!({"type": "order.paid"})), &["paid", "empty"]),
        (
            legacy(json!({"type": "order.paid", "source": "/filters"})),
            &["paid", "empty"],
        ),
        (
            legacy(json!({"type": "order.paid", "source": "/other"})),
            &[],
        ),
        (
            legacy(json!({"type": "order.paid", "region": "eu"})),
            &["paid"],
        ),
        (legacy(json!({"region": "us"})), &["lost"]),
        (legacy(json!({"region": ""})), &["paid", "lost"]),
        (legacy(json!({"subject": ""})), &["paid"]),
        (
            legacy(json!({"specversion": "1.0"})),
            &["paid", "lost", "empty", "bare"],
        ),
        (legacy(json!({"specversion": "0.3"})), &[]),
    ];
    check("legacy", &events, rows).await;
}

/// RK-15, SA-1, T12, T16: exact, prefix and suffix want every entry of theirs, and nothing of an
/// attribute that is absent; so `not` of them wants it.
#[tokio::test]
async fn dialects_select_by_attribute() {
    let one = |filter: Value| json!({"filters": [filter]});
    let events = [
        event(
            "paid",
            "order.paid",
            &[("subject", "a/1.png"), ("region", "eu-1")],
        ),
        event("lost", "order.lost", &[("subject", "b/1.jpg")]),
        event("user", "user.made", &[("region", "us-1")]),
    ];
    let rows: &[Row] = &[
        (one(json!({"exact": {"type": "order.paid"}})), &["paid"]),
        (
            one(json!({"exact": {"type": "order.paid", "region": "eu-1"}})),
            &["paid"],
        ),
        (
            one(json!({"exact": {"type": "order.paid", "region": "us-1"}})),
            &[],
        ),
        (one(json!({"exact": {"missing": "x"}})), &[]),
        (
            one(json!({"prefix": {"type": "order."}})),
            &["paid", "lost"],
        ),
        (
            one(json!({"prefix": {"type": "order.", "subject": "a/"}})),
            &["paid"],
        ),
        (one(json!({"prefix": {"subject": "a/"}})), &["paid"]),
        (one(json!({"prefix": {"type": "ORDER."}})), &[]),
        (one(json!({"suffix": {"type": "made"}})), &["user"]),
        (
            one(json!({"suffix": {"subject": ".jpg", "type": "lost"}})),
            &["lost"],
        ),
        (one(json!({"suffix": {"region": "-1"}})), &["paid", "user"]),
        (
            one(json!({"not": {"exact": {"type": "order.paid"}}})),
            &["lost", "user"],
        ),
        (
            one(json!({"not": {"exact": {"subject": "a/1.png"}}})),
            &["lost", "user"],
        ),
        (
            one(json!({"not": {"prefix": {"missing": "x"}}})),
            &["paid", "lost", "user"],
        ),
        (
            one(json!({"not": {"not": {"exact": {"type": "order.paid"}}}})),
            &["paid"],
        ),
    ];
    check("dialects", &events, rows).await;
}

/// RK-15: lists within lists, and the list of filters itself, which is an AND.
#[tokio::test]
async fn lists_nest_and_the_outermost_is_an_and() {
    let exact = |ty: &str| json!({"exact": {"type": ty}});
    let events = [
        event("a", "a", &[("x", "1")]),
        event("b", "b", &[("x", "1")]),
        event("c", "c", &[]),
    ];
    let filters = |list: Value| json!({ "filters": list });
    let rows: &[Row] = &[
        (
            filters(json!([{"any": [exact("a"), exact("b")]}])),
            &["a", "b"],
        ),
        (filters(json!([{"any": [exact("a")]}])), &["a"]),
        (
            filters(json!([{"all": [exact("a"), {"exact": {"x": "1"}}]}])),
            &["a"],
        ),
        (filters(json!([{"all": [exact("a"), exact("b")]}])), &[]),
        (
            filters(json!([{"not": {"any": [exact("a"), exact("b")]}}])),
            &["c"],
        ),
        (
            filters(json!([{"any": [exact("a"), exact("b")]}, {"exact": {"x": "1"}}])),
            &["a", "b"],
        ),
        (filters(json!([exact("a"), exact("b")])), &[]),
        (
            filters(json!([{"any": [{"all": [exact("a"), {"not": exact("b")}]}, exact("c")]}])),
            &["a", "c"],
        ),
    ];
    check("lists", &events, rows).await;
}

/// RK-15: `filters` stands in the place of `filter` when it is not empty, and only then.
#[tokio::test]
async fn filters_override_filter_unless_empty() {
    let events = [event("a", "a", &[]), event("b", "b", &[])];
    let legacy = json!({"attributes": {"type": "a"}});
    let rows: &[Row] = &[
        (
            json!({"filter": legacy, "filters": [{"exact": {"type": "b"}}]}),
            &["b"],
        ),
        (json!({"filter": legacy, "filters": []}), &["a"]),
    ];
    check("override", &events, rows).await;
}

/// RK-8: many triggers, each gets its own events and no others.
#[tokio::test]
async fn a_hundred_triggers_get_their_own_events_alone() {
    let mut scene = Scene::new("many").await.broker(json!({}));
    for number in 0..100 {
        let filter = json!({"filters": [{"exact": {"type": format!("type.{number}")}}]});
        scene = scene.trigger(&format!("t{number}"), filter);
    }
    let scene = scene.start().await;
    let mut load = Load::on(&scene);
    for number in 0..100 {
        load = load.wanting(&format!("t{number}"), &format!("type.{number}"));
    }
    let mut sender = load.connect().await;
    for number in 0..100 {
        let (event, _) = event(&number.to_string(), &format!("type.{number}"), &[]);
        sender.accept(&event).await;
    }
    let judgement = load.judge(100).await;
    assert_eq!(judgement.delivered, 100);
}

/// RK-3, T11, T15, T16, W001, W003, W005: a filter that cannot mean what it says is refused, with its
/// place and a remedy, and the trigger gets nothing rather than everything.
#[tokio::test]
async fn filters_that_cannot_be_are_refused_and_match_nothing() {
    let refused = [
        ("map", json!({"filters": {"exact": {"type": "a"}}}), "W001"),
        (
            "two",
            json!({"filters": [{"exact": {"type": "a"}, "suffix": {"type": "a"}}]}),
            "W001",
        ),
        ("none", json!({"filters": [{"exact": {}}]}), "W0"),
        (
            "unknown",
            json!({"filters": [{"exactly": {"type": "a"}}]}),
            "W00",
        ),
        (
            "cesql",
            json!({"filters": [{"all": [{"cesql": "type LIKE AND source = '/shop'"}]}]}),
            "W003",
        ),
        ("sql", json!({"filters": [{"sql": "type = 'a'"}]}), "W003"),
        (
            "integer",
            json!({"filters": [{"not": {"cesql": "LENGTH(type)"}}]}),
            "W003",
        ),
        (
            "function",
            json!({"filters": [{"any": [{"cesql": "MATCHES(type, 'a')"}]}]}),
            "W003",
        ),
        (
            "upper",
            json!({"filter": {"attributes": {"Type": "a"}}}),
            "W005",
        ),
        (
            "dash",
            json!({"filters": [{"exact": {"my-region": "a"}}]}),
            "W005",
        ),
        (
            "space",
            json!({"filters": [{"prefix": {"my region": "a"}}]}),
            "W005",
        ),
        (
            "number",
            json!({"filters": [{"exact": {"type": 5}}]}),
            "W00",
        ),
    ];
    let mut scene = Scene::new("refused")
        .await
        .broker(json!({}))
        .trigger("good", json!({}));
    scene = scene.start().await;
    for (name, spec, _) in &refused {
        scene.edit_trigger(name, spec.clone());
    }
    let findings = await_findings(&scene, refused.len()).await;
    for (name, _, code) in &refused {
        let found = findings
            .iter()
            .any(|finding| finding.starts_with(&format!("error[{code}")) && finding.contains('^'));
        assert!(found, "{name}: {code} in {findings:#?}");
    }
    scene.accept(&scene.event("1")).await;
    let triggers = scene.quiet(1).await;
    assert_eq!(scene.received("good").len(), 1);
    for (name, ..) in &refused {
        assert!(scene.received(name).is_empty(), "{name} got the event");
        assert!(
            triggers
                .iter()
                .all(|trigger| trigger.name != *name || !trigger.ready)
        );
    }
}

/// The errors about this scene that the server shows, once there are at least `count`.
async fn await_findings(scene: &Scene, count: usize) -> Vec<String> {
    let findings = |text: &str| -> Vec<String> {
        text.split("error[")
            .skip(1)
            .filter(|finding| finding.contains(&scene.file()))
            .map(|finding| format!("error[{finding}"))
            .collect()
    };
    let enough = |text: &str| findings(text).len() >= count;
    findings(&await_verbose(&scene.server, enough).await)
}
