//! The lock on the data folder: one process uses it at a time, and names itself to the others.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::Path;

use super::DataError;

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
