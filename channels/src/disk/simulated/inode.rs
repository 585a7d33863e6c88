//! One file: what the system shows, what is on the disk, and what waits between.

use std::ops::Range;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    /// What is read.
    pub(super) cache: Vec<u8>,
    /// What a power cut leaves.
    durable: Vec<u8>,
    waiting: Vec<Change>,
    is_locked: bool,
    /// What cannot be read.
    pub(super) broken: Option<Range<u64>>,
    /// The device goes away when this byte is read.
    pub(super) away_at: Option<u64>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    SetLen(usize),
}

impl Inode {
    pub(super) fn read(&self, buffer: &mut [u8], at: u64) -> usize {
        let rest = usize::try_from(at)
            .ok()
            .and_then(|at| self.cache.get(at..))
            .unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        length
    }

    pub(super) fn is_broken(&self, at: u64, length: usize) -> bool {
        let end = at + length as u64;
        self.broken
            .as_ref()
            .is_some_and(|it| at < it.end && it.start < end)
    }

    /// Whether this read is the one at which the device goes away; it is so once.
    pub(super) fn ends_at(&mut self, at: u64, length: usize) -> bool {
        let read = at..at + length as u64;
        self.away_at.take_if(|it| read.contains(it)).is_some()
    }

    pub(super) fn write(&mut self, bytes: &[u8], at: usize) {
        put(&mut self.cache, bytes, at);
        let bytes = bytes.to_vec();
        self.waiting.push(Change::Write { at, bytes });
    }

    pub(super) fn set_len(&mut self, length: usize) {
        self.cache.resize(length, 0);
        self.waiting.push(Change::SetLen(length));
    }

    pub(super) fn sync(&mut self) {
        for change in std::mem::take(&mut self.waiting) {
            match change {
                Change::Write { at, bytes } => put(&mut self.durable, &bytes, at),
                Change::SetLen(length) => self.durable.resize(length, 0),
            }
        }
    }

    /// Lets some of what waits arrive and forgets the rest, which the cache goes on showing. A
    /// third of the time it is half of everything, else nearly all or nearly nothing.
    pub(super) fn lose_some(&mut self, rng: &mut fastrand::Rng) {
        let share = [2, 50, 98][rng.usize(..3)];
        let mut arrives = || rng.u32(..100) < share;
        for change in std::mem::take(&mut self.waiting) {
            match change {
                Change::SetLen(length) if arrives() => self.durable.resize(length, 0),
                Change::SetLen(_) => {}
                Change::Write { at, bytes } => {
                    for (from, to) in sectors(at, bytes.len()) {
                        if arrives() {
                            put(&mut self.durable, &bytes[from..to], at + from);
                        }
                    }
                }
            }
        }
    }

    /// What a power cut leaves is what there is.
    pub(super) fn restart(&mut self) {
        self.cache.clone_from(&self.durable);
        self.is_locked = false;
    }

    pub(super) fn tamper(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        self.sync();
        change(&mut self.durable);
        self.cache.clone_from(&self.durable);
    }

    pub(super) fn lock(&mut self) -> bool {
        !std::mem::replace(&mut self.is_locked, true)
    }

    pub(super) fn unlock(&mut self) {
        self.is_locked = false;
    }
}

/// The parts of `length` bytes at `at` that lie in one sector each, counted from the first byte.
fn sectors(at: usize, length: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let to = ((at + from) / SECTOR_BYTES + 1) * SECTOR_BYTES - at;
        let part = (from, to.min(length));
        from = part.1;
        (part.0 < part.1).then_some(part)
    })
}

fn put(file: &mut Vec<u8>, bytes: &[u8], at: usize) {
    let end = at + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[at..end].copy_from_slice(bytes);
}
