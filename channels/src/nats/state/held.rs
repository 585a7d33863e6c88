//! What a server has handed to this process and waits to hear of.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluicegate_event::Event;

use crate::nats::entry::Entry;
use crate::{ParkReason, Timestamp, queues};

/// Where a server wants to be told what became of what it handed out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::nats) struct Reply(pub(in crate::nats) Arc<str>);

/// One event that this process has before it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) event: Arc<Event>,
    pub(super) accepted_at: Timestamp,
    pub(super) reply: Reply,
    pub(super) source: Source,
    /// When the server was last told that it is still being dealt with, or handed it out.
    pub(super) progressed_at: Timestamp,
    /// Its lease has ended, and the step that says so is under way.
    pub(super) is_stepping: bool,
}

/// What it was handed out as.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// An event of the first stream.
    Events,
    /// An entry that is due; its message has that sequence.
    Due { sequence: u64, entry: Arc<Entry> },
}

impl Held {
    pub(super) fn is_of_events(&self) -> bool {
        match self.source {
            Source::Events => true,
            Source::Due { .. } => false,
        }
    }

    /// How many sends another process would take it to have had.
    pub(super) fn sends_elsewhere(&self) -> u32 {
        match &self.source {
            Source::Events => 0,
            Source::Due { entry, .. } => entry.sends,
        }
    }
}

/// All that is held for a subscription, by position. Beside the queues rather than in their tickets,
/// so that whoever is handed an event again finds it wherever it stands.
pub(super) type AllHeld = BTreeMap<u64, Held>;

/// What is in the queues is held, and so in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct InMemory;

impl queues::Place for InMemory {
    fn is_here(&self) -> bool {
        true
    }
}

pub(super) type Ticket = queues::Ticket<InMemory>;
pub(super) type Queues = queues::Queues<InMemory, ParkReason>;

pub(super) fn ticket(offset: u64, event: &Event, sends: u32, redriven_at: Timestamp) -> Ticket {
    Ticket {
        offset,
        place: InMemory,
        size_bytes: event.size_bytes() as u64,
        sends,
        redriven_at,
    }
}
