//! How much room there is where a broker's files lie, who may still take some, and the reserve that
//! lets it drain when there is none.
//!
//! ```text
//!  free      ... ─────── needed ─────────── half of it ─────────────── 0
//!  producers ... ────────┤ refused
//!  replies   ... ─────────────────────────────┤ refused
//!  cursors, kept events: always, and when the disk is full all the same, from the reserve
//! ```
//!
//! A disk must not fill up: what is stored could then not be settled, moved or parked either, and
//! so nothing would ever make room again. So producers are refused while there is a little left,
//! and replies, without which what is stored cannot be settled, when half of that is gone. Another
//! program may fill the disk all the same. Therefore the *reserve*: a file that holds nothing but
//! room, which is removed when cursors or kept events meet a full disk, and made anew once there is
//! enough.
//!
//! One thread looks, that of the [appender](super::appender); everybody else goes by what it saw
//! last. What is deliberately absent: removing events to make room, which is for retention.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::files::{Files, OpenMode, Space};
use crate::Admission;

/// The file of the reserve.
const RESERVE: &str = "reserve";

/// How much room is kept free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceOptions {
    /// What producers leave free, in percent of the file system. Default 5.
    pub free_percent: u8,
    /// What they leave free at least, in bytes. Default 512 MiB.
    pub free_bytes_min: u64,
    /// How large the reserve is; 0 for none. Default 64 MiB.
    pub reserve_bytes: u64,
}

impl Default for SpaceOptions {
    fn default() -> Self {
        SpaceOptions {
            free_percent: 5,
            free_bytes_min: 512 << 20,
            reserve_bytes: 64 << 20,
        }
    }
}

impl SpaceOptions {
    fn needed_bytes(&self, total_bytes: u64) -> u64 {
        let percent = u64::from(self.free_percent);
        let share = total_bytes / 100 * percent + total_bytes % 100 * percent / 100;
        share.max(self.free_bytes_min)
    }
}

/// Who may still take room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Everybody.
    Enough,
    /// Replies.
    Low,
    /// Nobody who appends.
    Short,
}

impl Room {
    /// Whether there is room for who appends as `admission`.
    #[must_use]
    pub fn admits(self, admission: Admission) -> bool {
        match (self, admission) {
            (Room::Enough, Admission::Ingress | Admission::Internal)
            | (Room::Low, Admission::Internal) => true,
            (Room::Low, Admission::Ingress)
            | (Room::Short, Admission::Ingress | Admission::Internal) => false,
        }
    }
}

/// The room where a broker's files lie. Clones are the same. See the [module](self).
///
/// ```
/// use std::sync::Arc;
///
/// use sluicegate_channels::Admission;
/// use sluicegate_channels::disk::simulated::SimulatedDisk;
/// use sluicegate_channels::disk::space::{SpaceOptions, SpaceWatch};
///
/// let disk = SimulatedDisk::new(1);
/// disk.limit(Some(1_000));
/// let options = SpaceOptions { free_percent: 10, free_bytes_min: 0, reserve_bytes: 50 };
/// let watch = SpaceWatch::open(Arc::new(disk.clone()), "/data".as_ref(), options)?;
/// assert!(watch.room().admits(Admission::Ingress) && watch.has_reserve());
///
/// disk.limit(Some(52));
/// watch.look()?;
/// assert!(!watch.room().admits(Admission::Ingress));
/// assert!(watch.give_back_reserve(), "there are 50 bytes to go on with");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SpaceWatch {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    files: Arc<dyn Files>,
    dir: PathBuf,
    options: SpaceOptions,
    free_bytes: AtomicU64,
    total_bytes: AtomicU64,
    /// Whether the reserve is there. Held while it is made or removed.
    has_reserve: Mutex<bool>,
}

impl SpaceWatch {
    /// Looks how much room there is in `dir`, which exists, and makes the reserve if there is
    /// enough.
    ///
    /// # Errors
    ///
    /// The system's, if it does not tell. That there is no room is none.
    pub fn open(files: Arc<dyn Files>, dir: &Path, options: SpaceOptions) -> io::Result<Self> {
        let space = files.space(dir)?;
        let kept = files.open(&dir.join(RESERVE), OpenMode::Write);
        let kept_bytes = kept.and_then(|it| it.len()).unwrap_or(0);
        let is_kept = kept_bytes > 0 && kept_bytes == options.reserve_bytes;
        let watch = SpaceWatch {
            shared: Arc::new(Shared {
                files,
                dir: dir.to_owned(),
                options,
                free_bytes: AtomicU64::new(space.free_bytes),
                total_bytes: AtomicU64::new(space.total_bytes),
                has_reserve: Mutex::new(is_kept),
            }),
        };
        if kept_bytes > 0 && !is_kept {
            // It is of another size than is wanted now.
            drop(watch.shared.remove_reserve());
        }
        watch.restore_reserve();
        Ok(watch)
    }

    /// Where it looks.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// What was free when it last looked.
    #[must_use]
    pub fn space(&self) -> Space {
        Space {
            free_bytes: self.shared.free_bytes.load(Ordering::Relaxed),
            total_bytes: self.shared.total_bytes.load(Ordering::Relaxed),
        }
    }

    /// What must be free for producers to be taken from.
    #[must_use]
    pub fn needed_bytes(&self) -> u64 {
        self.shared.options.needed_bytes(self.space().total_bytes)
    }

    /// Who may take room, by what was free when it last looked.
    #[must_use]
    pub fn room(&self) -> Room {
        let (free, needed) = (self.space().free_bytes, self.needed_bytes());
        if free >= needed {
            Room::Enough
        } else if free >= needed / 2 {
            Room::Low
        } else {
            Room::Short
        }
    }

    /// Looks anew.
    ///
    /// # Errors
    ///
    /// The system's; what it saw before then stands.
    pub fn look(&self) -> io::Result<Room> {
        let space = self.shared.files.space(&self.shared.dir)?;
        let shared = &self.shared;
        shared.free_bytes.store(space.free_bytes, Ordering::Relaxed);
        shared
            .total_bytes
            .store(space.total_bytes, Ordering::Relaxed);
        Ok(self.room())
    }

    /// Whether the reserve is there.
    #[must_use]
    pub fn has_reserve(&self) -> bool {
        *self.shared.has_reserve.lock()
    }

    /// Whether the reserve is wanted and not there.
    #[must_use]
    pub fn lacks_reserve(&self) -> bool {
        self.shared.options.reserve_bytes > 0 && !self.has_reserve()
    }

    /// Gives the reserve back to the file system, for whoever must write and cannot, and says
    /// whether there was anything to give, so that trying again is worthwhile.
    #[must_use]
    pub fn give_back_reserve(&self) -> bool {
        let mut has_reserve = self.shared.has_reserve.lock();
        let gives = *has_reserve && self.shared.remove_reserve().is_ok();
        *has_reserve &= !gives;
        gives
    }

    /// Makes the reserve if it is not there and there is enough room besides, by what was free when
    /// it last looked, and says whether it is there. It takes as long as giving a file its room.
    pub fn restore_reserve(&self) -> bool {
        let reserve_bytes = self.shared.options.reserve_bytes;
        let mut has_reserve = self.shared.has_reserve.lock();
        let wanted = self.needed_bytes().saturating_add(reserve_bytes);
        if !*has_reserve && reserve_bytes > 0 && self.space().free_bytes >= wanted {
            *has_reserve = self.shared.make_reserve().is_ok();
        }
        *has_reserve
    }
}

impl Shared {
    fn make_reserve(&self) -> io::Result<()> {
        let file = self
            .files
            .open(&self.dir.join(RESERVE), OpenMode::Create)
            .and_then(|file| file.allocate(self.options.reserve_bytes));
        if file.is_err() {
            // A reserve that is there in part is worth nothing, and takes up room.
            drop(self.remove_reserve());
        }
        file
    }

    fn remove_reserve(&self) -> io::Result<()> {
        self.files.remove(&self.dir.join(RESERVE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::simulated::{Call, Effect, SimulatedDisk};

    const DIR: &str = "/data";

    fn open(disk: &SimulatedDisk, options: SpaceOptions) -> io::Result<SpaceWatch> {
        SpaceWatch::open(Arc::new(disk.clone()), Path::new(DIR), options)
    }

    fn options(free_percent: u8, free_bytes_min: u64, reserve_bytes: u64) -> SpaceOptions {
        SpaceOptions {
            free_percent,
            free_bytes_min,
            reserve_bytes,
        }
    }

    #[test]
    fn who_may_take_room_goes_by_the_larger_of_the_share_and_the_least() {
        use Room::{Enough, Low, Short};
        let gib = 1 << 30;
        let default = || options(5, 512 << 20, 0);
        for (total, free, wanted, expected) in [
            (100 * gib, 5 * gib, default(), Enough),
            (100 * gib, 5 * gib - 1_000, default(), Low),
            (100 * gib, 5 * gib / 2 - 1_000, default(), Short),
            (gib, gib / 2, default(), Enough),
            (gib, gib / 2 - 1, default(), Low),
            (gib, gib / 4, default(), Low),
            (gib, gib / 4 - 1, default(), Short),
            (gib, 0, default(), Short),
            (gib, 0, options(0, 0, 0), Enough),
        ] {
            let disk = SimulatedDisk::new(1);
            let watch = open(&disk, wanted).expect("it tells");
            watch.shared.total_bytes.store(total, Ordering::Relaxed);
            watch.shared.free_bytes.store(free, Ordering::Relaxed);
            assert_eq!(watch.room(), expected, "{free} of {total}");
        }
    }

    #[test]
    fn replies_are_admitted_for_longer_than_producers() {
        let cases = [
            (Room::Enough, true, true),
            (Room::Low, false, true),
            (Room::Short, false, false),
        ];
        for (room, ingress, internal) in cases {
            assert_eq!(room.admits(Admission::Ingress), ingress);
            assert_eq!(room.admits(Admission::Internal), internal);
        }
    }

    #[test]
    fn a_reserve_that_cannot_be_made_whole_is_not_there_and_takes_up_nothing() {
        let disk = SimulatedDisk::new(1);
        disk.fail(Some(Call::Allocate), 1, Effect::NoSpace);
        let watch = open(&disk, options(0, 0, 1_000)).expect("that is no error");
        assert!(!watch.has_reserve() && watch.lacks_reserve());
        assert!(!watch.give_back_reserve());
        assert!(disk.names(Path::new(DIR)).is_empty());
        assert!(watch.restore_reserve());
        assert_eq!(disk.names(Path::new(DIR)), [RESERVE]);
    }

    #[test]
    fn the_reserve_is_not_made_of_what_must_stay_free() {
        let disk = SimulatedDisk::new(1);
        disk.limit(Some(1_000));
        let watch = open(&disk, options(0, 600, 401)).expect("it tells");
        assert!(!watch.has_reserve());
        let watch = open(&disk, options(0, 600, 400)).expect("it tells");
        assert!(watch.has_reserve());
        watch.look().expect("it tells");
        assert_eq!(
            (watch.space().free_bytes, watch.room()),
            (600, Room::Enough)
        );
    }

    #[test]
    fn a_reserve_that_is_there_is_kept_and_one_of_another_size_is_not() {
        let disk = SimulatedDisk::new(1);
        drop(open(&disk, options(0, 0, 100)));
        let path = Path::new(DIR).join(RESERVE);
        for (reserve_bytes, length) in [(100, Some(100)), (50, Some(50)), (0, None)] {
            let watch = open(&disk, options(0, 0, reserve_bytes)).expect("it tells");
            assert_eq!(watch.has_reserve(), length.is_some());
            assert_eq!(disk.contents(&path).map(|it| it.len()), length);
        }
    }

    #[test]
    fn where_the_system_does_not_tell_what_it_said_before_stands() {
        let disk = SimulatedDisk::new(1);
        disk.fail(Some(Call::Space), 1, Effect::Broken);
        assert!(open(&disk, options(0, 0, 0)).is_err());
        let watch = open(&disk, options(0, 0, 0)).expect("it tells");
        let space = watch.space();
        disk.limit(Some(10));
        disk.fail(Some(Call::Space), 1, Effect::Broken);
        assert!(watch.look().is_err());
        assert_eq!(watch.space(), space);
        watch.look().expect("it tells");
        assert_eq!(watch.space().free_bytes, 10);
    }
}
