//! Dead letters: the sink, the attributes that say why, and the store for when there is no sink.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use sluicegate_conformance::client::Request;
use sluicegate_conformance::event::{Event, Mode};
use sluicegate_conformance::harness::free_address;
use sluicegate_conformance::ledger::Books;
use sluicegate_conformance::subscriber::{Answer, Script, Subscriber};

use crate::scene::{PATIENCE, Scene, ids, metrics, one_attempt_then};

const WHY: [&str; 3] = ["knativeerrordest", "knativeerrorcode", "knativeerrordata"];

/// A scene with one trigger that gives up after one attempt, into `/sink`.
async fn scene(name: &str) -> Scene {
    let scene = Scene::new(name).await;
    let sink = scene.subscriber.url("/sink");
    scene
        .broker(one_attempt_then(&sink))
        .trigger("bad", json!({}))
        .start()
        .await
}

/// Lets the subscriber answer so, and gives the dead letter of an event sent to it.
async fn dead_letter(scene: &Scene, answer: Answer) -> Event {
    scene.subscriber.script("/bad", answer);
    let event = scene
        .event("1")
        .with("extension", "e")
        .with_data("text/plain", "data");
    scene.accept(&event).await;
    let letter = scene.await_count("sink", 1).await.remove(0).event();
    assert_eq!(
        letter.clone().without(&WHY),
        event,
        "the event itself is unaltered"
    );
    assert_eq!(letter.get("knativeerrordest"), scene.subscriber.url("/bad"));
    letter
}

/// RK-11, CP-61, T8: 422 without a body: the code, the destination, no data.
#[tokio::test]
async fn a_refusal_without_a_body_gives_its_code() {
    let scene = scene("plain").await;
    let letter = dead_letter(&scene, Answer::status(422)).await;
    assert_eq!(letter.get("knativeerrorcode"), "422");
    assert!(
        !letter.attributes.contains_key("knativeerrordata"),
        "{letter:?}"
    );
    scene.quiet(1).await;
    assert_eq!(scene.received("sink").len(), 1, "exactly one");
}

/// RK-11: 422 with a body: the body in base64.
#[tokio::test]
async fn a_refusal_with_a_body_gives_it_in_base64() {
    let scene = scene("body").await;
    let letter = dead_letter(&scene, Answer::status(422).body("no \n good \u{1}")).await;
    assert_eq!(
        letter.get("knativeerrordata"),
        BASE64.encode("no \n good \u{1}")
    );
}

/// T10: a long body is cut to 768 bytes first and encoded then, so what is left decodes.
#[tokio::test]
async fn a_long_body_is_cut_before_it_is_encoded() {
    let scene = scene("long").await;
    let body: Vec<u8> = (0u32..100_000).map(|n| n.to_le_bytes()[0]).collect();
    let letter = dead_letter(&scene, Answer::status(500).body(&body)).await;
    assert_eq!(letter.get("knativeerrordata"), BASE64.encode(&body[..768]));
}

/// RK-11: a subscriber that cannot be reached: the destination, and 500 as Knative has it.
#[tokio::test]
async fn an_unreachable_subscriber_is_named() {
    let scene = Scene::new("unreachable").await;
    let (sink, nobody) = (
        scene.subscriber.url("/sink"),
        free_address().expect("ports are free"),
    );
    let uri = format!("http://{nobody}/path");
    let scene = scene
        .broker(one_attempt_then(&sink))
        .trigger("bad", json!({"subscriber": {"uri": uri}}))
        .trigger("good", json!({}))
        .start()
        .await;
    scene.accept(&scene.event("1")).await;
    let letter = scene.await_count("sink", 1).await.remove(0).event();
    assert_eq!(letter.get("knativeerrordest"), uri);
    assert_eq!(letter.get("knativeerrorcode"), "500");
    scene.quiet(1).await;
    assert_eq!(
        (scene.received("sink").len(), scene.received("good").len()),
        (1, 1)
    );
}

/// RK-11, CP-62: the sink may be a broker: the dead letter is an event like any other there.
#[tokio::test]
async fn a_broker_may_be_the_sink() {
    let other = Scene::new("sink-broker")
        .await
        .broker(json!({}))
        .trigger("letters", json!({}));
    let other = other.start().await;
    let scene = Scene::new("to-broker").await;
    let sink = format!("http://{}{}", scene.server.ingress(), other.path());
    let scene = scene
        .broker(one_attempt_then(&sink))
        .trigger("bad", json!({}))
        .start()
        .await;
    scene.subscriber.script("/bad", Answer::status(400));
    scene.accept(&scene.event("1")).await;
    let letter = other.await_count("letters", 1).await.remove(0).event();
    assert_eq!(
        (letter.get("id"), letter.get("knativeerrorcode")),
        ("1", "400")
    );
}

/// CP-63, S4: a sink that fails at first is tried again until it takes the event; meanwhile the event
/// is parked, and the subscriber is left alone.
#[tokio::test]
async fn a_failing_sink_is_retried() {
    let scene = Scene::new("sink-retry").await;
    let sink = scene.subscriber.url("/sink");
    let delivery = json!({"retry": 2, "backoffPolicy": "linear", "backoffDelay": "PT0.01S",
        "deadLetterSink": {"uri": sink}});
    let scene = scene
        .broker(delivery)
        .trigger("bad", json!({}))
        .start()
        .await;
    scene.subscriber.script("/bad", Answer::status(500));
    scene.subscriber.script("/sink", Script::fail_first(2, 503));
    scene.accept(&scene.event("1")).await;
    let books = scene
        .await_books("bad", "taken by the sink", |books| books.dead_lettered == 1)
        .await;
    assert_eq!(
        (books.parked, books.states()),
        (0, books.accepted),
        "{books:?}"
    );
    assert_eq!(
        (scene.received("bad").len(), scene.received("sink").len()),
        (3, 3)
    );
}

/// G0: an event that is given up on is one dead letter in the metrics, while its sink fails and once
/// it has been taken.
#[tokio::test]
async fn an_event_given_up_on_is_counted_once_however_often_its_sink_is_tried() {
    let scene = scene("counted-once").await;
    scene.subscriber.script("/bad", Answer::status(500));
    scene.subscriber.script("/sink", Script::fail_first(2, 503));
    scene.accept(&scene.event("1")).await;
    for (sends, parked) in [(2, 1), (3, 0)] {
        scene.await_count("sink", sends).await;
        let what = format!("{parked} parked after {sends} sends to the sink");
        let is_so = |books: &Books| books.pending == 0 && books.parked == parked;
        scene.await_books("bad", &what, is_so).await;
        let labels = [("namespace", scene.namespace.as_str()), ("trigger", "bad")];
        let metrics = metrics(&scene.server).await;
        let counted = metrics.values("sluicegate_dead_letters_total", &labels);
        assert_eq!(counted, [1], "{what}: {metrics:?}");
    }
}

/// S4, G7, T22: with the sink down everything exhausted is parked and visible, and when the sink is
/// back it gets every one of them; the law holds at each step.
#[tokio::test]
async fn what_is_parked_drains_when_the_sink_is_back() {
    let scene = Scene::new("parked").await;
    let address = free_address().expect("ports are free");
    let sink = format!("http://{address}/sink");
    let scene = scene
        .broker(one_attempt_then(&sink))
        .trigger("bad", json!({}))
        .start()
        .await;
    scene.subscriber.script("/bad", Answer::status(500));
    for id in ["1", "2", "3"] {
        scene
            .accept(
                &scene
                    .event(id)
                    .with_data("text/plain", format!("data of {id}")),
            )
            .await;
    }
    let books = scene
        .await_books("bad", "three parked", |books| books.parked == 3)
        .await;
    assert_eq!(books.states(), books.accepted, "{books:?}");
    let admin = scene.server.admin();
    let shown = admin.await_dead_letters(&scene.namespace, "bad", 3).await;
    let mut shown_ids: Vec<&str> = shown
        .iter()
        .map(|letter| letter.event.id.as_str())
        .collect();
    shown_ids.sort_unstable();
    assert_eq!(shown_ids, ["1", "2", "3"]);
    for letter in &shown {
        assert_eq!(
            (letter.sends, letter.event.data_size_bytes),
            (1, 9),
            "{letter:#?}"
        );
    }

    let back = Subscriber::listen(address)
        .await
        .expect("nobody took the port");
    let letters = back.await_count("/sink", 3, 3 * PATIENCE).await;
    assert_eq!(ids(&letters), ["1", "2", "3"]);
    for letter in letters {
        let event = letter.event();
        assert_eq!(
            event.data.as_deref(),
            Some(format!("data of {}", event.get("id")).as_bytes())
        );
    }
    let books = scene
        .await_books("bad", "none parked", |books| books.parked == 0)
        .await;
    assert_eq!(
        (books.dead_lettered, books.states()),
        (3, books.accepted),
        "{books:?}"
    );
    admin.await_dead_letters(&scene.namespace, "bad", 0).await;
}

/// S4, G7: a sink that refuses counts like one that is down.
#[tokio::test]
async fn what_the_sink_refuses_is_parked() {
    let scene = scene("refusing").await;
    scene.subscriber.script("/bad", Answer::status(500));
    scene.subscriber.script("/sink", Answer::status(400));
    scene.accept(&scene.event("1")).await;
    let books = scene
        .await_books("bad", "one parked", |books| books.parked == 1)
        .await;
    assert_eq!(books.states(), books.accepted);
}

/// S4, G7: without a sink an exhausted event is parked with its reason, and a redrive brings the
/// same bytes to the subscriber.
#[tokio::test]
async fn without_a_sink_events_are_parked_until_they_are_redriven() {
    let scene = Scene::new("redrive").await.broker(json!({"retry": 0}));
    let scene = scene.trigger("bad", json!({})).start().await;
    scene.subscriber.script("/bad", Script::fail_first(1, 418));
    let event = scene
        .event("1")
        .with("extension", "ü")
        .with_data("x/y", vec![0, 255, 7]);
    scene.accept(&event).await;
    let admin = scene.server.admin();
    let letter = admin
        .await_dead_letters(&scene.namespace, "bad", 1)
        .await
        .remove(0);
    assert_eq!(letter.reason.code, Some(418));
    assert_eq!(letter.reason.kind, "refused");
    assert_eq!(letter.reason.dest, Some(scene.subscriber.url("/bad")));
    assert_eq!(
        letter.event.attributes.get("extension").map(String::as_str),
        Some("ü")
    );

    let which =
        json!({"namespace": scene.namespace, "trigger": "bad", "position": letter.position});
    assert_eq!(post(&scene, "redrive", &which).await.0, Some(200));
    let again = scene.await_count("bad", 2).await.remove(1).event();
    assert_eq!(again, event);
    let books = scene.quiet_books("bad", 1).await;
    assert_eq!((books.delivered, books.parked), (1, 0));
    assert_eq!(
        post(&scene, "redrive", &which).await.0,
        Some(404),
        "it is there no more"
    );
}

/// G5, S4: a dead letter that is redriven has all its attempts again.
#[tokio::test]
async fn a_redriven_dead_letter_has_all_its_attempts_again() {
    let delivery = json!({"retry": 2, "backoffPolicy": "linear", "backoffDelay": "PT0.01S"});
    let scene = Scene::new("attempts").await.broker(delivery);
    let scene = scene.trigger("bad", json!({})).start().await;
    scene.subscriber.script("/bad", Answer::status(500));
    scene.accept(&scene.event("1")).await;
    let admin = scene.server.admin();
    for round in 1..=3 {
        scene.await_count("bad", 3 * round).await;
        let letter = admin
            .await_dead_letters(&scene.namespace, "bad", 1)
            .await
            .remove(0);
        assert_eq!(scene.received("bad").len(), 3 * round, "round {round}");
        let which =
            json!({"namespace": scene.namespace, "trigger": "bad", "position": letter.position});
        assert_eq!(post(&scene, "redrive", &which).await.0, Some(200));
    }
}

/// G0: what an operator discards is counted as that, and gone.
#[tokio::test]
async fn a_discarded_dead_letter_is_counted_as_discarded() {
    let scene = Scene::new("discard").await.broker(json!({"retry": 0}));
    let scene = scene.trigger("bad", json!({})).start().await;
    scene.subscriber.script("/bad", Answer::status(500));
    scene.accept(&scene.event("1")).await;
    let admin = scene.server.admin();
    let letter = admin
        .await_dead_letters(&scene.namespace, "bad", 1)
        .await
        .remove(0);
    let which =
        json!({"namespace": scene.namespace, "trigger": "bad", "position": letter.position});
    assert_eq!(post(&scene, "discard", &which).await.0, Some(200));
    admin.await_dead_letters(&scene.namespace, "bad", 0).await;
    let books = scene.quiet_books("bad", 1).await;
    assert_eq!((books.discarded, books.parked), (1, 0), "{books:?}");
}

async fn post(scene: &Scene, verb: &str, body: &Value) -> (Option<u16>, String) {
    let request = Request::post(&format!("/api/v1/dead-letters:{verb}"))
        .header("Content-Type", "application/json")
        .body(body.to_string());
    let answer = scene
        .server
        .admin()
        .send(request)
        .await
        .expect("it answers");
    (
        answer.status(),
        String::from_utf8_lossy(&answer.body).into_owned(),
    )
}

/// T8, RK-14: a dead letter of a structured event leaves in the format of the delivery.
#[tokio::test]
async fn a_dead_letter_keeps_the_mode_of_its_event() {
    let scene = scene("mode").await;
    scene.subscriber.script("/bad", Answer::status(400));
    scene
        .send(
            &scene.event("1").with_data("application/json", "{ }"),
            Mode::Structured,
        )
        .await;
    let letter = scene.await_count("sink", 1).await.remove(0);
    assert_eq!(letter.mode(), Mode::Structured);
    assert_eq!(letter.event().data.as_deref(), Some(&b"{ }"[..]));
}
