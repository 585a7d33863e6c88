//! The contract suite on the disk channel, on the real file system and in real time: its threads
//! wait for a disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use sluicegate_channels::contract_suite::{Bounds, Capabilities, Fixture, Opened};
use sluicegate_channels::disk::{DiskChannel, DiskOptions};
use sluicegate_channels::{BoxFuture, Clock, Matcher};

/// A folder for the channels of one test, removed with it.
struct DiskFixture {
    root: PathBuf,
    opened: AtomicU64,
}

impl DiskFixture {
    fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "disk-contract-{}-{}",
            std::process::id(),
            MADE.fetch_add(1, Ordering::Relaxed)
        );
        DiskFixture {
            root: std::env::temp_dir().join(name),
            opened: AtomicU64::new(0),
        }
    }

    fn newest(&self) -> PathBuf {
        self.root
            .join(self.opened.load(Ordering::Relaxed).to_string())
    }
}

impl Drop for DiskFixture {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.root));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a clock is anchored to the wall once"
)]
fn clock() -> Clock {
    Clock::anchored_at(SystemTime::now())
}

fn open(dir: &Path, matcher: Arc<dyn Matcher>) -> Opened {
    let clock = clock();
    let options = DiskOptions {
        // Else a test would need so much room on the machine.
        free_bytes_min: 1 << 20,
        free_percent_min: 0,
        reserve_bytes: 1 << 20,
        segment_bytes: 1 << 20,
        ..DiskOptions::default()
    };
    let channel = DiskChannel::open(dir, options, matcher, clock).expect("the folder is ours");
    Opened { channel, clock }
}

impl Fixture for DiskFixture {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            bounded: false,
            sheds: false,
            keeps_settled: true,
        }
    }

    fn open(&self, _: Bounds, matcher: Arc<dyn Matcher>) -> BoxFuture<'_, Opened> {
        Box::pin(async move {
            self.opened.fetch_add(1, Ordering::Relaxed);
            open(&self.newest(), matcher)
        })
    }

    fn reopen(&self, opened: Opened, matcher: Arc<dyn Matcher>) -> BoxFuture<'_, Option<Opened>> {
        Box::pin(async move {
            // Without a word, as a kill would.
            drop(opened);
            Some(open(&self.newest(), matcher))
        })
    }
}

sluicegate_channels::contract_tests!(
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    DiskFixture::new()
);
