//! That what the channel writes is what a server keeps, and that its sizes and steps are the server's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::{self, stream};
use futures_util::StreamExt as _;
use sluicegate_channels::Timestamp;
use sluicegate_channels::nats::entry::{self, Body, Entry, EntryState, Kept};
use sluicegate_channels::nats::index::{Index, Place};
use sluicegate_channels::nats::names::Names;
use sluicegate_channels::nats::steps::{Outgoing, Step};
use sluicegate_channels::nats::{message, subjects};
use sluicegate_conformance::nats::{NatsServer, Settings};
use sluicegate_event::{AttributeType, Event};
use tokio::time::{Duration, sleep, timeout};

use crate::servers::connect;

/// A broker's streams on a server of their own.
struct Broker {
    _server: NatsServer,
    context: jetstream::Context,
    names: Names,
    events: stream::Stream,
    kept: stream::Stream,
}

impl Broker {
    async fn start() -> Self {
        let server = Box::pin(NatsServer::start(Settings::new().top("max_payload: 64KB"))).await;
        let context = jetstream::new(connect(&[server.url()]).await);
        // As odd as names may be.
        let names = Names::new("sluice.gate", "de fault", "orders*>", None);
        let config = stream::Config {
            name: names.events_stream().to_owned(),
            subjects: vec![format!("{}.>", names.events())],
            discard: stream::DiscardPolicy::New,
            ..stream::Config::default()
        };
        let events = Box::pin(context.create_stream(config)).await;
        let events = events.expect("made");
        let config = stream::Config {
            name: names.kept_stream(),
            subjects: vec![format!("{}.>", names.kept())],
            max_messages_per_subject: 1,
            allow_atomic_publish: true,
            allow_message_schedules: true,
            allow_message_ttl: true,
            ..stream::Config::default()
        };
        let kept = Box::pin(context.create_stream(config)).await;
        let kept = kept.expect("made");
        Broker {
            _server: server,
            context,
            names,
            events,
            kept,
        }
    }

    async fn publish(&self, event: &Event) -> Result<u64, String> {
        let (headers, payload) = message::write(event);
        let subject = subjects::of(&self.names.events(), event);
        let sent = self
            .context
            .publish_with_headers(subject, headers, payload)
            .await
            .map_err(|error| error.to_string())?;
        sent.await
            .map(|ack| ack.sequence)
            .map_err(|error| error.to_string())
    }

    /// Does `step` as one batch; false when what it expects is not so.
    async fn apply(&self, step: &Step, number: u64, position: u64) -> bool {
        static BATCHES: AtomicU64 = AtomicU64::new(0);
        let messages = step.messages(&self.names, number, position);
        let id = BATCHES.fetch_add(1, Ordering::Relaxed).to_string();
        let last = messages.len();
        let client = self.context.client();
        for (place, message) in messages.into_iter().enumerate() {
            let Outgoing {
                subject,
                mut headers,
                payload,
            } = message;
            headers.insert("Nats-Batch-Id", id.as_str());
            headers.insert("Nats-Batch-Sequence", (place + 1).to_string());
            if place + 1 < last {
                let sent = client.publish_with_headers(subject, headers, payload);
                sent.await.expect("connected");
                continue;
            }
            headers.insert("Nats-Batch-Commit", "1");
            let request = client.request_with_headers(subject, headers, payload);
            let answer = request.await.expect("the stream answers");
            let answer: serde_json::Value =
                serde_json::from_slice(&answer.payload).expect("the answer is JSON");
            match answer["error"]["err_code"].as_u64() {
                None => return true,
                Some(10_071) => return false,
                Some(_) => panic!("{answer}"),
            }
        }
        panic!("a step has messages");
    }

    /// All that is in the stream of what is kept apart.
    async fn index(&self) -> Index {
        let mut index = Index::new();
        for message in all(&self.kept, "").await {
            let subject = self.names.read_kept(&message.subject).expect("ours");
            let sequence = message.info().expect("of a stream").stream_sequence;
            let headers = message.headers.clone().unwrap_or_default();
            let said = entry::read(&headers, message.payload.clone()).ok();
            index.note(subject, sequence, said);
        }
        index
    }
}

/// Every message of the stream on that subject, or on all.
async fn all(stream: &stream::Stream, subject: &str) -> Vec<jetstream::Message> {
    let config = pull::Config {
        filter_subject: subject.to_owned(),
        deliver_policy: DeliverPolicy::All,
        ..pull::Config::default()
    };
    let consumer = Box::pin(stream.create_consumer(config)).await;
    let consumer = consumer.expect("made");
    let batch = Box::pin(consumer.fetch().max_messages(1_000).messages());
    let mut batch = batch.await.expect("it answers");
    let mut messages = Vec::new();
    while let Some(message) = batch.next().await {
        messages.push(message.expect("a message"));
    }
    messages
}

fn odd_events() -> Vec<Event> {
    let all_bytes: Vec<u8> = (0..=255).collect();
    let mut typed = Event::builder("1 %", "/s", "Typed.V_1")
        .attribute("zz", " kept as it is ")
        .attribute("aa", "")
        .build()
        .expect("valid");
    typed
        .set_extension("count", "-7", AttributeType::Integer)
        .expect("valid");
    vec![
        typed,
        Event::builder("2", "/s", "..a b.*.>.é€😀")
            .attribute("subject", "Euro € \"quoted\" 100%")
            .attribute("time", "2018-04-05T17:31:00.100+07:00")
            .data("application/x; a=\"b\"", all_bytes)
            .build()
            .expect("valid"),
        Event::builder("3", "/s", &"long.".repeat(800))
            .data("application/json", "")
            .build()
            .expect("valid"),
    ]
}

#[tokio::test]
async fn an_event_comes_back_whole_and_takes_what_was_reckoned() {
    let broker = Broker::start().await;
    let mut reckoned = 0;
    for (sequence, event) in (1..).zip(odd_events()) {
        assert_eq!(broker.publish(&event).await, Ok(sequence));
        let (headers, payload) = message::write(&event);
        let subject = subjects::of(&broker.names.events(), &event);
        reckoned += message::stored_bytes(&subject, &headers, &payload);
        let info = broker.events.get_info().await.expect("it answers");
        assert_eq!(info.state.bytes, reckoned, "{event:?}");

        let found = all(&broker.events, &subject).await;
        assert_eq!(found.len(), 1);
        let back = message::read(found[0].headers.as_ref(), found[0].payload.clone());
        let back = back.expect("an event");
        assert_eq!(back, event);
        assert!(
            back.attributes().eq(event.attributes()),
            "in the same order"
        );
    }
}

#[tokio::test]
async fn the_largest_event_is_the_one_that_was_reckoned() {
    const MAX_PAYLOAD: usize = 64 << 10;
    let broker = Broker::start().await;
    let event = |data_bytes| {
        Event::builder("1", "/s", "t")
            .data("text/plain", vec![b'x'; data_bytes])
            .build()
            .expect("valid")
    };
    let (headers, payload) = message::write(&event(0));
    // An event without data has a note that says so; one with data has none.
    assert!(headers.get(sluicegate_event::nats_binding::NOTES).is_some());
    assert!(payload.is_empty());
    let (headers, payload) = message::write(&event(1));
    let around = message::size_bytes(&headers, &payload) - 1;
    let fits = broker.publish(&event(MAX_PAYLOAD - around)).await;
    assert_eq!(fits, Ok(1));
    let refused = broker.publish(&event(MAX_PAYLOAD - around + 1)).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(
        broker.publish(&event(1)).await,
        Ok(2),
        "the connection stands"
    );
}

#[tokio::test]
async fn what_is_kept_apart_waits_is_due_and_ends_once() {
    const NUMBER: u64 = 7;
    const POSITION: u64 = 1234;
    let broker = Broker::start().await;
    let event = Arc::new(odd_events().swap_remove(1));
    let moved = |due| Entry {
        sends: 3,
        accepted_at: Timestamp(1),
        age_since: Timestamp(2),
        body: Body::Kept,
        state: EntryState::Moved {
            due: Timestamp(due),
            replayed: false,
        },
    };
    // Long ago: it is due at once.
    let keep = Step::Keep {
        event: Some(Arc::clone(&event)),
        entry: moved(1_000),
    };
    assert!(broker.apply(&keep, NUMBER, POSITION).await);

    let due = async {
        loop {
            let found = all(&broker.kept, &broker.names.all_due(NUMBER)).await;
            if let Some(message) = found.into_iter().next() {
                return message;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let message = timeout(Duration::from_secs(5), due)
        .await
        .expect("it comes");
    let headers = message.headers.clone().expect("an entry");
    let said = entry::read(&headers, message.payload.clone());
    assert_eq!(said, Ok(Kept::Entry(moved(1_000))));
    let index = broker.index().await;
    let standing = index.get(NUMBER, POSITION).expect("it is there");
    assert_eq!(standing.place, Place::Due);
    let body = broker
        .kept
        .get_raw_message(index.body(POSITION).expect("its event is there"))
        .await
        .expect("it can be read");
    let back = message::read(Some(&body.headers), body.payload.clone());
    assert_eq!(back.expect("an event"), *event);

    // Back to wait for long; whoever has seen the same is too late then.
    let again = Step::Again {
        event: None,
        entry: moved(4_000_000_000_000),
        place: Place::Due,
        sequence: standing.sequence,
    };
    assert!(broker.apply(&again, NUMBER, POSITION).await);
    let late = Step::End {
        place: Place::Due,
        sequence: standing.sequence,
    };
    assert!(!broker.apply(&late, NUMBER, POSITION).await);
    let index = broker.index().await;
    let standing = index.get(NUMBER, POSITION).expect("it is there");
    assert_eq!(standing.place, Place::Waiting);
    assert_eq!(index.unneeded_body(POSITION), None);

    let end = Step::End {
        place: Place::Waiting,
        sequence: standing.sequence,
    };
    assert!(broker.apply(&end, NUMBER, POSITION).await);
    assert!(!broker.apply(&end, NUMBER, POSITION).await);
    let index = broker.index().await;
    assert_eq!(index.get(NUMBER, POSITION), None);
    assert_eq!(index.unneeded_body(POSITION), index.body(POSITION));
}
