//! The seam to the file system: the few calls that the disk channel makes, so that tests can fail
//! each of them.
//!
//! [`Disk`] is the real one; the simulated one of the feature `contract` loses what a real disk may
//! lose. The calls are as thin as the system's: a write may be short, a call may be interrupted, and
//! nothing is durable before it was synced. [`read_full_at`] and [`write_all_at`] finish what was
//! short or interrupted. What is deliberately absent: buffers, paths relative to anything, and
//! trying a failed sync again.
//!
//! # What is durable when
//!
//! | After | this survives a power cut |
//! |---|---|
//! | [`OpenFile::sync`] of a file | its bytes and its length, if its name does |
//! | [`Files::sync_dir`] of its directory | the names made, changed and removed in it |
//!
//! A sync that failed says that some of what was written since the last one is lost, *and that the
//! system may have forgotten it*: the next sync of the same file can succeed without having written
//! it. So nobody asks again. Whoever goes on reads what is there and writes it anew.

mod local;

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

pub use self::local::Disk;

/// A file system.
///
/// All paths are absolute or relative to the process. Errors are the system's own; what the callers
/// tell apart is [`is_no_space`], [`is_broken`] and [`io::ErrorKind::NotFound`].
pub trait Files: fmt::Debug + Send + Sync {
    /// Makes `dir` and whatever of the way there is missing, durably. It may exist.
    ///
    /// # Errors
    ///
    /// The system's.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// The names in `dir`, in no order. Names that are not text are left out: they are not ours.
    ///
    /// # Errors
    ///
    /// The system's.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// The system's; [`io::ErrorKind::NotFound`] where there is none and `mode` makes none.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn OpenFile>>;

    /// Gives a file another name in the same directory, in one step, in place of whatever has it.
    ///
    /// # Errors
    ///
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name. Its bytes go with the last that has it open.
    ///
    /// # Errors
    ///
    /// The system's.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in `dir` durable.
    ///
    /// # Errors
    ///
    /// The system's.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// How much room there is where `dir` lies.
    ///
    /// # Errors
    ///
    /// The system's.
    fn space(&self, dir: &Path) -> io::Result<Space>;

    /// Waits a moment before what has failed is asked for again. This blocks; a disk of tests goes
    /// on at once.
    fn pause(&self, time: Duration);
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// To be read. It must exist.
    Read,
    /// To be read and written. It must exist.
    Write,
    /// To be read and written. Made if it is not there, else kept as it is.
    Create,
}

/// Room on a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What we may still write.
    pub free_bytes: u64,
    /// What there is in all.
    pub total_bytes: u64,
}

/// An open file, which is closed by dropping it. Its calls take a place and keep none, so that
/// threads may share it.
pub trait OpenFile: fmt::Debug + Send + Sync {
    /// Reads some bytes from `at` on, 0 at the end.
    ///
    /// # Errors
    ///
    /// The system's.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;

    /// Writes some bytes from `at` on and says how many.
    ///
    /// # Errors
    ///
    /// The system's.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize>;

    /// Makes bytes and length durable (fdatasync, where times of change are not asked for).
    ///
    /// # Errors
    ///
    /// The system's. What was written since the last success is then lost, or not; see the
    /// [module](self).
    fn sync(&self) -> io::Result<()>;

    /// Gives the file room for `length_bytes` in all, so that writing there cannot lack space. It
    /// then has at least that length; new bytes read as zeros. Where the file system cannot
    /// promise room, the length alone is set.
    ///
    /// # Errors
    ///
    /// The system's.
    fn allocate(&self, length_bytes: u64) -> io::Result<()>;

    /// Cuts or lengthens the file.
    ///
    /// # Errors
    ///
    /// The system's.
    fn set_len(&self, length_bytes: u64) -> io::Result<()>;

    /// How long the file is, in bytes.
    ///
    /// # Errors
    ///
    /// The system's.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    ///
    /// The system's.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Takes the file's lock, which ends with this handle, and says whether it was free.
    ///
    /// # Errors
    ///
    /// The system's.
    fn try_lock(&self) -> io::Result<bool>;
}

/// Reads until `buffer` is full or the file ends, and says how much it was.
///
/// # Errors
///
/// The system's, but for being interrupted.
pub fn read_full_at(file: &dyn OpenFile, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], at + done as u64) {
            Ok(0) => break,
            Ok(more) => done += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes all of `bytes`.
///
/// # Errors
///
/// The system's, but for being interrupted, and how much had been written by then.
pub fn write_all_at(file: &dyn OpenFile, bytes: &[u8], at: u64) -> Result<(), Unfinished> {
    let mut written = 0;
    while written < bytes.len() {
        match file.write_at(&bytes[written..], at + written as u64) {
            Ok(0) => {
                let error = io::Error::from(io::ErrorKind::WriteZero);
                return Err(Unfinished { written, error });
            }
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Unfinished { written, error }),
        }
    }
    Ok(())
}

/// A write that did not come to its end.
#[derive(Debug, thiserror::Error)]
#[error("{error} after {written} bytes")]
pub struct Unfinished {
    /// How many bytes were written, from the first on.
    pub written: usize,
    /// Why not more.
    #[source]
    pub error: io::Error,
}

/// Whether an error says that there is no room: on the device, in a quota, or for another file.
#[must_use]
pub fn is_no_space(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Whether an error says that the device failed (EIO), as it does where a sector has gone bad.
#[must_use]
pub fn is_broken(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}
