//! Size limits (rows O5 and O6), room in memory, hops, metrics and shutdown at the door.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use sluicegate::ingress::IngressOptions;
use sluicegate::ingress::deduplication::{Deduplication, DeduplicationOptions};
use sluicegate::metrics::deduplication::DeduplicationHandles;
use sluicegate_channels::Clock;
use sluicegate_event::Limits;
use sluicegate_resources::ObjectName;
use tokio::time::{interval, timeout};

use crate::client::PATIENCE;
use crate::door::{BATCH, EVENT, HOPS_MAX, STRUCTURED, Setup, TestDoor, event, json, post, typed};
use crate::stuck::StuckChannel;

const EVENT_BYTES: usize = 64 << 10;
const BATCH_BYTES: usize = 256 << 10;

async fn small_door() -> TestDoor {
    TestDoor::start(Setup {
        ingress: IngressOptions {
            limits: Limits {
                event_bytes_max: EVENT_BYTES,
                batch_bytes_max: BATCH_BYTES,
                ..Limits::default()
            },
            ..IngressOptions::default()
        },
        ..Setup::default()
    })
    .await
}

/// A head that announces a body without sending it.
fn announced(lines: &str, length: usize) -> String {
    format!("POST /shop/orders HTTP/1.1\r\nHost: test\r\n{lines}Content-Length: {length}\r\n\r\n")
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused_before_it_is_sent() {
    let door = small_door().await;
    let structured = format!("Content-Type: {STRUCTURED}\r\n");
    let batch = format!("Content-Type: {BATCH}\r\n");
    let expect = format!("{EVENT}Expect: 100-continue\r\n");
    for (name, lines, length) in [
        ("binary", EVENT, EVENT_BYTES + 1),
        ("structured", &structured, EVENT_BYTES * 2 + (64 << 10)),
        ("batch", &batch, BATCH_BYTES + 1),
        ("beyond 64 bits of memory", EVENT, 1 << 62),
        ("expecting 100", &expect, EVENT_BYTES + 1),
    ] {
        let mut client = door.client().await;
        let answer = client.last_answer(announced(lines, length)).await;
        assert_eq!(answer.status, 413, "{name}");
        assert_eq!(
            answer.json()["type"],
            "https://sluicegate.dev/e/W042",
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_event_at_the_limit_is_accepted_and_one_byte_more_is_not() {
    let door = small_door().await;
    // What the attributes take beside the data is found by trying.
    let fits = |length: usize| {
        let request = event("", &"x".repeat(length));
        async { door.ask(request).await.status == 202 }
    };
    assert!(fits(EVENT_BYTES - 1_024).await);
    assert!(!fits(EVENT_BYTES + 1).await);
    let base64 = "A".repeat((EVENT_BYTES - 1_024) / 3 * 4);
    let structured = json(&format!(r#","data_base64":"{base64}""#));
    assert_eq!(door.ask(typed(STRUCTURED, &structured)).await.status, 202);
    let large = json(&format!(r#","data":"{}""#, "x".repeat(EVENT_BYTES + 1)));
    assert_eq!(door.ask(typed(STRUCTURED, &large)).await.status, 413);
}

#[tokio::test]
async fn an_endless_chunked_body_is_refused_at_the_limit() {
    let door = small_door().await;
    let mut client = door.client().await;
    let head = "POST /shop/orders HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n";
    client.send(format!("{head}{EVENT}\r\n")).await;
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    // As much as the limit and what is read past it, so that the answer cannot be overtaken.
    for _ in 0..EVENT_BYTES / 0x1000 + 1 {
        client.send(&chunk).await;
    }
    assert_eq!(client.answer().await.status, 413);
    let mut sent_bytes = 0;
    while client.send(&chunk).await {
        sent_bytes += chunk.len();
        assert!(sent_bytes < 64 << 20, "the server reads on");
    }
}

#[tokio::test]
async fn what_fills_the_memory_for_bodies_is_503_until_there_is_room_again() {
    let door = TestDoor::start(Setup {
        ingress: IngressOptions {
            in_flight_bytes_max: 1_000,
            ..IngressOptions::default()
        },
        ..Setup::default()
    })
    .await;
    let mut dawdler = door.client().await;
    dawdler.send(announced(EVENT, 900)).await;
    dawdler.send("x".repeat(800)).await;
    // Announcing takes no room; the 800 bytes do, once they are read.
    let refused = timeout(PATIENCE, async {
        loop {
            let answer = door.ask(event("", &"x".repeat(500))).await;
            if answer.status == 503 {
                return answer;
            }
        }
    });
    let answer = refused.await.expect("room is without end");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.json()["type"], "https://sluicegate.dev/e/W046");
    dawdler.send("x".repeat(100)).await;
    assert_eq!(dawdler.answer().await.status, 202);
    assert_eq!(door.ask(event("", &"x".repeat(500))).await.status, 202);
}

#[tokio::test]
async fn what_a_store_that_hangs_is_asked_to_store_takes_memory_though_it_was_answered() {
    let options = DeduplicationOptions::default();
    let broker = ObjectName {
        namespace: "shop".to_owned(),
        name: "orders".to_owned(),
    };
    let metrics = DeduplicationHandles::default();
    let clock = Clock::anchored_at(UNIX_EPOCH);
    let door = TestDoor::start(Setup {
        channel: Arc::new(StuckChannel::new()),
        ingress: IngressOptions {
            append_timeout: Duration::from_millis(20),
            in_flight_bytes_max: 10_000,
            ..IngressOptions::default()
        },
        deduplication: Some(Deduplication::open(
            &broker, &options, None, None, clock, metrics,
        )),
        ..Setup::default()
    })
    .await;
    for id in 0..100 {
        let lines = EVENT.replace("ce-id: 1", &format!("ce-id: {id}"));
        let answer = door.ask(post("/shop/orders", &lines, "")).await;
        if answer.json()["type"] == "https://sluicegate.dev/e/W046" {
            return;
        }
    }
    panic!("as many events as anybody likes wait for a store that hangs");
}

/// T18, G18: a missing count is a fresh one, what comes in is clamped, what is used up refused.
#[tokio::test]
async fn every_event_leaves_the_door_with_its_hops() {
    let door = TestDoor::plain().await;
    let max = HOPS_MAX.to_string();
    for (lines, expected) in [
        ("", Some(max.as_str())),
        ("ce-knativebrokerttl: 3\r\n", Some("3")),
        ("ce-knativebrokerttl: 200\r\n", Some(&max)),
        ("ce-knativebrokerttl: some\r\n", Some(&max)),
        (
            "ce-knativebrokerttl: 3\r\nSluicegate-Hops: 2\r\n",
            Some("2"),
        ),
        (
            "ce-knativebrokerttl: 3\r\nSluicegate-Hops: 9\r\n",
            Some("3"),
        ),
        ("Sluicegate-Hops: 9\r\n", Some("9")),
        ("Sluicegate-Hops: 200\r\n", Some(&max)),
        ("Sluicegate-Hops: soon\r\n", Some(&max)),
        ("ce-knativebrokerttl: 0\r\n", None),
        ("ce-knativebrokerttl: -1\r\n", None),
        ("Sluicegate-Hops: 0\r\n", None),
        ("ce-knativebrokerttl: 0\r\nSluicegate-Hops: 9\r\n", None),
    ] {
        let answer = door.ask(event(lines, "")).await;
        let Some(expected) = expected else {
            assert_eq!(answer.status, 400, "{lines}");
            assert_eq!(answer.header("sluicegate-reason"), Some("loop"));
            assert_eq!(answer.json()["type"], "https://sluicegate.dev/e/W021");
            continue;
        };
        assert_eq!(answer.status, 202, "{lines}");
        let event = door.accepted.take_one();
        assert_eq!(
            event.attribute("knativebrokerttl"),
            Some(expected),
            "{lines}"
        );
    }
    let structured = json(r#","knativebrokerttl":7"#);
    assert_eq!(door.ask(typed(STRUCTURED, &structured)).await.status, 202);
    assert_eq!(
        door.accepted.take_one().attribute("knativebrokerttl"),
        Some("7")
    );
}

#[tokio::test]
async fn every_event_is_counted_once_under_how_it_was_answered() {
    let door = small_door().await;
    for request in [
        event("", "x"),
        typed(BATCH, &format!("[{},{}]", json(""), json(""))),
        event("ce-time: never\r\n", ""),
        announced(EVENT, EVENT_BYTES + 1),
        post("/shop/nothing", EVENT, ""),
        post("/nothing", EVENT, ""),
    ] {
        door.ask(request).await;
    }
    let metrics = door.metrics();
    let events = |labels: &str| format!("sluicegate_ingress_events_total{{{labels}}}");
    let broker = r#"namespace="shop",broker="orders""#;
    let nowhere = r#"namespace="",broker="""#;
    for line in [
        format!(
            r#"{} 3"#,
            events(&format!(r#"{broker},result="accepted",reason="""#))
        ),
        format!(
            r#"{} 1"#,
            events(&format!(r#"{broker},result="rejected",reason="malformed""#))
        ),
        format!(
            r#"{} 1"#,
            events(&format!(r#"{broker},result="rejected",reason="too_large""#))
        ),
        format!(
            r#"{} 1"#,
            events(&format!(
                r#"{nowhere},result="rejected",reason="no_broker""#
            ))
        ),
        format!(
            r#"{} 1"#,
            events(&format!(r#"{nowhere},result="rejected",reason="no_route""#))
        ),
        format!(r#"sluicegate_ingress_duration_seconds_count{{{broker},result="accepted"}} 2"#),
        format!("sluicegate_ingress_event_size_bytes_count{{{broker}}} 3"),
        r#"sluicegate_store_append_duration_seconds_count{broker="orders",channel="memory"} 2"#
            .to_owned(),
    ] {
        assert!(metrics.contains(&line), "{line}\nis not in\n{metrics}");
    }
}

#[tokio::test]
async fn an_event_whose_body_is_under_way_at_shutdown_is_accepted() {
    let mut door = TestDoor::plain().await;
    let mut client = door.client().await;
    // The answer to the first request shows that the head of the second is being read.
    client
        .send(format!("{}{}", event("", "one"), announced(EVENT, 10)))
        .await;
    assert_eq!(client.answer().await.status, 202);
    client.send("12345").await;
    door.stop();
    let mut ticks = interval(Duration::from_millis(20));
    let closed = timeout(PATIENCE, async {
        while tokio::net::TcpStream::connect(door.address).await.is_ok() {
            ticks.tick().await;
        }
    });
    closed.await.expect("the door still accepts connections");
    let answer = client.last_answer("67890").await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("connection"), Some("close"));
    drop(client);
    let served = timeout(PATIENCE, door.task).await.unwrap().unwrap();
    assert_eq!(served.cut_off, 0);
    assert_eq!(door.accepted.take().len(), 2);
}
