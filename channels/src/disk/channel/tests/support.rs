//! A channel on a simulated disk that is opened, crashed and opened again.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use parking_lot::Mutex;
use sluicegate_event::Event;
use tokio::time::{Instant, sleep, timeout};

use super::super::{DiskChannel, DiskOptions};
use crate::disk::simulated::SimulatedDisk;
use crate::disk::state::Pressing;
use crate::{
    Admission, AppendError, Books, Channel, Claim, Clock, Exhausted, Lease, Matcher, NextLimit,
    ParkReason, Position, Settled, Start, Subscription, SubscriptionKey, SubscriptionSpec,
    SubscriptionStatus, Timestamp,
};

const DIR: &str = "/broker";
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Each subscription wants the events of the type that is its name, and those of the type `all`.
#[derive(Debug, Default)]
struct ByName {
    names: Mutex<BTreeMap<SubscriptionKey, String>>,
}

impl Matcher for ByName {
    fn matches(&self, event: &Event, answer: &mut dyn FnMut(SubscriptionKey, Claim)) {
        for (key, name) in &*self.names.lock() {
            if event.ty() == "all" || event.ty() == name {
                answer(*key, Claim::Wanted);
            }
        }
    }
}

pub(super) struct Bench {
    pub(super) disk: SimulatedDisk,
    pub(super) options: DiskOptions,
    matcher: Arc<ByName>,
    keys: AtomicU64,
    pub(super) clock: Clock,
    pub(super) channel: Arc<DiskChannel>,
}

/// Small files, and no room kept free.
pub(super) fn small() -> DiskOptions {
    DiskOptions {
        retention_age: None,
        retention_bytes: None,
        buffer_bytes: 1 << 20,
        segment_bytes: 16 << 10,
        free_bytes_min: 0,
        free_percent_min: 0,
        reserve_bytes: 0,
    }
}

impl Bench {
    pub(super) fn new(seed: u64) -> Self {
        Self::with(seed, small())
    }

    pub(super) fn with(seed: u64, options: DiskOptions) -> Self {
        let disk = SimulatedDisk::new(seed);
        let matcher = Arc::new(ByName::default());
        let clock = Clock::anchored_at(UNIX_EPOCH + Duration::from_secs(1_000_000));
        let channel = open(&disk, &options, &matcher, clock);
        Bench {
            disk,
            options,
            matcher,
            keys: AtomicU64::new(0),
            clock,
            channel,
        }
    }

    /// Power cut, and on again.
    pub(super) fn crash(&mut self) {
        self.disk.crash();
        self.reopen();
    }

    /// The process goes without a word, and is there again.
    pub(super) fn reopen(&mut self) {
        // The files are closed before they are opened anew.
        let elsewhere = SimulatedDisk::new(0);
        let nothing = open(&elsewhere, &small(), &self.matcher, self.clock);
        drop(std::mem::replace(&mut self.channel, nothing));
        self.matcher.names.lock().clear();
        self.channel = open(&self.disk, &self.options, &self.matcher, self.clock);
    }

    // ---- subscriptions ----

    pub(super) async fn open(&self, name: &str) -> Box<dyn Subscription> {
        self.open_at(name, Start::Latest).await
    }

    /// Opens the subscription under a key of its own.
    pub(super) async fn open_at(&self, name: &str, start: Start) -> Box<dyn Subscription> {
        let key = SubscriptionKey(self.keys.fetch_add(1, Ordering::Relaxed));
        self.matcher.names.lock().insert(key, name.to_owned());
        let spec = SubscriptionSpec {
            name: Arc::from(name),
            key,
            start,
            exhausted: Exhausted::Discard,
            deferred_max: NonZeroUsize::MAX,
            interest: crate::Interest::Everything,
        };
        let opened = self.channel.subscribe(spec).await;
        opened.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(super) fn status(&self, name: &str) -> SubscriptionStatus {
        let all = self.channel.describe().subscriptions;
        let found = all.into_iter().find(|it| &*it.name == name);
        found.unwrap_or_else(|| panic!("there is no {name}"))
    }

    pub(super) fn books(&self, name: &str) -> Books {
        self.status(name).books
    }

    /// Waits until nothing is left to be stored.
    pub(super) async fn saved(&self) {
        self.until("all is saved", || {
            self.channel.shared.state.lock().pressing() == Pressing::Nothing
        })
        .await;
        // What was taken last is stored once the keeper has been around.
        let name = self.channel.describe().subscriptions.into_iter().next();
        if let Some(status) = name {
            self.channel.pause(&status.name, !status.paused).await;
            self.channel.pause(&status.name, status.paused).await;
        }
    }

    pub(super) async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < deadline, "it never came that {what}");
            sleep(Duration::from_millis(3)).await;
        }
    }

    // ---- events ----

    pub(super) async fn append(&self, ty: &str, ids: std::ops::Range<usize>) -> Vec<Position> {
        let mut positions = Vec::new();
        for id in ids {
            positions.extend(self.try_append(ty, id, 100).await.expect("it is stored"));
        }
        positions
    }

    pub(super) async fn try_append(
        &self,
        ty: &str,
        id: usize,
        data_bytes: usize,
    ) -> Result<Vec<Position>, AppendError> {
        let events = vec![event(ty, id, data_bytes)];
        self.channel.append(events, Admission::Ingress).await
    }

    /// A time so far from now.
    pub(super) fn after(&self, wait: Duration) -> Timestamp {
        self.clock.now() + wait
    }

    // ---- files ----

    /// The files in a folder of the broker, with what they hold.
    pub(super) fn files(&self, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let dir = Path::new(DIR).join(folder);
        let names = self.disk.names(&dir).into_iter();
        let files = names.filter_map(|name| {
            let path = dir.join(name);
            let contents = self.disk.contents(&path)?;
            Some((path, contents))
        });
        files.collect()
    }
}

fn open(
    disk: &SimulatedDisk,
    options: &DiskOptions,
    matcher: &Arc<ByName>,
    clock: Clock,
) -> Arc<DiskChannel> {
    let files = Arc::new(disk.clone());
    let matcher = Arc::clone(matcher) as Arc<dyn Matcher>;
    let opened = DiskChannel::open_on(files, Path::new(DIR), options.clone(), matcher, clock);
    opened.unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn event(ty: &str, id: usize, data_bytes: usize) -> Event {
    let event = Event::builder(&id.to_string(), "/bench", ty);
    let event = event.data("application/octet-stream", vec![b'x'; data_bytes]);
    event.build().expect("it is valid")
}

pub(super) fn items(items_max: usize) -> NextLimit {
    NextLimit {
        items_max: NonZeroUsize::new(items_max).expect("not zero"),
        bytes_max: usize::MAX,
        dead_letters_max: usize::MAX,
    }
}

/// Exactly so many leases.
pub(super) async fn take(subscription: &mut Box<dyn Subscription>, count: usize) -> Vec<Lease> {
    let mut leases = Vec::new();
    while leases.len() < count {
        let next = timeout(PATIENCE, subscription.next(items(count - leases.len()))).await;
        let next = next.unwrap_or_else(|_| panic!("{} came of {count}", leases.len()));
        assert!(!next.is_empty(), "the channel is open");
        leases.extend(next);
    }
    leases
}

/// What comes until nothing does for a while.
pub(super) async fn rest(subscription: &mut Box<dyn Subscription>) -> Vec<Lease> {
    let mut leases = Vec::new();
    let quiet = Duration::from_millis(300);
    while let Ok(more) = timeout(quiet, subscription.next(items(1_000))).await {
        assert!(!more.is_empty(), "the channel is open");
        leases.extend(more);
    }
    leases
}

pub(super) fn ids(leases: &[Lease]) -> Vec<usize> {
    let ids = leases.iter().map(|it| it.event.id().parse());
    ids.map(|it| it.expect("ids are numbers")).collect()
}

pub(super) fn settle(leases: Vec<Lease>) {
    for lease in leases {
        lease.settle(Settled::Delivered);
    }
}

pub(super) fn reason() -> ParkReason {
    ParkReason {
        kind: "exhausted",
        detail: Arc::from("said by the test"),
        dest: None,
        code: Some(500),
        data: bytes::Bytes::new(),
    }
}
