//! Where each broker on disk keeps its files: `brokers/NAMESPACE/NAME` of the data folder.
//!
//! A folder is bound to its broker by `broker.json`, so that one which was copied or moved by hand is
//! not taken for another's. Where that file is damaged the folder's path still says whose it is: it is set
//! aside and written anew. A folder stays when its broker is deleted: what it holds is removed by people.

mod owner;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sluicegate_resources::{Metadata, ObjectName};

use self::owner::Owner;
use crate::stored_files::{make_folder, replace};

/// The file that says whose a folder is.
const OWNER: &str = "broker.json";

/// What it is called once it was set aside.
const DAMAGED: &str = "json.damaged";

/// Why the folder of a broker cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FolderError {
    /// It cannot be read or written.
    #[error("cannot use {}: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
    /// It says that it is another broker's.
    #[error(
        "the folder {} belongs to {owner}; move it away, or give it back its name",
        .folder.display()
    )]
    Foreign { folder: PathBuf, owner: String },
    /// The channel in it cannot be opened.
    #[error("the folder {} cannot be opened: {why}", .folder.display())]
    Unopened { folder: PathBuf, why: String },
}

/// The folders of all brokers.
#[derive(Clone, Debug)]
pub(super) struct Folders(PathBuf);

impl Folders {
    /// Those below the data folder.
    pub(super) fn of(data: &Path) -> Self {
        Folders(data.join("brokers"))
    }

    /// Where the broker's folder is, or would be.
    pub(super) fn path(&self, broker: &ObjectName) -> PathBuf {
        let namespace = self.0.join(escaped(&broker.namespace));
        namespace.join(escaped(&broker.name))
    }

    /// The broker's folder, if there is one.
    pub(super) fn existing(&self, broker: &ObjectName) -> Option<PathBuf> {
        Some(self.path(broker)).filter(|folder| folder.join(OWNER).exists())
    }

    /// The brokers that have a folder, as far as that can be read. Blocking.
    pub(super) fn owners(&self) -> Vec<ObjectName> {
        let within = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
        let folders = within(&self.0).flat_map(|namespace| within(&namespace.path()));
        let owner = |folder: fs::DirEntry| {
            let text = fs::read(folder.path().join(OWNER)).ok()?;
            let owner = Owner::read(&text).ok()?;
            Some(ObjectName {
                namespace: owner.namespace,
                name: owner.name,
            })
        };
        folders.filter_map(owner).collect()
    }

    /// Makes the broker's folder, or checks that the one there is its own. Blocking.
    pub(super) fn make(&self, broker: &Metadata) -> Result<PathBuf, FolderError> {
        let folder = self.path(&broker.name);
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| FolderError::Io { path, error }
        };
        make_folder(&folder).map_err(at(&folder))?;
        let file = folder.join(OWNER);
        let wanted = Owner::of(broker);
        let write = || replace(&file, &wanted.text()).map_err(at(&file));
        let found = match fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                write()?;
                return Ok(folder);
            }
            Err(error) => return Err(at(&file)(error)),
        };
        let owner = match Owner::read(&found) {
            Ok(owner) => owner,
            Err(damaged) => {
                let aside = file.with_extension(DAMAGED);
                fs::rename(&file, &aside).map_err(at(&file))?;
                write()?;
                tell_damaged(&file, &aside, &damaged);
                return Ok(folder);
            }
        };
        match owner.is(&wanted) {
            true => Ok(folder),
            false => Err(FolderError::Foreign {
                folder,
                owner: owner.to_string(),
            }),
        }
    }
}

fn tell_damaged(file: &Path, aside: &Path, why: &str) {
    tracing::error!(
        code = "W026",
        file = %file.display(),
        aside = %aside.display(),
        why,
        help = "check the disk; no event is touched, and the folder is that of the broker it is named after",
        "what says whose folder this is was damaged, and is written anew"
    );
}

/// A name of an object as that of a folder: what Kubernetes takes in names is kept, and all else is
/// written as `%` and two digits, so that no name leads out of the folder.
fn escaped(name: &str) -> OsString {
    let mut escaped = String::with_capacity(name.len());
    for (index, byte) in name.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => escaped.push(char::from(byte)),
            b'.' if index > 0 => escaped.push('.'),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::TempDir;

    fn broker(name: &str, uid: Option<&str>) -> Metadata {
        Metadata {
            name: ObjectName {
                namespace: "shop".to_owned(),
                name: name.to_owned(),
            },
            uid: uid.map(str::to_owned),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        }
    }

    #[test]
    fn no_name_leads_out_of_the_folder_and_no_two_to_one() {
        for (name, folder) in [
            ("orders", "orders"),
            ("orders.v2-b", "orders.v2-b"),
            ("..", "%2E."),
            (".", "%2E"),
            ("a/b", "a%2Fb"),
            ("Orders", "%4Frders"),
            ("%2E", "%252%45"),
            ("ö", "%C3%B6"),
        ] {
            assert_eq!(escaped(name), folder, "{name}");
        }
    }

    #[test]
    fn a_folder_is_its_brokers_and_nobody_elses() {
        let data = TempDir::new();
        let folders = Folders::of(data.path());
        let orders = broker("orders", None);
        assert_eq!(folders.existing(&orders.name), None);
        let folder = folders.make(&orders).unwrap();
        assert_eq!(folder, data.path().join("brokers/shop/orders"));
        assert_eq!(folders.make(&orders).unwrap(), folder);
        assert_eq!(folders.existing(&orders.name), Some(folder.clone()));
        assert_eq!(folders.owners(), [orders.name]);
        // It was copied for a broker of another name.
        let other = broker("other", None);
        fs::rename(&folder, folders.path(&other.name)).unwrap();
        let refused = folders.make(&other).unwrap_err();
        assert!(matches!(refused, FolderError::Foreign { .. }), "{refused}");
        assert!(refused.to_string().contains("broker shop/orders"));
    }

    #[test]
    fn a_broker_that_was_made_again_under_another_uid_is_another() {
        let data = TempDir::new();
        let folders = Folders::of(data.path());
        folders.make(&broker("orders", Some("1"))).unwrap();
        folders.make(&broker("orders", Some("1"))).unwrap();
        folders.make(&broker("orders", None)).unwrap();
        let refused = folders.make(&broker("orders", Some("2"))).unwrap_err();
        assert!(refused.to_string().contains("of uid 1"), "{refused}");
    }

    #[test]
    fn what_stands_in_the_way_is_named() {
        let data = TempDir::new();
        let folders = Folders::of(data.path());
        let folder = folders.path(&broker("orders", None).name);
        fs::create_dir_all(folder.parent().unwrap()).unwrap();
        fs::write(&folder, "").unwrap();
        let refused = folders.make(&broker("orders", None)).unwrap_err();
        assert!(
            refused.to_string().contains("brokers/shop/orders"),
            "{refused}"
        );
    }

    #[test]
    fn whatever_becomes_of_the_file_its_folder_stays_that_of_its_broker() {
        let data = TempDir::new();
        let folders = Folders::of(data.path());
        let orders = broker("orders", Some("1"));
        let folder = folders.make(&orders).unwrap();
        let whole = fs::read(folder.join(OWNER)).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::write(folder.join(OWNER), &damaged).unwrap();
            folders
                .make(&orders)
                .unwrap_or_else(|it| panic!("byte {at}: {it}"));
            fs::write(folder.join(OWNER), &whole[..at]).unwrap();
            folders
                .make(&orders)
                .unwrap_or_else(|it| panic!("{at} bytes: {it}"));
            assert_eq!(folders.owners(), std::slice::from_ref(&orders.name));
        }
        let aside = folder.join("broker.json.damaged");
        assert!(aside.exists(), "what was damaged is still there");
    }
}
