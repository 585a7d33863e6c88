//! On the file system of this machine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use sluicegate_event::stored;
use tokio::task::JoinSet;

use super::super::{Appender, AppenderOptions};
use super::support::{Accepted, BOUNDLESS, offsets, prepared, soon};
use crate::disk::files::Disk;
use crate::disk::log::{Item, Log, LogOptions};
use crate::disk::space::{SpaceOptions, SpaceWatch};
use crate::{Admission, Clock};

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("sluicegate-appender-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("it can be made");
        Folder(path)
    }

    fn open(&self) -> Log {
        let options = LogOptions {
            segment_bytes: 64 << 10,
            ..LogOptions::default()
        };
        let opened = Log::open(Arc::new(Disk), &self.0.join("events"), options);
        opened.expect("it can be opened").0
    }

    fn start(&self, space: SpaceOptions, accepted: &Arc<Accepted>) -> Appender {
        let space = SpaceWatch::open(Arc::new(Disk), &self.0, space).expect("it tells");
        let (options, clock) = (AppenderOptions::default(), Clock::anchored_at(UNIX_EPOCH));
        let started = Appender::start(self.open(), options, space, clock, accepted.clone());
        started.expect("a thread starts")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn found(log: &Log) -> BTreeMap<u64, String> {
    let mut reader = log.readers().reader(0);
    let mut found = BTreeMap::new();
    while let Some(item) = reader.read().expect("it can be read") {
        let Item::Record(record) = item else {
            panic!("{item:?}");
        };
        let event = stored::decode(record.payload.to_vec().into()).expect("it is an event");
        found.insert(record.offset, event.id().to_owned());
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_producers_were_answered_is_there() {
    let folder = Folder::new("many");
    let accepted = Arc::new(Accepted::default());
    let appender = Arc::new(folder.start(BOUNDLESS, &accepted));
    let mut producers = JoinSet::new();
    for producer in 0..16 {
        let appender = Arc::clone(&appender);
        producers.spawn(async move {
            let mut answered = BTreeMap::new();
            for at in 0..20 {
                let ids = [format!("{producer}.{at}.a"), format!("{producer}.{at}.b")];
                let append = prepared(&[&ids[0], &ids[1]], 300);
                let answer = soon(appender.append(append, Admission::Ingress)).await;
                answered.extend(offsets(answer).into_iter().zip(ids));
            }
            answered
        });
    }
    let mut answered = BTreeMap::new();
    while let Some(told) = producers.join_next().await {
        answered.extend(told.expect("a producer ends"));
    }
    assert_eq!(answered.len(), 640);
    appender.close().expect("it is sound");
    assert!(appender.segments().len() > 2);
    assert_eq!(found(&folder.open()), answered);
    let accepted: BTreeMap<_, _> = accepted.events().into_iter().collect();
    assert_eq!(accepted, answered);
}

#[tokio::test]
async fn the_reserve_takes_up_room_until_it_is_given_back() {
    let folder = Folder::new("reserve");
    let space = SpaceOptions {
        reserve_bytes: 1 << 20,
        ..BOUNDLESS
    };
    let accepted = Arc::new(Accepted::default());
    let appender = folder.start(space.clone(), &accepted);
    let reserve = folder.0.join("reserve");
    let length = |path| std::fs::metadata(path).map(|it| it.len()).ok();
    assert_eq!(length(&reserve), Some(1 << 20));
    drop(appender);
    // One that is there is kept, and one of another size is not.
    let appender = folder.start(space, &accepted);
    assert!(appender.space().has_reserve());
    assert!(appender.space().give_back_reserve());
    assert_eq!(length(&reserve), None);
    std::fs::write(&reserve, "other").expect("it can be written");
    drop(appender);
    let appender = folder.start(BOUNDLESS, &accepted);
    assert!(!appender.space().has_reserve());
    assert_eq!(length(&reserve), None);
}
