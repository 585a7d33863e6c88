//! A disk that is short of room for a while, and has some again.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sluicegate_channels::disk::files::{Files, OpenFile, OpenMode, Space};

use super::*;

/// Says how much room there is, and is asked for nothing else.
#[derive(Debug, Default)]
struct Room {
    is_short: AtomicBool,
    looks: AtomicU64,
}

impl Room {
    fn set_short(&self, is_short: bool) {
        self.is_short.store(is_short, Ordering::SeqCst);
    }

    /// Waits until somebody has looked once more.
    async fn looked_at(&self) {
        let before = self.looks.load(Ordering::SeqCst);
        let looked = async {
            while self.looks.load(Ordering::SeqCst) == before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let looked = timeout(Duration::from_secs(20), looked).await;
        looked.expect("pairs that came are to be written within about a second");
    }
}

impl Files for Room {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn list(&self, _dir: &Path) -> io::Result<Vec<String>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn open(&self, _path: &Path, _mode: OpenMode) -> io::Result<Box<dyn OpenFile>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn remove(&self, _path: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn space(&self, _dir: &Path) -> io::Result<Space> {
        let is_short = self.is_short.load(Ordering::SeqCst);
        self.looks.fetch_add(1, Ordering::SeqCst);
        let free_bytes = if is_short { 0 } else { 1 << 40 };
        Ok(Space {
            free_bytes,
            total_bytes: 1 << 40,
        })
    }

    fn pause(&self, _time: Duration) {}
}

fn open_with(dir: &Path, room: &Arc<Room>) -> Arc<Deduplication> {
    let files: Arc<dyn Files> = Arc::<Room>::clone(room);
    let folder = Some(keeping_free(dir, 1 << 20).on(files));
    let metrics = DeduplicationHandles::default();
    let options = DeduplicationOptions::default();
    Deduplication::open(&broker(), &options, folder, None, clock(), metrics)
}

/// Else the next start would take newer pairs for all there were, and not look further back.
#[tokio::test]
async fn what_came_while_the_disk_was_short_is_kept_once_there_is_room() {
    let folder = TempDir::new();
    let dir = folder.path().join("seen");
    let room = Arc::new(Room::default());
    let first = open_with(&dir, &room);
    let ids: Vec<String> = (0..2_500).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(store_once_read(&first, &["before"]).await, ["before"]);
    room.looked_at().await;
    room.set_short(true);
    for some in ids.chunks(2_000) {
        assert_eq!(store(&first, some).len(), some.len());
        room.looked_at().await;
    }
    room.set_short(false);
    assert_eq!(store(&first, &["after"]), ["after"]);
    Deduplication::close_all(&[first]);
    let second = open_with(&dir, &room);
    assert_eq!(
        store_once_read(&second, &["before", "after"]).await,
        [""; 0]
    );
    assert_eq!(store(&second, &ids), [""; 0]);
}
