//! Events as a channel retains them, settled or not, and handing them out once more.

use std::sync::Arc;

use sluicegate_event::Event;

use super::Position;
use crate::Timestamp;

/// An event that the channel still has.
#[derive(Clone, Debug)]
pub struct Retained {
    /// Where it stands.
    pub position: Position,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The event as it was appended.
    pub event: Arc<Event>,
}

/// Some of the events that a channel still has.
#[derive(Clone, Debug, Default)]
pub struct RetainedPage {
    /// Oldest first.
    pub events: Vec<Retained>,
    /// Where the next page begins; none when this one reaches the newest event.
    pub next: Option<Position>,
    /// Events between these that damage to the store has taken.
    pub lost: u64,
}

/// What a replay did with the positions it was given, from the first on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// How many positions were dealt with. The others are to be given again later: too many
    /// replayed events wait already.
    pub dealt_with: usize,
    /// Of these, how many will be handed out once more.
    pub given: u64,
    /// How many were pending or parked, and stay so.
    pub unfinished: u64,
    /// How many the channel no longer has.
    pub gone: u64,
    /// Those of them that will not be handed out once more: unfinished or gone.
    pub passed_over: Vec<Position>,
}
