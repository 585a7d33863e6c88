//! The uid of each trigger, made when it is first seen and kept.
//!
//! In a cluster the API server gives every object a uid; standalone we make one, so that a trigger
//! which is deleted and made again is told apart from one that was only edited. With a data folder
//! they survive a restart in `identities.json`; the folder is locked by the process that uses it.
//!
//! A write waits for the disk, so it is made where blocking is allowed: a slow disk delays the change
//! that asked for it, and no event.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sluicegate_resources::ObjectName;

use crate::stored_files::{make_folder, replace};

mod lock;

use lock::lock;

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Another process holds it.
    #[error("the data folder {} is in use by another sluicegate{}", .folder.display(), by(*.pid))]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// The process that holds it, when it could be read.
        pid: Option<u32>,
    },
    /// It cannot be read or written.
    #[error("cannot use {}: {error}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file in it is not what we wrote.
    #[error("{} is damaged: {error}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: serde_json::Error,
    },
}

fn by(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}

/// The uids, and the data folder that keeps them.
#[derive(Debug, Default)]
pub struct Identities {
    /// None for a trigger that was deleted while its subscription could not be.
    uids: BTreeMap<String, Option<String>>,
    store: Option<Store>,
}

#[derive(Debug)]
struct Store {
    file: Arc<Path>,
    /// Held for as long as the process lives; the system drops the lock with it.
    _lock: File,
}

impl Identities {
    /// Kept for the life of the process only.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Kept in `folder`, which is made if needed and locked.
    ///
    /// # Errors
    ///
    /// When the folder is in use, cannot be written, or holds a damaged file.
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| DataError::Io { path, error }
        };
        make_folder(folder).map_err(at(folder))?;
        let lock = lock(folder)?;
        let file = folder.join("identities.json");
        let uids = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| DataError::Damaged {
                path: file.clone(),
                error,
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(at(&file)(error)),
        };
        Ok(Identities {
            uids,
            store: Some(Store {
                file: file.into(),
                _lock: lock,
            }),
        })
    }

    /// The same, and waits up to 3 s for a process that is being ended to let go of the folder.
    ///
    /// # Errors
    ///
    /// As [`Identities::open`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is held before it is open.
    pub async fn open_once_free(folder: &Path) -> Result<Self, DataError> {
        lock::open_once_free(folder).await
    }

    /// Each trigger that has a uid.
    pub fn names(&self) -> impl Iterator<Item = ObjectName> + '_ {
        let named = self.uids.iter().filter(|(_, uid)| uid.is_some());
        named.filter_map(|(name, _)| {
            let (namespace, name) = name.split_once('/')?;
            Some(ObjectName {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            })
        })
    }

    /// Takes on the uid that a subscription on disk has for a trigger without one, where the file with the
    /// uids was lost or is an older one: else its trigger would be another, and what waits for it
    /// gone. Stored with the next new one.
    pub fn adopt(&mut self, trigger: &ObjectName, uid: &str) {
        let entry = self.uids.entry(trigger.to_string());
        entry.or_insert_with(|| Some(uid.to_owned()));
    }

    /// The uid of a trigger, when it has one.
    pub fn get(&self, trigger: &ObjectName) -> Option<&str> {
        self.uids.get(&trigger.to_string())?.as_deref()
    }

    /// Gives each of `triggers` that has no uid one, and stores them together: ten thousand new
    /// triggers are one write.
    ///
    /// # Errors
    ///
    /// When they cannot be stored; then those that had none have none.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: once dropped it is unknown whether the new uids are stored.
    pub async fn ensure(
        &mut self,
        triggers: impl IntoIterator<Item = &ObjectName>,
    ) -> Result<(), DataError> {
        let mut made = Vec::new();
        for trigger in triggers {
            if self.get(trigger).is_none() {
                let name = trigger.to_string();
                let uid = ulid::Ulid::new().to_string();
                let before = self.uids.insert(name.clone(), Some(uid));
                made.push((name, before));
            }
        }
        if made.is_empty() {
            return Ok(());
        }
        self.store().await.inspect_err(|_| {
            for (name, before) in made {
                match before {
                    Some(before) => self.uids.insert(name, before),
                    None => self.uids.remove(&name),
                };
            }
        })
    }

    /// Forgets deleted triggers: one of such a name made later is another.
    ///
    /// # Errors
    ///
    /// When that cannot be stored; then only this process has forgotten them.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: once dropped it is unknown whether the file has forgotten them, too.
    pub async fn forget(
        &mut self,
        triggers: impl IntoIterator<Item = &ObjectName>,
    ) -> Result<(), DataError> {
        let had_any = triggers.into_iter().fold(false, |had, trigger| {
            self.uids.remove(&trigger.to_string()).is_some() | had
        });
        match had_any {
            true => self.store().await,
            false => Ok(()),
        }
    }

    /// Forgets deleted triggers whose subscriptions may still lie on disk, where nobody can delete them
    /// now: one of such a name made later does not adopt them.
    ///
    /// # Errors
    ///
    /// When that cannot be stored; then only this process knows.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: once dropped it is unknown whether the file knows, too.
    pub async fn disown(
        &mut self,
        triggers: impl IntoIterator<Item = &ObjectName>,
    ) -> Result<(), DataError> {
        let had_any = triggers.into_iter().fold(false, |had, trigger| {
            let uid = self.uids.get_mut(&trigger.to_string());
            uid.is_some_and(|it| it.take().is_some()) | had
        });
        match had_any {
            true => self.store().await,
            false => Ok(()),
        }
    }

    /// Writes everything. Whoever writes holds the only reference, so writes come one by one, and
    /// the next begins once the one before has ended.
    async fn store(&mut self) -> Result<(), DataError> {
        let Some(store) = &self.store else {
            return Ok(());
        };
        let at_file = |error| DataError::Io {
            path: store.file.to_path_buf(),
            error,
        };
        let text = serde_json::to_vec_pretty(&self.uids).map_err(|error| at_file(error.into()))?;
        let file = Arc::clone(&store.file);
        tokio::task::spawn_blocking(move || replace(&file, &text))
            .await
            .unwrap_or_else(|error| Err(error.into()))
            .map_err(at_file)
    }
}

#[cfg(test)]
mod tests;
