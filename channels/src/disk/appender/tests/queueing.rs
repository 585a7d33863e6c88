//! Who waits for room in the queue, and in which order.

use std::time::Duration;

use super::super::AppenderOptions;
use super::super::gathering::Patience;
use super::super::queue::{Queue, Waiting};
use super::support::{Bench, Gated, offsets, poll, prepared, reopened, soon, start};
use crate::disk::simulated::SimulatedDisk;
use crate::{Admission, AppendError, BoxFuture, Position};

type Append<'a> = BoxFuture<'a, Result<Vec<Position>, AppendError>>;

fn append<'a>(bench: &'a Bench, id: &str, data_bytes: usize) -> Append<'a> {
    let prepared = prepared(&[id], data_bytes);
    Box::pin(bench.appender.append(prepared, Admission::Ingress))
}

/// An appender whose owner is held in the sync of the first append, which it has taken out.
async fn held(options: AppenderOptions) -> (Bench, Gated) {
    let bench = start(Gated::new(SimulatedDisk::new(1)), options);
    offsets(append(&bench, "before", 0).await);
    let files = bench.files.clone();
    files.shut();
    (bench, files)
}

fn begin<'a>(bench: &'a Bench, files: &Gated) -> Append<'a> {
    let mut first = append(bench, "first", 0);
    assert!(poll(&mut first).is_pending());
    files.wait_for_sync();
    first
}

fn of_appends(queue_appends_max: usize) -> AppenderOptions {
    AppenderOptions {
        queue_appends_max,
        ..AppenderOptions::default()
    }
}

fn of_bytes(queue_bytes_max: usize) -> AppenderOptions {
    AppenderOptions {
        queue_bytes_max,
        ..AppenderOptions::default()
    }
}

#[tokio::test]
async fn a_full_queue_is_waited_for_in_turn() {
    // In appends; in bytes; and where each is larger than the whole queue.
    for options in [of_appends(1), of_bytes(1_500), of_bytes(100)] {
        let (bench, files) = held(options).await;
        let first = begin(&bench, &files);
        let mut all = Vec::new();
        for at in 0..8 {
            let mut it = append(&bench, &at.to_string(), 1_000);
            assert!(poll(&mut it).is_pending());
            all.push(it);
        }
        // Those who wait take no notice of being asked out of turn.
        for it in all.iter_mut().rev() {
            assert!(poll(it).is_pending());
        }
        assert_eq!(bench.appender.queued(), 1);
        files.open_gate();
        soon(first).await.expect("it is stored");
        let last_first = futures_util::future::join_all(all.into_iter().rev());
        let answers: Vec<u64> = soon(last_first)
            .await
            .into_iter()
            .flat_map(offsets)
            .collect();
        assert_eq!(answers, [9, 8, 7, 6, 5, 4, 3, 2]);
    }
}

#[tokio::test]
async fn the_queue_is_bounded_in_appends_and_in_bytes() {
    for (options, queued) in [
        (of_appends(3), 3),
        (of_bytes(4_000), 3),
        (of_bytes(100), 1),
        (AppenderOptions::default(), 20),
    ] {
        let (bench, files) = held(options).await;
        let first = begin(&bench, &files);
        let mut all = Vec::new();
        for at in 0..20 {
            let mut it = append(&bench, &at.to_string(), 1_000);
            assert!(poll(&mut it).is_pending());
            all.push(it);
        }
        assert_eq!(bench.appender.queued(), queued);
        files.open_gate();
        soon(first).await.expect("it is stored");
        for answer in soon(futures_util::future::join_all(all)).await {
            answer.expect("it is stored");
        }
    }
}

#[tokio::test]
async fn who_gives_up_waiting_for_room_makes_way_for_the_next() {
    let (bench, files) = held(of_appends(1)).await;
    let first = begin(&bench, &files);
    let mut queued = append(&bench, "queued", 0);
    let mut gives_up = append(&bench, "gives up", 0);
    let mut next = append(&bench, "next", 0);
    for it in [&mut queued, &mut gives_up, &mut next] {
        assert!(poll(it).is_pending());
    }
    drop(gives_up);
    files.open_gate();
    for it in [first, queued, next] {
        soon(it).await.expect("it is stored");
    }
    let ids: Vec<_> = bench.accepted.events().into_iter().map(|it| it.1).collect();
    assert_eq!(ids, ["before", "first", "queued", "next"]);
}

#[tokio::test]
async fn closing_refuses_who_waits_for_room_and_stores_what_is_queued() {
    for options in [of_appends(1), of_bytes(100)] {
        let (bench, files) = held(options).await;
        let first = begin(&bench, &files);
        let mut queued = append(&bench, "queued", 0);
        let mut waits = append(&bench, "waits", 0);
        assert!(poll(&mut queued).is_pending() && poll(&mut waits).is_pending());

        bench.appender.stop();
        // The owner is still held: who waits for room does not wait for it.
        assert_eq!(soon(waits).await, Err(AppendError::Closed));
        assert_eq!(
            soon(append(&bench, "late", 0)).await,
            Err(AppendError::Closed)
        );
        files.open_gate();
        assert_eq!(offsets(soon(first).await), [1]);
        assert_eq!(offsets(soon(queued).await), [2]);
        bench.appender.close().expect("it is sound");
        let found: Vec<_> = reopened(&files.disk).into_values().collect();
        assert_eq!(found, ["before", "first", "queued"]);
    }
}

fn pushed(queue: &Queue, id: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let place = runtime.expect("it can be made").block_on(queue.place(100));
    let (answer, _) = tokio::sync::oneshot::channel();
    let waiting = Waiting {
        prepared: prepared(&[id], 0),
        size_bytes: 100,
        admission: Admission::Ingress,
        answer,
    };
    let place = place.expect("there is room");
    queue.push(place, waiting).expect("it is open");
}

type Act = fn(&Queue);

#[test]
fn a_wait_for_more_ends_with_those_that_come_with_a_full_batch_with_the_end_or_in_time() {
    const LONG: Duration = Duration::from_secs(20);
    let cases: [(&str, Act, Duration, usize, bool); 5] = [
        ("they come", |queue| pushed(queue, "b"), LONG, 2, false),
        ("it is closed", Queue::close, LONG, 1, false),
        ("something else is to be done", worked, LONG, 1, false),
        (
            "a batch is full",
            |queue| (0..2).for_each(|_| pushed(queue, "b")),
            LONG,
            3,
            false,
        ),
        ("nobody comes", |_| (), Duration::from_millis(1), 1, true),
    ];
    for (what, act, at_most, expected, in_vain) in cases {
        let queue = Queue::new(&AppenderOptions {
            batch_events_max: 3,
            ..AppenderOptions::default()
        });
        pushed(&queue, "a");
        let (mut taken, began) = (Vec::new(), tokio::time::Instant::now());
        let next = std::thread::scope(|scope| {
            scope.spawn(|| act(&queue));
            let appends = if what == "they come" { 2 } else { 9 };
            let more = Patience { appends, at_most };
            queue.take(&mut taken, LONG, more)
        });
        assert_eq!(taken.len(), expected, "{what}");
        assert_eq!(next.waited_in_vain, in_vain, "{what}");
        assert!(began.elapsed() < LONG / 2, "{what}");
    }
}

fn worked(queue: &Queue) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("it can be made");
    let work = queue.push_work(Box::new(|_| ()));
    runtime.block_on(work).expect("it is open");
}
