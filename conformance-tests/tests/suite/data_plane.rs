//! The data plane contract between broker and subscriber: what is sent, and what answers mean.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use sluicegate_conformance::client::Request;
use sluicegate_conformance::event::{Event, Mode};
use sluicegate_conformance::subscriber::{Answer, Received, Script};

use crate::scene::{Load, Scene, ids, one_attempt_then};

/// What an answer must lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Delivered,
    Refused,
    Retried,
}

/// The table of the specification, with the project's reading of what it leaves open (T6).
fn outcome(status: u16) -> Outcome {
    match status {
        200..=299 => Outcome::Delivered,
        404 | 408 | 409 | 429 | 500.. => Outcome::Retried,
        _ => Outcome::Refused,
    }
}

/// A peer that answers each event with the status that its extension `code` names.
fn answer_by_code() -> Script {
    Script::decided_by(|received, _| {
        let code: u16 = received
            .event()
            .get("code")
            .parse()
            .expect("the test set it");
        match code {
            // Nothing but an interim answer: no final one follows.
            100..=199 => Answer::raw(format!("HTTP/1.1 {code} Scripted\r\n\r\n")),
            code => Answer::status(code),
        }
    })
}

fn requests_by_code(received: &[Received]) -> BTreeMap<u16, Vec<Event>> {
    let mut by_code: BTreeMap<u16, Vec<Event>> = BTreeMap::new();
    for request in received {
        let event = request.event();
        by_code
            .entry(event.get("code").parse().expect("the test set it"))
            .or_default()
            .push(event);
    }
    by_code
}

/// S5, DP-13 to DP-22, CP-57, T5, T6, WH-4: every status from 100 to 599, and some past it, is
/// delivered, retried or refused exactly as the table says, and the dead letter names the code.
#[tokio::test]
async fn every_status_means_what_the_table_says() {
    let scene = Scene::new("status").await;
    let sink = scene.subscriber.url("/sink");
    let scene = scene
        .broker(json!({}))
        .trigger(
            "table",
            json!({"delivery": {
                "retry": 1, "backoffPolicy": "linear", "backoffDelay": "PT0.01S",
                "deadLetterSink": {"uri": sink},
            }}),
        )
        .start()
        .await;
    scene.subscriber.script("/table", answer_by_code());
    let load = Load::on(&scene).burying(&scene, "table", "/sink");
    let mut sender = load.connect().await;
    let codes: Vec<u16> = (100..600).chain([600, 700, 999]).collect();
    for code in &codes {
        let code = code.to_string();
        sender.accept(&scene.event(&code).with("code", &code)).await;
    }
    load.judge(codes.len() as u64).await;
    let sends = requests_by_code(&scene.received("table"));
    let dead = requests_by_code(&scene.received("sink"));
    let mut faults = Vec::new();
    for code in codes {
        let count = sends.get(&code).map_or(0, Vec::len);
        let letters = dead.get(&code).map(Vec::as_slice).unwrap_or_default();
        let found = (count, letters.len());
        let expected = match outcome(code) {
            Outcome::Delivered => (1, 0),
            Outcome::Refused => (1, 1),
            Outcome::Retried => (2, 1),
        };
        if found != expected {
            faults.push(format!(
                "{code}: (sends, dead letters) {found:?} for {expected:?}"
            ));
        }
        for letter in letters
            .iter()
            .filter(|letter| letter.get("knativeerrorcode") != code.to_string())
        {
            faults.push(format!(
                "{code}: dead letter says {:?}",
                letter.get("knativeerrorcode")
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// S5, DP-20: an answer that is none is a failure of the transport, and is retried.
#[tokio::test]
async fn answers_that_are_no_http_are_retried() {
    let scene = Scene::new("garbage").await.broker(json!({
        "retry": 1, "backoffPolicy": "linear", "backoffDelay": "PT0.01S", "timeout": "PT1S",
    }));
    let garbage: [(&str, Answer); 9] = [
        ("closed", Answer::close()),
        ("noise", Answer::raw("\0\0\0\0\r\n\r\n")),
        ("words", Answer::raw("hello there\r\n\r\n")),
        ("no-code", Answer::raw("HTTP/1.1 OK\r\n\r\n")),
        ("half-a-line", Answer::raw("HTTP/1.1 20")),
        ("half-headers", Answer::raw("HTTP/1.1 200 OK\r\nContent-Le")),
        (
            "half-a-body",
            Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        ),
        (
            "bad-length",
            Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
        ),
        (
            "bad-chunk",
            Answer::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        ),
    ];
    let mut scene = scene;
    for (name, answer) in &garbage {
        scene
            .subscriber
            .script(&format!("/{name}"), Script::first([answer.clone()]));
        scene = scene.trigger(name, json!({}));
    }
    let scene = scene.start().await;
    scene.accept(&scene.event("1")).await;
    for trigger in scene.quiet(1).await {
        let sends = scene.received(&trigger.name).len();
        assert_eq!((sends, trigger.books.delivered), (2, 1), "{}", trigger.name);
    }
}

/// The trigger, what its subscriber answers first, the values of `Retry-After` in that answer, and
/// the least and the most that the wait may be.
type RetryAfterCase = (&'static str, u16, Vec<String>, (Duration, Duration));

/// S6, RK-17, WH-6: `Retry-After` on 429 and 503 is honoured in seconds and as a date, clamped by
/// `retryAfterMax`, never below the backoff; anything else in it changes nothing.
#[tokio::test]
async fn retry_after_is_honoured_and_clamped() {
    let policy = |retry_after_max: &str| {
        json!({"delivery": {
            "retry": 1, "backoffPolicy": "linear", "backoffDelay": "PT0.2S",
            "retryAfterMax": retry_after_max,
        }})
    };
    let scene = Scene::new("retry-after")
        .await
        .broker(json!({}))
        .trigger("short", policy("PT1S"))
        .trigger("long", policy("PT60S"))
        .trigger("never", policy("PT0S"))
        .start()
        .await;
    let (backoff, second) = (Duration::from_millis(200), Duration::from_secs(1));
    let ignored = (backoff, Duration::from_secs(20));
    let cases: Vec<RetryAfterCase> = vec![
        ("short", 503, vec!["0".into()], ignored),
        ("short", 503, vec!["1".into()], (second, 20 * second)),
        ("short", 429, vec!["1".into()], (second, 20 * second)),
        (
            "short",
            503,
            vec!["1000000000".into()],
            (second, 20 * second),
        ),
        (
            "short",
            503,
            vec!["99999999999999999999999".into()],
            (backoff, 20 * second),
        ),
        (
            "short",
            503,
            vec!["Fri, 31 Dec 2100 23:59:59 GMT".into()],
            (second, 20 * second),
        ),
        (
            "long",
            503,
            vec!["Sun, 06 Nov 1994 08:49:37 GMT".into()],
            ignored,
        ),
        ("long", 503, vec!["-1".into()], ignored),
        ("long", 503, vec!["soon".into()], ignored),
        ("long", 503, vec![String::new()], ignored),
        ("long", 503, vec!["1.5".into()], ignored),
        ("long", 503, vec!["2".into()], (2 * second, 20 * second)),
        ("long", 500, vec!["30".into()], ignored),
        ("long", 408, vec!["30".into()], ignored),
        ("never", 503, vec!["30".into()], ignored),
        ("never", 429, vec!["30".into()], ignored),
        (
            "short",
            503,
            vec!["1".into(), "1".into(), "1".into()],
            (backoff, 20 * second),
        ),
    ];
    for trigger in ["short", "long", "never"] {
        let cases = cases.clone();
        let script = Script::decided_by(move |received, earlier| {
            let event = received.event();
            let number: usize = event.get("id").parse().expect("the test set it");
            let (of, status, values, _) = &cases[number];
            let is_first = !earlier.iter().any(|other| other.event() == event);
            if *of != trigger || !is_first {
                return Answer::status(202);
            }
            values
                .iter()
                .fold(Answer::status(*status), |answer, value| {
                    answer.header("Retry-After", value)
                })
        });
        scene.subscriber.script(&format!("/{trigger}"), script);
    }
    for number in 0..cases.len() {
        scene.accept(&scene.event(&number.to_string())).await;
    }
    scene.quiet(cases.len() as u64).await;
    for (number, (trigger, status, values, (least, most))) in cases.iter().enumerate() {
        let attempts: Vec<Received> = scene
            .received(trigger)
            .into_iter()
            .filter(|request| request.event().get("id") == number.to_string())
            .collect();
        assert_eq!(attempts.len(), 2, "{trigger} {status} {values:?}");
        let wait = attempts[1].at - attempts[0].at;
        // The peer's clock starts when it has read the request, a little before it answers.
        assert!(
            wait >= *least && wait <= *most,
            "{trigger} {status} {values:?}: waited {wait:?}"
        );
    }
}

/// S7, DP-18, WH-3: no redirect is followed, wherever it points, and none is retried.
#[tokio::test]
async fn redirects_are_never_followed() {
    let scene = Scene::new("redirect").await;
    let sink = scene.subscriber.url("/sink");
    let mut scene = scene.broker(one_attempt_then(&sink));
    let sentinel = scene.subscriber.url("/sentinel");
    let other = sluicegate_conformance::subscriber::Subscriber::start()
        .await
        .expect("it starts");
    let targets = [
        sentinel.as_str(),
        "/sentinel",
        &other.url("/sentinel"),
        "http://169.254.169.254/",
    ];
    let mut count = 0;
    for status in 301..=308 {
        for target in targets {
            let name = format!("r{count}");
            let answer = Answer::status(status).header("Location", target);
            scene.subscriber.script(&format!("/{name}"), answer);
            scene = scene.trigger(&name, json!({}));
            count += 1;
        }
    }
    let scene = scene.start().await;
    scene.accept(&scene.event("1")).await;
    for trigger in scene.quiet(1).await {
        assert_eq!(scene.received(&trigger.name).len(), 1, "{}", trigger.name);
        assert_eq!(trigger.books.dead_lettered, 1, "{}", trigger.name);
    }
    assert_eq!(scene.received("sink").len(), count);
    assert!(scene.received("sentinel").is_empty());
    assert!(other.received("/sentinel").is_empty());
}

/// RK-9, DP-6, DP-34, DP-38, 1.4: the subscriber is sent POST with `Prefer: reply` and the
/// namespace; a dead-letter sink is promised no reply.
#[tokio::test]
async fn subscribers_are_told_that_replies_are_welcome() {
    let scene = Scene::new("headers").await;
    let sink = scene.subscriber.url("/sink");
    let scene = scene
        .broker(one_attempt_then(&sink))
        .trigger("all", json!({}))
        .start()
        .await;
    scene.subscriber.script("/all", Answer::status(400));
    scene
        .accept(&scene.event("1").with_data("text/plain", "data"))
        .await;
    let request = scene.await_count("all", 1).await.remove(0);
    assert_eq!(request.method, "POST");
    assert_eq!(request.headers.get("prefer").as_deref(), Some("reply"));
    assert_eq!(
        request.headers.get("kn-namespace"),
        Some(scene.namespace.clone())
    );
    let letter = scene.await_count("sink", 1).await.remove(0);
    assert_eq!(letter.headers.get("prefer"), None);
    assert_eq!(
        letter.headers.get("kn-namespace"),
        Some(scene.namespace.clone())
    );
}

/// X6, I9, T25: nothing of the producer's request but the event and the
/// trace reaches a subscriber, and neither does what the broker keeps for itself.
#[tokio::test]
async fn headers_of_the_producer_stay_with_the_broker() {
    let scene = Scene::new("leak")
        .await
        .broker(json!({}))
        .trigger("all", json!({}))
        .start()
        .await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let secret = "c4n4ry";
    let mut request = Request::event(&scene.path(), &scene.event("1"), Mode::Binary)
        .header("traceparent", trace)
        .header("tracestate", "vendor=1")
        .header("Keep-Alive", "timeout=5")
        .header("Connection", "keep-alive, x-hop");
    for name in [
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "X-Api-Key",
        "X-Hop",
        "X-Forwarded-For",
        "Forwarded",
        "Referer",
        "Origin",
        "From",
        "Accept-Language",
        "Prefer",
        "Kn-Namespace",
        "User-Agent",
    ] {
        request = request.header(name, secret);
    }
    assert_eq!(scene.send_request(&request).await.status(), Some(202));
    let arrived = scene.await_count("all", 1).await.remove(0);
    let allowed = [
        "host",
        "content-type",
        "content-length",
        "user-agent",
        "prefer",
        "kn-namespace",
        "traceparent",
        "tracestate",
        "sluicegate-hops",
        "ce-id",
        "ce-source",
        "ce-type",
        "ce-specversion",
    ];
    for (name, value) in arrived.headers.iter() {
        let value = String::from_utf8_lossy(value);
        assert!(
            allowed.contains(&name.to_ascii_lowercase().as_str()),
            "{name}: {value}"
        );
        assert!(!value.contains(secret), "{name}: {value}");
    }
    let traceparent = arrived.headers.get("traceparent").unwrap_or_default();
    assert_eq!(
        traceparent.get(3..35),
        trace.get(3..35),
        "another trace: {traceparent}"
    );
    assert_eq!(
        arrived.headers.get("tracestate").as_deref(),
        Some("vendor=1")
    );
}

/// T27, 2.11: the attribute `traceparent` is the event's own and stays as it was received, whatever
/// the header of that name says.
#[tokio::test]
async fn the_trace_attribute_stays_as_it_was_received() {
    let scene = Scene::new("trace")
        .await
        .broker(json!({}))
        .trigger("all", json!({}))
        .start()
        .await;
    let attribute = "00-11111111111111111111111111111111-2222222222222222-00";
    let event = scene.event("1").with("traceparent", attribute);
    let request = Request::event(&scene.path(), &event, Mode::Binary).header(
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    );
    assert_eq!(scene.send_request(&request).await.status(), Some(202));
    assert_eq!(scene.await_count("all", 1).await[0].event(), event);
}

/// CP-44, CP-47: one delivery for each matching trigger, even to the same destination.
#[tokio::test]
async fn two_triggers_with_one_destination_are_two_deliveries() {
    let scene = Scene::new("same").await;
    let uri = scene.subscriber.url("/same");
    let same = json!({"subscriber": {"uri": uri}});
    let scene = scene
        .broker(json!({}))
        .trigger("one", same.clone())
        .trigger("two", same)
        .start()
        .await;
    for id in ["1", "2", "3"] {
        scene.accept(&scene.event(id)).await;
    }
    scene.quiet(3).await;
    assert_eq!(ids(&scene.received("same")), ["1", "1", "2", "2", "3", "3"]);
}

/// DP-23, DP-24, G3: the same event sent twice is two events, unless someone asked otherwise.
#[tokio::test]
async fn duplicates_from_a_producer_are_accepted() {
    let scene = Scene::new("twice")
        .await
        .broker(json!({}))
        .trigger("all", json!({}))
        .start()
        .await;
    for _ in 0..2 {
        scene.accept(&scene.event("1")).await;
    }
    scene.quiet(2).await;
    assert_eq!(ids(&scene.received("all")), ["1", "1"]);
}

/// T26, RK-14: the broker's `format` holds for triggers that name none, and theirs goes before it.
#[tokio::test]
async fn the_format_of_the_broker_is_inherited() {
    let scene = Scene::new("format")
        .await
        .broker(json!({"format": "json"}))
        .trigger("inherits", json!({}))
        .trigger("binary", json!({"delivery": {"format": "binary"}}))
        .start()
        .await;
    scene
        .accept(&scene.event("1").with_data("application/json", "{}"))
        .await;
    assert_eq!(
        scene.await_count("inherits", 1).await[0].mode(),
        Mode::Structured
    );
    assert_eq!(scene.await_count("binary", 1).await[0].mode(), Mode::Binary);
}

/// DP-24, G3: every attempt carries the same event.
#[tokio::test]
async fn every_attempt_carries_the_same_event() {
    let scene = Scene::new("attempts").await.broker(json!({
        "retry": 5, "backoffPolicy": "linear", "backoffDelay": "PT0.01S",
    }));
    let scene = scene.trigger("all", json!({})).start().await;
    scene.subscriber.script("/all", Script::fail_first(5, 500));
    let event = scene
        .event("1")
        .with("subject", "s")
        .with_data("text/plain", "data");
    scene.accept(&event).await;
    for request in scene.await_count("all", 6).await {
        assert_eq!(request.event(), event);
    }
}
