//! What room is made of, what a limit takes, and what is still there to be read, on a real server.

use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use sluicegate_channels::nats::control::Control;
use sluicegate_channels::nats::link::Link;
use sluicegate_channels::nats::message;
use sluicegate_channels::nats::names::Names;
use sluicegate_channels::nats::options::StreamOptions;
use sluicegate_channels::nats::overseeing::{Known, Overseer};
use sluicegate_channels::nats::publishing::PublishError;
use sluicegate_channels::nats::retained::retained;
use sluicegate_channels::nats::room::Room;
use sluicegate_channels::nats::steps::Outgoing;
use sluicegate_channels::nats::{consumers::Consumers, subjects};
use sluicegate_channels::{Admission, Position, Start, Timestamp};
use sluicegate_conformance::nats::{Cluster, NatsServer, Settings};
use sluicegate_event::Event;
use tokio::time::{Instant, sleep};

use crate::control::Heard;
use crate::link::connected;
use crate::streams::{names, opened, start};

const NOW: Timestamp = Timestamp(0);
const RETRY_AFTER: Duration = Duration::from_secs(1);

struct Bench {
    _server: NatsServer,
    link: Link,
    names: Arc<Names>,
    control: Arc<Control>,
    consumers: Consumers,
    room: Arc<Room>,
    overseer: Overseer,
}

impl Bench {
    async fn start(options: &StreamOptions) -> Self {
        let (server, link) = start(Settings::new()).await;
        opened(&link, options).await.expect("made");
        let names = Arc::new(names());
        let heard = Arc::new(Heard::default());
        let control = Arc::new(Control::new(link.clone(), Arc::clone(&names), heard));
        let room = Arc::new(Room::new(options, RETRY_AFTER));
        Bench {
            _server: server,
            overseer: Overseer::new(
                link.clone(),
                Arc::clone(&names),
                Arc::clone(&control),
                Arc::clone(&room),
            ),
            consumers: Consumers::new(link.clone(), Arc::clone(&names)),
            link,
            names,
            control,
            room,
        }
    }

    async fn append(&self, ty: &str, count: usize) {
        for number in 0..count {
            append(&self.link, ty, number).await.expect("stored");
        }
    }

    async fn consumer(&self, number: u64, types: &[&str]) {
        let subjects: Vec<String> = types.iter().map(|ty| subject(ty)).collect();
        let made = self.consumers.make((number, 0), "a", &subjects, 1).await;
        made.expect("made").expect("new");
    }

    /// Has a consumer hand out so many, and acknowledges those up to that sequence.
    async fn hand_out(&self, number: u64, count: usize, up_to: u64) {
        let consumer = sluicegate_channels::nats::names::consumer(number, 0);
        let pull = sluicegate_channels::nats::pulling::Pull {
            stream: self.names.events_stream(),
            consumer: &consumer,
            items: count,
            bytes: None,
        };
        let mut replies = Vec::new();
        let each = |it: sluicegate_channels::nats::pulling::Delivered| {
            if it.sequence <= up_to {
                replies.push((it.reply, sluicegate_channels::nats::pulling::Say::Done));
            }
        };
        Box::pin(self.link.pull(&pull, each)).await;
        self.link.say(replies).await;
        self.link.flush(Instant::now() + RETRY_AFTER).await;
    }

    async fn look(&mut self) {
        let looked = Box::pin(self.overseer.look(&Known::default(), NOW)).await;
        looked.expect("it answers");
    }

    /// The sequence of the first event that there is.
    async fn first(&self) -> u64 {
        self.consumers.first(Start::Earliest).await.expect("there")
    }
}

fn subject(ty: &str) -> String {
    subjects::of(&names().events(), &event(ty, 0))
}

fn event(ty: &str, number: usize) -> Event {
    let event = Event::builder(&number.to_string(), "/s", ty);
    event.data("text/plain", "x").build().expect("valid")
}

async fn append(link: &Link, ty: &str, number: usize) -> Result<Vec<u64>, PublishError> {
    let event = event(ty, number);
    let (headers, payload) = message::write(&event);
    let subject = subjects::of(&names().events(), &event);
    let message = Outgoing {
        subject,
        headers,
        payload,
    };
    Box::pin(link.publish(vec![message])).await
}

fn hundred() -> StreamOptions {
    StreamOptions {
        events_max: Some(100),
        ..StreamOptions::default()
    }
}

#[tokio::test]
async fn what_nobody_waits_for_is_purged_when_room_is_short() {
    let mut bench = Bench::start(&hundred()).await;
    for number in 1..=4 {
        bench.consumer(number, &[]).await;
    }
    bench.append("x", 71).await;
    bench.look().await;
    assert_eq!(bench.first().await, 1, "all of it is waited for");
    bench.hand_out(1, 71, 71).await;
    bench.hand_out(2, 50, 4).await;
    bench.hand_out(3, 3, 3).await;
    bench.look().await;
    assert_eq!(bench.first().await, 1, "the last has none of it");
    bench.hand_out(4, 71, 71).await;
    bench.look().await;
    assert_eq!(bench.first().await, 4, "one has three of it");
    bench.append("x", 10).await;
    bench.hand_out(3, 40, 60).await;
    bench.look().await;
    assert_eq!(bench.first().await, 5, "one waits to be told of the fifth");
    bench.hand_out(2, 1, 0).await;
    let deleting = bench.consumers.delete(2, 0).await;
    deleting.expect("gone");
    bench.look().await;
    // No more than there is room for a while.
    assert_eq!(bench.first().await, 17);
    assert_eq!(bench.room.used().0, 77, "as it was seen");
    bench.look().await;
    assert_eq!(bench.first().await, 17);
    assert_eq!(bench.room.used().0, 65);
    assert_eq!(bench.control.stands(3).await.expect("there").expired, 0);
}

#[tokio::test]
async fn who_is_handed_certain_events_waits_for_no_others() {
    let mut bench = Bench::start(&hundred()).await;
    bench.consumer(1, &["rare", "rarer"]).await;
    bench.append("x", 40).await;
    bench.append("rare", 1).await;
    bench.append("x", 39).await;
    for expected in [16, 16] {
        bench.look().await;
        assert_eq!(bench.first().await, expected);
    }
    bench.append("x", 15).await;
    bench.look().await;
    assert_eq!(bench.first().await, 31);
    bench.append("x", 15).await;
    bench.look().await;
    assert_eq!(bench.first().await, 41, "the rare one is waited for");
    bench.hand_out(1, 1, 41).await;
    bench.append("x", 1).await;
    bench.look().await;
    assert_eq!(bench.first().await, 47);
    let stands = bench.control.stands(1).await.expect("there");
    assert_eq!(stands.expired, 0);
}

#[tokio::test]
async fn consumers_of_others_count_and_what_is_kept_apart_takes_room() {
    let mut bench = Bench::start(&hundred()).await;
    let stream = bench.link.jetstream();
    let stream = Box::pin(stream.get_stream(bench.names.events_stream())).await;
    let config = pull::Config {
        durable_name: Some("somebody".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ..pull::Config::default()
    };
    let stream = stream.expect("there");
    Box::pin(stream.create_consumer(config))
        .await
        .expect("made");
    bench.append("x", 60).await;
    let kept = (0..15).map(|position| Outgoing {
        subject: bench.names.waiting(1, position),
        headers: HeaderMap::new(),
        payload: "entry".into(),
    });
    bench.link.publish(kept.collect()).await.expect("stored");
    bench.look().await;
    assert_eq!(bench.first().await, 1);
    assert_eq!(bench.room.used().0, 75);
    assert!(bench.room.let_in(5, 5, Admission::Ingress).is_ok());
    assert!(bench.room.let_in(1, 1, Admission::Ingress).is_err());
    assert!(bench.room.let_in(20, 20, Admission::Internal).is_ok());
    stream.delete_consumer("somebody").await.expect("gone");
    // Nobody at all waits for anything.
    bench.look().await;
    assert_eq!(bench.first().await, 11);
}

#[tokio::test]
async fn what_somebody_purges_before_it_was_handed_out_has_expired() {
    let mut bench = Bench::start(&StreamOptions::default()).await;
    bench.consumer(1, &[]).await;
    bench.consumer(2, &["y"]).await;
    bench.append("x", 10).await;
    bench.append("y", 10).await;
    bench.hand_out(1, 4, 4).await;
    bench.look().await;
    let stream = bench.link.jetstream();
    let stream = Box::pin(stream.get_stream(bench.names.events_stream())).await;
    let purging = stream.expect("there");
    purging.purge().sequence(16).await.expect("purged");
    for _ in 0..2 {
        bench.look().await;
        for (number, expired) in [(1, 11), (2, 5)] {
            let stands = bench.control.stands(number).await.expect("there");
            assert_eq!((stands.expired, stands.expired_to), (expired, 15));
        }
    }
}

#[tokio::test]
async fn what_age_takes_has_expired() {
    let mut bench = Bench::start(&StreamOptions {
        age_max: Some(Duration::from_secs(1)),
        ..StreamOptions::default()
    })
    .await;
    bench.consumer(1, &[]).await;
    bench.append("x", 10).await;
    bench.look().await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while bench.control.stands(1).await.expect("there").expired < 10 {
        assert!(Instant::now() < deadline);
        sleep(Duration::from_millis(200)).await;
        bench.look().await;
    }
    assert_eq!(bench.control.stands(1).await.expect("there").expired, 10);
}

// ---- what is still there ----

/// All that is retained from `from` on, by sequence and id, page by page.
async fn pages(link: &Link, from: Start, limit: usize) -> Vec<(u64, String)> {
    let mut all = Vec::new();
    let mut from = from;
    loop {
        let page = Box::pin(retained(link, &names(), from, limit)).await;
        let page = page.expect("it answers");
        assert!(page.events.len() <= limit);
        let each = page.events.iter();
        all.extend(each.map(|it| (it.position.offset, it.event.id().to_owned())));
        match page.next {
            Some(next) => from = Start::At(next),
            None => return all,
        }
    }
}

#[tokio::test]
async fn what_is_retained_is_listed_in_pages() {
    let bench = Bench::start(&StreamOptions::default()).await;
    assert_eq!(pages(&bench.link, Start::Earliest, 10).await, []);
    bench.append("x", 25).await;
    let stranger = Outgoing {
        subject: subject("x"),
        headers: HeaderMap::new(),
        payload: "no event".into(),
    };
    bench.link.publish(vec![stranger]).await.expect("stored");
    bench.append("y", 4).await;
    let stream = bench.link.jetstream();
    let stream = Box::pin(stream.get_stream(bench.names.events_stream())).await;
    let stream = stream.expect("there");
    for gone in [1, 2, 12, 30] {
        stream.delete_message(gone).await.expect("gone");
    }
    let expected: Vec<(u64, String)> = (3..=29)
        .filter(|sequence| ![12, 26].contains(sequence))
        .map(|sequence| (sequence, ((sequence - 1) % 26).to_string()))
        .collect();
    for limit in [1, 2, 7, 100, 1_000] {
        assert_eq!(pages(&bench.link, Start::Earliest, limit).await, expected);
    }
    let behind = Start::At(Position {
        partition: 0,
        offset: 20,
    });
    assert_eq!(pages(&bench.link, behind, 4).await, expected[16..]);
    assert_eq!(pages(&bench.link, Start::Latest, 4).await, []);
    let page = Box::pin(retained(&bench.link, &names(), Start::Earliest, 100)).await;
    assert_eq!(page.expect("it answers").lost, 1);
}

#[tokio::test]
async fn three_servers_list_what_was_just_stored() {
    let cluster = Box::pin(Cluster::start(Settings::new())).await;
    let options = sluicegate_channels::nats::options::NatsOptions::new(cluster.urls());
    let link = connected(&options).await;
    let three = StreamOptions {
        replicas: 3,
        ..StreamOptions::default()
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while let Err(error) = opened(&link, &three).await {
        assert!(Instant::now() < deadline, "{error}");
        sleep(Duration::from_millis(100)).await;
    }
    for number in 0..50 {
        let stored = append(&link, "x", number).await.expect("stored");
        let listed = pages(&link, Start::Earliest, 1_000).await;
        assert_eq!(listed.last().map(|(at, _)| *at), stored.last().copied());
        assert_eq!(listed.len(), number + 1);
    }
}
