//! All files and their names, with what is durable of each.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::super::files::Space;
use super::faults::{Effect, Faults, failure};
use super::inode::Inode;

/// What a disk without a limit says of its size.
const BOUNDLESS_BYTES: u64 = 1 << 40;

#[derive(Clone, Debug)]
pub(super) struct Volume {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    waiting: Vec<Renaming>,
    rng: fastrand::Rng,
    pub(super) faults: Faults,
    pub(super) epoch: u64,
    pub(super) bytes_max: Option<u64>,
    open_files: u64,
    pub(super) open_files_max: u64,
}

/// A change of names that is not durable yet.
#[derive(Clone, Debug)]
enum Renaming {
    Made(PathBuf, u64),
    Moved(PathBuf, PathBuf, u64),
    Removed(PathBuf),
}

impl Renaming {
    fn is_in(&self, dir: &Path) -> bool {
        let (Renaming::Made(path, _) | Renaming::Moved(path, ..) | Renaming::Removed(path)) = self;
        path.parent() == Some(dir)
    }

    fn apply(self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Renaming::Made(path, inode) => {
                names.insert(path, inode);
            }
            // The old name may be another file's by now, or again.
            Renaming::Moved(from, to, inode) => {
                if names.get(&from) == Some(&inode) {
                    names.remove(&from);
                }
                names.insert(to, inode);
            }
            Renaming::Removed(path) => {
                names.remove(&path);
            }
        }
    }
}

impl Volume {
    pub(super) fn new(seed: u64) -> Self {
        Volume {
            inodes: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            waiting: Vec::new(),
            rng: fastrand::Rng::with_seed(seed),
            faults: Faults::default(),
            epoch: 0,
            bytes_max: None,
            open_files: 0,
            open_files_max: 0,
        }
    }

    pub(super) fn list(&self, dir: &Path) -> Vec<String> {
        let inside = self.names.keys().filter(|it| it.parent() == Some(dir));
        let names = inside.filter_map(|it| it.file_name()?.to_str());
        names.map(str::to_owned).collect()
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<u64> {
        let found = self.names.get(path);
        found.copied().ok_or(io::ErrorKind::NotFound.into())
    }

    pub(super) fn create(&mut self, path: &Path) -> u64 {
        let inode = self.inodes.last_key_value().map_or(0, |(last, _)| last + 1);
        self.inodes.insert(inode, Inode::default());
        self.change(Renaming::Made(path.to_owned(), inode));
        inode
    }

    pub(super) fn opened(&mut self) {
        self.open_files += 1;
        self.open_files_max = self.open_files_max.max(self.open_files);
    }

    pub(super) fn closed(&mut self) {
        self.open_files = self.open_files.saturating_sub(1);
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.find(from)?;
        self.change(Renaming::Moved(from.to_owned(), to.to_owned(), inode));
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.find(path)?;
        self.change(Renaming::Removed(path.to_owned()));
        Ok(())
    }

    fn change(&mut self, renaming: Renaming) {
        renaming.clone().apply(&mut self.names);
        self.waiting.push(renaming);
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) {
        let waiting = std::mem::take(&mut self.waiting);
        let (ours, others): (Vec<_>, _) = waiting.into_iter().partition(|it| it.is_in(dir));
        for renaming in ours {
            renaming.apply(&mut self.durable_names);
        }
        self.waiting = others;
    }

    pub(super) fn inode(&self, inode: u64) -> io::Result<&Inode> {
        self.inodes.get(&inode).ok_or(failure(Effect::Broken))
    }

    pub(super) fn inode_mut(&mut self, inode: u64) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&inode).ok_or(failure(Effect::Broken))
    }

    pub(super) fn write(&mut self, inode: u64, bytes: &[u8], at: u64) -> io::Result<usize> {
        let at = place(at)?;
        self.need_room(inode, at + bytes.len())?;
        self.inode_mut(inode)?.write(bytes, at);
        Ok(bytes.len())
    }

    pub(super) fn set_len(&mut self, inode: u64, length: u64) -> io::Result<()> {
        let length = place(length)?;
        self.need_room(inode, length)?;
        self.inode_mut(inode)?.set_len(length);
        Ok(())
    }

    fn need_room(&self, inode: u64, length: usize) -> io::Result<()> {
        let more = length.saturating_sub(self.inode(inode)?.cache.len()) as u64;
        if more > 0 && more > self.space().free_bytes {
            return Err(failure(Effect::NoSpace));
        }
        Ok(())
    }

    pub(super) fn space(&self) -> Space {
        let named = self.names.values();
        let used = named.filter_map(|it| Some(self.inodes.get(it)?.cache.len() as u64));
        let total_bytes = self.bytes_max.unwrap_or(BOUNDLESS_BYTES);
        Space {
            free_bytes: total_bytes.saturating_sub(used.sum()),
            total_bytes,
        }
    }

    /// A part of a write of `length` bytes: at least one of them, and not all where there are more.
    pub(super) fn some_of(&mut self, length: usize) -> usize {
        self.rng.usize(..length.max(2)).max(1).min(length)
    }

    /// A failed sync: some of what waited arrives, and the rest never will.
    pub(super) fn forget_unsynced(&mut self, inode: u64) -> io::Result<()> {
        let mut rng = self.rng.fork();
        self.inode_mut(inode)?.lose_some(&mut rng);
        Ok(())
    }

    pub(super) fn crash(&mut self) {
        self.epoch += 1;
        let all_names_arrive = self.rng.bool();
        for renaming in std::mem::take(&mut self.waiting) {
            if all_names_arrive || self.rng.bool() {
                renaming.apply(&mut self.durable_names);
            }
        }
        self.names.clone_from(&self.durable_names);
        let names = &self.names;
        self.inodes
            .retain(|inode, _| names.values().any(|it| it == inode));
        for inode in self.inodes.values_mut() {
            inode.lose_some(&mut self.rng);
            inode.restart();
        }
    }

    pub(super) fn tamper(&mut self, inode: u64, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(inode) = self.inodes.get_mut(&inode) {
            inode.tamper(change);
        }
    }

    /// Ends every lock and every open file, as when the process ends.
    pub(super) fn let_go(&mut self) {
        self.epoch += 1;
        self.open_files = 0;
        for inode in self.inodes.values_mut() {
            inode.unlock();
        }
    }

    pub(super) fn unlock(&mut self, inode: u64, epoch: u64) {
        if epoch == self.epoch
            && let Some(inode) = self.inodes.get_mut(&inode)
        {
            inode.unlock();
        }
    }
}

fn place(at: u64) -> io::Result<usize> {
    usize::try_from(at).map_err(|_| io::ErrorKind::FileTooLarge.into())
}
