//! The model's test finds what it is for: with one planted defect under the log, it fails.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::model;
use crate::disk::files::{Files, OpenFile, OpenMode, Space};
use crate::disk::simulated::SimulatedDisk;

/// What is wrong with the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    /// Syncing a file does nothing.
    NoSync,
    /// Syncing a directory does nothing.
    NoDirSync,
    /// A sync that failed is called a success.
    SyncErrorsHidden,
    /// A write that was cut short is called whole.
    ShortWritesHidden,
    /// A write that failed is called a success.
    WriteErrorsHidden,
}

#[derive(Debug)]
struct Broken {
    files: SimulatedDisk,
    defect: Option<Defect>,
}

#[derive(Debug)]
struct BrokenFile {
    file: Box<dyn OpenFile>,
    defect: Option<Defect>,
}

impl Files for Broken {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.files.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.files.list(dir)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn OpenFile>> {
        let (file, defect) = (self.files.open(path, mode)?, self.defect);
        Ok(Box::new(BrokenFile { file, defect }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.files.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if self.defect == Some(Defect::NoDirSync) {
            return Ok(());
        }
        self.files.sync_dir(dir)
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        self.files.space(dir)
    }
    fn pause(&self, time: Duration) {
        self.files.pause(time);
    }
}

impl OpenFile for BrokenFile {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.file.read_at(buffer, at)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let written = self.file.write_at(bytes, at);
        match self.defect {
            Some(Defect::ShortWritesHidden) => written.map(|_| bytes.len()),
            Some(Defect::WriteErrorsHidden) => Ok(written.unwrap_or(bytes.len())),
            Some(Defect::NoSync | Defect::NoDirSync | Defect::SyncErrorsHidden) | None => written,
        }
    }

    fn sync(&self) -> io::Result<()> {
        match self.defect {
            Some(Defect::NoSync) => Ok(()),
            Some(Defect::SyncErrorsHidden) => {
                drop(self.file.sync());
                Ok(())
            }
            Some(Defect::NoDirSync | Defect::ShortWritesHidden | Defect::WriteErrorsHidden)
            | None => self.file.sync(),
        }
    }

    fn allocate(&self, length_bytes: u64) -> io::Result<()> {
        self.file.allocate(length_bytes)
    }

    fn set_len(&self, length_bytes: u64) -> io::Result<()> {
        self.file.set_len(length_bytes)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.file.try_lock()
    }
}

/// How many of some cases fail over files with this defect.
fn failures(defect: Option<Defect>) -> u64 {
    let broken = |disk: &SimulatedDisk| -> Arc<dyn Files> {
        let files = disk.clone();
        Arc::new(Broken { files, defect })
    };
    (0..300)
        .map(|seed| u64::from(model::run(seed, broken).is_err()))
        .sum()
}

#[test]
fn the_model_finds_every_planted_defect() {
    assert_eq!(failures(None), 0, "without a defect");
    let defects = [
        Defect::NoSync,
        Defect::NoDirSync,
        Defect::SyncErrorsHidden,
        Defect::ShortWritesHidden,
        Defect::WriteErrorsHidden,
    ];
    for defect in defects {
        let found = failures(Some(defect));
        println!("{defect:?}: {found} of 300 cases fail");
        assert!(found > 5, "{defect:?} is found in {found} of 300 cases");
    }
}
