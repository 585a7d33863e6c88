//! That the server has what the channel is built on. Each is tried as the channel uses it, so that a
//! server which lacks it is found out here.

use std::time::{Duration, SystemTime};

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::{self, AckKind, stream};
use bytes::Bytes;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use sluicegate_conformance::nats::{NatsServer, Settings};
use tokio::time::{Instant, timeout};

use crate::servers::connect;

struct Bench {
    _server: NatsServer,
    context: jetstream::Context,
}

impl Bench {
    async fn start() -> Self {
        let server = NatsServer::start(Settings::new()).await;
        let context = jetstream::new(connect(&[server.url()]).await);
        Bench {
            _server: server,
            context,
        }
    }

    /// Sends a message and gives the server's answer, also where it is a refusal.
    async fn send(
        &self,
        subject: &str,
        headers: &[(&str, &str)],
        data: &'static str,
    ) -> serde_json::Value {
        let client = self.context.client();
        let sent = client.request_with_headers(subject.to_owned(), map(headers), Bytes::from(data));
        let answer = sent.await.expect("a stream takes that subject");
        serde_json::from_slice(&answer.payload).unwrap_or_default()
    }

    async fn stream(&self, config: stream::Config) -> stream::Stream {
        self.context.create_stream(config).await.expect("made")
    }
}

fn map(headers: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, *value);
    }
    map
}

/// As a header of a scheduled message says it.
#[expect(
    clippy::disallowed_methods,
    reason = "the server goes by the wall clock"
)]
fn at(wait: Duration) -> String {
    let at = Timestamp::try_from(SystemTime::now() + wait).expect("a time of our days");
    format!("@at {at}")
}

fn one_a_subject(name: &str) -> stream::Config {
    stream::Config {
        name: name.to_owned(),
        subjects: vec![format!("{name}.>")],
        max_messages_per_subject: 1,
        allow_atomic_publish: true,
        allow_message_schedules: true,
        allow_message_ttl: true,
        ..stream::Config::default()
    }
}

async fn consumer(
    stream: &stream::Stream,
    name: &str,
    subject: &str,
) -> jetstream::consumer::PullConsumer {
    let config = pull::Config {
        durable_name: Some(name.to_owned()),
        filter_subject: subject.to_owned(),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(2),
        ..pull::Config::default()
    };
    stream.create_consumer(config).await.expect("made")
}

/// What comes to `consumer`, up to `count` messages.
async fn fetch(
    consumer: &jetstream::consumer::PullConsumer,
    count: usize,
) -> Vec<jetstream::Message> {
    let batch = consumer.fetch().max_messages(count).messages().await;
    let mut batch = batch.expect("it answers");
    let mut messages = Vec::new();
    while let Some(message) = batch.next().await {
        messages.push(message.expect("a message"));
    }
    messages
}

/// The next message, which must come within five seconds.
async fn next(consumer: &jetstream::consumer::PullConsumer) -> jetstream::Message {
    let coming = async {
        loop {
            if let Some(message) = fetch(consumer, 1).await.pop() {
                return message;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(5), coming)
        .await
        .expect("one comes")
}

#[tokio::test]
async fn a_message_is_stored_handed_out_and_handed_out_again_until_it_is_acknowledged() {
    let bench = Bench::start().await;
    let stream = bench
        .stream(stream::Config {
            name: "events".to_owned(),
            subjects: vec!["events.>".to_owned()],
            discard: stream::DiscardPolicy::New,
            max_bytes: 10 << 20,
            ..stream::Config::default()
        })
        .await;
    let consumer = consumer(&stream, "reader", "events.a.>").await;
    let headers = [("Nats-Msg-Id", "first"), ("ce-subject", "Caf%C3%A9")];
    assert_eq!(bench.send("events.a.b", &headers, "one").await["seq"], 1);
    let again = bench.send("events.a.b", &headers, "one").await;
    assert_eq!(
        (&again["seq"], &again["duplicate"]),
        (&1.into(), &true.into())
    );
    assert_eq!(bench.send("events.other", &[], "two").await["seq"], 2);

    let message = next(&consumer).await;
    assert_eq!(&message.payload[..], b"one");
    let subject = message.headers.as_ref().and_then(|it| it.get("ce-subject"));
    assert_eq!(
        subject.map(ToString::to_string).as_deref(),
        Some("Caf%C3%A9")
    );

    // What is worked on is not handed out again; what is handed back is, and so what is left alone.
    message.ack_with(AckKind::Progress).await.expect("sent");
    message.ack_with(AckKind::Nak(None)).await.expect("sent");
    drop(next(&consumer).await);
    let left_alone = Instant::now();
    let message = next(&consumer).await;
    assert!(left_alone.elapsed() > Duration::from_secs(1));
    message.double_ack().await.expect("the server says so");
    assert!(fetch(&consumer, 1).await.is_empty());
    let info = stream.consumer_info("reader").await.expect("it answers");
    assert_eq!((info.num_ack_pending, info.num_pending), (0, 0));
}

#[tokio::test]
async fn a_scheduled_message_comes_when_it_is_due_and_the_last_word_stands() {
    let bench = Bench::start().await;
    let stream = bench.stream(one_a_subject("kept")).await;
    let consumer = consumer(&stream, "due", "kept.due.>").await;
    let wait = Duration::from_millis(700);
    let began = Instant::now();
    for sends in ["1", "2"] {
        let due = at(wait);
        let headers = [
            ("Nats-Schedule", &*due),
            ("Nats-Schedule-Target", "kept.due.7"),
            ("Sends", sends),
        ];
        let answer = bench.send("kept.wait.7", &headers, "data").await;
        assert!(answer["error"].is_null(), "{answer}");
    }
    let message = next(&consumer).await;
    assert!(began.elapsed() >= wait, "not before it is due");
    assert_eq!(&*message.subject, "kept.due.7");
    assert_eq!(&message.payload[..], b"data");
    let sends = message.headers.as_ref().and_then(|it| it.get("Sends"));
    assert_eq!(sends.map(ToString::to_string).as_deref(), Some("2"));
    message.double_ack().await.expect("the server says so");
    let info = stream.get_info().await.expect("it answers");
    assert_eq!(info.state.messages, 1, "what was scheduled is gone");

    // Overwritten by what has no schedule, it does not come.
    let due = at(wait);
    let headers = [
        ("Nats-Schedule", &*due),
        ("Nats-Schedule-Target", "kept.due.8"),
    ];
    bench.send("kept.wait.8", &headers, "").await;
    bench.send("kept.wait.8", &[("Nats-TTL", "1s")], "").await;
    tokio::time::sleep(wait + Duration::from_millis(500)).await;
    assert!(fetch(&consumer, 1).await.is_empty());
}

#[tokio::test]
async fn a_batch_is_stored_whole_or_not_at_all() {
    let bench = Bench::start().await;
    let stream = bench.stream(one_a_subject("kept")).await;
    let messages = async || stream.get_info().await.expect("it answers").state.messages;
    let in_batch = |id, sequence| [("Nats-Batch-Id", id), ("Nats-Batch-Sequence", sequence)];
    let commit = ("Nats-Batch-Commit", "1");
    let empty = ("Nats-Expected-Last-Subject-Sequence", "0");

    bench.send("kept.a", &in_batch("one", "1"), "a").await;
    assert_eq!(messages().await, 0, "not before it is whole");
    let [id, sequence] = in_batch("one", "2");
    let answer = bench
        .send("kept.b", &[id, sequence, commit, empty], "b")
        .await;
    assert_eq!((&answer["seq"], &answer["count"]), (&2.into(), &2.into()));
    assert_eq!(messages().await, 2);

    // One of them finds what it did not expect: none is stored, and no sequence is used up.
    bench.send("kept.c", &in_batch("two", "1"), "c").await;
    let [id, sequence] = in_batch("two", "2");
    let answer = bench
        .send("kept.b", &[id, sequence, commit, empty], "b")
        .await;
    assert_eq!(answer["error"]["err_code"], 10_071, "{answer}");
    assert_eq!(messages().await, 2);
    assert_eq!(bench.send("kept.d", &[], "d").await["seq"], 3);
}
