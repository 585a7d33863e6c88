//! Operations, by the admin API and by the commands that begin them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{ask, eventually};
use crate::program::{Folder, Server, broker, run, spawn, trigger};
use crate::subscriber::Subscriber;

/// A server on which the triggers `a` and `b` have given up on `count` events each.
struct Scene {
    folder: Folder,
    server: Server,
    subscriber: Subscriber,
}

impl Scene {
    async fn with_letters(count: u64) -> Self {
        let subscriber = Subscriber::start(400, Duration::ZERO).await;
        let folder = Folder::new("");
        let [a, b] = ["a", "b"].map(|name| trigger(name, &subscriber.url));
        folder.write_manifest("a.yaml", &(broker("orders") + &a + &b));
        let server = Server::start(&folder).await;
        for id in 0..count {
            assert_eq!(server.send(&id.to_string()).await, 202);
        }
        for name in ["a", "b"] {
            let all_parked = |it: &Value| it["books"]["parked"] == count;
            server.trigger(name, all_parked).await;
        }
        Scene {
            folder,
            server,
            subscriber,
        }
    }

    /// Runs a command against the server.
    async fn say(&self, words: &[&str]) -> (Option<i32>, String) {
        let admin = format!("http://{}", self.server.admin);
        run(&self.folder, &[words, &["--server", &admin]].concat()).await
    }

    async fn books(&self, name: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let found = self.server.trigger(name, |it| holds(&it["books"])).await;
        found["books"].clone()
    }

    async fn begin(&self, request: Value) -> Value {
        let answer = self.server.post("/api/v1/operations", &request).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.json()
    }

    async fn show(&self, id: &Value) -> Value {
        let id = id.as_str().unwrap();
        self.server
            .get(&format!("/api/v1/operations/{id}"))
            .await
            .json()
    }

    async fn ended(&self, id: &Value) -> Value {
        eventually(async || {
            let shown = self.show(id).await;
            (shown["state"] != "running").then_some(shown)
        })
        .await
    }
}

#[tokio::test]
async fn letters_are_listed_shown_redriven_and_discarded_by_commands() {
    let scene = Scene::with_letters(6).await;
    let (code, names) = scene
        .say(&["dead", "ls", "--trigger", "shop/b", "-o", "name"])
        .await;
    assert_eq!(code, Some(0), "{names}");
    let names: Vec<&str> = names.lines().collect();
    assert_eq!(names.len(), 6);
    for (flags, count) in [
        (&["--match", "id = '3'"][..], 2),
        (&["--match", "id = '3'", "--broker", "shop/orders", "b"], 1),
        (&["--reason", "refused"], 12),
        (&["--reason", "loop"], 0),
        (&["--since", "1h"], 12),
        (&["-n", "other"], 0),
    ] {
        let words = [&["dead", "ls", "-o", "json"], flags].concat();
        let (code, said) = scene.say(&words).await;
        assert_eq!(code, Some(0), "{said}");
        let listed: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(
            listed["items"].as_array().unwrap().len(),
            count,
            "{flags:?}"
        );
    }

    let (code, shown) = scene.say(&["dead", "show", names[0]]).await;
    assert_eq!(code, Some(0), "{shown}");
    for told in [
        names[0],
        "reason       refused: ",
        "data         4 bytes\n             data\n",
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    let (_, event) = scene.say(&["dead", "show", names[0], "-o", "event"]).await;
    let event: Value = serde_json::from_str(&event).unwrap();
    assert_eq!((&event["id"], &event["type"]), (&json!("0"), &json!("t")));

    scene.subscriber.answer_with(200);
    let (code, said) = scene.say(&["dead", "redrive", names[0], names[1]]).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        said,
        format!("redriven {}\nredriven {}\n", names[0], names[1])
    );
    let dry = ["dead", "redrive", "--trigger", "b", "--dry-run"];
    let (_, said) = scene.say(&dry).await;
    assert!(
        said.starts_with("4 would be redriven   dead letters of "),
        "{said}"
    );
    let (code, said) = scene.say(&["dead", "redrive", "--match", "id = '2'"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.starts_with("2 redriven   8 skipped   dead letters of every"),
        "{said}"
    );
    scene.books("b", |it| it["delivered"] == 3).await;

    let discard = ["dead", "discard", "--trigger", "shop/b"];
    let (code, said) = scene.say(&discard).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--yes"), "{said}");
    let (_, said) = scene
        .say(&[&discard[..], &["--yes", "-o", "json"]].concat())
        .await;
    let done: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&done["state"], &done["progress"]["done"]),
        (&json!("done"), &json!(3))
    );
    let books = scene.books("b", |it| it["discarded"] == 3).await;
    assert_eq!(books["parked"], 0);
    assert_eq!(scene.books("a", |_| true).await["parked"], 5);
}

#[tokio::test]
async fn what_names_nothing_is_refused_and_the_nearest_named() {
    let scene = Scene::with_letters(1).await;
    for (words, code, told) in [
        (&["dead", "ls", "aa"][..], 1, "did you mean shop/a?"),
        (&["dead", "show", "shop/aa/0"], 1, "did you mean shop/a?"),
        (&["dead", "show", "shop/a/7"], 1, "has no dead letter at 7"),
        (
            &["dead", "redrive", "shop/a/7"],
            1,
            "has no dead letter at 7",
        ),
        (
            &["dead", "redrive", "--trigger", "other/a"],
            1,
            "did you mean shop/a?",
        ),
        (&["dead", "redrive"], 2, "--all"),
        (&["replay", "--to", "aa"], 1, "did you mean shop/a?"),
        (
            &["replay", "--to", "a", "--broker", "order"],
            2,
            "of one broker",
        ),
        (
            &[
                "replay",
                "--all-triggers",
                "--all",
                "--broker",
                "shop/order",
            ],
            1,
            "did you mean shop/orders?",
        ),
        (&["replay", "--all-triggers"], 2, "--all"),
        (
            &["replay", "--to", "a", "--position", "9..2"],
            2,
            "the earlier position first",
        ),
        (
            &["replay", "--to", "a", "--since", "1h", "--until", "2h"],
            1,
            "is not before",
        ),
        (
            &["replay", "--to", "a", "--since", "2999-01-01T00:00:00Z"],
            1,
            "in the future",
        ),
        (&["replay", "--since", "1h"], 2, "--to"),
        (&["cancel", "operation", "01K"], 1, "there is no operation"),
        (&["get", "operations", "01K"], 1, "nothing named 01K"),
    ] {
        let (exit, said) = scene.say(words).await;
        assert_eq!(exit, Some(code), "{words:?}: {said}");
        assert!(said.contains(told), "{words:?}: {said}");
    }
    for (request, told) in [
        (json!({}), "exactly one of `redrive`"),
        (json!({"explode": {}}), "unknown field `explode`"),
        (
            json!({"redrive": {"letters": {"triger": "a"}}}),
            "unknown field `triger`",
        ),
        (
            json!({"redrive": {"letters": {"reasons": ["exhaused"]}}}),
            "\"exhaused\"",
        ),
        (
            json!({"redrive": {"letters": {}, "conduct": {"perSecond": 0.0}}}),
            "`perSecond` 0",
        ),
        (
            json!({"redrive": {"letters": {}, "conduct": {"limit": 0}}}),
            "`limit` 0",
        ),
        (
            json!({"discard": {"letters": {"match": "amount >"}}}),
            "`match`",
        ),
        (
            json!({"replay": {"namespace": "shop", "broker": "orders", "triggers": []}}),
            "`triggers` is empty",
        ),
        (
            json!({"replay": {"namespace": "shop", "broker": "orders",
                "events": {"firstPosition": "x"}}}),
            "`firstPosition` \"x\"",
        ),
    ] {
        let problem = scene
            .server
            .post("/api/v1/operations", &request)
            .await
            .problem(400);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(told), "{detail}");
    }
    let nowhere = json!({"replay": {"namespace": "shop", "broker": "order"}});
    let problem = scene
        .server
        .post("/api/v1/operations", &nowhere)
        .await
        .problem(404);
    assert!(
        problem["hint"]
            .as_str()
            .unwrap()
            .starts_with("did you mean shop/orders?")
    );
}

#[tokio::test]
async fn an_operation_is_paced_looked_at_and_cancelled() {
    let scene = Scene::with_letters(20).await;
    let conduct = json!({"perSecond": 5.0});
    let filter = json!({"namespace": "shop", "trigger": "a"});
    let begun = scene
        .begin(json!({"redrive": {"letters": filter, "conduct": conduct}}))
        .await;
    assert_eq!(
        (&begun["kind"], &begun["state"]),
        (&json!("redrive"), &json!("running"))
    );
    eventually(async || (scene.show(&begun["id"]).await["progress"]["done"] == 2).then_some(()))
        .await;
    let (_, listed) = scene.say(&["get", "operations"]).await;
    assert!(listed.contains("  redrive  running  "), "{listed}");
    let id = begun["id"].as_str().unwrap();
    let (code, said) = scene.say(&["cancel", "operation", id]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("   cancelled   dead letters of trigger shop/a"),
        "{said}"
    );
    let ended = scene.ended(&begun["id"]).await;
    assert_eq!(ended["state"], "cancelled");
    let done = ended["progress"]["done"].as_u64().unwrap();
    assert!((2..10).contains(&done), "{ended}");
    // What was redriven was refused again, and nothing is lost.
    let books = scene.books("a", |it| it["parked"] == 20).await;
    assert_eq!(books["accepted"], 20);
    let sent = scene.subscriber.begun().len() as u64;
    assert_eq!(sent, 40 + done);
}

#[tokio::test]
async fn no_more_operations_run_than_may() {
    let scene = Scene::with_letters(20).await;
    let slow = json!({"redrive": {"letters": {}, "conduct": {"perSecond": 0.01}}});
    let mut begun = Vec::new();
    for _ in 0..8 {
        begun.push(scene.begin(slow.clone()).await);
    }
    let problem = scene
        .server
        .post("/api/v1/operations", &slow)
        .await
        .problem(503);
    assert_eq!(problem["type"], "https://sluicegate.dev/e/W054");
    let path = format!("/api/v1/operations/{}", begun[0]["id"].as_str().unwrap());
    let answer = ask(scene.server.admin, "DELETE", &path, &[], "").await;
    assert_eq!(answer.status, 200);
    scene.ended(&begun[0]["id"]).await;
    scene.begin(slow).await;
}

#[tokio::test]
async fn an_interrupt_cancels_what_the_command_began_and_detach_does_not() {
    let scene = Scene::with_letters(20).await;
    let admin = format!("http://{}", scene.server.admin);
    let slow = [
        "dead",
        "redrive",
        "--trigger",
        "a",
        "--rate",
        "5/s",
        "--server",
        &admin,
    ];
    let command = spawn(&scene.folder, &slow);
    let running = eventually(async || {
        let all = scene.server.get("/api/v1/operations").await.json();
        let first = all["items"][0].clone();
        (first["progress"]["done"].as_u64() >= Some(1)).then_some(first)
    })
    .await;
    let pid = command.id().unwrap().to_string();
    let kill = tokio::process::Command::new("kill")
        .args(["-s", "INT", &pid])
        .status();
    assert!(kill.await.unwrap().success());
    let output = command.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(130));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("   cancelled   "), "{said}");
    assert_eq!(scene.ended(&running["id"]).await["state"], "cancelled");

    let (code, said) = scene.say(&[&slow[..6], &["--detach"]].concat()).await;
    assert_eq!(code, Some(0), "{said}");
    let id = said.lines().find(|line| line.len() == 26).unwrap();
    assert_eq!(scene.show(&json!(id)).await["state"], "running");
}

#[tokio::test]
async fn the_end_of_the_server_ends_operations_and_loses_nothing() {
    let mut scene = Scene::with_letters(10).await;
    let slow = json!({"redrive": {"letters": {}, "conduct": {"perSecond": 1.0}}});
    scene.begin(slow).await;
    let from = scene.server.log_length();
    scene.server.signal("TERM").await;
    let log = scene.server.logged("an operation has ended", from).await;
    assert_eq!(log["state"], "cancelled");
    assert!(scene.server.ended().await.success());
}

#[tokio::test]
async fn retained_events_are_handed_out_again() {
    let subscriber = Subscriber::start(200, Duration::ZERO).await;
    let folder = Folder::new("");
    let objects =
        broker("orders") + &trigger("a", &subscriber.url) + &trigger("b", &subscriber.url);
    folder.write_manifest("a.yaml", &objects);
    let server = Server::start(&folder).await;
    let scene = Scene {
        folder,
        server,
        subscriber,
    };
    // What waits for one is retained for all.
    let (code, said) = scene.say(&["pause", "trigger", "b"]).await;
    assert_eq!(code, Some(0), "{said}");
    for id in 0..10 {
        assert_eq!(scene.server.send(&id.to_string()).await, 202);
    }
    scene.books("a", |it| it["delivered"] == 10).await;
    for (words, told) in [
        (
            &["--to", "a", "--dry-run"][..],
            "10 would be handed out again   events of shop/orders",
        ),
        (
            &["--to", "shop/a", "--position", "2..4"],
            "3 handed out again   ",
        ),
        (
            &["--to", "a", "--match", "id = '7'"],
            "1 handed out again   9 skipped   ",
        ),
        (
            &["--all-triggers", "--all"],
            "10 handed out again   10 not finished anyway   ",
        ),
    ] {
        let (code, said) = scene.say(&[&["replay"], words].concat()).await;
        assert_eq!(code, Some(0), "{words:?}: {said}");
        assert!(said.starts_with(told), "{words:?}: {said}");
    }
    let books = scene.books("a", |it| it["delivered"] == 24).await;
    assert_eq!(
        (&books["replayed"], &books["pending"]),
        (&json!(14), &json!(0))
    );
    let told = json!({"namespace": "shop", "broker": "orders", "triggers": ["a", "a"]});
    let begun = scene.begin(json!({ "replay": told })).await;
    assert_eq!(begun["what"], "events of shop/orders, to shop/a");
    assert_eq!(scene.ended(&begun["id"]).await["progress"]["done"], 10);
}
