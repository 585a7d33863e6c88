//! Folders and small files that must be there after a power cut. Everything here blocks.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Makes a folder and those above it that are missing, and brings each new name to the disk.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let is_missing = |it: &&Path| !it.as_os_str().is_empty() && !it.is_dir();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    for folder in missing.into_iter().rev() {
        match std::fs::create_dir(folder) {
            Ok(()) => sync_name_of(folder)?,
            // Another has just made it.
            Err(_) if folder.is_dir() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes beside and renames, so that a crash leaves the old file or the new one.
pub(crate) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("json.new");
    let mut file = File::create(&beside)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    sync_name_of(path)
}

/// A name is on the disk once the folder that holds it is.
fn sync_name_of(path: &Path) -> io::Result<()> {
    let holds_it = match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => return Ok(()),
    };
    File::open(holds_it)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn every_missing_folder_is_made_and_a_file_in_the_way_is_an_error() {
        let dir = TempDir::new();
        let deep = dir.path().join("a/b/c");
        make_folder(&deep).unwrap();
        make_folder(&deep).unwrap();
        assert!(deep.is_dir());
        replace(&deep.join("d.json"), b"{}").unwrap();
        assert!(make_folder(&deep.join("d.json/e")).is_err());
    }
}
