//! The lock on the data folder: one process uses it at a time, and names itself to the others.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{DataError, Identities};

/// How long a process that was killed may take to let go of its folder: the system ends it after whoever
/// killed it has gone on.
const FREED_WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Opens the folder, once whoever holds it has let go of it within a few seconds: a start right behind a
/// kill meets the lock of the process that is being ended.
///
/// # Errors
///
/// As [`Identities::open`].
///
/// # Cancel safety
///
/// Cancel safe: nothing is held before it is open.
pub(super) async fn open_once_free(folder: &Path) -> Result<Identities, DataError> {
    let until = Instant::now() + FREED_WITHIN;
    let mut is_told = false;
    loop {
        match Identities::open(folder) {
            Err(held @ DataError::Locked { .. }) if Instant::now() < until => {
                if !is_told {
                    tracing::warn!("{held}: waiting up to 3 s for it to let go");
                    is_told = true;
                }
                sleep(LOOK_EVERY).await;
            }
            opened => return opened,
        }
    }
}

/// Takes the lock, which is held for as long as the file is open.
pub(super) fn lock(folder: &Path) -> Result<File, DataError> {
    let path = folder.join("lock");
    let io = |error| DataError::Io {
        path: path.clone(),
        error,
    };
    let mut file = File::options()
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .open(&path)
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let pid = std::fs::read_to_string(&path)
                .ok()
                .and_then(|text| text.trim().parse().ok());
            return Err(DataError::Locked {
                folder: folder.to_owned(),
                pid,
            });
        }
        Err(TryLockError::Error(error)) => return Err(io(error)),
    }
    // For the words of who finds it locked; a full disk must not keep the server from starting.
    let told = file.set_len(0);
    drop(told.and_then(|()| writeln!(file, "{}", std::process::id())));
    Ok(file)
}
