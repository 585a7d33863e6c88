//! How a worker ends.

use std::time::Duration;

use sluicegate_channels::Channel;

use super::bench::{Bench, NAME, Reaction, Setup};
use crate::{Order, Stopped};

const SECOND: Duration = Duration::from_secs(1);

/// Two attempts of ten seconds run; eight events wait.
async fn busy() -> Bench {
    let setup = Setup::new(|plan| plan.in_flight_max = 2.try_into().unwrap());
    let bench = setup.start(|_| Reaction::After(10 * SECOND, 200)).await;
    bench
        .post(&["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"])
        .await;
    bench.pass(SECOND).await;
    assert_eq!(bench.running().0, 2);
    bench
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_attempts_end_and_begins_none() {
    // G14.
    let bench = busy().await;
    let (channel, receiver) = (bench.channel.clone(), bench.receiver.clone());
    let (stopped, took) = bench.order(Order::Drain { grace: 20 * SECOND }).await;
    assert_eq!(stopped, Stopped { cut_off: 0 });
    assert_eq!(took.as_secs(), 9);
    assert_eq!(receiver.sends(), 2);
    let books = channel.describe().subscriptions[0].books;
    assert_eq!((books.delivered, books.pending), (2, 8));
}

#[tokio::test(start_paused = true)]
async fn past_the_grace_attempts_are_cut_off_and_their_events_pending() {
    let bench = busy().await;
    let (channel, receiver) = (bench.channel.clone(), bench.receiver.clone());
    let (stopped, took) = bench.order(Order::Drain { grace: 3 * SECOND }).await;
    assert_eq!((stopped, took.as_secs()), (Stopped { cut_off: 2 }, 3));
    assert_eq!(receiver.sends(), 2);
    let status = channel.describe().subscriptions.remove(0);
    assert_eq!(
        (status.books.delivered, status.books.pending, status.leased),
        (0, 10, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_cuts_off_at_once() {
    let bench = busy().await;
    let receiver = bench.receiver.clone();
    let (stopped, took) = bench.order(Order::Stop).await;
    assert_eq!((stopped, took), (Stopped { cut_off: 2 }, Duration::ZERO));
    assert_eq!((receiver.sends(), receiver.running()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_during_a_drain_ends_it() {
    let bench = busy().await;
    bench
        .orders
        .send(Order::Drain { grace: 20 * SECOND })
        .unwrap();
    bench.pass(SECOND).await;
    let (stopped, took) = bench.order(Order::Stop).await;
    assert_eq!((stopped, took), (Stopped { cut_off: 2 }, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_grace_without_end_waits_for_the_last_attempt() {
    let bench = busy().await;
    let (stopped, _) = bench
        .order(Order::Drain {
            grace: Duration::MAX,
        })
        .await;
    assert_eq!(stopped, Stopped { cut_off: 0 });
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_when_the_order_to_stop_came_before_the_start() {
    let bench = Setup::new(|_| {}).start(|_| Reaction::Answer(200)).await;
    // The worker has not been polled yet: nothing has awaited since it was spawned but `append`,
    // which completes at once.
    bench.post(&["a"]).await;
    let receiver = bench.receiver.clone();
    bench.order(Order::Stop).await;
    assert_eq!(receiver.sends(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_master_means_stop() {
    let bench = busy().await;
    let receiver = bench.receiver.clone();
    let worker = bench.abandon();
    assert_eq!(worker.await.unwrap(), Stopped { cut_off: 2 });
    assert_eq!(receiver.sends(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_closed_channel_lets_attempts_end() {
    let bench = busy().await;
    bench.channel.close();
    bench.pass(10 * SECOND).await;
    assert!(!bench.is_working());
    assert_eq!((bench.receiver.sends(), bench.books().delivered), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_subscription_ends_its_worker() {
    let bench = busy().await;
    let status = bench.channel.delete(NAME).await.unwrap();
    assert_eq!(status.books.cancelled, 10);
    bench.pass(10 * SECOND).await;
    assert!(!bench.is_working());
    assert_eq!(bench.receiver.sends(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_deferred_event_waits_for_the_next_worker_with_its_count() {
    let setup = Setup::new(|plan| plan.delivery.backoff_delay = 100 * SECOND);
    let bench = setup.start(|_| Reaction::Answer(500)).await;
    bench.post(&["a"]).await;
    bench.pass(SECOND).await;
    let channel = bench.channel.clone();
    bench.order(Order::Drain { grace: SECOND }).await;
    let status = channel.describe().subscriptions.remove(0);
    assert_eq!((status.deferred, status.books.pending), (1, 1));
}
