//! The same on a real file system.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::{Batch, Log, LogError, LogOptions};
use super::support::{options, payload, read};
use crate::disk::files::Disk;

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("sluicegate-log-{}-{name}", std::process::id());
        Folder(std::env::temp_dir().join(name).join("below"))
    }

    fn open(&self) -> Result<Log, LogError> {
        let options = LogOptions {
            segment_bytes: 64 << 10,
            ..options()
        };
        Log::open(Arc::new(Disk), &self.0, options).map(|it| it.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(
            self.0.parent().unwrap_or(Path::new("")),
        ));
    }
}

#[test]
fn a_log_on_a_real_disk_keeps_what_was_synced() {
    let folder = Folder::new("keeps");
    let mut expected = Vec::new();
    for opening in 0..3 {
        let mut log = folder.open().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            read(&log.readers(), 0).records,
            expected,
            "opening {opening}"
        );
        for _ in 0..20 {
            let mut batch = Batch::new();
            let first = log.next_offset();
            for offset in first..first + 10 {
                let payload = payload(offset, 500);
                batch.push(0, &[&payload]).expect("it is small");
                expected.push((offset, payload));
            }
            log.append(&mut batch)
                .unwrap_or_else(|error| panic!("{error}"));
            log.sync().unwrap_or_else(|error| panic!("{error}"));
            log.prepare().unwrap_or_else(|error| panic!("{error}"));
        }
        assert_eq!(read(&log.readers(), 0).records, expected);
        let again = folder.open();
        assert!(matches!(again, Err(LogError::InUse(_))), "it is locked");
        let space = log.space().unwrap_or_else(|error| panic!("{error}"));
        assert!(space.free_bytes > 0 && space.free_bytes <= space.total_bytes);
        if opening == 1 {
            let oldest = log.segments()[0].clone();
            log.remove_segment(oldest.base)
                .unwrap_or_else(|error| panic!("{error}"));
            expected.retain(|(offset, _)| *offset >= oldest.end);
        }
        if opening == 2 {
            log.close().unwrap_or_else(|error| panic!("{error}"));
        }
    }
}
