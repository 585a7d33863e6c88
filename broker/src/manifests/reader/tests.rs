//! The cheap look misses nothing, and reads nothing twice without need. Real files, since it is the
//! system's word about them that matters.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::testing::TempDir;

/// Backdates what is known, as if the files had been there for a while.
fn grow_old(reader: &mut FolderReader) {
    for seen in reader.seen.values_mut() {
        seen.read = seen.first + TRUSTED_AFTER;
    }
}

fn text_of<'a>(reader: &'a FolderReader, path: &Path) -> Option<&'a str> {
    match reader.folder().files.get(path)? {
        Contents::Text(text) => Some(text),
        Contents::Unreadable(why) => Some(why),
    }
}

#[test]
fn a_look_says_whether_anything_differs() {
    let dir = TempDir::new();
    let file = dir.path().join("a.yaml");
    let mut reader = FolderReader::new(dir.path());
    assert!(reader.look(Look::Cheap), "there is a folder now");
    assert!(!reader.look(Look::Cheap));
    fs::write(&file, "a: 1").unwrap();
    assert!(reader.look(Look::Cheap));
    assert_eq!(text_of(&reader, &file), Some("a: 1"));
    assert!(!reader.look(Look::Cheap));
    assert!(!reader.look(Look::Thorough));
    fs::remove_file(&file).unwrap();
    assert!(reader.look(Look::Cheap));
    assert_eq!(*reader.folder(), Folder::read(dir.path()));
    fs::remove_dir(dir.path()).unwrap();
    assert!(reader.look(Look::Cheap));
    assert!(!reader.folder().exists && reader.folder_id().is_none());
}

#[test]
fn a_file_is_passed_over_only_when_it_was_read_again_after_a_while() {
    let dir = TempDir::new();
    let file = dir.path().join("a.yaml");
    fs::write(&file, "a: 1").unwrap();
    let mut reader = FolderReader::new(dir.path());
    reader.look(Look::Cheap);
    let poison = |reader: &mut FolderReader| {
        let earlier = Contents::Text("never written".into());
        reader.folder.files.insert(file.clone(), earlier);
    };
    poison(&mut reader);
    assert!(
        reader.look(Look::Cheap),
        "it was seen just now, so it is read"
    );
    grow_old(&mut reader);
    poison(&mut reader);
    assert!(!reader.look(Look::Cheap), "it is old, so it is not read");
    assert!(
        reader.look(Look::Thorough),
        "unless the look is a thorough one"
    );
    assert_eq!(text_of(&reader, &file), Some("a: 1"));
}

#[test]
fn an_old_file_that_is_written_replaced_or_swapped_is_read() {
    let dir = TempDir::new();
    let file = dir.path().join("a.yaml");
    for version in ["v1", "v2"] {
        fs::create_dir(dir.path().join(version)).unwrap();
        fs::write(dir.path().join(version).join("b.yaml"), version).unwrap();
    }
    // As a mounted ConfigMap: every file is a link through one link, which is swapped.
    symlink("v1", dir.path().join("..data")).unwrap();
    symlink("..data/b.yaml", dir.path().join("b.yaml")).unwrap();
    fs::write(&file, "aaaa").unwrap();
    let mut reader = FolderReader::new(dir.path());
    reader.look(Look::Cheap);
    grow_old(&mut reader);
    assert!(!reader.look(Look::Cheap));

    fs::write(&file, "bbbb").unwrap();
    assert!(reader.look(Look::Cheap), "same length, written in place");
    grow_old(&mut reader);
    fs::write(dir.path().join(".tmp"), "cccc").unwrap();
    fs::rename(dir.path().join(".tmp"), &file).unwrap();
    assert!(reader.look(Look::Cheap), "same length, another file");
    assert_eq!(text_of(&reader, &file), Some("cccc"));

    grow_old(&mut reader);
    symlink("v2", dir.path().join("..new")).unwrap();
    fs::rename(dir.path().join("..new"), dir.path().join("..data")).unwrap();
    assert!(reader.look(Look::Cheap), "the link leads elsewhere");
    assert_eq!(text_of(&reader, &dir.path().join("b.yaml")), Some("v2"));
}

#[test]
fn a_folder_that_was_replaced_is_another_folder() {
    let dir = TempDir::new();
    let path = dir.path().join("manifests");
    fs::create_dir(&path).unwrap();
    let mut reader = FolderReader::new(&path);
    reader.look(Look::Cheap);
    let first = reader.folder_id().cloned();
    reader.look(Look::Cheap);
    assert_eq!(reader.folder_id(), first.as_ref());
    fs::rename(&path, dir.path().join("old")).unwrap();
    fs::create_dir(&path).unwrap();
    reader.look(Look::Cheap);
    assert_ne!(reader.folder_id(), first.as_ref());
}

#[test]
fn a_link_to_nothing_is_known_as_one_and_a_link_that_may_not_be_followed_is_an_unreadable_one() {
    let dir = TempDir::new();
    symlink("nowhere", dir.path().join("a.yaml")).unwrap();
    // A link that leads to itself can't be followed by anyone, whatever they may do.
    let circle = dir.path().join("b.yaml");
    symlink("b.yaml", &circle).unwrap();
    let mut reader = FolderReader::new(dir.path());
    reader.look(Look::Cheap);
    let files: Vec<_> = reader.folder().files.keys().collect();
    assert_eq!(files, [&circle]);
    let dangling = |reader: &FolderReader| reader.folder().dangling.iter().cloned().collect();
    let links: Vec<_> = dangling(&reader);
    assert_eq!(links, [dir.path().join("a.yaml")]);
    assert!(
        text_of(&reader, &circle)
            .unwrap()
            .contains("cannot be read")
    );
    assert!(!reader.look(Look::Cheap), "the same fault is no news");
    fs::remove_file(dir.path().join("a.yaml")).unwrap();
    assert!(reader.look(Look::Cheap), "a link that is gone is");
    let links: Vec<_> = dangling(&reader);
    assert!(links.is_empty());
}

#[test]
fn a_look_that_failed_is_news_and_the_next_one_reads_everything() {
    let dir = TempDir::new();
    fs::write(dir.path().join("a.yaml"), "a: 1").unwrap();
    let mut reader = FolderReader::failed(dir.path(), "cannot read the folder");
    assert!(reader.folder().fault.is_some());
    assert!(reader.look(Look::Cheap));
    assert_eq!(*reader.folder(), Folder::read(dir.path()));
}
