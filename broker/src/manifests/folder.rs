//! The manifest folder as it is now: file names and texts, or why a file could not be read.
//!
//! Files end in `.yaml` or `.yml` and stand directly in the folder; folders below it are not entered
//! (as with `kubectl apply -f DIR`), and names that begin with a dot are passed over, which is where
//! editors keep their temporary copies. Bounded: 10,000 files of at most 1 MiB each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sluicegate_resources::{Diagnostic, codes};

/// Files beyond this many are not read, and the reading says so.
const FILES_MAX: usize = 10_000;
/// A larger file is unreadable.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What one file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Its text.
    Text(Arc<str>),
    /// Why it has none.
    Unreadable(String),
}

/// The folder at one moment, by file name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// Each manifest file's contents.
    pub files: BTreeMap<PathBuf, Contents>,
    /// Links that have the name of a manifest file and lead to nothing.
    pub dangling: BTreeSet<PathBuf>,
    /// Whether the folder exists.
    pub exists: bool,
    /// Why the folder itself could not be read; then `files` says nothing.
    pub fault: Option<String>,
}

impl Folder {
    /// Reads the folder at `path`. Blocking; never fails as a whole: faults are part of the answer.
    pub fn read(path: &Path) -> Folder {
        let listed = match list(path) {
            Ok(listed) => listed,
            Err(error) => return Folder::without(path, &error),
        };
        let read = |path: PathBuf| read_listed(&path).map(|contents| (path, contents));
        Folder {
            files: listed.files.into_keys().filter_map(read).collect(),
            dangling: listed.dangling,
            exists: true,
            fault: None,
        }
    }

    /// The folder whose list of files `error` kept from being read.
    pub(super) fn without(path: &Path, error: &io::Error) -> Folder {
        if error.kind() == io::ErrorKind::NotFound {
            return Folder::default();
        }
        let path = path.display();
        Folder {
            exists: true,
            fault: Some(format!("cannot read the folder {path}: {error}")),
            ..Folder::default()
        }
    }
}

/// What is said of a link that leads to nothing. Nothing is wrong with what is served, and whoever
/// made the link meant something by it.
pub fn dangling_link() -> Diagnostic {
    let message = "the file is a link to something that is not there";
    Diagnostic::warning(codes::NO_EFFECT, message).help("mend the link, or remove it")
}

/// What has the name of a manifest file in a folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The files, by name, with what the system says about each. None where it says nothing: then
    /// the file is there and reading it will tell why it can't be read.
    pub(super) files: BTreeMap<PathBuf, Option<Metadata>>,
    /// Links that lead to nothing.
    pub(super) dangling: BTreeSet<PathBuf>,
}

/// Lists the manifest files of the folder.
pub(super) fn list(folder: &Path) -> io::Result<Listing> {
    let Listing {
        mut files,
        mut dangling,
    } = Listing::default();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if !is_manifest_name(&path) {
            continue;
        }
        // Follows links: a mounted ConfigMap is made of them.
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => drop(files.insert(path, Some(metadata))),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Else it was removed just now.
                if path.is_symlink() {
                    dangling.insert(path);
                }
            }
            Err(_) => drop(files.insert(path, None)),
        }
        if files.len() + dangling.len() > FILES_MAX {
            return Err(io::Error::other(format!(
                "it holds more than {FILES_MAX} manifest files"
            )));
        }
    }
    Ok(Listing { files, dangling })
}

fn is_manifest_name(path: &Path) -> bool {
    let hidden = path
        .file_name()
        .and_then(|name| name.to_str())
        .is_none_or(|name| name.starts_with('.'));
    let extension = path.extension().and_then(|extension| extension.to_str());
    !hidden && matches!(extension, Some("yaml" | "yml"))
}

/// Reads one file within the bound.
pub fn read_file(path: &Path) -> Contents {
    try_read(path).unwrap_or_else(|error| unreadable(&error))
}

/// Reads a file that was listed; none when it is gone by now.
pub(super) fn read_listed(path: &Path) -> Option<Contents> {
    match try_read(path) {
        Ok(contents) => Some(contents),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(unreadable(&error)),
    }
}

fn try_read(path: &Path) -> io::Result<Contents> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let why = format!("is larger than {FILE_BYTES_MAX} bytes");
        return Ok(Contents::Unreadable(why));
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Contents::Text(text.into()),
        Err(_) => Contents::Unreadable("is not UTF-8 text".to_owned()),
    })
}

fn unreadable(error: &io::Error) -> Contents {
    Contents::Unreadable(format!("cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_visible_yaml_files_directly_in_the_folder_are_manifests() {
        let dir = crate::testing::TempDir::new();
        for name in ["b.yml", "a.yaml", ".hidden.yaml", "notes.txt", "a.yaml~"] {
            std::fs::write(dir.path().join(name), "x: 1").unwrap();
        }
        std::fs::create_dir(dir.path().join("tests.yaml")).unwrap();
        let folder = Folder::read(dir.path());
        let names: Vec<_> = folder
            .files
            .keys()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["a.yaml", "b.yml"]);
    }

    #[test]
    fn a_missing_folder_is_empty_and_says_that_it_does_not_exist() {
        let dir = crate::testing::TempDir::new();
        let folder = Folder::read(&dir.path().join("nowhere"));
        assert!(!folder.exists && folder.fault.is_none() && folder.files.is_empty());
    }

    #[test]
    fn a_file_that_is_too_large_or_not_text_is_unreadable_and_says_why() {
        let dir = crate::testing::TempDir::new();
        let large = dir.path().join("large.yaml");
        std::fs::write(&large, vec![b'#'; 1 + (1 << 20)]).unwrap();
        let binary = dir.path().join("binary.yaml");
        std::fs::write(&binary, [0xff, 0xfe]).unwrap();
        assert!(matches!(read_file(&large), Contents::Unreadable(why) if why.contains("larger")));
        assert!(matches!(read_file(&binary), Contents::Unreadable(why) if why.contains("UTF-8")));
    }
}
