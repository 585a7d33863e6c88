//! Every route of the admin listener: its answer, its refusals, and the guard before all of them.

use serde_json::json;

use crate::http::{Answer, ask};
use crate::program::{Folder, Server, broker, trigger};

/// Method, path and body of a request that each route takes, with the status of its answer.
fn routes() -> [(&'static str, &'static str, String, u16); 20] {
    let letter = json!({"namespace": "shop", "trigger": "a", "position": "7"}).to_string();
    let named = json!({"namespace": "shop", "trigger": "a"}).to_string();
    let dry = json!({"redrive": {"letters": {}, "conduct": {"dryRun": true}}}).to_string();
    let watch = json!({"id": "1", "source": "/test"}).to_string();
    let none = String::new;
    [
        ("GET", "/livez", none(), 200),
        ("GET", "/readyz", none(), 200),
        ("GET", "/readyz?verbose", none(), 200),
        ("GET", "/metrics", none(), 200),
        ("GET", "/version", none(), 200),
        ("GET", "/api/v1/brokers", none(), 200),
        ("GET", "/api/v1/config", none(), 200),
        ("GET", "/api/v1/triggers", none(), 200),
        ("POST", "/api/v1/triggers:pause", named.clone(), 200),
        ("POST", "/api/v1/triggers:resume", named, 200),
        ("GET", "/api/v1/dead-letters", none(), 200),
        ("POST", "/api/v1/dead-letters:redrive", letter.clone(), 404),
        ("POST", "/api/v1/dead-letters:discard", letter, 404),
        ("GET", "/api/v1/dead-letters/shop/a/7", none(), 404),
        ("GET", "/api/v1/operations", none(), 200),
        ("POST", "/api/v1/operations", dry, 202),
        ("GET", "/api/v1/operations/unknown", none(), 404),
        ("DELETE", "/api/v1/operations/unknown", none(), 404),
        ("POST", "/api/v1/watches", watch, 200),
        ("GET", "/api/v1/watches/unknown", none(), 404),
    ]
}

async fn start() -> (Folder, Server) {
    let folder = Folder::new("");
    folder.write_manifest(
        "a.yaml",
        &(broker("orders") + &trigger("a", "http://127.0.0.1:9/")),
    );
    let server = Server::start(&folder).await;
    (folder, server)
}

async fn send(
    server: &Server,
    method: &str,
    path: &str,
    extra: (&str, &str),
    body: &str,
) -> Answer {
    let headers = [("content-type", "application/json"), extra];
    ask(server.admin, method, path, &headers, body.to_owned()).await
}

#[tokio::test]
async fn every_route_answers_and_no_web_page_can_make_it() {
    let (_folder, server) = start().await;
    let own = format!("http://{}", server.admin);
    for (method, path, body, status) in routes() {
        for own in [("origin", &*own), ("accept", "*/*")] {
            let answer = send(&server, method, path, own, &body).await;
            assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
            if status == 404 {
                answer.problem(404);
            }
        }
        for foreign in [
            ("host", "attacker.example"),
            ("host", "localhost.attacker.example:8081"),
            ("origin", "http://attacker.example"),
            ("origin", "null"),
        ] {
            let answer = send(&server, method, path, foreign, &body).await;
            let problem = answer.problem(403);
            assert_eq!(
                problem["type"], "https://sluicegate.dev/e/W022",
                "{path} {foreign:?}"
            );
        }
    }
    for path in ["/nowhere", "/api/v1/nothing"] {
        let foreign = ("host", "attacker.example");
        send(&server, "GET", path, foreign, "").await.problem(403);
    }
}

#[tokio::test]
async fn another_method_is_refused_and_the_right_one_named() {
    let (_folder, server) = start().await;
    for (method, path, body, _) in routes() {
        let others = ["GET", "POST", "PUT", "DELETE", "PATCH"];
        let is_taken = |other: &&str| routes().iter().any(|it| (it.0, it.1) == (*other, path));
        for other in others.into_iter().filter(|it| !is_taken(it)) {
            let answer = send(&server, other, path, ("accept", "*/*"), &body).await;
            answer.problem(405);
            let allow = answer.header("allow").unwrap_or_default();
            assert!(allow.contains(method), "{other} {path}: {allow:?}");
        }
    }
}

#[tokio::test]
async fn a_path_that_there_is_not_is_a_problem() {
    let (_folder, server) = start().await;
    for path in [
        "/",
        "/api",
        "/api/v1/brokers/",
        "/api/v1/watches/a/b",
        "/api/v1/dead-letters:explode",
        "/api/v1/dead-letters/shop/a",
        "/api/v1/operations/a/b",
    ] {
        for method in ["GET", "POST"] {
            let answer = send(&server, method, path, ("accept", "*/*"), "{}").await;
            answer.problem(404);
        }
    }
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_a_problem_that_says_what_would() {
    let (_folder, server) = start().await;
    for query in [
        "limit=0",
        "limit=1001",
        "limit=many",
        "after=here",
        "after=shop/a@x",
        "limt=5",
        "reason=odd",
        "since=yesterday",
        "match=amount%20%3E",
        "match=LENGTH(subject)",
    ] {
        let path = format!("/api/v1/dead-letters?{query}");
        server.get(&path).await.problem(400);
    }
    server.get("/api/v1/watches/%ff").await.problem(400);
    let letter =
        |position: &str| json!({"namespace": "shop", "trigger": "a", "position": position});
    for action in ["redrive", "discard"] {
        let path = format!("/api/v1/dead-letters:{action}");
        for body in [
            json!({}),
            json!([]),
            letter("first"),
            json!({"namespace": "shop", "trigger": "a", "position": "1", "all": true}),
        ] {
            let problem = server.post(&path, &body).await.problem(400);
            assert_eq!(problem["type"], "https://sluicegate.dev/e/W051", "{body}");
        }
        let missing = json!({"namespace": "shop", "trigger": "a"});
        let problem = server.post(&path, &missing).await.problem(400);
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.starts_with("the body is not what this path takes: missing field `position`"),
            "{detail}"
        );
        let problem = server.post(&path, &letter("1")).await.problem(404);
        assert_eq!(
            (&problem["type"], &problem["title"], &problem["detail"]),
            (
                &json!("https://sluicegate.dev/e/W050"),
                &json!("no such object"),
                &json!("trigger shop/a has no dead letter at 1")
            )
        );
        let unknown = json!({"namespace": "shop", "trigger": "b", "position": "1"});
        let problem = server.post(&path, &unknown).await.problem(404);
        assert!(
            problem["detail"].as_str().unwrap().contains("shop/b"),
            "{problem}"
        );
    }
    for body in [json!({"id": "1"}), json!({"id": "", "source": "/a"})] {
        server.post("/api/v1/watches", &body).await.problem(400);
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_told_from_one_that_is_not_taken() {
    let (_folder, server) = start().await;
    let small = json!({"id": "1", "source": "/a"}).to_string();
    let large = json!({"id": "1", "source": "x".repeat(20_000)}).to_string();
    let json = "application/json";
    for (media_type, body, status, code, told) in [
        ("text/plain", small, 415, "W041", "must be application/json"),
        (json, large, 413, "W042", "larger than 16384 bytes"),
        (
            json,
            "{".to_owned(),
            400,
            "W051",
            "the body is not JSON: EOF",
        ),
    ] {
        for path in [
            "/api/v1/watches",
            "/api/v1/dead-letters:redrive",
            "/api/v1/dead-letters:discard",
            "/api/v1/triggers:pause",
            "/api/v1/operations",
        ] {
            let headers = [("content-type", media_type)];
            let answer = ask(server.admin, "POST", path, &headers, body.clone()).await;
            let problem = answer.problem(status);
            assert_eq!(problem["type"], format!("https://sluicegate.dev/e/{code}"));
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(told), "{path}: {detail}");
        }
    }
}

#[tokio::test]
async fn brokers_and_triggers_are_listed_as_they_stand() {
    let (folder, server) = start().await;
    let orphan = trigger("c", "http://127.0.0.1:9/").replace("broker: orders", "broker: nowhere");
    folder.write_manifest("c.yaml", &orphan);
    let listed = server.trigger("c", |_| true).await;
    assert_eq!(listed["ready"], false);
    assert_eq!(listed["reason"], "BrokerDoesNotExist");
    let listed = server.trigger("a", |_| true).await;
    assert_eq!(
        (&listed["ready"], &listed["filter"]),
        (&json!(true), &json!("type=t"))
    );
    let brokers = server.get("/api/v1/brokers").await.json();
    let broker = &brokers["items"][0];
    assert_eq!(broker["url"], format!("http://{}/shop/orders", server.door));
    assert_eq!(
        (&broker["channel"], &broker["triggers"]),
        (&json!("memory"), &json!(1))
    );
    let log = server.logged("the trigger is not ready", 0).await;
    assert_eq!(
        (&log["code"], &log["name"]),
        (&json!("W006"), &json!("shop/c"))
    );
}
