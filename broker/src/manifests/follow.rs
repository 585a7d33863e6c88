//! Says when the manifest folder is worth another look.
//!
//! The kernel's notices are only a hint: whatever they say, the folder is read as a whole. Where no
//! notice comes (a network file system, a folder that does not exist yet) a slow look every
//! [`LOOK_EVERY`] finds the change all the same.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

/// How often the folder is looked at without any notice.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);
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

    /// Waits until another look is worthwhile: after a notice, after [`LOOK_EVERY`], or at
    /// `deadline` when that is earlier.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a notice that was not yet acted upon is kept, or found by the slow look.
    pub async fn changed(&mut self, deadline: Option<Instant>) {
        let slow = Instant::now() + LOOK_EVERY;
        let until = deadline.map_or(slow, |deadline| deadline.min(slow));
        if timeout_at(until, self.hint.notified()).await.is_ok() {
            self.settle().await;
        }
        if self.watcher.is_none() {
            self.watch();
        }
    }

    /// Begins anew: for a folder that was removed and made again, which the old watch can't see.
    pub fn renew(&mut self) {
        self.watcher = None;
        self.watch();
    }

    async fn settle(&self) {
        let end = Instant::now() + SETTLE_MAX;
        loop {
            let quiet = (Instant::now() + SETTLE).min(end);
            if timeout_at(quiet, self.hint.notified()).await.is_err() || quiet == end {
                sleep_until(quiet).await;
                return;
            }
        }
    }

    /// Tries to get notices; without them the slow look serves alone.
    fn watch(&mut self) {
        let hint = Arc::clone(&self.hint);
        let on_notice = move |_: notify::Result<notify::Event>| hint.notify_one();
        let watcher = notify::recommended_watcher(on_notice).and_then(|mut watcher| {
            watcher.watch(&self.folder, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        match watcher {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => tracing::debug!(
                folder = %self.folder.display(), %error,
                "no notices of changes in the manifest folder; looking every 2 s"
            ),
        }
    }
}
