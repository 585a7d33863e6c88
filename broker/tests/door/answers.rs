//! Every answer of the door: which status, and that it says what is wrong and what to do.

use std::sync::Arc;
use std::time::Duration;

use sluicegate::ingress::IngressOptions;
use sluicegate_channels::{AppendError, MemoryOptions, WhenFull};
use sluicegate_event::{Data, Limits};

use crate::client::Answer;
use crate::door::{
    BATCH, EVENT, STRUCTURED, Setup, TestDoor, bare, event, json, memory_channel, post, typed,
};
use crate::stuck::StuckChannel;

/// Checks that a refusal has this status and code, and that its detail says `says`.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16, code: &str, says: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    let problem = answer.json();
    assert_eq!(problem["type"], format!("https://sluicegate.dev/e/{code}"));
    assert_eq!(problem["status"], status);
    assert!(
        problem["title"].is_string() && problem["hint"].is_string(),
        "{problem}"
    );
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(says), "{detail:?} does not say {says:?}");
}

#[tokio::test]
async fn an_event_is_accepted_in_every_mode_with_an_empty_202() {
    let door = TestDoor::plain().await;
    let with_data = json(r#","data":{"n": 12345678901234567890}"#);
    for (name, request, count) in [
        ("binary", event("Content-Type: text/plain\r\n", "hello"), 1),
        ("binary without data", event("", ""), 1),
        ("structured", typed(STRUCTURED, &with_data), 1),
        (
            "structured, charset",
            typed("application/cloudevents+json; charset=utf-8", &json("")),
            1,
        ),
        (
            "batch",
            typed(BATCH, &format!("[{},{}]", json(""), json(""))),
            2,
        ),
        ("empty batch", typed(BATCH, "[]"), 0),
        ("chunked", chunked(), 1),
        ("version 0.3", event("", "").replace("1.0", "0.3"), 1),
        ("trailing slash", post("/shop/orders/", EVENT, ""), 1),
        ("query", post("/shop/orders?access_token=abc", EVENT, ""), 1),
        ("root", post("/", EVENT, ""), 1),
        ("root with a query", post("/?a=b", EVENT, ""), 1),
    ] {
        let answer = door.ask(request).await;
        assert_eq!((answer.status, answer.body.as_str()), (202, ""), "{name}");
        assert_eq!(door.accepted.take().len(), count, "{name}");
    }
}

fn chunked() -> String {
    let head = "POST /shop/orders HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n";
    format!("{head}{EVENT}\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
}

#[tokio::test]
async fn what_is_accepted_is_what_was_sent() {
    let door = TestDoor::plain().await;
    door.ask(chunked()).await;
    let chunked = door.accepted.take_one();
    assert_eq!(*chunked.data(), Data::Bytes("abcde".into()));
    assert_eq!(
        (chunked.id(), chunked.source(), chunked.ty()),
        ("1", "/test", "test.made")
    );
    door.ask(event("ce-region: %C3%A9\r\nX-Other: no\r\n", "\u{e9}"))
        .await;
    let binary = door.accepted.take_one();
    assert_eq!(binary.attribute("region"), Some("\u{e9}"));
    assert_eq!(*binary.data(), Data::Bytes("\u{e9}".into()));
}

#[tokio::test]
async fn a_message_that_is_no_event_is_refused_with_its_fault() {
    let door = TestDoor::plain().await;
    let bad_member = format!("[{},{}]", json(""), json("").replace(r#""id":"1","#, ""));
    for (request, status, code, says) in [
        (
            post("/shop/orders", "", "{}"),
            400,
            "W010",
            "not a CloudEvent",
        ),
        (
            event("", "").replace("ce-id: 1\r\n", ""),
            400,
            "W010",
            "ce-id",
        ),
        (
            event("", "").replace("ce-specversion: 1.0\r\n", ""),
            400,
            "W010",
            "ce-specversion",
        ),
        (event("", "").replace("1.0", "19.0"), 400, "W010", "19.0"),
        (event("ce-my-region: b\r\n", ""), 400, "W010", "my-region"),
        (
            event("ce-time: yesterday\r\n", ""),
            400,
            "W010",
            "yesterday",
        ),
        (typed(STRUCTURED, "{"), 400, "W010", ""),
        (
            typed(STRUCTURED, &json("").replace("/test", "")),
            400,
            "W010",
            "source",
        ),
        (
            typed(BATCH, &bad_member),
            400,
            "W010",
            "batch member 1 (counted from 0): ",
        ),
        (
            typed("application/cloudevents+xml", "<a/>"),
            415,
            "W041",
            "xml",
        ),
        (
            event("Content-Encoding: gzip\r\n", "zip"),
            415,
            "W041",
            "gzip",
        ),
        (event("Content-Encoding: br\r\n", "br"), 415, "W041", "br"),
    ] {
        let answer = door.ask(&request).await;
        assert_refused(&answer, status, code, says);
        assert!(door.accepted.take().is_empty(), "{request}");
    }
}

#[tokio::test]
async fn a_path_or_method_that_is_wrong_is_said_so() {
    let door = TestDoor::plain().await;
    for (request, status, code, says) in [
        (post("/shop/order", EVENT, ""), 404, "W043", "shop/order"),
        // Cheaper and clearer than to say what else is wrong.
        (
            post("/shop/order", "", "no event"),
            404,
            "W043",
            "shop/order",
        ),
        (post("/shop", EVENT, ""), 404, "W044", "/shop"),
        (post("/shop/orders/more", EVENT, ""), 404, "W044", "more"),
        (
            bare("GET", "/api/v1/brokers"),
            404,
            "W044",
            "this port takes events",
        ),
        (
            bare("GET", "/metrics"),
            404,
            "W044",
            "this port takes events",
        ),
        (post("//", EVENT, ""), 404, "W044", "//"),
        (post("/Shop/Orders", EVENT, ""), 404, "W044", "Shop"),
        (bare("GET", "/healthz"), 404, "W044", "healthz"),
        (bare("GET", "/shop/orders"), 405, "W045", "GET"),
        (bare("PUT", "/shop/orders"), 405, "W045", "PUT"),
        (bare("DELETE", "/"), 405, "W045", "DELETE"),
    ] {
        let answer = door.ask(&request).await;
        assert_refused(&answer, status, code, says);
        if status == 405 {
            assert_eq!(answer.header("allow"), Some("post, options"));
        }
    }
}

#[tokio::test]
async fn without_a_default_broker_the_root_says_how_to_name_one() {
    let door = TestDoor::start(Setup {
        has_default: false,
        ..Setup::default()
    })
    .await;
    let answer = door.ask(post("/", EVENT, "")).await;
    assert_refused(&answer, 404, "W043", "default/default");
}

/// WH-10 to WH-14, DP-8, DP-9, T19.
#[tokio::test]
async fn options_answers_the_webhook_handshake() {
    let door = TestDoor::plain().await;
    let asked =
        |path: &str, lines: &str| format!("OPTIONS {path} HTTP/1.1\r\nHost: test\r\n{lines}\r\n");
    for path in ["/shop/orders", "/shop/orders/", "/shop/orders?a=b", "/"] {
        let answer = door
            .ask(asked(path, "WebHook-Request-Origin: example.com\r\n"))
            .await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("allow"), Some("post, options"));
        assert_eq!(answer.header("webhook-allowed-origin"), Some("example.com"));
        assert_eq!(answer.header("webhook-allowed-rate"), Some("*"));
    }
    let answer = door.ask(asked("/shop/orders", "")).await;
    assert_eq!(answer.header("webhook-allowed-origin"), Some("*"));
    let answer = door.ask(asked("/shop/order", "")).await;
    assert_refused(&answer, 404, "W043", "shop/order");
}

#[tokio::test]
async fn a_full_store_is_503_with_retry_after_in_whole_seconds() {
    let channel = memory_channel(MemoryOptions {
        events_max: 10,
        when_full: WhenFull::Refuse,
        retry_after: Duration::from_millis(1_500),
        ..MemoryOptions::default()
    });
    subscribe(&*channel).await;
    let door = TestDoor::start(Setup {
        channel,
        ..Setup::default()
    })
    .await;
    for _ in 0..8 {
        assert_eq!(door.ask(event("", "")).await.status, 202);
    }
    let answer = door.ask(event("", "")).await;
    assert_refused(&answer, 503, "W046", "shop/orders is full");
    assert_eq!(answer.header("retry-after"), Some("2"));
    assert_eq!(door.accepted.take().len(), 8);
}

/// Lets the channel hold what is appended: what nobody wants is not kept.
async fn subscribe(channel: &dyn sluicegate_channels::Channel) {
    use sluicegate_channels::{Exhausted, Start, SubscriptionKey, SubscriptionSpec};

    let spec = SubscriptionSpec {
        name: "shop/audit/1".into(),
        key: SubscriptionKey(1),
        start: Start::Latest,
        exhausted: Exhausted::Discard,
        deferred_max: 1_000.try_into().unwrap(),
        interest: sluicegate_channels::Interest::Everything,
    };
    drop(channel.subscribe(spec).await.unwrap());
}

#[tokio::test]
async fn a_broker_that_cannot_take_events_is_503_with_retry_after() {
    let closed = memory_channel(MemoryOptions::default());
    closed.close();
    for (setup, says) in [
        (
            Setup {
                channel: closed,
                ..Setup::default()
            },
            "closed",
        ),
        (
            Setup {
                unserved: Some("BrokerConfig shop/small does not exist."),
                ..Setup::default()
            },
            "BrokerConfig shop/small does not exist.",
        ),
        (stuck(), "does not answer"),
    ] {
        let door = TestDoor::start(setup).await;
        let answer = door.ask(event("", "")).await;
        assert_refused(&answer, 503, "W047", says);
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(door.accepted.take().is_empty());
    }
}

/// A broker whose store never acknowledges.
fn stuck() -> Setup {
    Setup {
        channel: Arc::new(StuckChannel::new()),
        ingress: IngressOptions {
            append_timeout: Duration::from_millis(100),
            ..IngressOptions::default()
        },
        ..Setup::default()
    }
}

/// G8: a full disk is 507, a store that failed 503, and each says when to come back.
#[tokio::test]
async fn a_store_on_disk_that_takes_nothing_says_why_and_when_to_come_back() {
    let retry_after = Duration::from_millis(4_500);
    let no_space = AppendError::NoSpace { retry_after };
    let broken = AppendError::Broken("sync of 00.log: Input/output error".into());
    for (error, status, code, says, comes_back) in [
        (no_space, 507, "W052", "too little room", "5"),
        (broken, 503, "W047", "has failed", "10"),
    ] {
        let door = TestDoor::start(Setup {
            channel: Arc::new(StuckChannel::refusing(error)),
            ..Setup::default()
        })
        .await;
        let answer = door.ask(event("", "")).await;
        assert_refused(&answer, status, code, says);
        assert_eq!(answer.header("retry-after"), Some(comes_back));
        let detail = answer.json()["detail"].to_string();
        assert!(!detail.contains("00.log"), "{detail}");
        assert!(door.accepted.take().is_empty());
    }
}

#[tokio::test]
async fn a_store_elsewhere_that_does_not_answer_is_503_and_one_without_batches_501() {
    let unreachable = AppendError::Unreachable {
        retry_after: Duration::from_millis(1_500),
        why: "10.0.0.7:4222: connection refused".into(),
    };
    let not_atomic = AppendError::NotAtomic {
        events: 2,
        remedy: "set allow_atomic on stream orders".into(),
    };
    for (error, status, code, says, comes_back) in [
        (unreachable, 503, "W047", "cannot be reached", Some("2")),
        (not_atomic, 501, "W056", "2 events as one", None),
    ] {
        let door = TestDoor::start(Setup {
            channel: Arc::new(StuckChannel::refusing(error)),
            ..Setup::default()
        })
        .await;
        let answer = door.ask(event("", "")).await;
        assert_refused(&answer, status, code, says);
        assert_eq!(answer.header("retry-after"), comes_back);
        let detail = answer.json()["detail"].to_string();
        assert!(!detail.contains("10.0.0.7"), "{detail}");
        assert!(door.accepted.take().is_empty());
    }
}

#[tokio::test]
async fn an_event_that_no_store_could_hold_is_413() {
    let channel = memory_channel(MemoryOptions {
        bytes_max: 2_000,
        ..MemoryOptions::default()
    });
    subscribe(&*channel).await;
    let door = TestDoor::start(Setup {
        channel,
        ..Setup::default()
    })
    .await;
    let answer = door.ask(event("", &"x".repeat(3_000))).await;
    assert_refused(&answer, 413, "W042", "1600 bytes");
}

#[tokio::test]
async fn a_refused_event_costs_no_connection() {
    let door = TestDoor::plain().await;
    let mut client = door.client().await;
    for request in [
        event("ce-time: never\r\n", "data"),
        post("/shop/nothing", EVENT, "data"),
        event("", "data"),
    ] {
        client.send(request).await;
        client.answer().await;
    }
    assert_eq!(door.accepted.take().len(), 1);
}

#[tokio::test]
async fn a_batch_with_one_bad_member_stores_none() {
    let door = TestDoor::start(Setup {
        ingress: IngressOptions {
            limits: Limits {
                batch_events_max: 3,
                ..Limits::default()
            },
            ..IngressOptions::default()
        },
        ..Setup::default()
    })
    .await;
    let batch = |members: &[String]| typed(BATCH, &format!("[{}]", members.join(",")));
    let good = json("");
    let looping = json(r#","knativebrokerttl":0"#);
    let answer = door
        .ask(batch(&[good.clone(), good.clone(), looping]))
        .await;
    assert_refused(&answer, 400, "W021", "batch member 2 (counted from 0): ");
    let answer = door.ask(batch(&vec![good.clone(); 4])).await;
    assert_refused(&answer, 413, "W042", "");
    assert!(door.accepted.take().is_empty());
    assert_eq!(door.ask(batch(&vec![good; 3])).await.status, 202);
    assert_eq!(door.accepted.take().len(), 3);
}
