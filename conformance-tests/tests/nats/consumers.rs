//! Consumers on a real server: where they begin, what they hand out, how they are left, and what is
//! pulled from them.

mod pulling;

use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use futures_util::future::join_all;
use sluicegate_channels::nats::consumers::Consumers;
use sluicegate_channels::nats::control::Control;
use sluicegate_channels::nats::control::tally::Tally;
use sluicegate_channels::nats::enrolling::Enrolling;
use sluicegate_channels::nats::link::Link;
use sluicegate_channels::nats::names::consumer;
use sluicegate_channels::nats::options::StreamOptions;
use sluicegate_channels::nats::pulling::{Delivered, Ended, Pull, Say};
use sluicegate_channels::nats::steps::Outgoing;
use sluicegate_channels::nats::subjects;
use sluicegate_channels::nats::survey::Survey;
use sluicegate_channels::{Interest, Position, Start, Timestamp, Wanted, Wish};
use sluicegate_conformance::nats::{NatsServer, Settings};
use sluicegate_event::Event;
use tokio::time::{Instant, timeout};

use crate::control::Heard;
use crate::link::{connected, options};
use crate::streams::{names, opened, start};

const PATIENCE: Duration = Duration::from_secs(30);

/// A process that takes part.
struct Process {
    link: Link,
    control: Arc<Control>,
    consumers: Consumers,
    enrolling: Enrolling,
}

impl Process {
    fn new(link: Link) -> Self {
        let names = Arc::new(names());
        let heard = Arc::new(Heard::default());
        let control = Arc::new(Control::new(link.clone(), Arc::clone(&names), heard));
        let consumers = Consumers::new(link.clone(), names);
        Process {
            enrolling: Enrolling::new(Arc::clone(&control), consumers.clone()),
            link,
            control,
            consumers,
        }
    }

    /// Enrols `a`, and gives its number and epoch.
    async fn enrol(&self, start: Start, interest: &Interest) -> (u64, u64) {
        let record = Box::pin(self.enrolling.enrol("a", start, interest)).await;
        let record = record.expect("it is there");
        (record.number, record.epoch)
    }

    async fn append(&self, types: &[&str]) {
        for ty in types {
            let event = Event::builder("1", "/s", ty).build().expect("valid");
            let message = Outgoing {
                subject: subjects::of(&names().events(), &event),
                headers: HeaderMap::new(),
                payload: ty.to_string().into(),
            };
            let stored = self.link.publish(vec![message]).await;
            stored.expect("stored");
        }
    }

    /// Pulls exactly so many, and acknowledges them.
    async fn take(&self, which: (u64, u64), count: usize) -> Vec<(u64, String)> {
        let (taken, ended) = self.pull(which, count).await;
        assert_eq!(ended, Ended::Done);
        let done = taken.iter().map(|it| (Arc::clone(&it.reply), Say::Done));
        self.link.say(done).await;
        self.link.flush(Instant::now() + PATIENCE).await;
        taken.iter().map(|it| (it.sequence, text(it))).collect()
    }

    async fn pull(&self, (number, epoch): (u64, u64), items: usize) -> (Vec<Delivered>, Ended) {
        let consumer = consumer(number, epoch);
        let names = names();
        let pull = Pull {
            stream: names.events_stream(),
            consumer: &consumer,
            items,
            bytes: None,
        };
        self.pull_as(&pull).await
    }

    async fn pull_as(&self, pull: &Pull<'_>) -> (Vec<Delivered>, Ended) {
        let mut taken = Vec::new();
        let pulling = Box::pin(self.link.pull(pull, |delivered| taken.push(delivered)));
        let ended = timeout(PATIENCE, pulling).await.expect("it ends");
        (taken, ended)
    }

    async fn survey(&self) -> Survey {
        let deadline = Instant::now() + PATIENCE;
        let survey = Survey::take(&self.link, &names(), deadline).await;
        survey.expect("it answers")
    }

    async fn first(&self, start: Start) -> u64 {
        self.consumers.first(start).await.expect("it answers")
    }
}

fn text(delivered: &Delivered) -> String {
    String::from_utf8_lossy(&delivered.message.payload).into_owned()
}

fn types(wanted: &[&str]) -> Interest {
    let wish = |ty: &&str| Wish {
        ty: Some(Wanted::Equal((*ty).into())),
        source: None,
    };
    Interest::AnyOf(wanted.iter().map(wish).collect())
}

fn at(offset: u64) -> Start {
    Start::At(Position {
        partition: 0,
        offset,
    })
}

async fn bench() -> (NatsServer, Process) {
    let (server, link) = start(Settings::new()).await;
    opened(&link, &StreamOptions::default())
        .await
        .expect("made");
    (server, Process::new(link))
}

#[tokio::test]
async fn a_subscription_begins_once_and_is_handed_what_it_may_want() {
    let (server, one) = bench().await;
    one.append(&["x", "y"]).await;
    let which = one.enrol(Start::Latest, &types(&["x", "z"])).await;
    one.append(&["x", "y", "z"]).await;
    let taken = one.take(which, 2).await;
    assert_eq!(taken, [(3, "x".to_owned()), (5, "z".to_owned())]);

    let two = Process::new(connected(&options(&server)).await);
    let again = two.enrol(Start::Earliest, &types(&["y"])).await;
    assert_eq!(again, which, "it goes on where it stood");
    two.append(&["x", "y"]).await;
    assert_eq!(one.take(which, 1).await, [(7, "y".to_owned())]);
    let nothing = two.enrol(Start::Latest, &types(&[])).await;
    assert_eq!(nothing, which);
    two.append(&["x", "y"]).await;
    assert_eq!(two.survey().await.consumers[0].figures.pending, 0);
    two.enrol(Start::Latest, &Interest::Everything).await;
    two.append(&["z"]).await;
    // It goes on behind what it was handed last.
    let taken = two.take(which, 3).await;
    let sequences: Vec<u64> = taken.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(sequences, [8, 9, 10]);

    // The record says where it began.
    let record = one.control.record("a").await.expect("it answers");
    assert_eq!(record.expect("there is one").began, 2);
}

#[tokio::test]
async fn of_many_that_make_it_at_once_one_does() {
    let (server, one) = bench().await;
    let two = Process::new(connected(&options(&server)).await);
    let each = [&one, &two].into_iter().cycle().take(8);
    let made = join_all(each.map(|process| process.enrol(Start::Latest, &Interest::Everything)));
    let made = made.await;
    assert!(made.iter().all(|which| *which == made[0]), "{made:?}");
    let survey = one.survey().await;
    assert_eq!(survey.consumers.len(), 1, "{survey:?}");
}

#[tokio::test]
async fn a_start_names_the_first_event_that_there_is_from_there_on() {
    let (_server, process) = bench().await;
    assert_eq!(process.first(Start::Earliest).await, 1);
    assert_eq!(process.first(Start::Latest).await, 1);
    assert_eq!(process.first(Start::Time(Timestamp(0))).await, 1);
    assert_eq!(process.first(at(7)).await, 1);
    process.append(&["x"; 4]).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    process.append(&["x"; 5]).await;
    let stream = process.link.jetstream();
    let stream = Box::pin(stream.get_stream(names().events_stream()))
        .await
        .expect("there");
    for gone in [1, 2, 5, 7] {
        stream.delete_message(gone).await.expect("gone");
    }
    let time = async |sequence| {
        let message = stream.get_raw_message(sequence).await.expect("there");
        u64::try_from(message.time.unix_timestamp_nanos() / 1_000_000).expect("after 1970")
    };
    let (fourth, sixth) = (time(4).await, time(6).await);
    for (start, first) in [
        (Start::Earliest, 3),
        (Start::Latest, 10),
        (at(0), 3),
        (at(4), 4),
        (at(5), 5),
        (at(9), 9),
        (at(900), 10),
        (Start::Time(Timestamp(0)), 3),
        (Start::Time(Timestamp(fourth + 1)), 5),
        (Start::Time(Timestamp(sixth - 1)), 5),
        (Start::Time(Timestamp(sixth + 60_000)), 10),
    ] {
        assert_eq!(process.first(start).await, first, "{start:?}");
    }
}

#[tokio::test]
async fn a_subscription_goes_elsewhere_and_its_old_place_is_left() {
    let (_server, process) = bench().await;
    let (number, epoch) = process.enrol(Start::Latest, &types(&["x"])).await;
    process.append(&["x", "y", "x", "x", "y"]).await;
    process.take((number, epoch), 1).await;
    let (held, _) = process.pull((number, epoch), 1).await;

    let moved = process.enrolling.go_to("a", Start::Earliest).await;
    let moved = moved.expect("it answers").expect("there is one");
    assert_eq!((moved.first, moved.ahead), (1, 3));
    let left = moved.left.expect("there was one");
    assert_eq!(
        (left.delivered, left.pending, left.unacknowledged),
        (3, 1, 1)
    );
    assert_eq!(
        (moved.record.number, moved.record.epoch),
        (number, epoch + 1)
    );
    assert_eq!(moved.record.began, 0, "it is the same subscription");
    // What was held from there is nobody's, and nothing comes of saying so.
    let reply = Arc::clone(&held[0].reply);
    process.link.say([(reply, Say::Done)]).await;
    let (none, ended) = process.pull((number, epoch), 1).await;
    assert_eq!((none.len(), ended), (0, Ended::Gone));
    let taken = process.take((number, epoch + 1), 3).await;
    let sequences: Vec<u64> = taken.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(sequences, [1, 3, 4]);

    let moved = process.enrolling.go_to("a", Start::Latest).await;
    assert_eq!(moved.expect("it answers").expect("one").first, 6);
    let none = process.enrolling.go_to("nobody", Start::Latest).await;
    assert!(none.expect("it answers").is_none());
    assert_eq!(process.survey().await.consumers.len(), 1);
}

#[tokio::test]
async fn nobody_is_in_the_way_of_a_move_who_died_over_one() {
    let (_server, process) = bench().await;
    let (number, epoch) = process.enrol(Start::Latest, &Interest::Everything).await;
    process.append(&["x"; 3]).await;
    let which = (number, epoch + 1);
    let half = process.consumers.make(which, "a", &[], 2).await;
    assert_eq!(half.expect("made").expect("new").pending, 2);
    let moved = process.enrolling.go_to("a", Start::Earliest).await;
    let moved = moved.expect("it answers").expect("there is one");
    assert_eq!(moved.record.epoch, epoch + 2);

    // What was left behind is nobody's, once it is old enough.
    let survey = process.survey().await;
    let recorded = [(number, epoch + 2)];
    let made_at = survey.consumers[0].made_at;
    assert_eq!(survey.orphans(&recorded, made_at), []);
    let later = made_at + Duration::from_secs(601);
    assert_eq!(survey.orphans(&recorded, later), [which]);
}

#[tokio::test]
async fn nothing_is_left_of_a_subscription_that_has_ended() {
    let (_server, process) = bench().await;
    let (number, _) = process.enrol(Start::Latest, &Interest::Everything).await;
    let delivered = Tally {
        delivered: 1,
        ..Tally::default()
    };
    process
        .control
        .tally(number, delivered)
        .await
        .expect("added");
    let kept = |number, position| Outgoing {
        subject: names().waiting(number, position),
        headers: HeaderMap::new(),
        payload: "entry".into(),
    };
    let both = vec![kept(number, 1), kept(number + 1, 1)];
    process.link.publish(both).await.expect("stored");
    let ended = process.enrolling.end("a").await.expect("it answers");
    assert_eq!(ended.expect("there was one").record.number, number);
    assert!(
        process
            .enrolling
            .end("a")
            .await
            .expect("it answers")
            .is_none()
    );
    let survey = process.survey().await;
    assert_eq!((survey.consumers.len(), survey.kept.messages), (0, 1));
    assert_eq!(process.control.stands(number).await, Ok(Tally::default()));
    let (anew, _) = process.enrol(Start::Latest, &Interest::Everything).await;
    assert_ne!(anew, number);
}

#[tokio::test]
async fn a_consumer_that_somebody_deleted_is_made_anew() {
    let (_server, process) = bench().await;
    let which = process.enrol(Start::Latest, &Interest::Everything).await;
    process.append(&["x", "x"]).await;
    process.take(which, 1).await;
    process
        .consumers
        .delete(which.0, which.1)
        .await
        .expect("gone");
    assert_eq!(process.enrol(Start::Latest, &types(&["x"])).await, which);
    // Twice rather than never.
    assert_eq!(process.take(which, 2).await.len(), 2);
}

#[tokio::test]
async fn all_consumers_are_surveyed_however_many() {
    let (_server, process) = bench().await;
    process.append(&["x", "y", "x"]).await;
    let subjects = process.consumers.subjects(&types(&["x"]));
    for number in 1..=300 {
        let made = process.consumers.make((number, 0), "a", &subjects, 1);
        made.await.expect("made");
    }
    let survey = process.survey().await;
    assert!(survey.is_whole);
    let numbers: Vec<u64> = survey.figures().map(|(number, _, _)| number).collect();
    assert_eq!(numbers.len(), 300);
    for (number, epoch, figures) in survey.figures() {
        assert_eq!(
            (epoch, figures.pending, figures.last),
            (0, 2, 3),
            "{number}"
        );
    }
    assert_eq!((survey.events.messages, survey.events.first), (3, 1));
}
