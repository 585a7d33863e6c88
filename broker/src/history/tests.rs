//! Histories as a whole: in memory, on disk, over restarts and after damage.

use std::fs;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use std::path::Path;

use sluicegate_channels::{ParkReason, Position};
use sluicegate_dispatcher::Ending;
use sluicegate_event::Event;
use sluicegate_resources::DiskConfig;

use super::*;
use crate::testing::TempDir;

fn broker() -> ObjectName {
    ObjectName {
        namespace: "shop".to_owned(),
        name: "orders".to_owned(),
    }
}

fn open(dir: Option<&Path>, options: &HistoryOptions) -> History {
    let clock = Clock::anchored_at(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let folder = dir.map(|dir| keeping_free(dir, 0));
    History::open(&broker(), options, folder, clock, HistoryHandles::default())
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

fn event(id: &str) -> Event {
    Event::builder(id, "/shop", "order.paid").build().unwrap()
}

fn at(offset: u64) -> Position {
    Position {
        partition: 0,
        offset,
    }
}

fn accept(history: &History, id: &str, offset: u64) {
    let stored = Stored {
        accepted_at: history.now(),
        position: at(offset),
        took: Duration::from_micros(41),
        is_reply: false,
        judged: Some(Judged {
            wanted: 1,
            undecided: 0,
        }),
    };
    history.accepted(&event(id), &stored);
}

fn ids(found: &Found) -> Vec<&str> {
    let records = found.records();
    let accepted = records.filter_map(|record| match record.what {
        What::Accepted(accepted) => Some(accepted.id),
        _ => None,
    });
    accepted.collect()
}

fn close(history: History) {
    History::close_all(&[Arc::new(history)]);
}

/// The files of the log that hold records, oldest first.
fn segments(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.join("log")).unwrap();
    let mut files: Vec<_> = files.map(|it| it.unwrap().path()).collect();
    files.retain(|it| it.extension().is_some_and(|it| it == "log"));
    files.sort();
    files
}

#[test]
fn what_is_recorded_is_found_by_its_id_in_memory_and_on_disk() {
    let folder = TempDir::new();
    for dir in [None, Some(folder.path())] {
        let history = open(dir, &HistoryOptions::default());
        assert_eq!(history.is_in_memory(), dir.is_none());
        for offset in 0..100 {
            accept(&history, &offset.to_string(), offset);
        }
        let reason = ParkReason {
            kind: "exhausted",
            detail: "answered 503".into(),
            dest: None,
            code: Some(503),
            data: bytes::Bytes::new(),
        };
        let ending = Ending::Parked {
            reason: &reason,
            retry_at: None,
            is_first: true,
        };
        history.ended("billing", &event("7"), at(7), &ending);
        let delivered = Ending::Delivered {
            end_to_end: Duration::ZERO,
        };
        history.ended("billing", &event("7"), at(7), &delivered);
        history.replied("billing", &event("7"), at(7), &[at(8), at(9)]);
        let found = history.find("7");
        let kinds: Vec<_> = found.records().map(|record| record.what).collect();
        assert!(
            matches!(
                kinds[..],
                [
                    What::Accepted(_),
                    What::Ended(_),
                    What::Replied(Replied { events: 2, .. })
                ]
            ),
            "{kinds:?}"
        );
        assert!(found.since.is_some() && found.gaps.is_empty() && !found.is_behind);
        assert_eq!(history.find("unknown").records().count(), 0);
    }
}

#[test]
fn a_history_on_disk_outlives_the_process() {
    let folder = TempDir::new();
    let options = HistoryOptions::default();
    for offset in 0..3 {
        let history = open(Some(folder.path()), &options);
        accept(&history, "1", offset);
        close(history);
    }
    let found = open(Some(folder.path()), &options).find("1");
    assert_eq!(ids(&found).len(), 3);
    assert_eq!(found.gaps, []);
}

#[test]
fn after_a_kill_the_story_says_that_the_last_moment_may_be_missing() {
    let (folder, copy) = (TempDir::new(), TempDir::new());
    let history = open(Some(folder.path()), &HistoryOptions::default());
    accept(&history, "1", 0);
    assert_eq!(ids(&history.find("1")), ["1"], "it is synced now");
    fs::create_dir(copy.path().join("log")).unwrap();
    for file in segments(folder.path()) {
        let to = copy.path().join("log").join(file.file_name().unwrap());
        fs::copy(&file, to).unwrap();
    }
    let found = open(Some(copy.path()), &HistoryOptions::default()).find("1");
    assert_eq!(ids(&found), ["1"]);
    let causes: Vec<_> = found.gaps.iter().map(|gap| gap.cause).collect();
    assert_eq!(causes, [GapCause::Crash]);
}

/// G8: what may be lost takes none of the room that settling needs.
#[test]
fn without_room_to_spare_a_history_is_read_and_not_written() {
    let dir = TempDir::new();
    let options = HistoryOptions::default();
    let first = open(Some(dir.path()), &options);
    accept(&first, "before", 1);
    close(first);
    let clock = Clock::anchored_at(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let short = keeping_free(dir.path(), u64::MAX);
    let second = History::open(
        &broker(),
        &options,
        Some(short),
        clock,
        HistoryHandles::default(),
    );
    for round in 1..=3 {
        accept(&second, "meanwhile", 1 + round);
        let found = second.find("meanwhile");
        assert!(ids(&found).is_empty());
        assert_eq!(second.left_out(), round, "and a gap is not counted again");
        let gaps = &found.gaps;
        assert_eq!(gaps.last().map(|it| it.records), Some(round), "{gaps:?}");
    }
    assert_eq!(ids(&second.find("before")), ["before"]);
    close(second);
    let third = open(Some(dir.path()), &options);
    assert!(ids(&third.find("meanwhile")).is_empty());
    assert_eq!(ids(&third.find("before")), ["before"]);
}

#[test]
fn the_oldest_records_make_room_on_disk() {
    let folder = TempDir::new();
    let options = HistoryOptions {
        bytes_max: 2 << 20,
        ..HistoryOptions::default()
    };
    let history = open(Some(folder.path()), &options);
    let mut offset = 0;
    for _ in 0..8 {
        for _ in 0..8_000 {
            accept(&history, &offset.to_string(), offset);
            offset += 1;
        }
        history.find("");
    }
    assert_eq!(ids(&history.find("63999")), ["63999"]);
    assert_eq!(history.find("0").records().count(), 0);
    assert_eq!(history.left_out(), 0);
    let files = segments(folder.path()).into_iter();
    let bytes: u64 = files.map(|it| fs::metadata(it).unwrap().len()).sum();
    let slack = 2 * options.segment_bytes() + (1 << 20);
    assert!(bytes <= options.bytes_max + slack, "{bytes}");
}

#[test]
fn a_log_that_cannot_be_opened_is_set_aside_and_a_new_one_begun() {
    let folder = TempDir::new();
    fs::write(folder.path().join("log"), "not a folder").unwrap();
    let history = open(Some(folder.path()), &HistoryOptions::default());
    accept(&history, "1", 0);
    assert_eq!(ids(&history.find("1")), ["1"]);
    let notes = history.notes();
    assert!(notes[0].contains("set aside"), "{notes:?}");
    let names = || {
        let entries = fs::read_dir(folder.path()).unwrap();
        let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
        let aside = names.filter(|it| it.starts_with("log.damaged-"));
        aside.collect::<Vec<_>>()
    };
    assert_eq!(names().len(), 1);
    let aside = folder.path().join(&names()[0]);
    assert_eq!(fs::read(aside).unwrap(), b"not a folder");
}

#[test]
fn damage_is_read_past_and_told() {
    let folder = TempDir::new();
    let options = HistoryOptions::default();
    for offset in 0..3 {
        let history = open(Some(folder.path()), &options);
        accept(&history, "1", offset);
        close(history);
    }
    let files = segments(folder.path());
    let mut bytes = fs::read(&files[1]).unwrap();
    let id = bytes.windows(5).position(|it| it == b"/shop").unwrap();
    bytes[id] ^= 1;
    fs::write(&files[1], bytes).unwrap();
    let history = open(Some(folder.path()), &options);
    let found = history.find("1");
    assert_eq!(ids(&found).len(), 2);
    assert!(found.gaps.iter().any(|gap| gap.cause == GapCause::Damage));
    let told = history.notes();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(ids(&history.find("1")).len(), 2);
    assert_eq!(history.notes(), told, "it is told once");
    // All of every file: what is left is a history that works.
    drop(history);
    for file in segments(folder.path()) {
        fs::write(file, [7; 10_000]).unwrap();
    }
    let history = open(Some(folder.path()), &options);
    accept(&history, "2", 9);
    assert_eq!(ids(&history.find("2")), ["2"]);
    assert!(!history.notes().is_empty());
}

#[tokio::test]
async fn a_channel_that_is_recorded_stores_and_judges_as_before() {
    use sluicegate_channels::memory::{MemoryChannel, MemoryOptions};
    use sluicegate_channels::{Admission, Channel, SubscriptionKey};
    use sluicegate_dispatcher::TriggerMatcher;
    use sluicegate_filter::Filter;

    let history = Arc::new(open(None, &HistoryOptions::default()));
    let matcher = Arc::new(TriggerMatcher::new());
    matcher.insert(SubscriptionKey(1), Filter::compile(&[]).unwrap());
    let channel = MemoryChannel::open(
        MemoryOptions::default(),
        Arc::new(Judging(Arc::clone(&matcher))),
        history.clock,
    );
    let recorder = Recorder::new(channel, Arc::clone(&history));
    let batch = vec![event("1"), event("2")];
    let positions = recorder.append(batch, Admission::Ingress).await.unwrap();
    let reply = recorder.append(vec![event("3")], Admission::Internal).await;
    let stored = [positions[0], positions[1], reply.unwrap()[0]];
    for (id, position) in ["1", "2", "3"].into_iter().zip(stored) {
        let found = history.find(id);
        let record = found.records().next().unwrap();
        let What::Accepted(accepted) = record.what else {
            panic!()
        };
        assert_eq!((accepted.id, accepted.position), (id, position));
        assert_eq!(accepted.is_reply, id == "3");
        let wanted = Judged {
            wanted: 1,
            undecided: 0,
        };
        assert_eq!(accepted.judged, Some(wanted));
    }
    recorder.close();
    let refused = recorder.append(vec![event("4")], Admission::Ingress).await;
    assert!(refused.is_err());
    assert_eq!(history.find("4").records().count(), 0);
}

#[test]
fn an_index_that_is_lost_damaged_or_of_another_log_is_made_anew() {
    let folder = TempDir::new();
    let options = HistoryOptions::default();
    let history = open(Some(folder.path()), &options);
    for offset in 0..5_000 {
        accept(&history, &offset.to_string(), offset);
    }
    close(history);
    let index = folder.path().join("index");
    for damage in 0..5 {
        match damage {
            0 => {}
            1 => fs::remove_dir_all(&index).unwrap(),
            2 => {
                fs::remove_dir_all(&index).unwrap();
                fs::write(&index, "no folder").unwrap();
            }
            3 => {
                for file in fs::read_dir(&index).unwrap().flatten() {
                    if file.path().is_file() {
                        fs::write(file.path(), [7; 4_096]).unwrap();
                    }
                }
            }
            // The index speaks of what is not there.
            _ => fs::remove_dir_all(folder.path().join("log")).unwrap(),
        }
        let history = open(Some(folder.path()), &options);
        accept(&history, "new", 9_999);
        for id in ["0", "2500", "4999"] {
            let expected = match damage {
                4 => vec![],
                _ => vec![id],
            };
            assert_eq!(ids(&history.find(id)), expected, "{damage}");
        }
        assert!(!ids(&history.find("new")).is_empty());
        assert_eq!(
            history.notes().is_empty(),
            ![2, 3].contains(&damage),
            "{damage}"
        );
        close(history);
    }
}
