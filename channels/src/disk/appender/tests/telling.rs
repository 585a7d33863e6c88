//! What is logged, and how often.

use std::path::Path;
use std::sync::Arc;

use tracing::Level;

use super::super::gathering::Gathering;
use super::super::owner::Owner;
use super::super::queue::{Queue, Waiting};
use super::super::room::RoomKeeper;
use super::super::{Admission, AppenderOptions, Batch, Log};
use super::support::{Accepted, DIR, EVENTS, log_options, prepared};
use crate::Clock;
use crate::disk::files::{Files, OpenMode};
use crate::disk::simulated::{Call, Effect, SimulatedDisk};
use crate::disk::space::{SpaceOptions, SpaceWatch};
use crate::telemetry::logged;

fn watch(disk: &SimulatedDisk) -> SpaceWatch {
    let options = SpaceOptions {
        free_percent: 10,
        free_bytes_min: 0,
        reserve_bytes: 0,
    };
    SpaceWatch::open(Arc::new(disk.clone()), Path::new(DIR), options).expect("it tells")
}

#[test]
fn room_that_runs_out_and_room_that_returns_is_told_once_each() {
    let disk = SimulatedDisk::new(1);
    let lines = logged(|| {
        let every = AppenderOptions::default().look_every;
        let mut keeper = RoomKeeper::new(watch(&disk), every);
        disk.limit(Some(1_000));
        let path = Path::new(DIR).join("other");
        let file = disk.open(&path, OpenMode::Create).expect("it can be made");
        for length in [0, 950, 960, 1_000, 910, 0, 10, 950] {
            file.set_len(length).expect("there is room");
            keeper.look();
        }
    });
    let short = "the disk is nearly full: events are refused until there is room";
    let enough = "there is room on the disk again: events are taken";
    let told: Vec<_> = lines.iter().map(|it| (it.0, it.1.as_str())).collect();
    assert_eq!(
        told,
        [
            (Level::WARN, short),
            (Level::INFO, enough),
            (Level::WARN, short)
        ]
    );
}

/// Appends of one event each that one owner, in this thread, finds in its queue, in batches of one.
fn stored(disk: &SimulatedDisk, appends: usize) {
    let options = AppenderOptions {
        batch_events_max: 1,
        ..AppenderOptions::default()
    };
    let opened = Log::open(Arc::new(disk.clone()), Path::new(EVENTS), log_options());
    let (log, _) = opened.expect("it can be opened");
    let queue = Arc::new(Queue::new(&options));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("it can be made");
    let mut answers = Vec::new();
    for _ in 0..appends {
        let (answer, answered) = tokio::sync::oneshot::channel();
        answers.push(answered);
        let prepared = prepared(&["a"], 10);
        let waiting = Waiting {
            prepared,
            size_bytes: 100,
            admission: Admission::Ingress,
            answer,
        };
        let place = runtime.block_on(queue.place(100)).expect("there is room");
        queue.push(place, waiting).expect("it is open");
    }
    queue.close();
    let owner = Owner {
        log,
        queue,
        room: RoomKeeper::new(watch(disk), options.look_every),
        options,
        gathering: Gathering::default(),
        clock: Clock::anchored_at(std::time::UNIX_EPOCH),
        accept: Arc::new(Accepted::default()),
        batch: Batch::new(),
        answers: Vec::new(),
        is_failing: false,
        is_broken: false,
    };
    drop(owner.run(None));
    for mut answered in answers {
        assert!(answered.try_recv().is_ok(), "each is answered");
    }
}

#[test]
fn a_log_that_fails_is_told_once_and_one_that_does_not_never() {
    for (call, nth) in [(Call::Sync, 2), (Call::Write, 4)] {
        let disk = SimulatedDisk::new(1);
        disk.fail(Some(call), nth, Effect::Broken);
        let lines = logged(|| stored(&disk, 5));
        let [(level, message)] = lines.as_slice() else {
            panic!("{call:?}: {lines:?}");
        };
        assert_eq!(*level, Level::ERROR);
        assert!(
            message.starts_with("the log of events has failed"),
            "{message}"
        );
    }
    assert_eq!(logged(|| stored(&SimulatedDisk::new(1), 5)), []);
}

#[test]
fn writes_that_find_no_room_are_told_once() {
    let disk = SimulatedDisk::new(1);
    // Less than a segment, and more than is kept free.
    disk.limit(Some(10_000));
    let lines = logged(|| stored(&disk, 5));
    let levels: Vec<Level> = lines.iter().map(|it| it.0).collect();
    assert_eq!(levels, [Level::WARN], "{lines:?}");
}
