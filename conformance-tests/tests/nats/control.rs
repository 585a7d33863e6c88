//! Who subscribes, and what became of their events, as several processes agree on it on a real server.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use sluicegate_channels::SubscriptionStatus;
use sluicegate_channels::nats::control::record::Record;
use sluicegate_channels::nats::control::tally::Tally;
use sluicegate_channels::nats::control::{Audience, Control};
use sluicegate_channels::nats::link::Link;
use sluicegate_channels::nats::options::StreamOptions;
use sluicegate_conformance::nats::{NatsServer, Settings};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::link::{connected, options, until_up};
use crate::streams::{names, opened, start};

const PATIENCE: Duration = Duration::from_secs(30);

/// What an audience has heard, as words.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<String>>);

impl Audience for Heard {
    fn recorded(&self, record: &Record) {
        let Record {
            name,
            number,
            epoch,
            is_paused,
            ..
        } = record;
        let words = format!("{name}: {number}-{epoch} {is_paused}");
        self.0.lock().push(words);
    }

    fn deleted(&self, name: &str) -> Option<SubscriptionStatus> {
        self.0.lock().push(format!("{name}: gone"));
        None
    }

    fn tallied(&self, number: u64, stands: Tally) {
        let delivered = stands.delivered;
        self.0.lock().push(format!("{number}: {delivered}"));
    }

    fn added(&self, number: u64, stands: Tally) {
        let delivered = stands.delivered;
        self.0.lock().push(format!("{number}: {delivered}, ours"));
    }
}

/// A process that takes part.
struct Process {
    control: Arc<Control>,
    heard: Arc<Heard>,
    watching: JoinHandle<()>,
}

impl Process {
    async fn start(link: Link) -> Self {
        let heard = Arc::new(Heard::default());
        let audience = Arc::clone(&heard) as Arc<dyn Audience>;
        let control = Arc::new(Control::new(link, Arc::new(names()), audience));
        let watched = Arc::clone(&control);
        let watching = tokio::spawn(async move { watched.watch().await });
        assert!(control.until_whole(Instant::now() + PATIENCE).await);
        Process {
            control,
            heard,
            watching,
        }
    }

    /// Waits until that was heard, and gives all that was heard until then.
    async fn hears(&self, words: &str) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let heard = self.heard.0.lock().clone();
            if heard.iter().any(|heard| heard == words) {
                return heard;
            }
            assert!(Instant::now() < deadline, "not {words:?} in {heard:?}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn introduce(&self, name: &str) -> Record {
        let number = self.control.next_number().await.expect("a number");
        let record = record(name, number);
        let is_new = self.control.introduce(&record).await;
        assert_eq!(is_new, Ok(true));
        record
    }

    async fn pause(&self, name: &str, is_paused: bool) -> Option<Record> {
        let change = |record: &mut Record| record.is_paused = is_paused;
        let changed = self.control.change(name, change).await;
        changed.expect("it answers")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

fn record(name: &str, number: u64) -> Record {
    Record {
        name: name.into(),
        number,
        epoch: 0,
        began: 0,
        is_paused: false,
    }
}

fn delivered(delivered: u64) -> Tally {
    Tally {
        delivered,
        ..Tally::default()
    }
}

async fn bench() -> (NatsServer, Process, Process) {
    let (server, link) = start(Settings::new()).await;
    opened(&link, &StreamOptions::default())
        .await
        .expect("made");
    let other = connected(&options(&server)).await;
    (
        server,
        Process::start(link).await,
        Process::start(other).await,
    )
}

#[tokio::test]
async fn a_change_is_known_everywhere_and_told_once() {
    let (server, one, two) = bench().await;
    assert_eq!(one.control.record("a").await, Ok(None));
    assert_eq!(one.pause("a", true).await, None);
    assert_eq!(one.introduce("a").await.number, 1);
    two.hears("a: 1-0 false").await;
    let again = two.control.introduce(&record("a", 7)).await;
    assert_eq!(again, Ok(false), "there is one");

    let changed = two.pause("a", true).await.expect("there is one");
    assert_eq!(two.control.record("a").await, Ok(Some(changed.clone())));
    one.hears("a: 1-0 true").await;
    // What is so already is no change.
    assert_eq!(one.pause("a", true).await, Some(changed));
    assert_eq!(two.introduce("b").await.number, 2);
    one.hears("b: 2-0 false").await;

    let removed = two.control.remove("a").await.expect("it answers");
    assert_eq!(removed.expect("there was one").record.number, 1);
    let none = two.control.remove("a").await.expect("it answers");
    assert!(none.is_none());
    one.hears("a: gone").await;
    assert_eq!(two.introduce("a").await.number, 3);
    let all = [
        "a: 1-0 false",
        "a: 1-0 true",
        "b: 2-0 false",
        "a: gone",
        "a: 3-0 false",
    ];
    assert_eq!(one.hears("a: 3-0 false").await, all);
    assert_eq!(two.hears("a: 3-0 false").await, all);

    let late = Process::start(connected(&options(&server)).await).await;
    let stands = late.heard.0.lock().clone();
    assert_eq!(stands, ["b: 2-0 false", "a: 3-0 false"]);
}

#[tokio::test]
async fn of_many_who_change_at_once_none_is_lost() {
    let (_server, one, two) = bench().await;
    one.introduce("a").await;
    let each = [&one, &two].into_iter().cycle().take(12);
    let changes = each.clone().map(|process| {
        let change = |record: &mut Record| record.epoch += 1;
        process.control.change("a", change)
    });
    for changed in join_all(changes).await {
        changed.expect("stored");
    }
    let record = one.control.record("a").await.expect("it answers");
    assert_eq!(record.expect("there is one").epoch, 12);
    let numbers = join_all(each.map(|process| process.control.next_number())).await;
    let mut numbers: Vec<u64> = numbers.into_iter().map(|it| it.expect("one")).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (2..=13).collect::<Vec<_>>());
}

#[tokio::test]
async fn tallies_are_added_up_over_processes() {
    let (_server, one, two) = bench().await;
    let adding = [&one, &two].map(|process| async {
        for _ in 0..20 {
            let added = process.control.tally(1, delivered(1)).await;
            added.expect("added");
        }
    });
    join_all(adding).await;
    assert_eq!(one.control.stands(1).await, Ok(delivered(40)));
    two.control.tally(1, delivered(2)).await.expect("added");
    one.hears("1: 42").await;
    let heard = two.hears("1: 42, ours").await;
    assert!(!heard.contains(&"1: 42".to_owned()), "told twice");

    // What a limit took is counted once, whoever sees it.
    for (process, to, count, is_counted) in [
        (&one, 10, 10, true),
        (&two, 10, 10, false),
        (&two, 12, 2, true),
    ] {
        let counted = process.control.expire(1, to, count).await;
        assert_eq!(counted, Ok(is_counted));
    }
    assert_eq!(one.control.stands(1).await.expect("there").expired, 12);
}

#[tokio::test]
async fn an_addition_without_an_answer_is_not_added_twice() {
    let (mut server, one, _two) = bench().await;
    one.control.tally(1, delivered(1)).await.expect("added");
    server.freeze();
    let unheard = one.control.tally(1, delivered(2)).await;
    unheard.expect_err("nobody answers");
    // What was sent may be carried out now.
    server.thaw();
    let deadline = Instant::now() + PATIENCE;
    while one.control.tally(1, delivered(5)).await.is_err() {
        assert!(Instant::now() < deadline);
        sleep(Duration::from_millis(50)).await;
    }
    // The five held the two, whether those had been stored or not.
    assert_eq!(one.control.stands(1).await, Ok(delivered(6)));
    server.kill();
}

#[tokio::test]
async fn what_changed_while_a_process_could_not_watch_is_known_afterwards() {
    let (mut server, one, two) = bench().await;
    one.introduce("a").await;
    one.introduce("b").await;
    two.hears("b: 2-0 false").await;
    server.restart().await;
    let late = connected(&options(&server)).await;
    until_up(&late).await;
    // It may be faster or slower than those that watch.
    let third = Process::start(late).await;
    third.control.remove("a").await.expect("it answers");
    third.pause("b", true).await;
    two.hears("b: 2-0 true").await;
    two.hears("a: gone").await;
    one.hears("b: 2-0 true").await;
}
