//! Events that subscribers answer with.

use std::time::Duration;

use http::HeaderValue;
use sluicegate_channels::{Channel, MemoryOptions, WhenFull};
use sluicegate_event::{AttributeType, Event, TraceContext};
use sluicegate_resources::RetryLimit;

use super::bench::{Reaction, Setup, event, target};
use crate::Reason;

const HOUR: Duration = Duration::from_secs(3_600);

fn reply(id: &str) -> Vec<Event> {
    vec![event(id, "order.reply")]
}

fn trace(parent: &'static str) -> TraceContext {
    TraceContext {
        traceparent: HeaderValue::from_static(parent),
        tracestate: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_enters_the_broker_and_reaches_the_trigger_that_caused_it_too() {
    // CP-50, CP-51, CP-59, RK-13.
    let bench = Setup::new(|_| {})
        .start(|sent| match sent.event.ty() {
            "order" => Reaction::Reply(200, reply("r")),
            _ => Reaction::Answer(200),
        })
        .await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    let seen: Vec<_> = bench
        .sent()
        .iter()
        .map(|sent| sent.id().to_owned())
        .collect();
    assert_eq!(seen, ["a", "r"]);
    assert_eq!((bench.books().accepted, bench.books().delivered), (2, 2));
    assert_eq!(bench.heard().replies, ["accepted 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_replies_enters_whole() {
    let bench = Setup::new(|_| {})
        .start(|sent| match sent.event.ty() {
            "order" => Reaction::Reply(201, [reply("r"), reply("s"), reply("t")].concat()),
            _ => Reaction::Answer(200),
        })
        .await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    assert_eq!(bench.books().delivered, 4);
    assert_eq!(bench.heard().replies, ["accepted 3"]);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_the_channel_refuses_makes_the_delivery_fail_and_come_again() {
    // CP-52, T9. The store holds one event, which is the cause itself, so that its reply never
    // fits; had the cause been settled first, there would have been room.
    let mut setup = Setup::new(|plan| {
        plan.delivery.limit = RetryLimit::Count(2);
        plan.dead_letter = None;
    });
    setup.memory = MemoryOptions {
        events_max: 1,
        when_full: WhenFull::Refuse,
        ..MemoryOptions::default()
    };
    let bench = setup.start(|_| Reaction::Reply(200, reply("r"))).await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    assert_eq!(bench.sent().len(), 3);
    let books = bench.books();
    assert_eq!((books.accepted, books.delivered, books.parked), (1, 0, 1));
    let parked = bench.parked().await;
    assert_eq!(parked[0].reason.kind, "exhausted");
    assert!(
        parked[0].reason.detail.contains("the store is full"),
        "{:?}",
        parked[0].reason
    );
    assert_eq!(bench.heard().replies, ["rejected"; 3]);
    assert_eq!(bench.heard().attempts[0].1, Reason::Reply);
}

#[tokio::test(start_paused = true)]
async fn a_reply_larger_than_the_store_is_not_tried_again() {
    let mut setup = Setup::new(|_| {});
    setup.memory.events_max = 2;
    let bench = setup
        .start(|_| Reaction::Reply(200, [reply("r"), reply("s"), reply("t")].concat()))
        .await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    assert_eq!(bench.sent().len(), 1);
    assert_eq!(bench.parked().await[0].reason.kind, "reply");
}

#[tokio::test(start_paused = true)]
async fn a_202_with_an_event_is_delivered_and_its_event_ignored() {
    // DP-36, T7.
    let bench = Setup::new(|_| {})
        .start(|_| Reaction::Reply(202, reply("r")))
        .await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    assert_eq!((bench.books().accepted, bench.books().delivered), (1, 1));
    assert_eq!(bench.heard().replies, ["ignored 202"]);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_event_is_counted_and_the_event_delivered() {
    // T8.
    let bench = Setup::new(|_| {})
        .start(|_| Reaction::Body(200, "thank you"))
        .await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    assert_eq!((bench.sent().len(), bench.books().delivered), (1, 1));
    assert_eq!(bench.heard().replies, ["not an event"]);
}

#[tokio::test(start_paused = true)]
async fn a_broken_reply_is_not_tried_again_and_goes_to_the_sink() {
    let setup = Setup::new(|plan| plan.dead_letter = Some(target("http://sink/")));
    let bench = setup
        .start(|sent| match sent.target.uri.host() {
            Some("sink") => Reaction::Answer(200),
            _ => Reaction::BrokenReply,
        })
        .await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    assert_eq!(bench.sent().len(), 2);
    assert_eq!(bench.heard().endings, ["a dead-lettered reply"]);
    assert_eq!(bench.heard().replies, ["rejected"]);
}

#[tokio::test(start_paused = true)]
async fn replies_to_replies_end_at_the_hop_limit_and_the_last_cause_is_parked() {
    // T17, T18, G18.
    let setup = Setup::new(|plan| {
        plan.hops_max = 4;
        plan.dead_letter = Some(target("http://sink/"));
    });
    let bench = setup
        .start(|_| Reaction::Reply(200, vec![event("again", "order")]))
        .await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    let left: Vec<_> = bench
        .sent()
        .iter()
        .map(|sent| sent.transmission.hops_left)
        .collect();
    assert_eq!(left, [3, 2, 1, 0]);
    let books = bench.books();
    assert_eq!((books.accepted, books.delivered, books.parked), (4, 3, 1));
    let parked = bench.parked().await;
    assert_eq!(parked[0].reason.kind, "loop");
    assert!(
        parked[0]
            .reason
            .detail
            .contains("order was answered with order")
    );
    assert_eq!(bench.heard().replies.len(), 4);
    assert!(bench.heard().replies[3].starts_with("loop: "));
    assert_eq!(bench.heard().attempts[3].1, Reason::Loop);
}

#[tokio::test(start_paused = true)]
async fn what_a_reply_says_of_its_own_hops_counts_only_when_it_is_lower() {
    for (written, expected) in [
        (None, Some("9")),
        (Some("3"), Some("3")),
        (Some("9"), Some("9")),
        (Some("200"), Some("9")),
        (Some("9999999999"), Some("9")),
        (Some("many"), Some("9")),
        (Some("0"), None),
        (Some("-1"), None),
    ] {
        let setup = Setup::new(|plan| plan.hops_max = 10);
        let bench = setup
            .start(move |sent| match sent.event.ty() {
                "order" => {
                    let mut reply = event("r", "order.reply");
                    if let Some(hops) = written {
                        reply
                            .set_extension("knativebrokerttl", hops, AttributeType::String)
                            .unwrap();
                    }
                    Reaction::Reply(200, vec![reply])
                }
                _ => Reaction::Answer(200),
            })
            .await;
        bench.post(&["a"]).await;
        bench.pass(HOUR).await;
        let sent = bench.sent();
        let hops = sent
            .get(1)
            .and_then(|sent| sent.attribute("knativebrokerttl"));
        assert_eq!(hops, expected, "the reply says {written:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_keeps_its_own_trace_and_else_takes_that_of_its_cause() {
    const OWN: &str = "00-11111111111111111111111111111111-1111111111111111-01";
    const CAUSE: &str = "00-22222222222222222222222222222222-2222222222222222-01";
    for (own, expected) in [(Some(OWN), OWN), (None, CAUSE)] {
        let bench = Setup::new(|_| {})
            .start(move |sent| match sent.event.ty() {
                "order" => {
                    let mut reply = event("r", "order.reply");
                    reply.set_trace_context(own.map(trace));
                    Reaction::Reply(200, vec![reply])
                }
                _ => Reaction::Answer(200),
            })
            .await;
        let mut cause = event("a", "order");
        cause.set_trace_context(Some(trace(CAUSE)));
        let admission = sluicegate_channels::Admission::Ingress;
        bench.channel.append(vec![cause], admission).await.unwrap();
        bench.pass(HOUR).await;
        let sent = bench.sent();
        let got = sent[1].transmission.event.trace_context().unwrap();
        assert_eq!(got.traceparent, expected);
    }
}
