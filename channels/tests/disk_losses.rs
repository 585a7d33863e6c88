//! What a disk channel does when files are gone from its folder: what is lost is lost, and nothing
//! that is accepted afterwards is taken for finished.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sluicegate_channels::disk::{DiskChannel, DiskOptions};
use sluicegate_channels::{
    Admission, Channel, Claim, Clock, Exhausted, Matcher, NextLimit, Settled, Start,
    SubscriptionKey, SubscriptionSpec,
};
use sluicegate_event::Event;

const ALL: usize = 5;
const PATIENCE: Duration = Duration::from_secs(20);

struct Everything;

impl Matcher for Everything {
    fn matches(&self, _: &Event, answer: &mut dyn FnMut(SubscriptionKey, Claim)) {
        answer(SubscriptionKey(1), Claim::Wanted);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a clock is anchored to the wall once"
)]
fn open(dir: &Path) -> Arc<DiskChannel> {
    let options = DiskOptions {
        // Else a test would need so much room on the machine.
        free_bytes_min: 1 << 20,
        free_percent_min: 0,
        reserve_bytes: 1 << 20,
        segment_bytes: 1 << 20,
        ..DiskOptions::default()
    };
    let clock = Clock::anchored_at(SystemTime::now());
    let opened = DiskChannel::open(dir, options, Arc::new(Everything), clock);
    opened.expect("what is missing is no reason not to open")
}

/// Accepts events, which must all be handed out, and settles them; the channel is then closed.
async fn pass(dir: &Path, run: usize) {
    let channel = open(dir);
    let spec = SubscriptionSpec {
        name: "default/all/1".into(),
        key: SubscriptionKey(1),
        start: Start::Latest,
        exhausted: Exhausted::Discard,
        deferred_max: NonZeroUsize::MAX,
        interest: sluicegate_channels::Interest::Everything,
    };
    let mut subscription = channel.subscribe(spec).await.expect("it is new or closed");
    let ids: Vec<String> = (0..ALL).map(|at| format!("{run}-{at}")).collect();
    for id in &ids {
        let event = Event::builder(id, "/s", "t").build().expect("it is valid");
        let stored = channel.append(vec![event], Admission::Ingress).await;
        stored.expect("there is room");
    }
    let limit = NextLimit {
        items_max: NonZeroUsize::MAX,
        bytes_max: 1 << 20,
        dead_letters_max: 0,
    };
    let mut taken = Vec::new();
    while taken.len() < ALL {
        let next = tokio::time::timeout(PATIENCE, subscription.next(limit)).await;
        let leases = next.unwrap_or_else(|_| panic!("run {run}: only {taken:?} came"));
        for lease in leases {
            taken.push(lease.event.id().to_owned());
            lease.settle(Settled::Delivered);
        }
    }
    assert_eq!(taken, ids, "run {run}");
    let status = channel.describe().subscriptions.remove(0);
    assert!(status.books.balance(), "{:?}", status.books);
    assert_eq!(status.books.pending, 0);
    drop(subscription);
    channel.shutdown().await;
}

async fn check(name: &str, lose: impl Fn(&Path)) {
    let dir = std::env::temp_dir().join(format!("disk-losses-{name}-{}", std::process::id()));
    for run in 0..4 {
        pass(&dir, run).await;
        lose(&dir);
    }
    std::fs::remove_dir_all(&dir).expect("it was made");
}

fn newest(dir: &Path) -> PathBuf {
    let entries = std::fs::read_dir(dir).expect("it is there");
    let paths = entries.map(|it| it.expect("it can be listed").path());
    let segments = paths.filter(|it| it.extension().is_some_and(|it| it == "log"));
    segments.max().expect("something was written")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_accepted_after_all_events_are_gone_is_delivered() {
    let lose = |dir: &Path| std::fs::remove_dir_all(dir.join("events")).expect("it is there");
    check("events", lose).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_accepted_after_the_newest_events_are_gone_is_delivered() {
    let lose = |dir: &Path| std::fs::remove_file(newest(&dir.join("events"))).expect("it is there");
    check("newest", lose).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_accepted_after_all_progress_is_gone_is_delivered() {
    let lose = |dir: &Path| std::fs::remove_dir_all(dir.join("progress")).expect("it is there");
    check("progress", lose).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_accepted_after_all_that_was_kept_is_gone_is_delivered() {
    let lose = |dir: &Path| std::fs::remove_dir_all(dir.join("kept")).expect("it is there");
    check("kept", lose).await;
}
