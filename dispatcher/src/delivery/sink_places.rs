//! How many events of a trigger may be at its dead-letter sink at a time.
//!
//! A quarter of the window, at least one: a sink that hangs must leave places for the events that
//! the subscriber would take. Two kinds of leases count: those that are for the sink only, for as
//! long as they are held, and those whose event was given up on just now, while it is being sent.
//! The first are bounded by what the worker asks the channel for, the second by being parked for
//! a moment when there is no place.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sluicegate_channels::{Lease, LeasePurpose};

use super::{Assignment, Delivery};

/// What the window is divided by.
const SHARE: u32 = 4;

/// How many are held now.
#[derive(Debug, Default)]
pub(super) struct SinkPlaces(Arc<AtomicUsize>);

/// One place at the sink; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct SinkPlace(Arc<AtomicUsize>);

impl SinkPlaces {
    fn free(&self, in_flight_max: NonZeroU32) -> usize {
        let places_max = (in_flight_max.get() / SHARE).max(1);
        let places_max = usize::try_from(places_max).unwrap_or(usize::MAX);
        places_max.saturating_sub(self.0.load(Ordering::Relaxed))
    }

    fn take(&self) -> SinkPlace {
        self.0.fetch_add(1, Ordering::Relaxed);
        SinkPlace(Arc::clone(&self.0))
    }
}

impl Drop for SinkPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Delivery {
    /// How many more leases for the sink may be taken now.
    pub(crate) fn sink_places_free(&self, job: &Assignment) -> usize {
        self.sink_places.free(job.plan.in_flight_max)
    }

    /// The place of a lease that is for the sink only; it was asked for.
    pub(crate) fn sink_place(&self, lease: &Lease) -> Option<SinkPlace> {
        match lease.purpose {
            LeasePurpose::Deliver => None,
            LeasePurpose::DeadLetter(_) => Some(self.sink_places.take()),
        }
    }

    /// A place for an event that was given up on just now, if there is one. All deliveries of a
    /// worker run in one task, so nothing happens between looking and taking.
    pub(super) fn free_sink_place(&self, job: &Assignment) -> Option<SinkPlace> {
        (self.sink_places_free(job) > 0).then(|| self.sink_places.take())
    }
}
