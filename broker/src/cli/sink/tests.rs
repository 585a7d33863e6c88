use bytes::Bytes;
use clap::Parser;
use http::{Request, Response};
use http_body_util::Full;

use super::*;
use crate::cli::client::{Answer, Client};
use crate::cli::{Cli, Verb};
use crate::testing::Kept;

fn arguments(words: &[&str]) -> SinkArgs {
    let cli = Cli::try_parse_from(["sluicegate", "sink"].iter().chain(words)).unwrap();
    match cli.verb {
        Verb::Sink(args) => args,
        other => panic!("not sink: {other:?}"),
    }
}

/// Runs a sink until it has counted `requests`, which are sent one after another; gives the answers
/// and what was printed.
async fn received(words: &[&str], requests: Vec<Request<Full<Bytes>>>) -> (Vec<Answer>, String) {
    let args = arguments(words);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let out = Kept::default();
    let mut console = Console::plain(out.clone(), std::io::sink());
    let script = Script::of(&args).unwrap();
    let sending = async {
        let client = Client::new(&"http://localhost".parse().unwrap()).unwrap();
        let mut answers = Vec::new();
        for mut request in requests {
            let path = request.uri().path().to_owned();
            *request.uri_mut() = format!("http://{address}{path}").parse().unwrap();
            answers.push(client.exchange(request).await.unwrap());
        }
        answers
    };
    let sink = Box::pin(serve(listener, script, &args, &mut console));
    let (done, answers) = tokio::join!(sink, Box::pin(sending));
    done.unwrap();
    (answers, out.text())
}

fn binary(id: &str, ty: &str, data: &'static str) -> Request<Full<Bytes>> {
    Request::post("/events")
        .header("content-type", "application/json")
        .header("ce-specversion", "1.0")
        .header("ce-id", id)
        .header("ce-source", "/me")
        .header("ce-type", ty)
        .header("prefer", "reply")
        .body(Full::new(Bytes::from_static(data.as_bytes())))
        .unwrap()
}

fn with_body(content_type: &str, body: &'static str) -> Request<Full<Bytes>> {
    Request::post("/")
        .header("content-type", content_type)
        .body(Full::new(Bytes::from_static(body.as_bytes())))
        .unwrap()
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|it| it.status.as_u16()).collect()
}

#[tokio::test]
async fn it_answers_as_told_and_prints_a_line_each() {
    let requests = vec![
        binary("1", "demo.hello", "{}"),
        binary("1", "demo.hello", "{}"),
    ];
    let (answers, out) = received(&["--respond", "503,200", "--count", "2"], requests).await;
    assert_eq!(statuses(&answers), [503, 200]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].ends_with("  demo.hello  /me  1  → 503 (told to)"),
        "{out}"
    );
    assert!(lines[1].ends_with("  demo.hello  /me  1  → 200"), "{out}");
}

#[tokio::test]
async fn every_mode_is_taken_and_what_is_no_event_is_labelled() {
    let structured = r#"{"specversion":"1.0","id":"2","source":"/me","type":"s","data":1.0}"#;
    let batch = r#"[{"specversion":"1.0","id":"3","source":"/me","type":"b"},
        {"specversion":"1.0","id":"4","source":"/me","type":"b"}]"#;
    let requests = vec![
        with_body("application/cloudevents+json", structured),
        with_body("application/cloudevents-batch+json", batch),
        with_body("application/cloudevents+json", "{}"),
        with_body("text/plain", "hello"),
    ];
    let (answers, out) = received(&["--count", "5"], requests).await;
    assert_eq!(statuses(&answers), [200; 4]);
    let expected = [
        "s  /me  2  → 200",
        "b  /me  3  (1 of 2)  → 200",
        "b  /me  4  (2 of 2)  → 200",
        "malformed CloudEvent: ",
        "POST /  text/plain  5 B  not a CloudEvent  → 200",
    ];
    for (line, expected) in out.lines().zip(expected) {
        assert!(line.contains(expected), "{line}: {expected}");
    }
    assert_eq!(out.lines().count(), expected.len());
}

#[tokio::test]
async fn json_lines_hold_everything() {
    let requests = vec![
        binary("1", "demo.hello", r#"{"n": 1.10}"#),
        with_body("text/plain", "hi"),
    ];
    let (_, out) = received(&["--count", "2", "-o", "json"], requests).await;
    assert!(out.contains(r#"{"n": 1.10}"#), "data byte for byte: {out}");
    let lines: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["mode"], "binary");
    assert_eq!(lines[0]["path"], "/events");
    assert_eq!(lines[0]["event"]["id"], "1");
    assert_eq!(lines[0]["headers"]["prefer"], "reply");
    assert_eq!(lines[0]["headers"].get("ce-id"), None);
    assert_eq!(
        (&lines[1]["mode"], &lines[1]["bodyBase64"]),
        (&"plain".into(), &"aGk=".into())
    );
}

#[tokio::test]
async fn a_reply_is_an_event_of_its_own_and_202_carries_none() {
    let words = [
        "--reply",
        "order.confirmed",
        "--reply-data",
        "{\"ok\":true}",
        "--respond",
        "200,202,500",
        "--count",
        "3",
    ];
    let requests = vec![
        binary("1", "t", "{}"),
        binary("2", "t", "{}"),
        binary("3", "t", "{}"),
    ];
    let (answers, _) = received(&words, requests).await;
    let [replied, accepted, failed] = answers.as_slice() else {
        panic!("{answers:?}")
    };
    assert_eq!(replied.headers["ce-type"], "order.confirmed");
    assert_eq!(replied.headers["content-type"], "application/json");
    assert_eq!(replied.body, "{\"ok\":true}");
    for other in [accepted, failed] {
        assert!(
            other.body.is_empty() && !other.headers.contains_key("ce-type"),
            "{other:?}"
        );
    }
}

#[tokio::test]
async fn hostile_attributes_cannot_drive_the_terminal() {
    let requests = vec![binary("%1B[2J%E2%80%AE", "t", "{}")];
    let (_, out) = received(&["--count", "1"], requests).await;
    assert!(!out.contains(['\u{1b}', '\u{202e}']), "{out:?}");
    assert_eq!(out.lines().count(), 1);
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut console = Console::plain(std::io::sink(), std::io::sink());
    let failure = execute(&arguments(&["--port", &port]), &mut console)
        .await
        .unwrap_err();
    assert!(failure.message().unwrap().contains(&port), "{failure}");
    assert!(failure.next().unwrap().contains("--port"), "{failure}");
}

#[test]
fn a_script_repeats_its_last_status() {
    let script = Script::of(&arguments(&["--respond", "503,429,204"])).unwrap();
    let given: Vec<u16> = (0..5).map(|_| script.next_status().as_u16()).collect();
    assert_eq!(given, [503, 429, 204, 204, 204]);
    let answer: Response<Full<Bytes>> = script.answer(StatusCode::NO_CONTENT);
    assert_eq!(answer.status(), 204);
}

#[test]
fn what_is_no_status_and_no_reply_is_refused() {
    for words in [
        &["--respond", "99"][..],
        &["--respond", "100"][..],
        &["--respond", "600"][..],
        &["--respond", "ok"][..],
        &["--respond", ""][..],
        &["--reply-data", "x"][..],
        &["--count", "0"][..],
        &["--delay", "2"][..],
    ] {
        let parsed = Cli::try_parse_from(["sluicegate", "sink"].iter().chain(words));
        assert_eq!(parsed.expect_err("refused").exit_code(), 2, "{words:?}");
    }
    let failure = Script::of(&arguments(&["--reply", ""])).unwrap_err();
    assert!(failure.message().unwrap().contains("--reply"), "{failure}");
}
