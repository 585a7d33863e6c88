//! Disks that fail: what is answered then, and what is stored.

use std::collections::BTreeMap;

use super::super::{Appender, AppenderOptions, RemovalError};
use super::support::{Bench, Gated, bench, offsets, poll, prepared, reopened, soon, start};
use crate::disk::log::LogError;
use crate::disk::simulated::{Call, Effect, SimulatedDisk};
use crate::{Admission, AppendError, Refuses};

/// What appends were told: the id of the first event of each.
#[derive(Debug, Default)]
struct Told {
    stored: BTreeMap<u64, String>,
    refused: Vec<String>,
    unknown: Vec<String>,
}

/// Appends of one or three events, each of which is answered before the next.
async fn run(appender: &Appender) -> Told {
    let mut told = Told::default();
    for at in 0..40 {
        let ids: Vec<String> = (0..1 + at % 2 * 2).map(|it| format!("{at}.{it}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let batch = prepared(&ids, 700);
        let answer = soon(appender.append(batch, Admission::Ingress)).await;
        let owned = ids.iter().map(|it| it.to_string());
        match answer {
            Ok(positions) => {
                let offsets = positions.iter().map(|it| it.offset);
                told.stored.extend(offsets.zip(owned));
            }
            Err(AppendError::NoSpace { .. }) => told.refused.extend(owned),
            Err(AppendError::Broken(_)) => told.unknown.extend(owned),
            Err(error) => panic!("{error}"),
        }
    }
    told
}

fn broken(bench: &Bench) -> String {
    match bench.appender.refuses() {
        Some(Refuses::Broken(why)) => why.to_string(),
        other => panic!("it is not broken: {other:?}"),
    }
}

#[tokio::test]
async fn whichever_call_fails_what_was_answered_is_stored_and_what_was_refused_is_not() {
    let calm = bench();
    let told = run(&calm.appender).await;
    assert_eq!(told.stored.len(), 80);
    calm.appender.close().expect("it is sound");
    let calls = calm.files.disk.calls();

    let (mut refused, mut broken) = (0, 0);
    for effect in [Effect::NoSpace, Effect::Broken, Effect::Short] {
        for nth in (8..calls).step_by(3) {
            let what = format!("{effect:?} at call {nth}");
            let disk = SimulatedDisk::new(nth);
            disk.fail(None, nth, effect);
            let bench = start(Gated::new(disk.clone()), AppenderOptions::default());
            let told = run(&bench.appender).await;
            drop(bench.appender.close());
            disk.fail_no_more();
            if nth % 2 == 0 {
                disk.crash();
            }
            let found = reopened(&disk);
            for (offset, id) in &told.stored {
                assert_eq!(found.get(offset), Some(id), "{what}: {offset}");
            }
            for (offset, id) in &found {
                assert!(!told.refused.contains(id), "{what}: {id} was refused");
                let is_known = told.stored.get(offset) == Some(id) || told.unknown.contains(id);
                assert!(is_known, "{what}: nobody appended {id}");
            }
            refused += usize::from(!told.refused.is_empty());
            broken += usize::from(!told.unknown.is_empty());
        }
    }
    assert!(refused > 2 && broken > 2, "{refused} {broken}");
}

#[tokio::test]
async fn after_a_failed_sync_or_write_nothing_is_taken_and_the_log_is_not_touched() {
    for (call, verb) in [(Call::Sync, "sync"), (Call::Write, "write")] {
        let bench = bench();
        let append = |id| {
            bench
                .appender
                .append(prepared(&[id], 10), Admission::Ingress)
        };
        offsets(append("before").await);
        assert_eq!(bench.appender.refuses(), None);
        bench.files.disk.fail(Some(call), 1, Effect::Broken);

        let why = match append("failed").await {
            Err(AppendError::Broken(why)) => why.to_string(),
            other => panic!("{other:?}"),
        };
        let log = "the log takes no more records until it is opened anew: cannot";
        assert!(
            why.starts_with(&format!("{log} {verb} /broker/events/")),
            "{why}"
        );
        assert_eq!(broken(&bench), why);
        let calls = bench.files.disk.calls();
        let refused = Err(AppendError::Broken(why.into()));
        for _ in 0..3 {
            assert_eq!(append("after").await, refused);
        }
        let removal = bench.appender.remove_segments(&[0]).await;
        let poisoned = matches!(removal, Err(RemovalError::Log(LogError::Poisoned(_))));
        assert!(poisoned, "{removal:?}");
        assert_eq!(bench.files.disk.calls(), calls);
        assert_eq!(bench.accepted.events(), [(0, "before".to_owned())]);
        bench.appender.close().expect_err("it cannot be sealed");
        assert_eq!(append("closed").await, Err(AppendError::Closed));
    }
}

#[tokio::test]
async fn who_is_queued_when_the_log_fails_is_told_so_and_not_stored() {
    let options = AppenderOptions {
        queue_appends_max: 2,
        ..AppenderOptions::default()
    };
    let bench = start(Gated::new(SimulatedDisk::new(1)), options);
    let append = |id| {
        Box::pin(
            bench
                .appender
                .append(prepared(&[id], 10), Admission::Ingress),
        )
    };
    offsets(append("before").await);
    bench.files.shut();
    let mut all = vec![append("being written")];
    assert!(poll(&mut all[0]).is_pending());
    bench.files.wait_for_sync();
    for id in ["queued", "queued too", "waiting for room"] {
        let mut it = append(id);
        assert!(poll(&mut it).is_pending());
        all.push(it);
    }
    bench.files.disk.fail(Some(Call::Sync), 1, Effect::Broken);
    bench.files.open_gate();
    for it in all {
        assert!(matches!(soon(it).await, Err(AppendError::Broken(_))));
    }
    drop(bench.appender.close());
    let found = reopened(&bench.files.disk);
    assert!(
        found
            .values()
            .all(|id| id == "before" || id == "being written")
    );
}

#[tokio::test]
async fn an_append_without_room_is_refused_and_the_next_is_stored() {
    let bench = bench();
    let append = |id| {
        bench
            .appender
            .append(prepared(&[id], 100), Admission::Ingress)
    };
    offsets(append("a").await);
    bench.files.disk.fail(Some(Call::Write), 1, Effect::NoSpace);
    let retry_after = std::time::Duration::from_secs(5);
    assert_eq!(append("b").await, Err(AppendError::NoSpace { retry_after }));
    assert_eq!(bench.appender.refuses(), Some(Refuses::NoSpace));
    assert_eq!(offsets(append("c").await), [1]);
    bench.appender.close().expect("it is sound");
    let found: Vec<_> = reopened(&bench.files.disk).into_values().collect();
    assert_eq!(found, ["a", "c"]);
}

#[tokio::test]
async fn a_removal_that_fails_for_good_ends_appending() {
    let bench = bench();
    let append = || {
        bench
            .appender
            .append(prepared(&["a"], 9_000), Admission::Ingress)
    };
    for _ in 0..3 {
        offsets(append().await);
    }
    bench
        .files
        .disk
        .fail(Some(Call::SyncDir), 1, Effect::Broken);
    let removal = bench.appender.remove_segments(&[0]).await;
    assert!(matches!(
        removal,
        Err(RemovalError::Log(LogError::Poisoned(_)))
    ));
    assert!(matches!(append().await, Err(AppendError::Broken(_))));
}
