//! Room in memory for the bodies under way.
//!
//! Bytes are counted as they arrive, not as they are announced: a sender that declares a large body
//! and then dawdles takes no room from the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The room of one door.
#[derive(Debug)]
pub(super) struct Room {
    bytes_max: usize,
    bytes_taken: AtomicUsize,
}

impl Room {
    pub(super) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Room {
            bytes_max,
            bytes_taken: AtomicUsize::new(0),
        })
    }

    /// A share of no bytes yet.
    pub(super) fn share(self: &Arc<Self>) -> Share {
        Share {
            room: self.clone(),
            bytes: 0,
        }
    }
}

/// What one request takes of the room; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    room: Arc<Room>,
    bytes: usize,
}

impl Share {
    /// Takes `bytes` more; false, and nothing is taken, when there is no room for them.
    #[must_use]
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        // Relaxed: only the sum matters, nothing else is published through it.
        let taken = &self.room.bytes_taken;
        let before = taken.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.room.bytes_max {
            taken.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }

    /// Takes `bytes` in all, or the whole room where that is less; false when there is no room for them.
    #[must_use]
    pub(super) fn grow_to(&mut self, bytes: usize) -> bool {
        let bytes = bytes.min(self.room.bytes_max);
        self.grow(bytes.saturating_sub(self.bytes))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room
            .bytes_taken
            .fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_grows_within_the_room_and_is_given_back() {
        let room = Room::new(100);
        let mut one = room.share();
        let mut other = room.share();
        assert!(one.grow(60));
        assert!(!other.grow(41));
        assert!(other.grow(40));
        assert!(!one.grow(1));
        drop(other);
        assert!(one.grow(40));
        drop(one);
        let mut all = room.share();
        assert!(
            all.grow_to(1_000),
            "what is larger than the room takes all of it"
        );
        assert!(
            all.grow_to(10) && !room.share().grow(1),
            "it does not shrink"
        );
        drop(all);
        assert!(room.share().grow(100));
    }
}
