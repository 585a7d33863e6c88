//! The right and duty to deal with one event: what it is handed out for, and how it ends.

use std::fmt;
use std::sync::Arc;

use sluicegate_event::Event;

use super::{BoxFuture, ParkReason, Position, StoreError};
use crate::Timestamp;

/// The right and duty to deal with one event of one subscription.
///
/// Ends by exactly one of [`settle`](Lease::settle), [`defer`](Lease::defer) and
/// [`park`](Lease::park); dropped without, the event is handed out again (P12).
#[derive(Debug)]
pub struct Lease {
    /// The event; shared, never copied.
    pub event: Arc<Event>,
    /// Where it stands in the channel.
    pub position: Position,
    /// How many sends were made before this lease.
    pub sends: u32,
    /// When the channel first accepted it.
    pub accepted_at: Timestamp,
    /// From when a limit on its age counts: when it was accepted, or last redriven (P32), or its
    /// subscription was made, resumed or moved (P41).
    pub age_since: Timestamp,
    /// What to do with it.
    pub purpose: LeasePurpose,
    control: Option<Box<dyn LeaseControl>>,
}

/// What a lease is handed out for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeasePurpose {
    /// To be sent to the subscriber.
    Deliver,
    /// Given up on: to be sent to the dead-letter sink only, with this reason.
    DeadLetter(ParkReason),
}

/// How a lease that is done ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The subscriber took it.
    Delivered,
    /// The dead-letter sink took it.
    DeadLettered,
    /// Ended unseen, with the reason logged by whoever ends it.
    Discarded,
}

impl Lease {
    /// Makes a lease; for backends.
    pub fn new(
        event: Arc<Event>,
        position: Position,
        sends: u32,
        accepted_at: Timestamp,
        purpose: LeasePurpose,
        control: Box<dyn LeaseControl>,
    ) -> Self {
        Lease {
            event,
            position,
            sends,
            accepted_at,
            age_since: accepted_at,
            purpose,
            control: Some(control),
        }
    }

    /// Ends the event for this subscription (P20). Durable soon after; losing it costs a
    /// duplicate, never an event.
    pub fn settle(mut self, how: Settled) {
        if let Some(control) = self.control.take() {
            control.settle(how);
        }
    }

    /// Puts the event off until `until`, with `sends` as its count (P21).
    ///
    /// # Errors
    ///
    /// When the deferral cannot be stored; the event is then handed out again.
    pub async fn defer(mut self, until: Timestamp, sends: u32) -> Result<(), StoreError> {
        match self.control.take() {
            Some(control) => control.defer(until, sends).await,
            None => Ok(()),
        }
    }

    /// Puts the event into the dead-letter store (P22) with `sends` as its count; with `retry_at`, it
    /// comes back then for another try at the dead-letter sink (P23).
    ///
    /// # Errors
    ///
    /// When it cannot be stored; the event is then handed out again.
    pub async fn park(
        mut self,
        reason: ParkReason,
        sends: u32,
        retry_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        match self.control.take() {
            Some(control) => control.park(reason, sends, retry_at).await,
            None => Ok(()),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(control) = self.control.take() {
            control.release();
        }
    }
}

/// A backend's side of a lease. Exactly one method is called, once.
pub trait LeaseControl: Send + Sync + fmt::Debug {
    /// See [`Lease::settle`].
    fn settle(self: Box<Self>, how: Settled);
    /// See [`Lease::defer`].
    fn defer(
        self: Box<Self>,
        until: Timestamp,
        sends: u32,
    ) -> BoxFuture<'static, Result<(), StoreError>>;
    /// See [`Lease::park`].
    fn park(
        self: Box<Self>,
        reason: ParkReason,
        sends: u32,
        retry_at: Option<Timestamp>,
    ) -> BoxFuture<'static, Result<(), StoreError>>;
    /// The lease was dropped: hand the event out again.
    fn release(self: Box<Self>);
}
