//! The files of a store, as far as drivers know of them: a folder for each log, segments within.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Every file below a folder, in order. What vanishes meanwhile is left out.
pub(super) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                Ok(_) | Err(_) => {}
            }
        }
    }
    found.sort();
    found
}

/// Whether a file lies in a folder of this name.
pub(super) fn is_in(path: &Path, folder: &str) -> bool {
    path.parent().is_some_and(|it| it.ends_with(folder))
}

/// Whether a file is a segment of a log of events.
pub(super) fn is_segment_of_events(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "log") && is_in(path, "events")
}

/// The segments of every log of events below a folder.
pub(super) fn segments_of_events(folder: &Path) -> Vec<PathBuf> {
    let mut files = files_below(folder);
    files.retain(|path| is_segment_of_events(path));
    files
}

/// Copies every file below a folder, and no empty folder.
pub(super) fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    for file in files_below(from) {
        let target = to.join(file.strip_prefix(from).unwrap_or(&file));
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(&file, target)?;
    }
    Ok(())
}
