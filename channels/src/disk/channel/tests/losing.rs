//! Damage to what says where subscriptions stand: they get what they had again, and miss nothing.

use super::support::{Bench, ids, reason, settle, take};
use crate::Channel;

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
