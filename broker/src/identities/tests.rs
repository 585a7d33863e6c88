//! The uids of triggers on real folders.

use std::time::Duration;

use super::*;
use crate::testing::TempDir;

fn name(name: &str) -> ObjectName {
    ObjectName {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
    }
}

async fn uid(identities: &mut Identities, trigger: &str) -> String {
    identities.ensure([&name(trigger)]).await.unwrap();
    identities.get(&name(trigger)).unwrap().to_owned()
}

#[tokio::test]
async fn a_uid_survives_a_restart_and_not_a_deletion() {
    let dir = TempDir::new();
    let mut first = Identities::open(dir.path()).unwrap();
    let made = uid(&mut first, "billing").await;
    assert_eq!(uid(&mut first, "billing").await, made);
    assert_ne!(uid(&mut first, "audit").await, made);
    drop(first);
    let mut second = Identities::open(dir.path()).unwrap();
    assert_eq!(second.get(&name("billing")), Some(&*made));
    second
        .forget([&name("billing"), &name("unknown")])
        .await
        .unwrap();
    assert_eq!(second.get(&name("billing")), None);
    assert_ne!(uid(&mut second, "billing").await, made);
    assert!(second.get(&name("audit")).is_some());
}

#[tokio::test]
async fn a_trigger_without_a_uid_adopts_one_unless_it_was_deleted() {
    let dir = TempDir::new();
    let mut first = Identities::open(dir.path()).unwrap();
    let made = uid(&mut first, "billing").await;
    first.adopt(&name("billing"), "other");
    first.adopt(&name("audit"), "found");
    assert_eq!(first.get(&name("billing")), Some(&*made));
    assert_eq!(uid(&mut first, "audit").await, "found");
    let both = [&name("billing"), &name("unknown")];
    first.disown(both).await.unwrap();
    drop(first);
    let mut second = Identities::open(dir.path()).unwrap();
    second.adopt(&name("billing"), &made);
    assert_eq!(second.get(&name("billing")), None);
    assert_eq!(second.names().collect::<Vec<_>>(), [name("audit")]);
    second.adopt(&name("unknown"), "found");
    assert_eq!(second.get(&name("unknown")), Some("found"));
    assert_ne!(uid(&mut second, "billing").await, made);
}

#[tokio::test]
async fn what_cannot_be_stored_is_not_given_and_what_was_stays() {
    let dir = TempDir::new();
    let mut identities = Identities::open(dir.path()).unwrap();
    let made = uid(&mut identities, "billing").await;
    // A folder stands where the new file is to be written.
    std::fs::create_dir(dir.path().join("identities.json.new")).unwrap();
    let both = [&name("billing"), &name("audit")];
    let refused = identities.ensure(both).await.unwrap_err();
    assert!(matches!(refused, DataError::Io { .. }), "{refused}");
    assert_eq!(identities.get(&name("audit")), None);
    assert_eq!(identities.get(&name("billing")), Some(&*made));
    identities.ensure([&name("billing")]).await.unwrap();
    std::fs::remove_dir(dir.path().join("identities.json.new")).unwrap();
    identities.ensure(both).await.unwrap();
    assert!(identities.get(&name("audit")).is_some());
}

#[tokio::test]
async fn a_disk_that_hangs_stops_no_one_else() {
    let dir = TempDir::new();
    let mut identities = Identities::open(dir.path()).unwrap();
    // To open a pipe for writing waits until someone reads it, as a disk may keep us waiting.
    let pipe = dir.path().join("identities.json.new");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let (went_on, told) = std::sync::mpsc::sync_channel(1);
    let disk = std::thread::spawn(move || {
        let went_on = told.recv_timeout(Duration::from_secs(5)).is_ok();
        drop(File::open(pipe).unwrap());
        went_on
    });
    let billing = name("billing");
    let (stored, ()) = tokio::join!(identities.ensure([&billing]), async {
        went_on.try_send(()).unwrap();
    });
    assert!(disk.join().unwrap(), "the thread of everyone else waited");
    // A pipe cannot be brought to a disk.
    assert!(matches!(stored, Err(DataError::Io { .. })), "{stored:?}");
    assert_eq!(identities.get(&billing), None);
}

#[test]
fn a_folder_in_use_is_refused_and_the_refusal_names_the_process() {
    let dir = TempDir::new();
    let _held = Identities::open(dir.path()).unwrap();
    let refused = Identities::open(dir.path()).unwrap_err().to_string();
    assert!(refused.contains("in use"), "{refused}");
    assert!(
        refused.contains(&format!("pid {}", std::process::id())),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_is_let_go_of_within_seconds_is_waited_for() {
    let dir = TempDir::new();
    for (held_for_ms, is_opened) in [(0, true), (2_500, true), (60_000, false)] {
        let held = Identities::open(dir.path()).unwrap();
        let holder = tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_millis(held_for_ms)).await;
            drop(held);
        });
        let began = tokio::time::Instant::now();
        let opened = Identities::open_once_free(dir.path()).await;
        assert_eq!(opened.is_ok(), is_opened, "{held_for_ms} ms: {opened:?}");
        assert!(
            began.elapsed().as_millis() <= 3_100,
            "{:?}",
            began.elapsed()
        );
        drop(opened);
        holder.await.unwrap();
    }
}

#[test]
fn a_damaged_file_is_reported_not_overwritten() {
    let dir = TempDir::new();
    std::fs::write(dir.path().join("identities.json"), "{").unwrap();
    let refused = Identities::open(dir.path()).unwrap_err();
    assert!(matches!(refused, DataError::Damaged { .. }), "{refused}");
    assert_eq!(
        std::fs::read(dir.path().join("identities.json")).unwrap(),
        b"{"
    );
}
