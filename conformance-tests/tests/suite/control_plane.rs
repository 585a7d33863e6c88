//! Brokers and triggers as objects: what is shown of them, what order they may come in, what may
//! not change. Standalone, status is what the admin API shows.

use std::sync::Arc;

use serde_json::{Value, json};
use sluicegate_conformance::event::{Event, Mode};
use sluicegate_conformance::harness::{Server, Setup, TriggerStatus};

use crate::scene::{PATIENCE, Scene, await_answer, await_verbose, ids};

/// CP-2, CP-4, CP-42, RK-1, TP-3, TP-4: a ready broker shows its address, and that address takes
/// events.
#[tokio::test]
async fn a_ready_broker_shows_an_address_that_takes_events() {
    let scene = Scene::new("address")
        .await
        .broker(json!({}))
        .trigger("all", json!({}));
    let scene = scene.start().await;
    let answer = scene
        .server
        .admin()
        .get("/api/v1/brokers")
        .await
        .expect("it answers");
    let list: Value = serde_json::from_slice(&answer.body).expect("it is JSON");
    let brokers = list
        .get("items")
        .and_then(Value::as_array)
        .expect("it is a list");
    let broker = brokers
        .iter()
        .find(|broker| broker.get("namespace") == Some(&json!(scene.namespace)))
        .expect("the broker is listed");
    assert_eq!(broker.get("ready"), Some(&json!(true)));
    let url = broker
        .get("url")
        .and_then(Value::as_str)
        .expect("it has an address");
    let path = url
        .strip_prefix(&format!("http://{}", scene.server.ingress()))
        .expect("it is here");
    scene.server.accept(path, &scene.event("1")).await;
    scene.await_count("all", 1).await;
}

/// CP-15, RK-2: a ready trigger shows where it sends, and where its dead letters go.
#[tokio::test]
async fn a_ready_trigger_shows_its_addresses() {
    let scene = Scene::new("shown").await;
    let sink = scene.subscriber.url("/sink");
    let scene = scene
        .broker(json!({"deadLetterSink": {"uri": sink}}))
        .trigger("all", json!({}))
        .start()
        .await;
    let trigger = scene.quiet(0).await.remove(0);
    assert_eq!(trigger.subscriber_uri, Some(scene.subscriber.url("/all")));
    assert_eq!(trigger.dead_letter_sink_uri, Some(sink));
}

/// CP-12 to CP-14, RK-2, TP-5, TP-6: a trigger may come before its broker: it is not ready and says
/// why, and is ready once the broker is there.
#[tokio::test]
async fn a_trigger_may_come_before_its_broker() {
    let scene = Scene::new("before").await.trigger("early", json!({}));
    scene.write();
    let waits = |triggers: &[TriggerStatus]| {
        triggers
            .iter()
            .any(|trigger| !trigger.ready && trigger.reason.is_some())
    };
    let admin = scene.server.admin();
    let found = admin
        .await_triggers(
            &scene.namespace,
            PATIENCE,
            "a trigger without its broker",
            waits,
        )
        .await;
    assert_eq!(
        found[0].reason.as_deref(),
        Some("BrokerDoesNotExist"),
        "{found:?}"
    );
    let scene = scene.broker(json!({})).start().await;
    scene.accept(&scene.event("1")).await;
    scene.await_count("early", 1).await;
}

/// CP-16, CP-17, CP-40: a subscriber that cannot be resolved makes its trigger not ready, with a
/// reason and no address; events wait for it and are not lost.
#[tokio::test]
async fn a_subscriber_that_cannot_be_resolved_is_waited_for() {
    let reference = json!({"apiVersion": "v1", "kind": "Service", "name": "nowhere"});
    let mut scene = Scene::new("unresolved")
        .await
        .broker(json!({}))
        .start()
        .await;
    scene.edit_trigger("waits", json!({"subscriber": {"ref": reference}}));
    let is_shown = |triggers: &[TriggerStatus]| triggers.iter().any(|trigger| !trigger.ready);
    let admin = scene.server.admin();
    let found = admin
        .await_triggers(
            &scene.namespace,
            PATIENCE,
            "a trigger without an address",
            is_shown,
        )
        .await;
    assert!(
        found[0].reason.is_some() && found[0].subscriber_uri.is_none(),
        "{found:?}"
    );
    scene.accept(&scene.event("1")).await;
    scene.edit_trigger("waits", json!({}));
    scene.await_count("waits", 1).await;
    assert_eq!(ids(&scene.received("waits")), ["1"]);
}

/// CP-36, CP-37, CP-39, 1.5: object references resolve through the server's own map, names filled
/// in, and a path beside them is relative to what they resolve to.
#[tokio::test]
async fn references_resolve_through_the_map() {
    let peer = sluicegate_conformance::subscriber::Subscriber::start()
        .await
        .expect("it starts");
    let settings = format!(
        "resolve:\n  v1/Service/*/billing: \"{}\"\n  serving.knative.dev/v1/Service/*/*: \"{}\"\n",
        peer.url("/billing/"),
        peer.url("/run/{namespace}/{name}"),
    );
    let server = Arc::new(Server::start(Setup::new().settings(&settings)).await);
    let service =
        |version: &str, name: &str| json!({"apiVersion": version, "kind": "Service", "name": name});
    let scene = Scene::on(server, "resolve")
        .await
        .broker(json!({}))
        .trigger(
            "plain",
            json!({"subscriber": {"ref": service("v1", "billing")}}),
        )
        .trigger(
            "path",
            json!({"subscriber": {"ref": service("v1", "billing"), "uri": "events"}}),
        )
        .trigger(
            "filled",
            json!({"subscriber": {"ref": service("serving.knative.dev/v1", "web")}}),
        )
        .start()
        .await;
    scene.accept(&scene.event("1")).await;
    peer.await_count("/billing/", 1, PATIENCE).await;
    peer.await_count("/billing/events", 1, PATIENCE).await;
    peer.await_count(&format!("/run/{}/web", scene.namespace), 1, PATIENCE)
        .await;
}

/// CP-10, CP-11, CP-19, TP-1, TP-2, RK-1, RK-2: what must not change is refused, and the object goes
/// on as it was.
#[tokio::test]
async fn what_must_not_change_is_refused() {
    let server = Arc::new(Server::start(Setup::new()).await);
    let mut scene = Scene::on(Arc::clone(&server), "immutable")
        .await
        .broker(json!({}));
    scene = scene.trigger("all", json!({})).start().await;
    scene.edit_trigger("all", json!({"broker": "another"}));
    await_verbose(&server, |text| text.contains("W015")).await;
    scene.accept(&scene.event("1")).await;
    scene.await_count("all", 1).await;
}

/// CP-8, CP-9: standalone, a broker without class is ours, and one of a foreign class is refused.
#[tokio::test]
async fn a_broker_of_a_foreign_class_is_refused() {
    let server = Arc::new(Server::start(Setup::new()).await);
    let broker = |name: &str, class: &str| {
        format!(
            "---\napiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata:\n  name: {name}\n  \
             annotations: {{eventing.knative.dev/broker.class: {class}}}\n"
        )
    };
    server.write_manifest(
        "a.yaml",
        &(broker("ours", "Sluicegate") + &broker("theirs", "Kafka")),
    );
    await_verbose(&server, |text| text.contains("W014")).await;
    await_answer(&server, "/default/ours", 202).await;
    let event = Event::new("1", "/s", "t");
    assert_eq!(
        server
            .send("/default/theirs", &event, Mode::Binary)
            .await
            .status(),
        Some(404)
    );
}

/// CP-13, CP-14: a broker whose BrokerConfig does not exist refuses events and says why, and its
/// trigger is not ready; both are once the BrokerConfig is there. The server is ready all along.
#[tokio::test]
async fn a_broker_without_its_broker_config_refuses_events_until_it_is_there() {
    let scene = Scene::new("unconfigured").await;
    let scene = scene.broker_of_config().trigger("all", json!({}));
    scene.write();
    let answer = await_answer(&scene.server, &scene.path(), 503).await;
    assert!(answer.headers.get("retry-after").is_some(), "{answer:?}");
    let problem: Value = serde_json::from_slice(&answer.body).expect("it is JSON");
    let missing = format!("BrokerConfig {}/config does not exist", scene.namespace);
    for (member, expected) in [("type", "W047"), ("detail", &missing)] {
        let text = problem.get(member).and_then(Value::as_str);
        assert!(
            text.is_some_and(|text| text.contains(expected)),
            "{member} says nothing of {expected}: {problem}"
        );
    }
    let waits = |triggers: &[TriggerStatus]| {
        triggers
            .iter()
            .any(|trigger| trigger.reason.as_deref() == Some("BrokerNotReady"))
    };
    let admin = scene.server.admin();
    admin
        .await_triggers(&scene.namespace, PATIENCE, "a trigger that waits", waits)
        .await;
    let ready = admin.get("/readyz").await.expect("it answers");
    assert_eq!(ready.status(), Some(200), "{ready:?}");

    let scene = scene
        .broker_config(json!({"channel": {"memory": {}}}))
        .start()
        .await;
    scene.accept(&scene.event("1")).await;
    scene.await_count("all", 1).await;
    assert_eq!(ids(&scene.received("all")), ["1"]);
}

/// CP-21: whatever is accepted once a trigger is ready reaches it, from the very first event.
#[tokio::test]
async fn the_first_event_after_ready_arrives() {
    let scene = Scene::new("first").await.broker(json!({})).start().await;
    let mut scene = scene;
    for number in 0..20 {
        let name = format!("t{number}");
        scene = scene.trigger(&name, json!({}));
        scene = scene.start().await;
        scene.accept(&scene.event(&name)).await;
        let first = scene.await_count(&name, 1).await.remove(0);
        assert_eq!(first.event().get("id"), name);
    }
}

/// A trigger that is deleted and made again starts at what comes next.
#[tokio::test]
async fn a_trigger_made_again_starts_anew() {
    let mut scene = Scene::new("again")
        .await
        .broker(json!({}))
        .trigger("all", json!({}));
    scene = scene.trigger("stays", json!({})).start().await;
    let uid = |triggers: &[TriggerStatus]| {
        triggers
            .iter()
            .find(|trigger| trigger.name == "all")
            .map(|trigger| trigger.uid.clone())
    };
    scene.accept(&scene.event("before")).await;
    let first = uid(&scene.quiet(1).await);
    scene.remove_trigger("all");
    let is_gone = |triggers: &[TriggerStatus]| uid(triggers).is_none();
    let admin = scene.server.admin();
    admin
        .await_triggers(&scene.namespace, PATIENCE, "the trigger gone", is_gone)
        .await;
    scene.accept(&scene.event("between")).await;
    scene.edit_trigger("all", json!({}));
    let is_back = |triggers: &[TriggerStatus]| {
        triggers
            .iter()
            .any(|trigger| trigger.name == "all" && trigger.ready)
    };
    let back = admin
        .await_triggers(&scene.namespace, PATIENCE, "the trigger back", is_back)
        .await;
    assert_ne!(uid(&back), first);
    scene.accept(&scene.event("after")).await;
    scene
        .await_books("stays", "all three", |books| books.delivered == 3)
        .await;
    scene.await_count("all", 2).await;
    assert_eq!(ids(&scene.received("all")), ["after", "before"]);
}
