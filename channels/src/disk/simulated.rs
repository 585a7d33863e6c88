//! A disk in memory that loses what a real one may lose, for tests.
//!
//! Every file has what the system shows (its cache) and what is on the disk; a sync brings the
//! second up to the first. What was not synced is kept as a list of changes, and a
//! [crash](SimulatedDisk::crash) lets each of them arrive or not: whole sectors of a write, a change
//! of length, a name. All of it is drawn from one seed, so a run replays.
//!
//! Faults are asked for by [`SimulatedDisk::fail`]: the nth call from now on, of one kind or of any.
//! A failed sync is as mean as the real one: some of what was waiting arrives, the rest never will,
//! however often it is synced again, and yet the system goes on showing it until the crash.
//!
//! What is deliberately absent: directories are durable at once, and a failed sync of a directory
//! keeps the names waiting, since file systems with a journal stop altogether when they cannot
//! write it.

mod faults;
mod inode;
#[cfg(test)]
mod tests;
mod volume;

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

pub use self::faults::{Call, Effect};
use self::faults::{Outcome, failure};
use self::volume::Volume;
use super::files::{Files, OpenFile, OpenMode, Space};

/// The disk. Clones are the same disk.
///
/// ```
/// use std::path::Path;
///
/// use sluicegate_channels::disk::files::{Files, OpenMode};
/// use sluicegate_channels::disk::simulated::SimulatedDisk;
///
/// let disk = SimulatedDisk::new(7);
/// let (dir, path) = (Path::new("/data"), Path::new("/data/file"));
/// disk.create_dir(dir)?;
/// let file = disk.open(path, OpenMode::Create)?;
/// file.write_at(b"kept", 0)?;
/// file.sync()?;
/// disk.sync_dir(dir)?;
///
/// disk.crash();
/// assert_eq!(disk.contents(path).as_deref(), Some(&b"kept"[..]));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SimulatedDisk {
    volume: Arc<Mutex<Volume>>,
}

impl SimulatedDisk {
    /// An empty disk whose losses are drawn from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        SimulatedDisk {
            volume: Arc::new(Mutex::new(Volume::new(seed))),
        }
    }

    /// Fails the `nth` call from now on (from 1), of this kind or, with `None`, of any. A later
    /// `fail` takes its place.
    pub fn fail(&self, call: Option<Call>, nth: u64, effect: Effect) {
        self.volume.lock().faults.plan(call, nth, effect);
    }

    /// Fails the `nth` call from now on (from 1) and those behind it, `calls` in all, as a device does
    /// that is away for a while.
    pub fn goes_away(&self, nth: u64, calls: u64) {
        self.volume.lock().faults.plan_outage(nth, calls);
    }

    /// Goes away when this byte of a file is read, until it shall [fail no more](Self::fail_no_more).
    ///
    /// # Panics
    ///
    /// If there is no such file.
    pub fn goes_away_at(&self, path: &Path, byte: u64) {
        let mut volume = self.volume.lock();
        let inode = volume.find(path).and_then(|it| volume.inode_mut(it));
        inode.expect("the file is there").away_at = Some(byte);
    }

    /// Forgets a planned fault that has not come, and ends one that lasts.
    pub fn fail_no_more(&self) {
        self.volume.lock().faults.forget();
    }

    /// How many faults have come.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.volume.lock().faults.injected()
    }

    /// How many calls there were in all, refused ones too.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.volume.lock().faults.calls()
    }

    /// The most files that were open at a time.
    #[must_use]
    pub fn open_files_max(&self) -> u64 {
        self.volume.lock().open_files_max
    }

    /// Power cut: what was not synced arrives in part or not, and what was open is dead.
    pub fn crash(&self) {
        self.volume.lock().crash();
    }

    /// How many bytes all files together may be long, or any number.
    pub fn limit(&self, bytes_max: Option<u64>) {
        self.volume.lock().bytes_max = bytes_max;
    }

    /// The files in `dir` as the system shows them, sorted.
    #[must_use]
    pub fn names(&self, dir: &Path) -> Vec<String> {
        let mut names = self.volume.lock().list(dir);
        names.sort();
        names
    }

    /// What a file holds as the system shows it.
    #[must_use]
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let volume = self.volume.lock();
        let inode = volume.find(path).ok()?;
        Some(volume.inode(inode).ok()?.cache.clone())
    }

    /// Puts other bytes into a file, durably: what rot or a foreign hand does.
    ///
    /// # Panics
    ///
    /// If there is no such file.
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut volume = self.volume.lock();
        let inode = volume.find(path).expect("the file is there");
        volume.tamper(inode, change);
    }

    /// Makes reading any of these bytes of a file fail from now on, as bad sectors do.
    ///
    /// # Panics
    ///
    /// If there is no such file.
    pub fn break_reads(&self, path: &Path, bytes: Range<u64>) {
        let mut volume = self.volume.lock();
        let inode = volume.find(path).and_then(|it| volume.inode_mut(it));
        inode.expect("the file is there").broken = Some(bytes);
    }

    /// Goes on as an independent copy from where this disk is, without what is open.
    #[must_use]
    pub fn copy(&self) -> Self {
        let mut volume = self.volume.lock().clone();
        volume.let_go();
        SimulatedDisk {
            volume: Arc::new(Mutex::new(volume)),
        }
    }

    fn call<T>(&self, call: Call, act: impl FnOnce(&mut Volume) -> io::Result<T>) -> io::Result<T> {
        let mut volume = self.volume.lock();
        match volume.faults.next(call) {
            Outcome::Refused(effect) => Err(failure(effect)),
            Outcome::Done | Outcome::Short => act(&mut volume),
        }
    }
}

impl Files for SimulatedDisk {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        self.call(Call::CreateDir, |_| Ok(()))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.call(Call::List, |volume| Ok(volume.list(dir)))
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn OpenFile>> {
        let file = self.call(Call::Open, |volume| {
            let inode = match (volume.find(path), mode) {
                (Err(_), OpenMode::Create) => volume.create(path),
                (found, OpenMode::Read | OpenMode::Write | OpenMode::Create) => found?,
            };
            volume.opened();
            Ok(SimulatedFile {
                disk: self.clone(),
                inode,
                epoch: volume.epoch,
                has_lock: Mutex::new(false),
            })
        })?;
        Ok(Box::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(Call::Rename, |volume| volume.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(Call::Remove, |volume| volume.remove(path))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.call(Call::SyncDir, |volume| {
            volume.sync_dir(dir);
            Ok(())
        })
    }

    fn space(&self, _dir: &Path) -> io::Result<Space> {
        self.call(Call::Space, |volume| Ok(volume.space()))
    }

    fn pause(&self, _time: Duration) {}
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    inode: u64,
    /// The count of crashes when it was opened: after the next one it is dead.
    epoch: u64,
    has_lock: Mutex<bool>,
}

impl SimulatedFile {
    fn call<T>(&self, call: Call, act: impl FnOnce(&mut Volume) -> io::Result<T>) -> io::Result<T> {
        self.disk.call(call, |volume| {
            if volume.epoch != self.epoch {
                return Err(failure(Effect::Broken));
            }
            act(volume)
        })
    }
}

impl OpenFile for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut volume = self.disk.volume.lock();
        if volume
            .inode_mut(self.inode)
            .is_ok_and(|it| it.ends_at(at, buffer.len()))
        {
            volume.faults.plan_outage(1, u64::MAX);
        }
        drop(volume);
        self.call(Call::Read, |volume| {
            let inode = volume.inode(self.inode)?;
            if inode.is_broken(at, buffer.len()) {
                return Err(failure(Effect::Broken));
            }
            Ok(inode.read(buffer, at))
        })
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let mut volume = self.disk.volume.lock();
        let outcome = volume.faults.next(Call::Write);
        if volume.epoch != self.epoch {
            return Err(failure(Effect::Broken));
        }
        match outcome {
            Outcome::Refused(effect) => Err(failure(effect)),
            Outcome::Done => volume.write(self.inode, bytes, at),
            Outcome::Short => {
                let some = volume.some_of(bytes.len());
                volume.write(self.inode, &bytes[..some], at)
            }
        }
    }

    fn sync(&self) -> io::Result<()> {
        let mut volume = self.disk.volume.lock();
        let outcome = volume.faults.next(Call::Sync);
        if volume.epoch != self.epoch {
            return Err(failure(Effect::Broken));
        }
        match outcome {
            Outcome::Refused(effect) => {
                volume.forget_unsynced(self.inode)?;
                Err(failure(effect))
            }
            Outcome::Done | Outcome::Short => {
                volume.inode_mut(self.inode)?.sync();
                Ok(())
            }
        }
    }

    fn allocate(&self, length_bytes: u64) -> io::Result<()> {
        self.call(Call::Allocate, |volume| {
            let length = volume.inode(self.inode)?.cache.len() as u64;
            volume.set_len(self.inode, length.max(length_bytes))
        })
    }

    fn set_len(&self, length_bytes: u64) -> io::Result<()> {
        self.call(Call::SetLen, |volume| {
            volume.set_len(self.inode, length_bytes)
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.call(Call::Length, |volume| {
            Ok(volume.inode(self.inode)?.cache.len() as u64)
        })
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.call(Call::Lock, |volume| {
            let taken = volume.inode_mut(self.inode)?.lock();
            *self.has_lock.lock() |= taken;
            Ok(taken)
        })
    }
}

impl Drop for SimulatedFile {
    fn drop(&mut self) {
        let mut volume = self.disk.volume.lock();
        volume.closed();
        if *self.has_lock.lock() {
            volume.unlock(self.inode, self.epoch);
        }
    }
}
