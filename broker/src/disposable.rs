//! Stores that may be lost: kept in sled, and replaced when they are damaged.
//!
//! sled is small and quick for what can be found out anew, and known to be unreadable now and then
//! after a disk was full. So nothing is kept in it that an event depends on, a store that fails is
//! *set aside* (renamed, so that someone can look at it; only the latest is kept) and begun anew,
//! and a panic in it counts as damage.
//!
//! What it leaves out: what is in a store, and how it is filled again.

mod folder;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use sluicegate_channels::Timestamp;

pub use self::folder::SpareFolder;

/// The code of log lines about damage to what may be lost.
pub const DAMAGED: &str = "W027";
/// What such a line says is to be done.
pub const NOTHING_TO_MEND: &str = "nothing needs to be mended; if it happens again, check the disk";

/// Pages kept in memory for one store. What is in them is read in order, seldom.
const CACHE_BYTES: u64 = 2 << 20;
/// What was written is synced this often, in milliseconds.
const SYNC_EVERY_MS: u64 = 1_000;

/// Why a store is of no use any more, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Damaged(String);

impl Damaged {
    /// For what is in a store and is not as it was written.
    pub fn new(why: impl Into<String>) -> Self {
        Damaged(why.into())
    }
}

/// A store in a folder of its own. Clones are of the same store.
#[derive(Clone, Debug)]
pub struct Disposable {
    db: sled::Db,
}

impl Disposable {
    /// Opens the store in `dir`, which is made if it is not there. Blocking.
    ///
    /// # Errors
    ///
    /// When it cannot be read or made.
    pub fn open(dir: &Path) -> Result<Self, Damaged> {
        let config = sled::Config::new()
            .path(dir)
            .mode(sled::Mode::LowSpace)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(Some(SYNC_EVERY_MS));
        let db = guarded(|| config.open())?;
        Ok(Disposable { db })
    }

    /// Works with the store; a failure or a panic in it is damage. Blocking.
    ///
    /// # Errors
    ///
    /// When the store fails, or `work` finds what makes no sense.
    pub fn with<T>(&self, work: impl FnOnce(&sled::Db) -> Result<T, Broken>) -> Result<T, Damaged> {
        guarded(|| work(&self.db))
    }
}

/// What can go wrong with the work on a store.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The store itself.
    #[error(transparent)]
    Store(#[from] sled::Error),
    /// What is in it is not as it was written.
    #[error("it holds {0}")]
    Content(&'static str),
}

fn guarded<T, E: std::fmt::Display>(work: impl FnOnce() -> Result<T, E>) -> Result<T, Damaged> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(Damaged(error.to_string())),
        Err(_) => Err(Damaged("reading it panicked".to_owned())),
    }
}

/// Gives a folder or file another name, and removes what was set aside before. Blocking.
///
/// # Errors
///
/// The system's; what was to be set aside is then still there.
pub fn set_aside(path: &Path, now: Timestamp) -> std::io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!("{name}.damaged-");
    let parent = path.parent().unwrap_or(Path::new("."));
    for entry in std::fs::read_dir(parent)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let earlier = entry.path();
            let is_folder = earlier.is_dir();
            drop(match is_folder {
                true => std::fs::remove_dir_all(earlier),
                false => std::fs::remove_file(earlier),
            });
        }
    }
    let aside = parent.join(format!("{prefix}{}", now.0));
    std::fs::rename(path, &aside)?;
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn what_is_in_a_store_outlives_it() {
        let folder = TempDir::new();
        let dir = folder.path().join("store");
        let store = Disposable::open(&dir).unwrap();
        store.with(|db| Ok(db.insert("a", "1")?)).unwrap();
        drop(store);
        let store = Disposable::open(&dir).unwrap();
        let found = store.with(|db| Ok(db.get("a")?)).unwrap();
        assert_eq!(found.as_deref(), Some(&b"1"[..]));
    }

    #[test]
    fn failures_and_panics_are_damage() {
        let folder = TempDir::new();
        let file = folder.path().join("file");
        std::fs::write(&file, "no folder").unwrap();
        assert!(Disposable::open(&file).is_err());
        let store = Disposable::open(&folder.path().join("store")).unwrap();
        let nonsense = store.with::<()>(|_| Err(Broken::Content("nonsense")));
        assert_eq!(nonsense.unwrap_err().to_string(), "it holds nonsense");
        assert!(store.with::<()>(|_| panic!("scripted")).is_err());
    }

    #[test]
    fn only_the_latest_that_was_set_aside_is_kept() {
        let folder = TempDir::new();
        let path = folder.path().join("log");
        for (now, is_folder) in [(1, true), (2, false), (3, true)] {
            if is_folder {
                std::fs::create_dir(&path).unwrap();
            } else {
                std::fs::write(&path, "").unwrap();
            }
            let aside = set_aside(&path, Timestamp(now)).unwrap();
            assert!(aside.ends_with(format!("log.damaged-{now}")));
        }
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1);
        assert!(set_aside(&path, Timestamp(4)).is_err(), "there is nothing");
    }
}
