//! Events that are stored, and a window on disk that knows less.

use sluicegate_channels::{Position, Retained, RetainedPage, Timestamp};

use super::*;

/// A store with these events, accepted a second ago.
fn stored(ids: &[&str]) -> Tail {
    let page = RetainedPage {
        events: ids.iter().zip(0..).map(retained).collect(),
        next: None,
        lost: 0,
    };
    Tail::over(move |_, _| Box::pin(std::future::ready(Ok(page.clone()))))
}

fn retained((id, offset): (&&str, u64)) -> Retained {
    Retained {
        position: Position {
            partition: 0,
            offset,
        },
        accepted_at: Timestamp(clock().now().0 - 1_000),
        event: Arc::new(event(id)),
    }
}

fn open_over(dir: &Path, ids: &[&str]) -> Arc<Deduplication> {
    let options = DeduplicationOptions::default();
    let folder = Some(keeping_free(dir, 0));
    let metrics = DeduplicationHandles::default();
    let tail = Some(stored(ids));
    Deduplication::open(&broker(), &options, folder, tail, clock(), metrics)
}

/// Whether the window is whole, gone or damaged; and what was read back is kept from then on.
#[tokio::test]
async fn what_a_window_on_disk_has_not_is_read_out_of_the_stored_events() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 5] = [
        ("none", |_| ()),
        ("gone", |dir| std::fs::remove_dir_all(dir).unwrap()),
        ("no folder", |dir| damage(dir, 0)),
        ("an entry", |dir| damage(dir, 1)),
        ("the salt", |dir| damage(dir, 2)),
    ];
    for (name, harm) in harms {
        let folder = TempDir::new();
        let dir = folder.path().join("seen");
        let first = open_over(&dir, &[]);
        assert_eq!(store_once_read(&first, &["1"]).await, ["1"], "{name}");
        Deduplication::close_all(&[first]);
        harm(&dir);
        let second = open_over(&dir, &["1", "2"]);
        let again = store_once_read(&second, &["1", "2", "3"]).await;
        assert_eq!(again, ["3"], "{name}");
        Deduplication::close_all(&[second]);
        let third = open_over(&dir, &[]);
        let again = store_once_read(&third, &["1", "2", "3"]).await;
        assert_eq!(again, [""; 0], "{name}");
    }
}
