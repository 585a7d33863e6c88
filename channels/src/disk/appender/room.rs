//! The owner's eye on the room there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::disk::space::{Room, SpaceWatch};
use crate::telemetry;

/// How often it looks when nothing is appended and nothing is wrong, because others fill disks too.
const IDLE_LOOK_EVERY: Duration = Duration::from_secs(10);

/// It looks so often while as much is written as is kept free.
const LOOKS_PER_NEEDED: u64 = 16;

/// How long after a write that found no room the room counts as short, whatever the file system
/// says: quotas are not seen otherwise, and each failure would be told anew.
const SHORT_FOR: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct RoomKeeper {
    watch: SpaceWatch,
    look_every: Duration,
    looked_at: Instant,
    /// What was written since.
    unlooked_bytes: u64,
    /// Whether it has looked since it rested.
    has_looked: bool,
    refused_at: Option<Instant>,
    /// Whether room is short, as told.
    is_short: Arc<AtomicBool>,
}

impl RoomKeeper {
    pub(super) fn new(watch: SpaceWatch, look_every: Duration) -> Self {
        let mut keeper = RoomKeeper {
            watch,
            look_every,
            looked_at: Instant::now(),
            unlooked_bytes: 0,
            has_looked: false,
            refused_at: None,
            is_short: Arc::default(),
        };
        keeper.tell();
        keeper
    }

    /// Whether room is short, for others to see.
    pub(super) fn is_short(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_short)
    }

    pub(super) fn room(&self) -> Room {
        self.watch.room()
    }

    /// What may be taken, by what was seen last, without touching what is kept free.
    pub(super) fn to_spare_bytes(&self) -> u64 {
        let free = self.watch.space().free_bytes;
        free.saturating_sub(self.watch.needed_bytes())
    }

    /// Takes down that so much was written.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.unlooked_bytes += bytes as u64;
    }

    /// Looks if it is time to, or if so much was written that there may be too little by now: a fast
    /// disk takes all that is kept free between two looks.
    pub(super) fn look_if_due(&mut self) {
        let share = self.watch.needed_bytes() / LOOKS_PER_NEEDED;
        if self.looked_at.elapsed() >= self.look_every || self.unlooked_bytes > share {
            self.look();
        }
    }

    /// Looks. Where the file system does not tell, what it said before stands.
    pub(super) fn look(&mut self) {
        drop(self.watch.look());
        self.looked_at = Instant::now();
        self.unlooked_bytes = 0;
        self.has_looked = true;
        self.refused_at = self.refused_at.filter(|it| it.elapsed() < SHORT_FOR);
        self.tell();
    }

    /// A write has found no room, whatever was seen before.
    pub(super) fn write_was_refused(&mut self) {
        self.refused_at = Some(Instant::now());
        self.look();
    }

    /// Whether a segment that is not needed yet may be given its room: not where a write has just
    /// found none.
    pub(super) fn may_prepare(&self) -> bool {
        self.refused_at.is_none() && self.room() == Room::Enough
    }

    /// What is done while nobody waits: once for each look, since it may fail for long.
    pub(super) fn rest(&mut self) {
        if std::mem::take(&mut self.has_looked) && self.may_prepare() && self.watch.lacks_reserve()
        {
            self.watch.restore_reserve();
        }
    }

    /// How long the owner may wait for appends before it looks again.
    pub(super) fn patience(&self) -> Duration {
        if self.is_short.load(Ordering::Relaxed) {
            self.look_every
        } else {
            IDLE_LOOK_EVERY
        }
    }

    fn tell(&mut self) {
        let is_short = self.refused_at.is_some() || self.room() != Room::Enough;
        if self.is_short.swap(is_short, Ordering::Relaxed) == is_short {
            return;
        }
        let (dir, free) = (self.watch.dir(), self.watch.space().free_bytes);
        let needed = self.watch.needed_bytes();
        if is_short {
            telemetry::room_is_short(dir, free, needed);
        } else {
            telemetry::room_is_enough(dir, free, needed);
        }
    }
}
