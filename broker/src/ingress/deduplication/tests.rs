mod room;
mod stored;

use std::path::Path;
use std::time::UNIX_EPOCH;

use sluicegate_resources::DiskConfig;
use tokio::time::{advance, timeout};

use super::*;
use crate::disposable::Disposable;
use crate::testing::TempDir;

fn broker() -> ObjectName {
    ObjectName {
        namespace: "shop".to_owned(),
        name: "orders".to_owned(),
    }
}

fn clock() -> Clock {
    Clock::anchored_at(UNIX_EPOCH + Duration::from_secs(1_700_000_000))
}

fn open(dir: Option<&Path>, options: &DeduplicationOptions) -> Arc<Deduplication> {
    let metrics = DeduplicationHandles::default();
    let folder = dir.map(|dir| keeping_free(dir, 0));
    Deduplication::open(&broker(), options, folder, None, clock(), metrics)
}

fn keeping_free(dir: &Path, free_bytes_min: u64) -> SpareFolder {
    let config = DiskConfig {
        free_percent_min: 0,
        free_bytes_min,
        reserve_bytes: 0,
        ..DiskConfig::default()
    };
    SpareFolder::new(dir.to_owned(), &config)
}

fn in_memory() -> Arc<Deduplication> {
    open(None, &DeduplicationOptions::default())
}

fn event(id: &str) -> Event {
    Event::builder(id, "/shop", "order.paid").build().unwrap()
}

fn events(ids: &[&str]) -> Vec<Event> {
    ids.iter().map(|id| event(id)).collect()
}

fn claim(owner: &Arc<Deduplication>, ids: &[&str]) -> Ticket {
    match owner.claim(&events(ids)) {
        Claim::Mine(ticket) => ticket,
        Claim::Wait(_) => panic!("somebody else stores one of {ids:?}"),
    }
}

fn await_end(owner: &Arc<Deduplication>, ids: &[&str]) -> Ended {
    match owner.claim(&events(ids)) {
        Claim::Mine(_) => panic!("{ids:?} may be stored"),
        Claim::Wait(ended) => ended,
    }
}

/// Stores what is fresh and gives its ids.
fn store(owner: &Arc<Deduplication>, ids: &[&str]) -> Vec<String> {
    let ticket = claim(owner, ids);
    let mut events = events(ids);
    ticket.retain_fresh(&mut events);
    ticket.stored();
    events.iter().map(|it| it.id().to_owned()).collect()
}

/// As [`store`], once what was kept is read.
async fn store_once_read(owner: &Arc<Deduplication>, ids: &[&str]) -> Vec<String> {
    if let Claim::Wait(reading) = owner.claim(&events(ids)) {
        reading.wait().await;
    }
    store(owner, ids)
}

#[tokio::test(start_paused = true)]
async fn an_event_is_stored_once_within_the_window() {
    let owner = in_memory();
    assert_eq!(store(&owner, &["1", "2"]), ["1", "2"]);
    assert_eq!(store(&owner, &["2", "3"]), ["3"]);
    advance(Duration::from_secs(599)).await;
    assert_eq!(store(&owner, &["1"]), [""; 0]);
    // A duplicate does not make the window longer.
    advance(Duration::from_secs(2)).await;
    assert_eq!(store(&owner, &["1"]), ["1"]);
    let other = Event::builder("1", "/other", "order.paid").build().unwrap();
    let Claim::Mine(ticket) = owner.claim(std::slice::from_ref(&other)) else {
        panic!("nobody stores it")
    };
    assert_eq!(
        ticket.retain_fresh(&mut vec![other]),
        0,
        "of another source"
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_may_hold_the_same_event_twice() {
    let owner = in_memory();
    assert_eq!(store(&owner, &["1", "2", "1", "1"]), ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn the_oldest_is_forgotten_where_there_are_too_many() {
    let options = DeduplicationOptions {
        ids_max: 2,
        ..DeduplicationOptions::default()
    };
    let owner = open(None, &options);
    assert_eq!(store(&owner, &["1", "2", "3"]).len(), 3);
    assert_eq!(store(&owner, &["2", "3"]), [""; 0]);
    assert_eq!(store(&owner, &["1"]), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn who_comes_second_waits_for_how_the_first_ends() {
    let owner = in_memory();
    for is_stored in [true, false] {
        let id = is_stored.to_string();
        let first = claim(&owner, &[&id]);
        let mut ended = Box::pin(await_end(&owner, &["else", &id]).wait());
        assert!(timeout(Duration::from_secs(60), &mut ended).await.is_err());
        match is_stored {
            true => first.stored(),
            false => drop(first),
        }
        ended.await;
        assert_eq!(store(&owner, &[&id]).is_empty(), is_stored);
    }
}

/// Whoever waits has claimed nothing that others could wait for.
#[tokio::test(start_paused = true)]
async fn batches_that_cross_do_not_wait_for_each_other() {
    let owner = in_memory();
    let first = claim(&owner, &["1"]);
    drop(await_end(&owner, &["2", "1"]));
    let second = claim(&owner, &["2"]);
    drop(await_end(&owner, &["1", "2"]));
    first.stored();
    drop(await_end(&owner, &["1", "2"]));
    second.stored();
    assert_eq!(store(&owner, &["1", "2"]), [""; 0]);
}

#[tokio::test]
async fn the_window_survives_a_restart() {
    let folder = TempDir::new();
    let dir = folder.path().join("seen");
    let options = DeduplicationOptions::default();
    let many: Vec<String> = (0..2_500).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let first = open(Some(&dir), &options);
    assert_eq!(store_once_read(&first, &many).await.len(), 2_500);
    Deduplication::close_all(&[first]);
    let second = open(Some(&dir), &options);
    assert_eq!(store_once_read(&second, &many).await, [""; 0]);
    assert_eq!(store(&second, &["new"]), ["new"]);
    Deduplication::close_all(&[second]);
    // Both what was read and what came since.
    let third = open(Some(&dir), &options);
    assert_eq!(store_once_read(&third, &["new", "7"]).await, [""; 0]);
}

/// G8: what may be lost takes none of the room that settling needs.
#[tokio::test]
async fn without_room_to_spare_a_window_is_remembered_and_not_kept() {
    let folder = TempDir::new();
    let dir = folder.path().join("seen");
    let options = DeduplicationOptions::default();
    let first = open(Some(&dir), &options);
    assert_eq!(store_once_read(&first, &["1"]).await, ["1"]);
    Deduplication::close_all(&[first]);
    let short = Some(keeping_free(&dir, u64::MAX));
    let metrics = DeduplicationHandles::default();
    let second = Deduplication::open(&broker(), &options, short, None, clock(), metrics);
    assert_eq!(store_once_read(&second, &["1", "2"]).await, ["2"]);
    assert_eq!(store(&second, &["2"]), [""; 0]);
    Deduplication::close_all(&[second]);
    let third = open(Some(&dir), &options);
    assert_eq!(store_once_read(&third, &["1", "2"]).await, ["2"]);
}

#[tokio::test]
async fn what_is_past_the_bounds_is_not_read_back() {
    let folder = TempDir::new();
    let dir = folder.path().join("seen");
    let first = open(Some(&dir), &DeduplicationOptions::default());
    assert_eq!(store_once_read(&first, &["1", "2", "3"]).await.len(), 3);
    Deduplication::close_all(&[first]);
    let fewer = DeduplicationOptions {
        ids_max: 1,
        ..DeduplicationOptions::default()
    };
    let second = open(Some(&dir), &fewer);
    assert_eq!(store_once_read(&second, &["3"]).await, [""; 0]);
    assert_eq!(store(&second, &["2"]), ["2"]);
}

/// Rubbish in place of the store, and within it.
fn damage(dir: &Path, how: usize) {
    match how {
        0 => {
            std::fs::remove_dir_all(dir).unwrap();
            std::fs::write(dir, "no folder").unwrap();
        }
        1 => {
            let store = Disposable::open(dir).unwrap();
            let put = |db: &sled::Db| Ok(db.insert(7_u64.to_be_bytes(), "rubbish")?);
            store.with(put).unwrap();
        }
        _ => {
            let store = Disposable::open(dir).unwrap();
            store.with(|db| Ok(db.insert("salt", "rubbish")?)).unwrap();
        }
    }
}

#[tokio::test]
async fn a_window_that_is_damaged_begins_anew() {
    for how in [0, 1, 2] {
        let folder = TempDir::new();
        let dir = folder.path().join("seen");
        let options = DeduplicationOptions::default();
        let first = open(Some(&dir), &options);
        assert_eq!(store_once_read(&first, &["1"]).await, ["1"]);
        Deduplication::close_all(&[first]);
        damage(&dir, how);
        let second = open(Some(&dir), &options);
        assert_eq!(store_once_read(&second, &["1"]).await, ["1"], "{how}");
        assert_eq!(store(&second, &["1"]), [""; 0]);
        Deduplication::close_all(&[second]);
        let third = open(Some(&dir), &options);
        assert_eq!(store_once_read(&third, &["1"]).await, [""; 0], "{how}");
    }
}
