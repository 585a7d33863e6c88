//! Damage to what says where subscriptions stand: they get what they had again, and miss nothing.

use std::path::PathBuf;

use super::support::{Bench, ids, reason, rest, settle, take};
use crate::{Channel, LostEvents};

/// Cuts every file of progress down to so much.
fn cut_progress(bench: &Bench, length: usize) {
    let files = bench.files("progress");
    let segments = files
        .keys()
        .filter(|it| it.extension().is_some_and(|it| it == "log"));
    for path in segments {
        bench.disk.tamper(path, |bytes| bytes.truncate(length));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_of_which_nothing_is_left_begin_with_the_oldest_event() {
    for length in [0, 1_000, 4_096, 4_100] {
        let mut bench = Bench::new(1);
        let mut reader = bench.open("a").await;
        drop(bench.open("b").await);
        bench.append("a", 0..20).await;
        bench.append("b", 20..30).await;
        let mut leases = take(&mut reader, 20).await;
        let parked = leases.remove(0).park(reason(), 1, None).await;
        assert_eq!(parked, Ok(()));
        settle(leases);
        bench.saved().await;
        drop(reader);
        cut_progress(&bench, length);
        bench.crash();
        let mut reader = bench.open("a").await;
        let leases = take(&mut reader, 20).await;
        assert_eq!(ids(&leases), (0..20).collect::<Vec<_>>(), "{length} bytes");
        settle(leases);
        let mut reader = bench.open("b").await;
        let leases = take(&mut reader, 10).await;
        assert_eq!(ids(&leases), (20..30).collect::<Vec<_>>(), "{length} bytes");
        settle(leases);
        // Once all is written down again nobody new is taken for one that was lost.
        bench.saved().await;
        bench.crash();
        drop(bench.open("c").await);
        assert_eq!(bench.books("c").accepted, 0, "{length} bytes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unclean_end_alone_makes_nobody_new_begin_with_the_oldest_event() {
    let mut bench = Bench::new(2);
    let mut reader = bench.open("a").await;
    bench.append("a", 0..20).await;
    settle(take(&mut reader, 10).await);
    bench.saved().await;
    for _ in 0..3 {
        bench.crash();
        drop(bench.open("b").await);
        assert_eq!(bench.books("b").accepted, 0);
        bench.channel.delete("b").await;
    }
}

/// The newest file of events is cut off behind its first ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_end_of_a_file_held_has_expired_and_is_neither_filtered_nor_a_gap() {
    let mut bench = Bench::new(3);
    drop(bench.open("a").await);
    bench.append("a", 0..100).await;
    bench.saved().await;
    bench.channel.shutdown().await;
    let (newest, _) = bench
        .files("events")
        .into_iter()
        .rfind(is_segment)
        .expect("there is one");
    bench.disk.tamper(&newest, |bytes| bytes.truncate(4_700));
    bench.reopen();
    let mut reader = bench.open("a").await;
    let leases = rest(&mut reader).await;
    let left = leases.len() as u64;
    assert!((50..100).contains(&left), "{left} are left");
    settle(leases);
    let told = bench.channel.describe().disk.map(|it| it.lost_events);
    assert_eq!(told, Some(LostEvents::at_least(100 - left)));
    for opening in 0..2 {
        bench.saved().await;
        let books = bench.books("a");
        assert_eq!(
            (books.accepted, books.delivered),
            (100, left),
            "opening {opening}"
        );
        assert_eq!(
            (books.expired, books.filtered),
            (100 - left, 0),
            "opening {opening}"
        );
        assert!(books.balance() && books.pending == 0, "{books:?}");
        drop(reader);
        bench.crash();
        reader = bench.open("a").await;
    }
}

/// A file of events in the middle is gone, and so is the newest one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stood_in_files_that_are_gone_is_counted_where_the_floor_tells_how_much_it_was() {
    for is_newest in [false, true] {
        let mut bench = Bench::new(4);
        drop(bench.open("a").await);
        bench.append("a", 0..170).await;
        bench.saved().await;
        bench.channel.shutdown().await;
        let files: Vec<_> = bench
            .files("events")
            .into_iter()
            .filter(is_segment)
            .collect();
        assert!(files.len() > 2, "{} files", files.len());
        let at = if is_newest { files.len() - 1 } else { 1 };
        crate::disk::files::Files::remove(&bench.disk, &files[at].0).expect("it is there");
        bench.reopen();
        let mut reader = bench.open("a").await;
        let leases = rest(&mut reader).await;
        let lost = 170 - leases.len() as u64;
        assert!(lost > 10, "{lost} are lost");
        settle(leases);
        bench.saved().await;
        let books = bench.books("a");
        assert_eq!(
            (books.expired, books.filtered),
            (lost, 0),
            "newest: {is_newest}"
        );
        assert!(books.balance() && books.pending == 0, "{books:?}");
        let told = bench.channel.describe().disk.map(|it| it.lost_events);
        let expected = if is_newest {
            LostEvents::at_least(lost)
        } else {
            LostEvents::exactly(lost)
        };
        assert_eq!(told, Some(expected), "newest: {is_newest}");
    }
}

fn is_segment((path, _): &(PathBuf, Vec<u8>)) -> bool {
    path.extension().is_some_and(|it| it == "log")
}
