//! A folder for what may be lost, on a disk that it must not fill.
//!
//! A channel keeps room free so that what is stored can still be settled, and refuses events when
//! there is less. What may be lost yields before that: it stops growing a little above the mark.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sluicegate_channels::disk::files::{Disk, Files, Space};
use sluicegate_resources::DiskConfig;

/// How far above a channel's mark it stops, at most; never more than a quarter of what is kept free.
const MARGIN_BYTES_MAX: u64 = 256 << 20;

/// A folder, and what is to stay free on its disk. Clones are of the same folder.
#[derive(Clone, Debug)]
pub struct SpareFolder {
    path: PathBuf,
    files: Arc<dyn Files>,
    free_percent: u64,
    free_bytes_min: u64,
    /// So that a channel which has used up its reserve finds the room to make it anew.
    reserve_bytes: u64,
}

impl SpareFolder {
    /// Leaves as much free as a channel with this configuration, and some more. The folder need not be
    /// there yet.
    pub fn new(path: PathBuf, config: &DiskConfig) -> Self {
        SpareFolder {
            path,
            files: Arc::new(Disk),
            free_percent: config.free_percent_min.into(),
            free_bytes_min: config.free_bytes_min,
            reserve_bytes: config.reserve_bytes,
        }
    }

    /// On a disk of tests.
    #[cfg(test)]
    pub(crate) fn on(self, files: Arc<dyn Files>) -> Self {
        SpareFolder { files, ..self }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn files(&self) -> Arc<dyn Files> {
        Arc::clone(&self.files)
    }

    /// Whether more may be written. Where the system does not tell how much room there is, writing
    /// finds out. Blocking.
    pub fn may_grow(&self) -> bool {
        let mut places = self.path.ancestors();
        let space = places.find_map(|place| self.files.space(place).ok());
        space.is_none_or(|it| it.free_bytes >= self.wanted_bytes(it))
    }

    fn wanted_bytes(&self, space: Space) -> u64 {
        let share = space.total_bytes / 100 * self.free_percent;
        let needed = share.max(self.free_bytes_min);
        let margin = (needed / 4).min(MARGIN_BYTES_MAX);
        needed
            .saturating_add(margin)
            .saturating_add(self.reserve_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    const MIB: u64 = 1 << 20;

    #[test]
    fn it_stops_above_the_mark_of_a_channel() {
        for (percent, least, reserve, total, wanted) in [
            (5, 512 * MIB, 64 * MIB, 1_000 * MIB, 704 * MIB),
            (5, 512 * MIB, 0, 100_000 * MIB, 5_256 * MIB),
            (0, 100 * MIB, 0, 1_000 * MIB, 125 * MIB),
            (0, 0, 0, 1_000 * MIB, 0),
            (0, u64::MAX, MIB, 1_000 * MIB, u64::MAX),
        ] {
            let config = DiskConfig {
                free_percent_min: percent,
                free_bytes_min: least,
                reserve_bytes: reserve,
                ..DiskConfig::default()
            };
            let folder = SpareFolder::new("/".into(), &config);
            let space = Space {
                free_bytes: 0,
                total_bytes: total,
            };
            assert_eq!(folder.wanted_bytes(space), wanted, "{config:?}");
        }
    }

    #[test]
    fn it_may_grow_where_there_is_room_whether_it_is_there_or_not() {
        let dir = TempDir::new();
        let may_grow = |path: &Path, free_bytes_min| {
            let config = DiskConfig {
                free_percent_min: 0,
                free_bytes_min,
                reserve_bytes: 0,
                ..DiskConfig::default()
            };
            SpareFolder::new(path.to_owned(), &config).may_grow()
        };
        for path in [dir.path(), &dir.path().join("not/yet")] {
            assert!(may_grow(path, 1));
            assert!(!may_grow(path, u64::MAX));
        }
    }
}
