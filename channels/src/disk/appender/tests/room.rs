//! A disk that fills up, and one that is full at the start.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::super::{Appender, AppenderOptions};
use super::support::{
    Accepted, DIR, EVENTS, Gated, appender, appender_with, offsets, prepared, reopened,
};
use crate::disk::files::{Files, OpenMode};
use crate::disk::log::LogOptions;
use crate::disk::simulated::SimulatedDisk;
use crate::disk::space::SpaceOptions;
use crate::{Admission, AppendError, Refuses};

const NO_SPACE: AppendError = AppendError::NoSpace {
    retry_after: Duration::from_secs(5),
};
const LIMIT: u64 = 1_000_000;

/// Keeps 100,000 bytes of 1,000,000 free.
fn on(files: &Gated, reserve_bytes: u64) -> Appender {
    let space = SpaceOptions {
        free_percent: 10,
        free_bytes_min: 0,
        reserve_bytes,
    };
    let options = AppenderOptions {
        look_every: Duration::from_millis(1),
        ..AppenderOptions::default()
    };
    appender(files, options, space, Arc::new(Accepted::default()))
}

/// Lets the disk have so much free.
fn leave(disk: &SimulatedDisk, free_bytes: u64) {
    let path = Path::new(DIR).join("other");
    let file = disk.open(&path, OpenMode::Create).expect("it can be made");
    file.set_len(0).expect("it can be cut");
    let now = disk.space(Path::new(DIR)).expect("it tells");
    let length = now
        .free_bytes
        .checked_sub(free_bytes)
        .expect("so much is free");
    file.set_len(length).expect("there is room");
}

fn limited() -> Gated {
    let disk = SimulatedDisk::new(1);
    disk.limit(Some(LIMIT));
    Gated::new(disk)
}

async fn append(appender: &Appender, admission: Admission) -> Result<u64, AppendError> {
    let answer = appender.append(prepared(&["a"], 10), admission).await;
    answer.map(|positions| positions[0].offset)
}

/// Appends until it is answered so; the owner looks anew every millisecond.
async fn until(appender: &Appender, admission: Admission, is_stored: bool) {
    let wait = async {
        while append(appender, admission).await.is_ok() != is_stored {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
    waited.expect("it is answered so in the end");
}

#[tokio::test]
async fn producers_leave_some_room_free_and_replies_half_of_it() {
    let files = limited();
    let appender = on(&files, 0);
    append(&appender, Admission::Ingress)
        .await
        .expect("there is room");
    assert_eq!(appender.refuses(), None);

    leave(&files.disk, 60_000);
    until(&appender, Admission::Ingress, false).await;
    assert_eq!(append(&appender, Admission::Ingress).await, Err(NO_SPACE));
    assert_eq!(appender.refuses(), Some(Refuses::NoSpace));
    append(&appender, Admission::Internal)
        .await
        .expect("there is room for replies");

    leave(&files.disk, 40_000);
    until(&appender, Admission::Internal, false).await;
    assert_eq!(append(&appender, Admission::Ingress).await, Err(NO_SPACE));
    assert_eq!(append(&appender, Admission::Internal).await, Err(NO_SPACE));

    leave(&files.disk, 60_000);
    until(&appender, Admission::Internal, true).await;
    assert_eq!(append(&appender, Admission::Ingress).await, Err(NO_SPACE));
    leave(&files.disk, 200_000);
    until(&appender, Admission::Ingress, true).await;
    assert_eq!(appender.refuses(), None);
    appender.close().expect("it is sound");
}

#[tokio::test]
async fn a_start_without_room_writes_nothing_and_goes_on_once_there_is_some() {
    for free_bytes in [0, 40_000] {
        let files = limited();
        leave(&files.disk, free_bytes);
        let appender = on(&files, 10_000);
        for admission in [Admission::Ingress, Admission::Internal] {
            assert_eq!(append(&appender, admission).await, Err(NO_SPACE));
        }
        assert_eq!(appender.refuses(), Some(Refuses::NoSpace));
        assert_eq!(files.disk.names(Path::new(EVENTS)), ["lock"]);
        assert_eq!(files.disk.names(Path::new(DIR)), ["other"]);
        leave(&files.disk, 200_000);
        until(&appender, Admission::Ingress, true).await;
        appender.close().expect("it is sound");
        assert_eq!(reopened(&files.disk).len(), 1);
    }
}

#[tokio::test]
async fn a_store_without_events_takes_up_no_room() {
    let files = limited();
    let appender = on(&files, 0);
    // The owner has been round at least once when this is done.
    appender.with_log(|_| ()).await.expect("it is open");
    appender.with_log(|_| ()).await.expect("it is open");
    assert_eq!(files.disk.names(Path::new(EVENTS)), ["lock"]);
}

/// G8: a segment takes up its room at once, however little of it is written yet.
#[tokio::test]
async fn a_segment_is_not_given_what_is_kept_free() {
    let (total, needed) = (20_000_000, 2_000_000);
    let disk = SimulatedDisk::new(1);
    disk.limit(Some(total));
    let files = Gated::new(disk);
    leave(&files.disk, needed + 300_000);
    let log = LogOptions {
        segment_bytes: 1 << 20,
        ..LogOptions::default()
    };
    let space = SpaceOptions {
        free_percent: 10,
        free_bytes_min: 0,
        reserve_bytes: 0,
    };
    let options = AppenderOptions::default();
    let appender = appender_with(&files, log, options, space, Arc::new(Accepted::default()));
    let mut least_free = u64::MAX;
    let mut stored = 0;
    let large = || appender.append(prepared(&["a"], 10_000), Admission::Ingress);
    while large().await.is_ok() {
        stored += 1;
        assert!(stored < 1_000, "it takes what is kept free");
        let now = files.disk.space(Path::new(DIR)).expect("it tells");
        least_free = least_free.min(now.free_bytes);
    }
    assert!(stored > 20, "it took {stored} of 10,000 bytes each");
    // One that is given the least a segment has may be begun when all but nothing is left.
    assert!(least_free + (256 << 10) >= needed, "{least_free} are left");
    appender.close().expect("it is sound");
}

#[tokio::test]
async fn the_reserve_is_made_anew_once_there_is_room() {
    let files = limited();
    let appender = on(&files, 50_000);
    let space = appender.space().clone();
    assert!(space.has_reserve());
    leave(&files.disk, 10_000);
    assert!(space.give_back_reserve());
    assert!(!space.give_back_reserve(), "it can be given once");
    until(&appender, Admission::Ingress, false).await;
    assert!(!space.has_reserve());

    // Enough for producers, and not for the reserve besides.
    leave(&files.disk, 120_000);
    until(&appender, Admission::Ingress, true).await;
    assert!(!space.has_reserve());
    leave(&files.disk, 300_000);
    let wait = async {
        while !space.has_reserve() {
            append(&appender, Admission::Ingress)
                .await
                .expect("there is room");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
    waited.expect("it is made in the end");
}

#[tokio::test]
async fn a_write_that_finds_no_room_is_refused_whatever_the_file_system_says() {
    let files = limited();
    let appender = on(&files, 0);
    let answer = appender
        .append(prepared(&["a"], 10), Admission::Ingress)
        .await;
    assert_eq!(offsets(answer), [0]);
    // 300,000 bytes are free, and the next segment of a megabyte is not to be had.
    leave(&files.disk, 300_000);
    let large = prepared(&["b"], 1_000_000);
    let refused = appender.append(large, Admission::Internal).await;
    assert_eq!(refused, Err(NO_SPACE));
    assert_eq!(append(&appender, Admission::Ingress).await, Ok(1));
    appender.close().expect("it is sound");
    assert_eq!(reopened(&files.disk).len(), 2);
}
