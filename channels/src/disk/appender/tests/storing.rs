//! What is stored, in which batches, and when it is answered.

use std::task::Poll;

use super::super::{AppenderOptions, Prepared};
use super::support::{Gated, bench, offsets, poll, prepared, reopened, soon, start};
use crate::disk::log::{BATCH_BYTES_MAX, PAYLOAD_BYTES_MAX};
use crate::disk::simulated::SimulatedDisk;
use crate::{Admission, AppendError};

fn is_send<T: Send>(it: T) -> T {
    it
}

#[tokio::test]
async fn an_append_answers_with_the_places_of_its_events() {
    let bench = bench();
    let first = bench
        .appender
        .append(prepared(&["a"], 10), Admission::Ingress);
    assert_eq!(offsets(is_send(first).await), [0]);
    let batch = prepared(&["b", "c", "d"], 10);
    let second = bench.appender.append(batch, Admission::Internal).await;
    assert_eq!(offsets(second), [1, 2, 3]);
    let none = bench
        .appender
        .append(Prepared::default(), Admission::Ingress);
    assert_eq!(offsets(none.await), [0; 0]);

    let accepted = bench.accepted.events();
    bench.appender.close().expect("it is sound");
    let stored: Vec<_> = reopened(&bench.files.disk).into_iter().collect();
    assert_eq!(stored, accepted);
    assert_eq!(stored.len(), 4);
    for stored in bench.accepted.batches.lock().iter().flatten() {
        assert!((1_000_000..1_030_000).contains(&stored.accepted_at.0));
    }
}

#[tokio::test]
async fn nothing_is_answered_or_accepted_before_the_sync_that_covers_it() {
    let bench = bench();
    // The first makes a segment; from then on a batch is one sync.
    offsets(
        bench
            .appender
            .append(prepared(&["0"], 10), Admission::Ingress)
            .await,
    );
    bench.files.shut();
    let append = |id| {
        let prepared = prepared(&[id], 10);
        Box::pin(bench.appender.append(prepared, Admission::Ingress))
    };
    let mut covered = append("covered");
    assert!(poll(&mut covered).is_pending());
    bench.files.wait_for_sync();
    // These come while the sync is under way, which does not cover them.
    let mut later = [append("later"), append("later still")];
    for it in &mut later {
        assert!(poll(it).is_pending());
    }
    assert!(poll(&mut covered).is_pending());
    assert_eq!(bench.accepted.events().len(), 1);
    let syncs = bench.files.syncs();

    bench.files.step();
    assert_eq!(offsets(soon(covered).await), [1]);
    bench.files.wait_for_sync();
    assert_eq!(bench.files.syncs(), syncs + 1, "one for all that waited");
    for it in &mut later {
        assert!(poll(it).is_pending());
    }
    assert_eq!(bench.accepted.events().len(), 2);

    bench.files.open_gate();
    for (it, offset) in later.into_iter().zip([2, 3]) {
        assert_eq!(offsets(soon(it).await), [offset]);
    }
    let batches: Vec<usize> = bench.accepted.batches.lock().iter().map(Vec::len).collect();
    assert_eq!(batches, [1, 1, 2]);
}

#[tokio::test]
async fn an_answer_comes_after_the_events_were_accepted() {
    let bench = bench();
    for at in 0..50 {
        let answer = bench
            .appender
            .append(prepared(&["a"], 10), Admission::Ingress);
        assert_eq!(offsets(answer.await), [at]);
        assert_eq!(bench.accepted.events().len() as u64, at + 1);
    }
}

/// How many appends the owner takes at once when each has so many events of so many bytes.
async fn batches(options: AppenderOptions, events: &[usize], data_bytes: usize) -> Vec<usize> {
    let bench = start(Gated::new(SimulatedDisk::new(1)), options);
    bench.files.shut();
    let mut answers = Vec::new();
    let mut first = Box::pin(
        bench
            .appender
            .append(prepared(&["0"], 0), Admission::Ingress),
    );
    assert!(poll(&mut first).is_pending());
    bench.files.wait_for_sync();
    for &count in events {
        let ids = vec!["x"; count];
        let append = bench
            .appender
            .append(prepared(&ids, data_bytes), Admission::Ingress);
        let mut append = Box::pin(append);
        assert!(poll(&mut append).is_pending());
        answers.push(append);
    }
    bench.files.open_gate();
    soon(first).await.expect("it is stored");
    for answer in answers {
        soon(answer).await.expect("it is stored");
    }
    let batches = bench.accepted.batches.lock();
    batches[1..].iter().map(Vec::len).collect()
}

#[tokio::test]
async fn a_batch_is_bounded_in_events_and_in_bytes_and_what_is_larger_goes_alone() {
    let few = || AppenderOptions {
        batch_events_max: 4,
        ..AppenderOptions::default()
    };
    assert_eq!(batches(few(), &[1; 9], 0).await, [4, 4, 1]);
    assert_eq!(batches(few(), &[2, 2, 1], 0).await, [2, 1]);
    assert_eq!(batches(few(), &[1, 9, 1, 1], 0).await, [1, 1, 2]);
    let small = || AppenderOptions {
        batch_bytes_max: 4_000,
        ..AppenderOptions::default()
    };
    assert_eq!(batches(small(), &[1; 7], 1_000).await, [3, 3, 1]);
    assert_eq!(batches(small(), &[1, 6, 1], 1_000).await, [1, 1, 1]);
    let default = AppenderOptions::default();
    assert_eq!(batches(default, &[1_000, 24, 1], 0).await, [2, 1]);
}

#[tokio::test]
async fn what_a_log_can_never_take_is_too_large() {
    let bench = bench();
    let mut record = prepared(&["a"], 0);
    record.events[0].encoded = vec![0; PAYLOAD_BYTES_MAX + 1];
    let mut batch = prepared(&[""; 0], 0);
    let event = &prepared(&["a"], 0).events[0];
    for _ in 0..17 {
        let mut event = event.clone();
        event.encoded = vec![0; PAYLOAD_BYTES_MAX - 32];
        batch.events.push(event);
    }
    let cases = [
        (
            record,
            PAYLOAD_BYTES_MAX as u64 + 1,
            PAYLOAD_BYTES_MAX as u64,
        ),
        (batch, 17 * PAYLOAD_BYTES_MAX as u64, BATCH_BYTES_MAX as u64),
    ];
    for (prepared, size_bytes, max_bytes) in cases {
        let refused = bench.appender.append(prepared, Admission::Ingress);
        let too_large = AppendError::TooLarge {
            size_bytes,
            max_bytes,
        };
        assert_eq!(refused.await, Err(too_large));
    }
    assert!(bench.accepted.events().is_empty());
}

#[tokio::test]
async fn a_dropped_append_is_stored_whole_or_not_at_all_and_others_go_on() {
    let bench = bench();
    bench.files.shut();
    let append = |ids: &[&str]| {
        let prepared = prepared(ids, 10);
        Box::pin(bench.appender.append(prepared, Admission::Ingress))
    };
    let (mut being_written, mut queued) = (append(&["a", "b"]), append(&["c", "d"]));
    assert!(poll(&mut being_written).is_pending());
    bench.files.wait_for_sync();
    assert!(poll(&mut queued).is_pending());
    let mut kept = append(&["e"]);
    assert!(poll(&mut kept).is_pending());
    drop((being_written, queued));
    bench.files.open_gate();
    soon(kept).await.expect("it is stored");

    bench.appender.close().expect("it is sound");
    let stored: Vec<_> = reopened(&bench.files.disk).into_iter().collect();
    assert_eq!(stored, bench.accepted.events());
    let ids: Vec<&str> = stored.iter().map(|(_, id)| id.as_str()).collect();
    let whole = [&["a", "b", "e"][..], &["a", "b", "c", "d", "e"]];
    assert!(whole.contains(&ids.as_slice()), "{ids:?}");
    assert!(matches!(poll(&mut append(&["f"])), Poll::Ready(Err(_))));
}
