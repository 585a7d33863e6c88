//! Looks at the manifest folder again and again, and reads only what may have changed.
//!
//! A look without any notice comes every second, for ever; reading up to 10,000 files each time
//! would be a waste. So a file is passed over while the system says the same about it: device,
//! inode, length, times of the last write and of the last change of anything. Those times are no
//! finer than the system's tick, and a file that is written twice within one looks the same; so it
//! is passed over only once it was read `TRUSTED_AFTER` after it was first seen like that.
//!
//! What it leaves out: what the files mean ([`super::catalog`]), and when to look
//! ([`super::follow`]).

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::folder::{Contents, Folder, list, read_listed};

/// Far longer than any tick of a file system's clock, of which the coarsest in use is 10 ms.
const TRUSTED_AFTER: Duration = Duration::from_millis(500);

/// How much a look reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Every file.
    Thorough,
    /// The files about which the system says something new.
    Cheap,
}

/// The folder as it was at the last look.
#[derive(Debug)]
pub struct FolderReader {
    path: PathBuf,
    folder: Folder,
    folder_id: Option<FolderId>,
    seen: BTreeMap<PathBuf, Seen>,
}

/// What tells a folder from one that was put in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderId {
    device: u64,
    inode: u64,
    /// An inode's number is used again at once; the time tells the two apart where it is known.
    created: Option<SystemTime>,
}

/// What the system said about a file when it was read.
#[derive(Clone, Copy, Debug)]
struct Seen {
    stamp: Stamp,
    first: Instant,
    read: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl FolderReader {
    /// Has not looked yet.
    pub fn new(path: &Path) -> Self {
        FolderReader {
            path: path.to_owned(),
            folder: Folder::default(),
            folder_id: None,
            seen: BTreeMap::new(),
        }
    }

    /// The folder as it was at the last look.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Which folder stood at the path at the last look; none when there was none.
    pub fn folder_id(&self) -> Option<&FolderId> {
        self.folder_id.as_ref()
    }

    /// Looks, and says whether anything differs from the look before. Blocking.
    pub fn look(&mut self, how: Look) -> bool {
        // Before the list: if the folder is replaced in between, the next look sees another one.
        self.folder_id = identify(&self.path);
        let listed = match list(&self.path) {
            Ok(listed) => listed,
            Err(error) => {
                self.seen.clear();
                let folder = Folder::without(&self.path, &error);
                let differs = folder != self.folder;
                self.folder = folder;
                return differs;
            }
        };
        let mut earlier = std::mem::take(&mut self.folder);
        let mut differs =
            !earlier.exists || earlier.fault.is_some() || earlier.dangling != listed.dangling;
        let mut seen = BTreeMap::new();
        for (path, metadata) in listed.files {
            let before = earlier.files.remove(&path);
            let known = self.seen.get(&path);
            let stamp = metadata.as_ref().map(Stamp::of);
            let (contents, now) = match before {
                Some(before) if how == Look::Cheap && is_trusted(&before, known, stamp) => {
                    (before, known.copied())
                }
                before => {
                    let contents = read_listed(&path);
                    differs |= contents != before;
                    let Some(contents) = contents else { continue };
                    (contents, stamp.map(|stamp| Seen::now(stamp, known)))
                }
            };
            if let Some(now) = now {
                seen.insert(path.clone(), now);
            }
            self.folder.files.insert(path, contents);
        }
        self.folder.dangling = listed.dangling;
        self.folder.exists = true;
        self.seen = seen;
        differs || !earlier.files.is_empty()
    }

    /// Takes the folder as unreadable, since looking at it failed for a reason of ours.
    pub fn failed(path: &Path, why: &str) -> Self {
        let mut reader = FolderReader::new(path);
        reader.folder.exists = true;
        reader.folder.fault = Some(why.to_owned());
        reader
    }
}

impl Seen {
    fn now(stamp: Stamp, known: Option<&Seen>) -> Self {
        let read = Instant::now();
        let same = known.filter(|known| known.stamp == stamp);
        Seen {
            stamp,
            first: same.map_or(read, |known| known.first),
            read,
        }
    }
}

/// Whether the file need not be read again. One that could not be read is always tried.
fn is_trusted(contents: &Contents, known: Option<&Seen>, stamp: Option<Stamp>) -> bool {
    matches!(contents, Contents::Text(_))
        && known.is_some_and(|known| {
            Some(known.stamp) == stamp && known.read - known.first >= TRUSTED_AFTER
        })
}

fn identify(path: &Path) -> Option<FolderId> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(FolderId {
        device: metadata.dev(),
        inode: metadata.ino(),
        created: metadata.created().ok(),
    })
}

#[cfg(test)]
mod tests;
