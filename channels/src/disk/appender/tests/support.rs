//! An appender on a simulated disk whose syncs can be held, and what it was told to do.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex};
use sluicegate_event::{Event, stored};

use super::super::{Accept, Answers, Appender, AppenderOptions, Prepared, PreparedEvent, Stored};
use crate::disk::files::{Files, OpenFile, OpenMode, Space};
use crate::disk::log::{Damage, Item, Log, LogOptions};
use crate::disk::simulated::SimulatedDisk;
use crate::disk::space::{SpaceOptions, SpaceWatch};
use crate::{AppendError, Clock, Position};

pub(super) const DIR: &str = "/broker";
pub(super) const EVENTS: &str = "/broker/events";
const PATIENCE: Duration = Duration::from_secs(20);

/// Keeps what it is given.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    pub(super) batches: Mutex<Vec<Vec<Stored>>>,
}

impl Accept for Accepted {
    fn accept(&self, stored: Vec<Stored>) {
        self.batches.lock().push(stored);
    }
}

impl Accepted {
    /// Offset and id of each event, in the order they came.
    pub(super) fn events(&self) -> Vec<(u64, String)> {
        let mut events = Vec::new();
        for stored in self.batches.lock().iter().flatten() {
            for (offset, it) in (stored.first_offset..).zip(&stored.batch.events) {
                events.push((offset, it.event.id().to_owned()));
            }
        }
        events
    }
}

/// A disk whose syncs of files can be held, or say that they are done and do nothing.
#[derive(Clone, Debug)]
pub(super) struct Gated {
    pub(super) disk: SimulatedDisk,
    gate: Arc<Gate>,
    lies: bool,
}

#[derive(Debug, Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    is_shut: bool,
    /// How many are let through a shut gate.
    steps: u64,
    waiting: u64,
    syncs: u64,
    /// At which of them the power is cut.
    cut_at: Option<u64>,
    /// The power was cut: for whoever had the disk, it is gone.
    is_cut: bool,
}

impl Gated {
    pub(super) fn new(disk: SimulatedDisk) -> Self {
        Gated {
            disk,
            gate: Arc::default(),
            lies: false,
        }
    }

    pub(super) fn lying(disk: SimulatedDisk) -> Self {
        Gated {
            lies: true,
            ..Self::new(disk)
        }
    }

    pub(super) fn shut(&self) {
        self.gate.state.lock().is_shut = true;
    }

    pub(super) fn open_gate(&self) {
        self.gate.state.lock().is_shut = false;
        self.gate.changed.notify_all();
    }

    /// Lets the sync through that is held, and holds the next.
    pub(super) fn step(&self) {
        let mut state = self.gate.state.lock();
        state.steps += 1;
        // Whoever waits for the next must not take this one for it.
        state.waiting -= 1;
        drop(state);
        self.gate.changed.notify_all();
    }

    /// How many syncs of files were begun.
    pub(super) fn syncs(&self) -> u64 {
        self.gate.state.lock().syncs
    }

    /// Waits until a sync is held.
    pub(super) fn wait_for_sync(&self) {
        let mut state = self.gate.state.lock();
        while state.waiting == 0 {
            let waited = self.gate.changed.wait_for(&mut state, PATIENCE);
            assert!(!waited.timed_out(), "no sync came");
        }
    }

    /// Cuts the power at the nth sync: before it is done, where n is odd, or else after it.
    pub(super) fn cut_at_sync(&self, nth: u64) {
        self.gate.state.lock().cut_at = Some(nth);
    }

    pub(super) fn is_cut(&self) -> bool {
        self.gate.state.lock().is_cut
    }

    fn cut(&self) {
        self.gate.state.lock().is_cut = true;
        self.disk.crash();
    }

    /// The disk, while there is power.
    fn powered(&self) -> io::Result<&SimulatedDisk> {
        if self.is_cut() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        Ok(&self.disk)
    }

    /// Which sync this is, and whether the power is cut at it.
    fn pass(&self) -> (u64, bool) {
        let mut state = self.gate.state.lock();
        state.syncs += 1;
        let nth = state.syncs;
        let cuts = state.cut_at == Some(nth);
        state.waiting += 1;
        self.gate.changed.notify_all();
        while state.is_shut && state.steps == 0 {
            let waited = self.gate.changed.wait_for(&mut state, PATIENCE);
            assert!(!waited.timed_out(), "nobody opened the gate");
        }
        if state.steps > 0 {
            state.steps -= 1;
        } else {
            state.waiting -= 1;
        }
        (nth, cuts)
    }
}

impl Files for Gated {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.powered()?.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.powered()?.list(dir)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn OpenFile>> {
        let file = self.powered()?.open(path, mode)?;
        let gated = self.clone();
        Ok(Box::new(GatedFile { file, gated }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.powered()?.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.powered()?.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.powered()?.sync_dir(dir)
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        self.powered()?.space(dir)
    }
    fn pause(&self, _time: Duration) {}
}

#[derive(Debug)]
struct GatedFile {
    file: Box<dyn OpenFile>,
    gated: Gated,
}

impl OpenFile for GatedFile {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.file.read_at(buffer, at)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        self.file.write_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        let (nth, cuts) = self.gated.pass();
        if cuts && nth % 2 == 1 {
            self.gated.cut();
        }
        let synced = if self.gated.lies {
            Ok(())
        } else {
            self.file.sync()
        };
        if cuts && nth % 2 == 0 {
            self.gated.cut();
        }
        synced
    }

    fn allocate(&self, length_bytes: u64) -> io::Result<()> {
        self.file.allocate(length_bytes)
    }

    fn set_len(&self, length_bytes: u64) -> io::Result<()> {
        self.file.set_len(length_bytes)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.file.try_lock()
    }
}

/// Small segments, so that a few events fill one.
pub(super) fn log_options() -> LogOptions {
    LogOptions {
        segment_bytes: 16 << 10,
        reads_all: true,
        salts: fastrand::Rng::with_seed(1),
    }
}

/// Nothing is kept free: for tests that are not about room.
pub(super) const BOUNDLESS: SpaceOptions = SpaceOptions {
    free_percent: 0,
    free_bytes_min: 0,
    reserve_bytes: 0,
};

pub(super) struct Bench {
    pub(super) files: Gated,
    pub(super) accepted: Arc<Accepted>,
    pub(super) appender: Arc<Appender>,
}

pub(super) fn bench() -> Bench {
    start(
        Gated::new(SimulatedDisk::new(1)),
        AppenderOptions::default(),
    )
}

pub(super) fn start(files: Gated, options: AppenderOptions) -> Bench {
    let accepted = Arc::new(Accepted::default());
    let appender = appender(&files, options, BOUNDLESS, accepted.clone());
    Bench {
        files,
        accepted,
        appender: Arc::new(appender),
    }
}

pub(super) fn appender(
    files: &Gated,
    options: AppenderOptions,
    space: SpaceOptions,
    accept: Arc<dyn Accept>,
) -> Appender {
    appender_with(files, log_options(), options, space, accept)
}

/// The same with a log that is kept otherwise.
pub(super) fn appender_with(
    files: &Gated,
    log_options: LogOptions,
    options: AppenderOptions,
    space: SpaceOptions,
    accept: Arc<dyn Accept>,
) -> Appender {
    let files: Arc<dyn Files> = Arc::new(files.clone());
    let opened = Log::open(Arc::clone(&files), Path::new(EVENTS), log_options);
    let (log, _) = opened.expect("there is room for its lock");
    let space = SpaceWatch::open(files, Path::new(DIR), space).expect("it tells");
    let clock = Clock::anchored_at(UNIX_EPOCH + Duration::from_secs(1_000));
    Appender::start(log, options, space, clock, accept).expect("a thread starts")
}

/// An append of one event of each of these ids, with so much data in each.
pub(super) fn prepared(ids: &[&str], data_bytes: usize) -> Prepared {
    let data: String = "x".repeat(data_bytes);
    let events = ids.iter().map(|id| {
        let builder = Event::builder(id, "/shop", "order.created");
        let event = builder.data("text/plain", data.clone()).build();
        let event = event.expect("it is an event");
        PreparedEvent::new(event, Answers::default())
    });
    Prepared {
        events: events.collect(),
        keys_epoch: 0,
    }
}

pub(super) fn offsets(answer: Result<Vec<Position>, AppendError>) -> Vec<u64> {
    let positions = answer.unwrap_or_else(|error| panic!("{error}"));
    positions.iter().map(|it| it.offset).collect()
}

/// Polls once: whether the future is ready, and whatever it starts.
pub(super) fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    std::pin::Pin::new(future).poll(&mut context)
}

/// Waits for `future`, and not for ever.
pub(super) async fn soon<F: Future>(future: F) -> F::Output {
    let done = tokio::time::timeout(PATIENCE, future).await;
    done.expect("it takes no longer than it may")
}

/// What is in the log when it is opened anew: the event's id by its offset.
pub(super) fn reopened(disk: &SimulatedDisk) -> BTreeMap<u64, String> {
    let (found, damage) = found(disk);
    assert_eq!(damage, []);
    found
}

/// The same, and what is damaged.
pub(super) fn found(disk: &SimulatedDisk) -> (BTreeMap<u64, String>, Vec<Damage>) {
    let opened = Log::open(Arc::new(disk.clone()), Path::new(EVENTS), log_options());
    let (log, recovery) = opened.unwrap_or_else(|error| panic!("{error}"));
    (ids(&log), recovery.damage)
}

fn ids(log: &Log) -> BTreeMap<u64, String> {
    let mut reader = log.readers().reader(0);
    let mut ids = BTreeMap::new();
    while let Some(item) = reader.read().expect("it can be read") {
        if let Item::Record(record) = item {
            let event = stored::decode(record.payload.to_vec().into()).expect("it is an event");
            ids.insert(record.offset, event.id().to_owned());
        }
    }
    ids
}
