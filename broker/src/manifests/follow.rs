//! Says when the manifest folder is worth another look.
//!
//! The kernel's notices are only a hint: whatever they say, the folder is read as a whole. Where no
//! notice comes (a network file system, a folder that does not exist yet, one that was replaced) a
//! cheap look every [`LOOK_EVERY`] finds the change all the same. A folder that is not there costs next
//! to nothing to look at, so it is looked for every [`LOOK_FOR_FOLDER_EVERY`]: whoever makes it
//! waits for it to be seen.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::reader::Look;

/// How often the folder is looked at without any notice.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often a folder that does not exist is looked for.
pub const LOOK_FOR_FOLDER_EVERY: Duration = Duration::from_millis(100);
/// How long to wait after a notice for the rest of a burst, so that an editor's save is one change.
const SETTLE: Duration = Duration::from_millis(30);
/// A burst that never ends is looked into after this long.
const SETTLE_MAX: Duration = Duration::from_millis(250);

/// A watch on one folder.
#[derive(Debug)]
pub struct Follow {
    folder: PathBuf,
    hint: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
}

impl Follow {
    /// Begins to watch `folder`, which need not exist yet.
    pub fn new(folder: &Path) -> Self {
        let mut follow = Follow {
            folder: folder.to_owned(),
            hint: Arc::new(Notify::new()),
            watcher: None,
        };
        follow.watch();
        follow
    }

    /// Waits until another look is worthwhile, and says how much of one: after a notice a thorough
    /// one, after [`LOOK_EVERY`] ([`LOOK_FOR_FOLDER_EVERY`] without a folder), or at `deadline` when
    /// that is earlier, a cheap one.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a notice that was not yet acted upon is kept, or found by the cheap look.
    pub async fn changed(&mut self, deadline: Option<Instant>) -> Look {
        let is_missing = self.watcher.is_none() && !self.folder.is_dir();
        let every = match is_missing {
            true => LOOK_FOR_FOLDER_EVERY,
            false => LOOK_EVERY,
        };
        let slow = Instant::now() + every;
        let until = deadline.map_or(slow, |deadline| deadline.min(slow));
        let told = timeout_at(until, self.hint.notified()).await.is_ok();
        if told {
            self.settle().await;
        }
        if self.watcher.is_none() {
            self.watch();
        }
        if told { Look::Thorough } else { Look::Cheap }
    }

    /// Begins anew: another folder stands at the path, which the old watch can't see. What changed
    /// in it before now brings no notice, so that a look is due at once.
    pub fn renew(&mut self) {
        self.watcher = None;
        self.watch();
        self.hint.notify_one();
    }

    async fn settle(&self) {
        let end = Instant::now() + SETTLE_MAX;
        loop {
            let quiet = (Instant::now() + SETTLE).min(end);
            if timeout_at(quiet, self.hint.notified()).await.is_err() || quiet == end {
                return;
            }
        }
    }

    /// Tries to get notices; without them the cheap look serves alone.
    fn watch(&mut self) {
        if !self.folder.is_dir() {
            return;
        }
        let hint = Arc::clone(&self.hint);
        let on_notice = move |notice: notify::Result<notify::Event>| {
            if notice.is_ok_and(|event| is_change(&event.kind)) {
                hint.notify_one();
            }
        };
        let watcher = notify::recommended_watcher(on_notice).and_then(|mut watcher| {
            watcher.watch(&self.folder, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        match watcher {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => tracing::debug!(
                folder = %self.folder.display(), %error,
                "no notices of changes in the manifest folder; looking every second"
            ),
        }
    }
}

/// Whether something was written. Opening and reading bring notices too, our own included: to look
/// again because of those would never end.
fn is_change(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(access) => *access == AccessKind::Close(AccessMode::Write),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

#[cfg(test)]
mod tests;
