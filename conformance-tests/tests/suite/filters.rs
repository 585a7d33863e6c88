//! Filters: which trigger gets which event.
//!
//! Each table is one broker with a trigger for each filter; every event goes to all of them, and
//! each trigger must get exactly those that its row names. That an event does *not* arrive is known
//! once the books say that nothing is pending.

use std::sync::Arc;

use serde_json::{Value, json};
use sluicegate_conformance::event::{Event, Mode};
use sluicegate_conformance::harness::{Server, Setup, TriggerStatus};

use crate::scene::{Load, PATIENCE, Scene, await_verbose, ids, metrics};

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

/// RK-15, T12, T14: an expression that is true without an error, alone and nested; one that fails
/// matches nothing where it stands, so a `not` around it matches.
#[tokio::test]
async fn expressions_select_and_errors_match_nothing() {
    let one = |filter: Value| json!({"filters": [filter]});
    let cesql = |expression: &str| json!({"cesql": expression});
    let exact = |ty: &str| json!({"exact": {"type": ty}});
    let events = [
        event("big", "order.paid", &[("amount", "250"), ("region", "eu")]),
        event("small", "order.paid", &[("amount", "50"), ("region", "us")]),
        event("odd", "order.paid", &[("amount", "many")]),
        event("bare", "order.lost", &[]),
    ];
    let rows: &[Row] = &[
        (one(cesql("type = 'order.paid' AND amount > 100")), &["big"]),
        (one(cesql("amount > 100")), &["big"]),
        (one(cesql("NOT (amount > 100)")), &["small"]),
        (
            one(json!({"not": cesql("amount > 100")})),
            &["small", "odd", "bare"],
        ),
        (
            one(json!({"not": {"not": cesql("amount > 100")}})),
            &["big"],
        ),
        (
            one(json!({"any": [cesql("amount > 100"), exact("order.lost")]})),
            &["big", "bare"],
        ),
        (
            one(json!({"all": [exact("order.paid"), cesql("region IN ('us', 'uk')")]})),
            &["small"],
        ),
        (
            json!({"filters": [cesql("EXISTS amount"), {"not": cesql("IS_INT(amount)")}]}),
            &["odd"],
        ),
        (
            one(cesql("type LIKE '%.lost' OR EXISTS amount AND amount = 50")),
            &["small"],
        ),
        (
            one(cesql(
                "type = 'order.lost' OR\n  EXISTS amount\n\tAND IS_INT(amount)\n",
            )),
            &["big", "small"],
        ),
        // A value that is no Boolean matches nothing, and neither does division by zero.
        (one(cesql("region")), &[]),
        (one(cesql("1 / 0 = 0")), &[]),
        (
            one(json!({"not": cesql("1 / 0 = 0")})),
            &["big", "small", "odd", "bare"],
        ),
        // Nothing is asked of an empty one.
        (
            json!({"filters": [cesql(""), exact("order.lost")]}),
            &["bare"],
        ),
    ];
    check("expressions", &events, rows).await;
}

/// G0, T12: an expression that fails is no match, counted for its trigger and told in the log; it costs
/// neither a delivery of others nor the balance of the books, and the count outlives the trigger.
#[tokio::test]
async fn an_expression_that_fails_is_counted_and_costs_nobody_an_event() {
    let server = Arc::new(Server::start(Setup::new()).await);
    let mut scene = Scene::on(Arc::clone(&server), "failing")
        .await
        .broker(json!({}))
        .trigger("large", json!({"filters": [{"cesql": "amount > 100"}]}))
        .trigger(
            "either",
            json!({"filters": [{"any": [
                {"cesql": "10 / (amount - 50) >= 0"}, {"exact": {"type": "unpriced"}}
            ]}]}),
        )
        .trigger("all", json!({}))
        .start()
        .await;
    for (event, mode) in [
        event("1", "priced", &[("amount", "250")]),
        event("2", "priced", &[("amount", "50")]),
        event("3", "priced", &[("amount", "many")]),
        event("4", "unpriced", &[]),
        event("5", "unpriced", &[]),
    ] {
        assert_eq!(scene.send(&event, mode).await.status(), Some(202));
    }
    let triggers = scene.quiet(5).await;
    // What fails and matches by something else is no error.
    for (name, wanted, errors) in [
        ("large", &["1"][..], 3),
        ("either", &["1", "4", "5"], 2),
        ("all", &["1", "2", "3", "4", "5"], 0),
    ] {
        assert_eq!(ids(&scene.received(name)), wanted, "{name}");
        let (wanted, filtered) = (wanted.len() as u64, 5 - wanted.len() as u64);
        let status = triggers.iter().find(|status| status.name == name);
        let status = status.expect("it is ready");
        let books = status.books;
        assert_eq!((books.delivered, books.filtered), (wanted, filtered));
        assert_eq!(status.filter_errors, errors, "{name}");
        let judged = [wanted, filtered - errors, errors];
        assert_eq!(evaluations(&scene, name).await, judged, "{name}");
    }
    let log = server.log();
    let told = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    assert_eq!(told("an expression failed"), 2, "{log}");
    assert_eq!(told("cast: amount"), 1, "{log}");
    assert_eq!(told("math: 10 / (amount - 50)"), 1, "{log}");

    scene.remove_trigger("large");
    let gone = |triggers: &[TriggerStatus]| triggers.len() == 2;
    let admin = server.admin();
    admin
        .await_triggers(&scene.namespace, PATIENCE, "the trigger gone", gone)
        .await;
    assert_eq!(evaluations(&scene, "large").await, [1, 1, 3]);
}

/// How many events matched, did not match, and could not be judged, as the metrics have it.
async fn evaluations(scene: &Scene, trigger: &str) -> [u64; 3] {
    let metrics = metrics(&scene.server).await;
    ["match", "no_match", "error"].map(|result| {
        let labels = [
            ("namespace", &*scene.namespace),
            ("trigger", trigger),
            ("result", result),
        ];
        let values = metrics.values("sluicegate_filter_evaluations_total", &labels);
        assert_eq!(values.len(), 1, "{labels:?}");
        values[0]
    })
}

/// G16, T11: a broken expression takes the place of no valid one; log, `/readyz?verbose` and the API show it
/// where it stands, with a remedy.
#[tokio::test]
async fn a_broken_expression_keeps_the_last_valid_one_and_is_shown_where_it_stands() {
    let server = Arc::new(Server::start(Setup::new()).await);
    let filtered = |expression: &str| json!({"filters": [{"cesql": expression}]});
    let mut scene = Scene::on(Arc::clone(&server), "broken")
        .await
        .broker(json!({}))
        .trigger("edited", filtered("type = 'a'"))
        .start()
        .await;
    scene.edit_trigger("edited", filtered("type = \"b\" AND source LIKE type"));
    let verbose = await_verbose(&server, |text| text.contains("error[")).await;
    assert!(
        verbose.contains("the last valid version stays in force"),
        "{verbose}"
    );
    let config = config(&scene).await;
    assert_eq!(config["valid"], false);
    let [finding] = config["findings"].as_array().expect("a list").as_slice() else {
        panic!("one finding: {config}")
    };
    assert_eq!(finding["code"], "W003");
    assert_eq!(finding["severity"], "error");
    let file = finding["file"].as_str().expect("a path");
    assert!(file.ends_with(&scene.file()), "{finding}");
    assert_eq!(finding["keepsEarlier"], true);
    assert_eq!(finding["object"]["kind"], "Trigger");
    assert_eq!(finding["object"]["name"], "edited");
    let remedy = finding["help"].as_str().expect("a remedy");
    assert!(remedy.contains("'%.paid'"), "{finding}");
    let number = |member: &str| {
        let number = finding[member].as_u64().expect("a number");
        usize::try_from(number).expect("it is small")
    };
    let manifest = scene.yaml();
    let line = manifest.lines().nth(number("line") - 1).expect("the line");
    let before: String = line.chars().take(number("column") - 1).collect();
    let marked = line.chars().skip(number("column") - 1);
    assert!(before.ends_with("LIKE "), "{line}");
    assert_eq!(
        marked.take(number("length")).collect::<String>(),
        "type",
        "{line}"
    );
    let rendered = finding["rendered"].as_str().expect("text");
    let carets = format!("{line}\n{}^^^^", " ".repeat(number("column") - 1));
    let shown: Vec<&str> = rendered.lines().skip(2).take(2).collect();
    let (_, first) = shown[0].split_once(" | ").expect("a gutter");
    let (_, second) = shown[1].split_once(" | ").expect("a gutter");
    assert_eq!(format!("{first}\n{second}"), carets);
    assert!(
        verbose.contains(rendered) && rendered.contains(remedy),
        "{verbose}"
    );
    let place = format!("{}:{}:{}", scene.file(), number("line"), number("column"));
    assert!(server.log().contains(&place), "{}", server.log());

    for (id, ty) in [("1", "a"), ("2", "b")] {
        scene.send(&event(id, ty, &[]).0, Mode::Binary).await;
    }
    scene.quiet(2).await;
    assert_eq!(ids(&scene.received("edited")), ["1"]);
    scene.edit_trigger("edited", filtered("type = 'b'"));
    await_verbose(&server, |text| !text.contains("error[")).await;
    scene.accept(&event("3", "b", &[]).0).await;
    scene.quiet(3).await;
    assert_eq!(ids(&scene.received("edited")), ["1", "3"]);
    let mended = self::config(&scene).await;
    assert_eq!(mended, json!({"valid": true, "findings": []}));
}

/// What the server found in its manifests.
async fn config(scene: &Scene) -> Value {
    let answer = scene.server.admin().get("/api/v1/config").await;
    let answer = answer.expect("it answers");
    assert_eq!(answer.status(), Some(200));
    serde_json::from_slice(&answer.body).expect("it is JSON")
}

/// CE-6, JF-10, CP-71: what came as a number or a boolean is compared in its canonical text.
#[tokio::test]
async fn typed_attributes_are_compared_as_text_and_keep_their_type_in_expressions() {
    let typed = |id: &str, members: &str| {
        let json = format!(
            "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"/filters\",\"type\":\"t\"{members}}}"
        );
        json
    };
    let scene = Scene::new("typed")
        .await
        .broker(json!({}))
        .trigger("number", json!({"filter": {"attributes": {"amount": "5"}}}))
        .trigger(
            "boolean",
            json!({"filters": [{"exact": {"urgent": "true"}}]}),
        )
        .trigger("prefix", json!({"filters": [{"prefix": {"amount": "5"}}]}))
        .trigger("half", json!({"filters": [{"cesql": "amount / 2 = 25"}]}))
        .trigger("flag", json!({"filters": [{"cesql": "urgent"}]}))
        .trigger(
            "cast",
            json!({"filters": [{"cesql": "BOOL(urgent) AND amount = 5"}]}),
        )
        .start()
        .await;
    for body in [
        typed("1", ",\"amount\":5,\"urgent\":true"),
        typed("2", ",\"amount\":\"5\",\"urgent\":\"true\""),
        typed("3", ",\"amount\":50,\"urgent\":false"),
    ] {
        let request = sluicegate_conformance::client::Request::post(&scene.path())
            .header("Content-Type", "application/cloudevents+json")
            .body(body);
        assert_eq!(scene.send_request(&request).await.status(), Some(202));
    }
    scene.quiet(3).await;
    assert_eq!(ids(&scene.received("number")), ["1", "2"]);
    assert_eq!(ids(&scene.received("boolean")), ["1", "2"]);
    assert_eq!(ids(&scene.received("prefix")), ["1", "2", "3"]);
    // An expression sees the type; text is cast where one is needed, and is no condition itself.
    assert_eq!(ids(&scene.received("half")), ["3"]);
    assert_eq!(ids(&scene.received("flag")), ["1"]);
    assert_eq!(ids(&scene.received("cast")), ["1", "2"]);
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
