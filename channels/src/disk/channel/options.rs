//! How a disk channel is kept.

use std::time::Duration;

use super::super::space::SpaceOptions;

/// How a disk channel is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskOptions {
    /// How long an event stays after it was accepted, once nobody needs it. Default 7 days; `None`
    /// for as long as there is room.
    pub retention_age: Option<Duration>,
    /// How much all events may take up before those that nobody needs are removed, oldest first.
    /// Default 10 GiB; `None` for as long as there is room.
    pub retention_bytes: Option<u64>,
    /// How much of what waits is in memory, for all subscriptions together; more waits on the disk.
    /// Default 64 MiB.
    pub buffer_bytes: u64,
    /// How long the files of the log of events are: what is removed at a time. Default 64 MiB.
    pub segment_bytes: u64,
    /// Producers leave at least so many bytes of the file system free. Default 512 MiB.
    pub free_bytes_min: u64,
    /// And at least so many percent of it. Default 5.
    pub free_percent_min: u8,
    /// Room set aside, so that what is stored can be settled when the disk is full. Default 64 MiB.
    pub reserve_bytes: u64,
}

impl Default for DiskOptions {
    fn default() -> Self {
        let space = SpaceOptions::default();
        DiskOptions {
            retention_age: Some(Duration::from_secs(7 * 24 * 3_600)),
            retention_bytes: Some(10 << 30),
            buffer_bytes: 64 << 20,
            segment_bytes: 64 << 20,
            free_bytes_min: space.free_bytes_min,
            free_percent_min: space.free_percent,
            reserve_bytes: space.reserve_bytes,
        }
    }
}

impl DiskOptions {
    pub(super) fn space(&self) -> SpaceOptions {
        SpaceOptions {
            free_percent: self.free_percent_min,
            free_bytes_min: self.free_bytes_min,
            reserve_bytes: self.reserve_bytes,
        }
    }
}
