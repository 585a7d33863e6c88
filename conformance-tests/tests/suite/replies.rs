//! Replies: events in a subscriber's answer go back to the broker.

use serde_json::json;
use sluicegate_conformance::client::Request;
use sluicegate_conformance::event::{Event, Mode};
use sluicegate_conformance::subscriber::{Answer, Script};

use crate::scene::{Scene, ids, one_attempt_then};

fn wants(ty: &str) -> serde_json::Value {
    json!({"filters": [{"exact": {"type": ty}}]})
}

/// A scene where `asks` gets events of type `ask`, and `answers` those of type `answer`.
async fn scene(name: &str) -> Scene {
    let scene = Scene::new(name).await;
    let sink = scene.subscriber.url("/sink");
    scene
        .broker(one_attempt_then(&sink))
        .trigger("asks", wants("ask"))
        .trigger("answers", wants("answer"))
        .start()
        .await
}

/// A scene where `echo` gets every event and replies with it; each has this many hops.
async fn echo_scene(name: &str, hops_max: u8) -> Scene {
    let scene = Scene::new(name)
        .await
        .configured_broker(hops(hops_max))
        .trigger("echo", json!({"delivery": {"retry": 0}}))
        .start()
        .await;
    let echo = Script::decided_by(|received, _| Answer::reply(&received.event()));
    scene.subscriber.script("/echo", echo);
    scene
}

/// The spec of a BrokerConfig that gives events this many hops.
fn hops(hops_max: u8) -> serde_json::Value {
    json!({"channel": {"memory": {}}, "limits": {"maxHops": hops_max}})
}

fn ask(id: &str) -> Event {
    Event::new(id, "/asks", "ask")
}

fn answer(id: &str) -> Event {
    Event::new(id, "/answers", "answer")
        .with("extension", "ü")
        .with_data("text/plain", "reply")
}

/// RK-5, RK-13, DP-16, DP-32, CP-50, CP-59: a reply in either mode is an event
/// of the broker like any other, unaltered.
#[tokio::test]
async fn a_reply_reaches_the_triggers_that_want_it() {
    let scene = scene("reply").await;
    scene.subscriber.script(
        "/asks",
        Script::first([
            Answer::reply(&answer("binary")),
            Answer::structured_reply(&answer("json")),
        ]),
    );
    scene.accept(&ask("1")).await;
    scene.await_count("answers", 1).await;
    scene.accept(&ask("2")).await;
    let arrived = scene.await_count("answers", 2).await;
    assert_eq!(arrived[0].event(), answer("binary"));
    assert_eq!(arrived[1].event(), answer("json"));
    assert_eq!(arrived[1].mode(), Mode::Structured);
    let books = scene.quiet_books("answers", 4).await;
    assert_eq!((books.accepted, books.delivered, books.filtered), (4, 2, 2));
}

/// RK-12: a reply of 36,000 bytes arrives whole, and so does one of nearly 1 MiB.
#[tokio::test]
async fn large_replies_arrive_whole() {
    let scene = scene("large").await;
    let sized = |id: &str, bytes: usize| {
        Event::new(id, "/answers", "answer").with_data("text/plain", "x".repeat(bytes))
    };
    let replies = [sized("1", 36_000), sized("2", (1 << 20) - 1024)];
    scene
        .subscriber
        .script("/asks", Script::first(replies.iter().map(Answer::reply)));
    for (count, reply) in replies.iter().enumerate() {
        scene.accept(&ask(reply.get("id"))).await;
        let arrived = scene.await_count("answers", count + 1).await;
        assert!(
            arrived[count].event() == *reply,
            "reply {count} arrived altered"
        );
    }
}

/// DP-36, T7: what a 202 carries is never a reply.
#[tokio::test]
async fn a_202_with_an_event_is_no_reply() {
    let scene = scene("accepted").await;
    let with_event = answer("never")
        .to_binary()
        .iter()
        .fold(Answer::status(202).body("x"), |answer, (name, value)| {
            answer.header(name, value)
        });
    let structured = Answer::status(202)
        .header("Content-Type", "application/cloudevents+json")
        .body(answer("never").to_json());
    scene
        .subscriber
        .script("/asks", Script::first([with_event, structured]));
    for id in ["1", "2"] {
        scene.accept(&ask(id)).await;
        scene.quiet(if id == "1" { 1 } else { 2 }).await;
    }
    assert!(scene.received("answers").is_empty());
    let books = scene.quiet_books("asks", 2).await;
    assert_eq!((books.accepted, books.delivered), (2, 2));
}

/// T8, DP-17, DP-35, CP-58: any other body on a success is a delivery, not a failure.
#[tokio::test]
async fn a_body_that_is_no_event_is_a_success() {
    let scene = scene("no-event").await;
    let bodies = [
        Answer::status(200)
            .header("Content-Type", "application/json")
            .body("{\"ok\":true}"),
        Answer::status(200)
            .header("Content-Type", "text/html")
            .body("<p>thanks</p>"),
        Answer::status(201).body(vec![0_u8; 300_000]),
        Answer::status(200),
        Answer::status(204),
    ];
    let count = bodies.len() as u64;
    scene.subscriber.script("/asks", Script::first(bodies));
    for id in 0..count {
        scene.accept(&ask(&id.to_string())).await;
    }
    let books = scene.quiet_books("asks", count).await;
    assert_eq!(
        (books.delivered, books.accepted),
        (count, count),
        "{books:?}"
    );
    assert!(scene.received("sink").is_empty());
}

/// RK-7: an answer that says it is an event and is none fails the
/// delivery, is not retried, and the dead letter says so.
#[tokio::test]
async fn a_malformed_reply_is_a_failure_that_is_not_retried() {
    let scene = Scene::new("malformed-reply").await;
    let sink = scene.subscriber.url("/sink");
    let delivery = json!({"retry": 3, "backoffPolicy": "linear", "backoffDelay": "PT0.01S",
        "deadLetterSink": {"uri": sink}});
    let scene = scene
        .broker(delivery)
        .trigger("asks", wants("ask"))
        .start()
        .await;
    let structured = "application/cloudevents+json";
    let too_large = Event::new("x", "/x", "answer").with_data("x/y", vec![b'x'; (1 << 20) + 1]);
    let answers = [
        Answer::status(200)
            .header("ce-specversion", "1.0")
            .header("ce-id", "1")
            .body("x"),
        Answer::status(200)
            .header("Content-Type", structured)
            .body("{"),
        Answer::status(200)
            .header("Content-Type", structured)
            .body("{\"specversion\":\"1.0\"}"),
        Answer::reply(&too_large),
    ];
    let count = answers.len();
    scene.subscriber.script("/asks", Script::first(answers));
    for id in 0..count {
        scene.accept(&ask(&id.to_string())).await;
        scene.await_count("sink", id + 1).await;
    }
    let books = scene.quiet_books("asks", count as u64).await;
    assert_eq!(
        (books.dead_lettered, scene.received("asks").len()),
        (count as u64, count)
    );
}

/// CP-51: a reply is offered to every trigger, the one that made it included.
#[tokio::test]
async fn a_reply_is_offered_to_its_own_trigger_too() {
    let scene = Scene::new("itself")
        .await
        .broker(json!({}))
        .trigger("all", json!({}));
    let scene = scene.trigger("other", json!({})).start().await;
    scene
        .subscriber
        .script("/all", Script::first([Answer::reply(&answer("reply"))]));
    scene.accept(&ask("cause")).await;
    scene.await_count("all", 2).await;
    scene.quiet(2).await;
    assert_eq!(ids(&scene.received("all")), ["cause", "reply"]);
    assert_eq!(ids(&scene.received("other")), ["cause", "reply"]);
}

/// T17, G18, S10, RK-13: replies that match their own trigger go round until the hop limit, and end
/// in the store as a loop; nobody else's events are held up, and nothing is left running.
#[tokio::test]
async fn a_loop_ends_at_the_hop_limit_and_is_parked() {
    let scene = echo_scene("loop", 5).await;
    scene.accept(&ask("loop")).await;
    let admin = scene.server.admin();
    let letter = admin
        .await_dead_letters(&scene.namespace, "echo", 1)
        .await
        .remove(0);
    assert_eq!(letter.reason.kind, "loop");
    let books = scene.quiet_books("echo", 1).await;
    assert_eq!(books.parked, 1, "{books:?}");
    let rounds = scene.received("echo").len();
    assert_eq!(rounds, 5, "rounds for 5 hops");
}

/// S10, T17, T18, T25: a producer's own count may only lower the limit; the attribute is stripped
/// before delivery.
#[tokio::test]
async fn a_forged_hop_count_only_lowers_the_limit() {
    let scene = echo_scene("forged", 4).await;
    // What is above the limit, or no number, counts as fresh.
    let forged = [
        ("2147483647", 4),
        ("99999999999999999999", 4),
        ("255", 4),
        ("4", 4),
        ("3", 3),
        ("1", 1),
        ("many", 4),
        ("", 4),
    ];
    for (number, (count, _)) in forged.iter().enumerate() {
        let event = ask(&number.to_string()).with("knativebrokerttl", count);
        assert_eq!(
            scene.send(&event, Mode::Binary).await.status(),
            Some(202),
            "{count}"
        );
    }
    let admin = scene.server.admin();
    admin
        .await_dead_letters(&scene.namespace, "echo", forged.len())
        .await;
    for request in scene.received("echo") {
        assert_eq!(request.headers.get("ce-knativebrokerttl"), None);
    }
    for (number, (count, expected)) in forged.iter().enumerate() {
        let rounds = ids(&scene.received("echo"))
            .into_iter()
            .filter(|id| *id == number.to_string())
            .count();
        assert_eq!(rounds, *expected, "{count:?}: rounds for 4 hops");
    }
    for used_up in ["0", "-1"] {
        let event = ask("used-up").with("knativebrokerttl", used_up);
        assert_eq!(
            scene.send(&event, Mode::Binary).await.status(),
            Some(400),
            "{used_up}"
        );
    }
}

/// S10, G18: two brokers that feed each other end at the hop limit too, although
/// neither sees the whole ring; the event ends as a loop.
#[tokio::test]
async fn a_ring_of_brokers_ends_at_the_hop_limit() {
    let first = Scene::new("ring-a").await.configured_broker(hops(6));
    let second = Scene::new("ring-b").await.configured_broker(hops(6));
    let to = |scene: &Scene| {
        let uri = format!("http://{}{}", scene.server.ingress(), scene.path());
        json!({"subscriber": {"uri": uri}, "delivery": {"retry": 0}})
    };
    let (to_first, to_second) = (to(&first), to(&second));
    let first = first.trigger("onwards", to_second).start().await;
    let second = second.trigger("onwards", to_first).start().await;
    first.accept(&ask("ring")).await;
    // Each broker that takes it in spends a hop of six, three times each; the first refuses it then,
    // and the second keeps it.
    let letter = first
        .server
        .admin()
        .await_dead_letters(&second.namespace, "onwards", 1)
        .await
        .remove(0);
    assert_eq!(letter.reason.kind, "loop");
    for scene in [&first, &second] {
        assert_eq!(scene.quiet(3).await[0].books.accepted, 3);
    }
}

/// CP-52, T9: a reply that cannot be stored fails the whole delivery: its cause is retried
/// and in the end dead, never delivered with its reply gone. Here a dead subscriber holds the store
/// until even the share that is kept for replies is used up.
#[tokio::test]
async fn a_reply_that_cannot_be_stored_does_not_settle_its_cause() {
    let scene = Scene::new("unstored").await;
    let sink = scene.subscriber.url("/sink");
    let hold = json!({"retry": 100, "backoffPolicy": "linear", "backoffDelay": "PT60S"});
    let scene = scene
        .configured_broker(json!({"channel": {"memory": {"maxEvents": 20, "whenFull": "refuse"}}}))
        .trigger("holds", json!({"delivery": hold}))
        .trigger(
            "asks",
            json!({
                "filters": [{"exact": {"type": "ask"}}],
                "delivery": {"retry": 2, "backoffPolicy": "linear", "backoffDelay": "PT0.01S",
                    "deadLetterSink": {"uri": sink}},
            }),
        )
        .start()
        .await;
    scene.subscriber.script("/holds", Answer::close());
    let reply = Script::decided_by(|received, earlier| {
        let id = format!("{}-{}", received.event().get("id"), earlier.len());
        Answer::reply(&answer(&id))
    });
    scene.subscriber.script("/asks", reply);
    const CAUSES: u64 = 16;
    // In one batch: the replies to the first would take the room of the last.
    let causes: Vec<String> = (0..CAUSES)
        .map(|id| String::from_utf8_lossy(&ask(&id.to_string()).to_json()).into_owned())
        .collect();
    let batch = Request::post(&scene.path())
        .header("Content-Type", "application/cloudevents-batch+json")
        .body(format!("[{}]", causes.join(",")));
    assert_eq!(scene.send_request(&batch).await.status(), Some(202));
    let settled = |books: &sluicegate_conformance::ledger::Books| {
        books.delivered + books.dead_lettered == CAUSES && books.pending == 0
    };
    let books = scene
        .await_books("asks", "every cause settled", settled)
        .await;
    let replies = books.accepted - CAUSES;
    assert_eq!(
        books.delivered, replies,
        "delivered without its reply, or the other way: {books:?}"
    );
    assert!(
        books.dead_lettered > 0,
        "the store was never full: {books:?}"
    );
    assert_eq!(scene.received("sink").len() as u64, books.dead_lettered);
}

/// CP-52, T9: once there is room again, a retry brings the reply in and its cause is delivered.
#[tokio::test]
async fn a_reply_is_stored_by_a_retry_once_there_is_room() {
    const CAUSES: u64 = 16;
    let patient = |delay: &str| {
        json!({"retry": 10_000, "backoffPolicy": "linear", "backoffDelay": delay,
            "backoffMax": delay})
    };
    let mut asks = wants("ask");
    asks["delivery"] = patient("PT0.05S");
    let scene = Scene::new("room")
        .await
        .configured_broker(json!({"channel": {"memory": {"maxEvents": 20, "whenFull": "refuse"}}}))
        .trigger("holds", json!({"delivery": patient("PT0.1S")}))
        .trigger("asks", asks)
        .start()
        .await;
    scene.subscriber.script("/holds", Answer::close());
    let reply = Script::decided_by(|received, _| {
        Answer::reply(&answer(&format!("to-{}", received.event().get("id"))))
    });
    scene.subscriber.script("/asks", reply);
    let causes: Vec<String> = (0..CAUSES)
        .map(|id| String::from_utf8_lossy(&ask(&id.to_string()).to_json()).into_owned())
        .collect();
    let batch = Request::post(&scene.path())
        .header("Content-Type", "application/cloudevents-batch+json")
        .body(format!("[{}]", causes.join(",")));
    assert_eq!(scene.send_request(&batch).await.status(), Some(202));
    // More requests than causes: some were answered with a reply that found no room.
    let asked = 2 * usize::try_from(CAUSES).expect("it is 16");
    scene.await_count("asks", asked).await;
    let full = scene
        .await_books("asks", "books", |books| books.accepted >= CAUSES)
        .await;
    assert!(full.pending > 0, "the store was never full: {full:?}");

    scene.subscriber.script("/holds", Answer::status(204));
    let books = scene.quiet_books("asks", 2 * CAUSES).await;
    assert_eq!(
        (books.delivered, books.filtered, books.accepted),
        (CAUSES, CAUSES, 2 * CAUSES),
        "a reply is missing or was stored twice: {books:?}"
    );
}
