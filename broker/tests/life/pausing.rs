//! Triggers paused and resumed, by command and by manifest.

use std::time::Duration;

use serde_json::json;

use crate::http::eventually;
use crate::program::{Folder, Server, broker, run, trigger};
use crate::subscriber::Subscriber;

fn annotated(name: &str, url: &str) -> String {
    let annotations = "annotations: {sluicegate.dev/paused: \"true\"}";
    trigger(name, url).replace("metadata: {", &format!("metadata: {{{annotations}, "))
}

#[tokio::test]
async fn a_command_pauses_and_resumes_and_what_waits_is_delivered() {
    let subscriber = Subscriber::start(200, Duration::ZERO).await;
    let folder = Folder::new("");
    let objects = broker("orders") + &trigger("a", &subscriber.url);
    folder.write_manifest("a.yaml", &objects);
    let server = Server::start(&folder).await;
    let admin = format!("http://{}", server.admin);
    let say = async |verb: &str, name: &str| {
        run(&folder, &[verb, "trigger", name, "--server", &admin]).await
    };
    let (code, said) = say("pause", "a").await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.starts_with("shop/a is paused   0 not ended   by command\n"),
        "{said}"
    );
    for id in ["1", "2"] {
        assert_eq!(server.send(id).await, 202);
    }
    let shown = server.trigger("a", |it| it["lag"] == 2).await;
    assert_eq!(
        (&shown["paused"], &shown["pausedBy"]),
        (&json!(true), &json!(["command"]))
    );
    let delivering = json!({"state": "paused", "detail": "by command"});
    assert_eq!(shown["delivering"], delivering);
    let (_, listed) = run(&folder, &["get", "triggers", "--server", &admin]).await;
    assert!(listed.contains("  paused: by command  "), "{listed}");

    // An edit of something else does not resume it.
    folder.write_manifest("a.yaml", &objects.replace("retry: 0", "retry: 3"));
    server
        .trigger("a", |it| it["delivery"]["retries"] == 3)
        .await;
    assert!(subscriber.begun().is_empty());

    let (code, said) = say("resume", "shop/a").await;
    assert_eq!(
        (code, &*said),
        (Some(0), "shop/a delivers again   2 not ended\n")
    );
    server
        .trigger("a", |it| it["books"]["delivered"] == 2)
        .await;
    assert_eq!(subscriber.answered(), ["1", "2"]);
    let (code, said) = say("resume", "a").await;
    assert_eq!(
        (code, &*said),
        (Some(0), "shop/a delivers again   0 not ended\n")
    );
}

/// What is paused is the trigger, the way to its sink with it, and no command promises it a try.
#[tokio::test]
async fn a_pause_stops_the_tries_at_the_dead_letter_sink_too_and_says_that_they_wait() {
    let subscriber = Subscriber::start(400, Duration::ZERO).await;
    let folder = Folder::new("");
    let sink = format!(
        "delivery: {{retry: 0, deadLetterSink: {{uri: \"{}\"}}}}",
        subscriber.url
    );
    let a = trigger("a", &subscriber.url).replace("delivery: {retry: 0}", &sink);
    folder.write_manifest("a.yaml", &(broker("orders") + &a));
    let server = Server::start(&folder).await;
    let admin = format!("http://{}", server.admin);
    let say = async |words: &[&str]| {
        let (code, said) = run(&folder, &[words, &["--server", &admin]].concat()).await;
        assert_eq!(code, Some(0), "{words:?}: {said}");
        said
    };
    assert_eq!(server.send("1").await, 202);
    server.trigger("a", |it| it["books"]["parked"] == 1).await;
    say(&["pause", "trigger", "a"]).await;
    let path = "/api/v1/dead-letters?namespace=shop&trigger=a";
    let held = eventually(async || {
        // A try that was under way when the trigger was paused may end with a first letter.
        let listed = server.get(path).await.json();
        listed["items"].get(0).cloned()
    })
    .await;
    assert_eq!(held["sinkWaitsFor"], "Paused", "{held}");
    assert_eq!(held.get("retryAt"), None, "{held}");
    let listed = say(&["dead", "ls", "a", "-o", "wide"]).await;
    assert!(listed.contains("  waits (Paused)  "), "{listed}");
    subscriber.answer_with(200);
    say(&["resume", "trigger", "a"]).await;
    server
        .trigger("a", |it| it["books"]["deadLettered"] == 1)
        .await;
}

#[tokio::test]
async fn what_a_manifest_pauses_no_command_resumes() {
    let subscriber = Subscriber::start(200, Duration::ZERO).await;
    let folder = Folder::new("");
    folder.write_manifest("orders.yaml", &broker("orders"));
    folder.write_manifest("billing.yaml", &annotated("billing", &subscriber.url));
    let server = Server::start(&folder).await;
    let admin = format!("http://{}", server.admin);
    assert_eq!(server.send("1").await, 202);
    let shown = server.trigger("billing", |it| it["lag"] == 1).await;
    assert_eq!(shown["pausedBy"], json!(["manifest"]));
    assert_eq!(shown["delivering"]["detail"], "by its manifest");

    let words = ["resume", "trigger", "billing", "--server", &admin];
    let (code, said) = run(&folder, &words).await;
    assert_eq!(code, Some(1), "{said}");
    for told in [
        "409",
        "is paused by its manifest, ",
        "billing.yaml",
        "next:",
        "annotation",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let named = json!({"namespace": "shop", "trigger": "billing"});
    let problem = server
        .post("/api/v1/triggers:resume", &named)
        .await
        .problem(409);
    assert_eq!(problem["type"], "https://sluicegate.dev/e/W053");

    // Both at once: the command outlives the annotation.
    let paused = server.post("/api/v1/triggers:pause", &named).await.json();
    assert_eq!(paused["pausedBy"], json!(["manifest", "command"]));
    folder.write_manifest("billing.yaml", &trigger("billing", &subscriber.url));
    let only = json!(["command"]);
    server.trigger("billing", |it| it["pausedBy"] == only).await;
    assert!(subscriber.begun().is_empty());
    let resumed = server.post("/api/v1/triggers:resume", &named).await.json();
    assert_eq!(resumed, json!({"paused": false, "lag": 1}));
    subscriber.was_sent(1).await;
}

#[tokio::test]
async fn a_trigger_that_there_is_not_is_met_with_a_suggestion() {
    let folder = Folder::new("");
    let url = "http://127.0.0.1:9/";
    let elsewhere = trigger("audit", url).replace("namespace: shop", "namespace: other");
    let objects = broker("orders") + &trigger("billing", url) + &trigger("audit", url) + &elsewhere;
    folder.write_manifest("a.yaml", &objects);
    let server = Server::start(&folder).await;
    let admin = format!("http://{}", server.admin);
    for (name, code, told) in [
        ("biling", 1, "did you mean shop/billing?"),
        ("other/billing", 1, "did you mean shop/billing?"),
        ("audit", 2, "say which, such as other/audit or shop/audit"),
        ("Billing", 2, "must be a name"),
        ("other/audit", 1, "is not served"),
    ] {
        let words = ["pause", "trigger", name, "--server", &admin];
        let (exit, said) = run(&folder, &words).await;
        assert_eq!(exit, Some(code), "{name}: {said}");
        assert!(said.contains(told), "{name}: {said}");
    }
    let named = json!({"namespace": "shop", "trigger": "bilings"});
    let problem = server
        .post("/api/v1/triggers:pause", &named)
        .await
        .problem(404);
    let hint = problem["hint"].as_str().unwrap();
    assert!(hint.starts_with("did you mean shop/billing?"), "{hint}");
}
