//! Notices of real folders. Where a test needs one that does not come, a deadline ends it.

use std::fs;

use tokio::time::timeout;

use super::*;
use crate::testing::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until a change brings a notice; the cheap look in between is none.
async fn noticed(follow: &mut Follow) -> bool {
    let notice = async { while follow.changed(None).await == Look::Cheap {} };
    timeout(PATIENCE, notice).await.is_ok()
}

/// Lets the notices of what was done before pass.
async fn quiet(follow: &mut Follow) {
    let quiet = async { while follow.changed(None).await == Look::Thorough {} };
    timeout(PATIENCE, quiet).await.expect("notices never end");
}

#[tokio::test]
async fn a_file_that_is_written_renamed_or_removed_brings_a_notice() {
    let dir = TempDir::new();
    let mut follow = Follow::new(dir.path());
    let (hidden, file) = (dir.path().join(".new"), dir.path().join("a.yaml"));
    fs::write(&hidden, "a: 1").unwrap();
    assert!(noticed(&mut follow).await, "written");
    fs::rename(&hidden, &file).unwrap();
    assert!(noticed(&mut follow).await, "renamed");
    fs::remove_file(&file).unwrap();
    assert!(noticed(&mut follow).await, "removed");
}

#[tokio::test]
async fn reading_the_folder_is_not_worth_another_look() {
    let dir = TempDir::new();
    fs::write(dir.path().join("a.yaml"), "a: 1").unwrap();
    let mut follow = Follow::new(dir.path());
    quiet(&mut follow).await;
    fs::read_dir(dir.path()).unwrap().for_each(drop);
    fs::read(dir.path().join("a.yaml")).unwrap();
    assert_eq!(follow.changed(None).await, Look::Cheap);
}

#[tokio::test]
async fn without_a_notice_a_look_is_due_every_second_or_at_the_deadline() {
    let dir = TempDir::new();
    let mut follow = Follow::new(dir.path());
    quiet(&mut follow).await;
    let begun = Instant::now();
    assert_eq!(follow.changed(None).await, Look::Cheap);
    assert!(begun.elapsed() >= LOOK_EVERY);
    let (begun, soon) = (Instant::now(), Duration::from_millis(10));
    assert_eq!(follow.changed(Some(begun + soon)).await, Look::Cheap);
    assert!((soon..LOOK_EVERY).contains(&begun.elapsed()));
}

#[tokio::test]
async fn a_folder_that_comes_later_is_watched_then() {
    let dir = TempDir::new();
    let path = dir.path().join("manifests");
    let mut follow = Follow::new(&path);
    assert_eq!(follow.changed(None).await, Look::Cheap);
    fs::create_dir(&path).unwrap();
    // The next look finds it and begins to watch.
    follow.changed(None).await;
    fs::write(path.join("a.yaml"), "a: 1").unwrap();
    assert!(noticed(&mut follow).await);
}

#[tokio::test]
async fn a_renewed_watch_is_on_the_folder_that_stands_there_now() {
    let dir = TempDir::new();
    let path = dir.path().join("manifests");
    fs::create_dir(&path).unwrap();
    let mut follow = Follow::new(&path);
    fs::rename(&path, dir.path().join("old")).unwrap();
    fs::create_dir(&path).unwrap();
    follow.renew();
    assert_eq!(follow.changed(None).await, Look::Thorough, "due at once");
    quiet(&mut follow).await;
    fs::write(path.join("a.yaml"), "a: 1").unwrap();
    assert!(noticed(&mut follow).await);
}
