use clap::Parser;
use sluicegate_event::Data;

use super::compose::Events;
use super::*;
use crate::cli::exit::Exit;
use crate::cli::{Cli, Verb};
use crate::testing::TempDir;

fn arguments(words: &[&str]) -> SendArgs {
    let cli = Cli::try_parse_from(["sluicegate", "send"].iter().chain(words))
        .unwrap_or_else(|error| panic!("{words:?}: {error}"));
    match cli.verb {
        Verb::Send(args) => *args,
        other => panic!("not send: {other:?}"),
    }
}

async fn events(words: &[&str]) -> Result<Vec<Event>, Failure> {
    Events::of(&arguments(words)).await?.collect()
}

async fn event(words: &[&str]) -> Event {
    events(words)
        .await
        .unwrap_or_else(|failure| panic!("{words:?}: {failure}"))
        .remove(0)
}

async fn refusal(words: &[&str]) -> Failure {
    events(words).await.expect_err("refused")
}

/// The request that `send … --dry-run` shows.
async fn request(words: &[&str]) -> String {
    let words: Vec<&str> = words.iter().copied().chain(["--dry-run"]).collect();
    let args = arguments(&words);
    let target = Target::find(&args).await.unwrap();
    let event = Events::of(&args).await.unwrap().next().unwrap().unwrap();
    String::from_utf8(Outgoing::new(&event, &target, args.structured).as_text()).unwrap()
}

#[tokio::test]
async fn an_event_has_what_the_flags_say() {
    let event = event(&[
        "order.paid",
        "{\"a\": 1.10}",
        "--source",
        "/shop",
        "--id",
        "7",
        "--subject",
        "ü",
        "--ext",
        "region=eu",
        "--ext",
        "time=2026-01-05T12:01:07Z",
    ])
    .await;
    for (name, value) in [
        ("specversion", "1.0"),
        ("type", "order.paid"),
        ("source", "/shop"),
        ("id", "7"),
        ("subject", "ü"),
        ("region", "eu"),
        ("datacontenttype", "application/json"),
    ] {
        assert_eq!(event.attribute(name), Some(value), "{name}");
    }
    assert!(
        event
            .attribute("time")
            .unwrap()
            .starts_with("2026-01-05T12:01:07")
    );
    assert_eq!(event.data().as_bytes(), b"{\"a\": 1.10}", "byte for byte");
}

#[tokio::test]
async fn defaults_are_a_fresh_id_the_time_and_no_data() {
    let first = event(&["demo.hello"]).await;
    let second = event(&["demo.hello"]).await;
    assert_ne!(first.id(), second.id());
    assert_eq!(first.source(), "/sluicegate/cli");
    assert!(first.attribute("time").is_some());
    assert_eq!(first.data(), &Data::Absent);
    assert_eq!(first.data_content_type(), None);
}

#[tokio::test]
async fn the_content_type_is_told_from_the_data_or_given() {
    for (words, content_type) in [
        (&["t", "hello"][..], "text/plain"),
        (&["t", "[1]"][..], "application/json"),
        (
            &["t", "[1]", "--content-type", "application/xml"][..],
            "application/xml",
        ),
    ] {
        assert_eq!(event(words).await.data_content_type(), Some(content_type));
    }
}

#[tokio::test]
async fn what_is_no_event_is_refused_with_the_remedy() {
    for (words, named) in [
        (&["t", "--ext", "my-region=eu"][..], "my-region"),
        (&["t", "--ext", "id=1"][..], "--id"),
        (&["t", "--ext", "source=/x"][..], "--source"),
        (&["t", "--ext", "time=noon"][..], "noon"),
        (&["t", "--source", ""][..], "source"),
        (&["", "x"][..], "type"),
        (&["--file", "/nowhere/at/all"][..], "/nowhere/at/all"),
    ] {
        let failure = refusal(words).await;
        let told = failure.to_string();
        assert!(told.contains(named), "{words:?}: {told}");
        assert!(
            failure.next().is_some_and(|next| !next.is_empty()),
            "{told}"
        );
    }
}

#[tokio::test]
async fn many_have_ids_of_their_own() {
    let given = events(&["t", "--id", "a", "--count", "3"]).await.unwrap();
    assert_eq!(
        given.iter().map(Event::id).collect::<Vec<_>>(),
        ["a-1", "a-2", "a-3"]
    );
    let fresh = events(&["t", "--count", "100"]).await.unwrap();
    let ids: std::collections::BTreeSet<&str> = fresh.iter().map(Event::id).collect();
    assert_eq!(ids.len(), 100);
}

/// What `send --file` reads from a file with this text.
async fn from_file(text: &str) -> Result<Vec<Event>, Failure> {
    let folder = TempDir::new();
    let path = folder.path().join("events.json");
    std::fs::write(&path, text).unwrap();
    events(&["--file", path.to_str().unwrap()]).await
}

#[tokio::test]
async fn a_file_holds_one_event_an_array_or_one_a_line() {
    let one = r#"{"specversion":"1.0","id":"1","source":"/a","type":"t","data":{"n":1.0}}"#;
    for (text, count) in [
        (one.to_owned(), 1),
        (format!("{one}\n{one}\n\n{one}\n"), 3),
        (format!(" [{one},\n{one}]"), 2),
    ] {
        let events = from_file(&text).await.unwrap();
        assert_eq!(events.len(), count, "{text}");
        assert!(
            events
                .iter()
                .all(|it| it.data().as_bytes() == br#"{"n":1.0}"#)
        );
    }
}

#[tokio::test]
async fn a_file_with_a_fault_names_the_event_and_nothing_is_sent() {
    let good = r#"{"specversion":"1.0","id":"1","source":"/a","type":"t"}"#;
    for (text, named) in [
        (
            format!("{good}\n{{\"specversion\":\"1.0\",\"id\":\"2\",\"type\":\"t\"}}"),
            "event 2",
        ),
        ("hello".to_owned(), "holds no events as JSON"),
        (format!("[{good}"), "holds no events as JSON"),
        ("3".to_owned(), "event 1"),
        (format!("[[{good}]]"), "event 1"),
    ] {
        let failure = from_file(&text).await.expect_err("refused");
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.message().unwrap().contains(named), "{failure}");
    }
}

#[tokio::test]
async fn a_dry_run_shows_the_request_in_either_mode() {
    let binary = request(&["demo.hello", "hi", "--id", "1", "--subject", "a ü"]).await;
    assert!(
        binary.starts_with("POST / HTTP/1.1\nhost: 127.0.0.1:8080\n"),
        "{binary}"
    );
    for header in [
        "ce-id: 1\n",
        "ce-type: demo.hello\n",
        "ce-subject: a%20%C3%BC\n",
    ] {
        assert!(binary.contains(header), "{binary}");
    }
    assert!(binary.ends_with("content-length: 2\n\nhi\n"), "{binary}");
    let structured = request(&[
        "demo.hello",
        "{\"a\":1}",
        "--structured",
        "--broker",
        "shop/orders",
    ])
    .await;
    assert!(
        structured.starts_with("POST /shop/orders HTTP/1.1\n"),
        "{structured}"
    );
    assert!(
        structured.contains("content-type: application/cloudevents+json"),
        "{structured}"
    );
    assert!(structured.contains(r#""data":{"a":1}"#), "{structured}");
}

#[test]
fn flags_that_cannot_stand_together_are_refused() {
    for words in [
        &["t", "--wait", "--count", "2"][..],
        &["t", "--wait", "--url", "http://localhost/"][..],
        &["t", "--wait", "--dry-run"][..],
        &["t", "data", "--file", "x"][..],
        &["t", "--rate", "0"][..],
        &["t", "--rate", "NaN"][..],
        &["t", "--count", "0"][..],
        &["t", "--url", "localhost:3000"][..],
    ] {
        let parsed = Cli::try_parse_from(["sluicegate", "send"].iter().chain(words));
        assert_eq!(parsed.expect_err("refused").exit_code(), 2, "{words:?}");
    }
    assert_eq!(
        arguments(&["t", "--wait"]).waits_for(),
        Some(WaitFor::First)
    );
    assert_eq!(
        arguments(&["t", "--wait=settled"]).waits_for(),
        Some(WaitFor::Settled)
    );
    assert_eq!(
        arguments(&["t", "--wait", "data"]).data.as_deref(),
        Some("data")
    );
}

#[test]
fn a_word_after_wait_is_not_taken_for_the_event() {
    for words in [
        &["demo.hello", "--wait", "settled"][..],
        &["demo.hello", "--wait", "first"],
        &["--wait", "settled", "demo.hello"],
    ] {
        let failure = arguments(words).refuse_a_word_for_wait().unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.next().unwrap().contains("--wait="), "{failure}");
    }
    for (words, wait) in [
        (
            &["demo.hello", "--wait=settled"][..],
            Some(WaitFor::Settled),
        ),
        (&["demo.hello", "--wait"], Some(WaitFor::First)),
        (
            &["demo.hello", "settled", "--wait=first"],
            Some(WaitFor::First),
        ),
        (&["demo.hello", "settled"], None),
    ] {
        let args = arguments(words);
        assert_eq!(args.refuse_a_word_for_wait(), Ok(()), "{words:?}");
        assert_eq!(args.waits_for(), wait, "{words:?}");
    }
}

#[tokio::test]
async fn what_leaves_nothing_to_send_is_met_with_a_sentence() {
    let folder = TempDir::new();
    let empty = folder.path().join("empty.json");
    std::fs::write(&empty, "[]").unwrap();
    let empty = empty.to_str().unwrap();
    for (words, exit, said) in [
        (&[][..], Exit::Usage, "--file"),
        (
            &["demo.hello", "--source", ""],
            Exit::Usage,
            "--source is empty",
        ),
        (&["--file", empty], Exit::Failed, "nothing was sent"),
    ] {
        let failure = refusal(words).await;
        assert_eq!(failure.exit(), exit, "{words:?}");
        assert!(failure.to_string().contains(said), "{failure}");
    }
}

#[test]
fn the_command_that_tells_a_story_works_as_it_stands_or_is_not_said() {
    let called = Called::by(
        None,
        &crate::cli::arguments::DEFAULT_SERVER.parse().unwrap(),
    );
    let story = |id: &str, source: &str| {
        let event = Event::builder(id, source, "t").build().unwrap();
        follow::story_of(&event, &called)
    };
    for (id, source, told) in [
        ("7", "/shop", Some("sluicegate explain 7 --source /shop")),
        (
            "it's",
            "/it's",
            Some(r"sluicegate explain 'it'\''s' --source '/it'\''s'"),
        ),
        ("-7", "/shop", None),
        ("7", &format!("/{}", "x".repeat(300)), None),
        (&"7".repeat(300), "/shop", None),
    ] {
        assert_eq!(story(id, source).as_deref(), told, "{id} {source}");
    }
}
