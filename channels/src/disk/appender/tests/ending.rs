//! Other work with the log, closing it, and ends that nobody asked for.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::super::{Accept, Appender, AppenderOptions, RemovalError, Stored};
use super::support::{
    BOUNDLESS, EVENTS, Gated, appender, bench, log_options, offsets, poll, prepared, reopened, soon,
};
use crate::disk::log::{Log, LogError};
use crate::disk::simulated::SimulatedDisk;
use crate::{Admission, AppendError};

#[tokio::test]
async fn segments_are_removed_and_rolled_between_batches() {
    let bench = bench();
    for _ in 0..6 {
        let append = bench
            .appender
            .append(prepared(&["a"], 9_000), Admission::Ingress);
        offsets(append.await);
    }
    let bases: Vec<u64> = bench.appender.segments().iter().map(|it| it.base).collect();
    assert_eq!(bases, [0, 1, 2, 3, 4, 5]);
    soon(bench.appender.remove_segments(&bases[..3]))
        .await
        .expect("they are old");
    assert_eq!(bench.appender.segments()[0].base, 3);
    let refused = soon(bench.appender.remove_segments(&[3, 1, 4])).await;
    assert!(matches!(
        refused,
        Err(RemovalError::Log(LogError::NotRemovable(1)))
    ));
    assert_eq!(
        bench.appender.segments()[0].base,
        4,
        "those before it are removed"
    );

    let rolled = soon(
        bench
            .appender
            .with_log(|log| log.roll(1).map(|()| log.next_offset())),
    );
    assert_eq!(rolled.await.expect("it is open").expect("there is room"), 6);
    let append = bench
        .appender
        .append(prepared(&["a"], 10), Admission::Ingress);
    assert_eq!(offsets(append.await), [6]);
    assert_eq!(bench.appender.readers().segments().len(), 3);

    bench.appender.close().expect("it is sound");
    let refused = bench.appender.remove_segments(&[4]).await;
    assert!(matches!(
        refused,
        Err(RemovalError::Ended(AppendError::Closed))
    ));
    assert_eq!(reopened(&bench.files.disk).len(), 3);
}

#[tokio::test]
async fn a_removal_does_not_wait_for_the_queue_to_be_empty() {
    let bench = bench();
    for _ in 0..2 {
        let append = bench
            .appender
            .append(prepared(&["a"], 9_000), Admission::Ingress);
        offsets(append.await);
    }
    let files = bench.files.clone();
    files.shut();
    let mut appends = Vec::new();
    for _ in 0..2_500 {
        let append = bench
            .appender
            .append(prepared(&["a"], 0), Admission::Ingress);
        let mut append = Box::pin(append);
        assert!(poll(&mut append).is_pending());
        appends.push(append);
    }
    let accepted = Arc::clone(&bench.accepted);
    let mut seen = Box::pin(bench.appender.with_log(move |_| accepted.events().len()));
    assert!(poll(&mut seen).is_pending());
    files.open_gate();
    let seen = soon(seen).await.expect("it is open");
    assert!(seen < 2_500, "all {seen} were stored before it");
    for append in appends {
        soon(append).await.expect("it is stored");
    }
}

#[tokio::test]
async fn closing_twice_or_dropping_lets_go_of_the_log() {
    let bench = bench();
    let append = bench
        .appender
        .append(prepared(&["a"], 10), Admission::Ingress);
    offsets(append.await);
    bench.appender.close().expect("it is sound");
    bench.appender.close().expect("there is nothing left to do");

    let files = bench.files.clone();
    let again = appender(
        &files,
        AppenderOptions::default(),
        BOUNDLESS,
        Arc::new(Nothing),
    );
    offsets(again.append(prepared(&["b"], 10), Admission::Ingress).await);
    drop(again);
    let opened = Log::open(Arc::new(files.disk), Path::new(EVENTS), log_options());
    let (_, recovery) = opened.expect("it is let go of");
    assert!(recovery.was_closed);
}

struct Nothing;

impl Accept for Nothing {
    fn accept(&self, _stored: Vec<Stored>) {}
}

struct Panics;

impl Accept for Panics {
    fn accept(&self, _stored: Vec<Stored>) {
        panic!("this is asked for");
    }
}

#[tokio::test]
async fn nobody_waits_for_a_thread_that_has_panicked() {
    let files = Gated::new(SimulatedDisk::new(1));
    let appender = appender(
        &files,
        AppenderOptions::default(),
        BOUNDLESS,
        Arc::new(Panics),
    );
    let append = |id| Box::pin(appender.append(prepared(&[id], 10), Admission::Ingress));
    files.shut();
    let (mut first, mut queued) = (append("a"), append("b"));
    let mut work = Box::pin(appender.with_log(|log| log.next_offset()));
    assert!(poll(&mut first).is_pending());
    files.wait_for_sync();
    assert!(poll(&mut queued).is_pending() && poll(&mut work).is_pending());
    files.open_gate();
    let broken = Err(AppendError::Broken(
        "the thread that stores events has ended".into(),
    ));
    assert_eq!(soon(first).await, broken);
    assert_eq!(soon(queued).await, broken);
    assert_eq!(soon(append("c")).await, broken);
    assert!(matches!(soon(work).await, Err(AppendError::Broken(_))));
    drop(appender);
    reopened(&files.disk);
}

/// Holds the appender whose events it takes, and lets go of it when the first come.
#[derive(Default)]
struct Holds {
    appender: Mutex<Option<Appender>>,
    done: Mutex<Option<tokio::sync::oneshot::Sender<()>>>,
}

impl Accept for Holds {
    fn accept(&self, _stored: Vec<Stored>) {
        drop(self.appender.lock().take());
        drop(self.done.lock().take());
    }
}

#[tokio::test]
async fn an_appender_may_be_dropped_by_its_own_thread() {
    let files = Gated::new(SimulatedDisk::new(1));
    let holds = Arc::new(Holds::default());
    let (done, ended) = tokio::sync::oneshot::channel();
    *holds.done.lock() = Some(done);
    let appender = appender(&files, AppenderOptions::default(), BOUNDLESS, holds.clone());
    let append = appender.append(prepared(&["a"], 10), Admission::Ingress);
    let mut append = Box::pin(append);
    files.shut();
    assert!(poll(&mut append).is_pending());
    files.wait_for_sync();
    drop(append);
    *holds.appender.lock() = Some(appender);
    files.open_gate();
    soon(ended).await.expect_err("it is dropped, not sent");
    assert!(holds.appender.lock().is_none());
}
