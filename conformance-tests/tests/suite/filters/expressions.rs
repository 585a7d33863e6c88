//! The dialect `cesql`: what it selects, and what becomes of an expression that fails or is broken.

use std::sync::Arc;

use serde_json::{Value, json};
use sluicegate_conformance::event::Mode;
use sluicegate_conformance::harness::{Server, Setup, TriggerStatus};

use super::{Row, check, event};
use crate::scene::{PATIENCE, Scene, await_verbose, ids, metrics};

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
    assert_eq!(
        (&mended["valid"], &mended["findings"]),
        (&json!(true), &json!([]))
    );
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
