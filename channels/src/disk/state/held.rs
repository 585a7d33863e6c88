//! Events that are in memory, and how much of it they take in all.
//!
//! An event is held by the tickets of all subscriptions that have it before them, and its bytes are
//! given back when the last of these goes, wherever that is; so nobody keeps a list of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sluicegate_event::Event;

use crate::queues::{self, Kinded};
use crate::{ParkReason, Timestamp};

/// Besides its data an event takes about so much.
const OVERHEAD_BYTES: u64 = 256;

/// How much of the buffer is free again once some of it was let go of.
const ROOM_MADE: u64 = 8;

/// How many bytes of events are in memory, and may be.
#[derive(Debug)]
pub(in super::super) struct Buffer {
    used_bytes: Arc<AtomicU64>,
    bytes_max: u64,
}

/// An event in memory.
#[derive(Debug)]
pub(in super::super) struct Held {
    pub(in super::super) event: Arc<Event>,
    bytes: u64,
    used_bytes: Arc<AtomicU64>,
}

impl Buffer {
    pub(super) fn new(bytes_max: u64) -> Self {
        Buffer {
            used_bytes: Arc::default(),
            bytes_max,
        }
    }

    pub(super) fn set_bytes_max(&mut self, bytes_max: u64) {
        self.bytes_max = bytes_max;
    }

    pub(super) fn hold(&self, event: Arc<Event>, size_bytes: u64) -> Arc<Held> {
        let bytes = size_bytes + OVERHEAD_BYTES;
        self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
        Arc::new(Held {
            event,
            bytes,
            used_bytes: Arc::clone(&self.used_bytes),
        })
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn is_over(&self) -> bool {
        self.used_bytes() > self.bytes_max
    }

    /// Whether enough was let go of for a while.
    pub(super) fn has_room(&self) -> bool {
        self.used_bytes() <= self.bytes_max - self.bytes_max / ROOM_MADE
    }
}

#[cfg(test)]
impl Held {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.used_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Where an event is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// In memory, if it is.
    pub(super) held: Option<Arc<Held>>,
    /// Not known before an event was fetched that a cursor names after a restart.
    pub(super) accepted_at: Timestamp,
    /// Whether it is kept apart from the log of events.
    pub(super) is_kept: bool,
}

impl queues::Place for Place {
    fn is_here(&self) -> bool {
        self.held.is_some()
    }
}

/// Why an event is parked: all of it only while the event is in memory.
#[derive(Clone, Debug)]
pub(super) struct Reason {
    pub(super) kind: &'static str,
    pub(super) whole: Option<Box<ParkReason>>,
}

impl Kinded for Reason {
    fn kind(&self) -> &'static str {
        self.kind
    }
}

pub(super) type Ticket = queues::Ticket<Place>;
pub(super) type Queues = queues::Queues<Place, Reason>;
pub(super) type Parked = queues::Parked<Place, Reason>;
