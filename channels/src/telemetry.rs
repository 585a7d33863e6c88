//! What this crate logs. Never an event's attributes or data.

use std::path::Path;

use crate::disk::log::LogError;

/// A full store discarded events of `subscription`: `count` of them so far.
///
/// A store that stays full discards with every append, so only the 1st, 2nd, 4th, 8th and so on
/// are logged; the exact figure is in the books.
pub(crate) fn shed(subscription: &str, count: u64) {
    if count.is_power_of_two() {
        tracing::warn!(
            subscription,
            count,
            "the memory channel is full: discarded the oldest events of the trigger that holds most"
        );
    }
}

/// What subscriptions stand at could not be written anew in one piece. Writing goes on, and this is
/// tried again; told once until it has succeeded.
pub(crate) fn no_snapshot(error: &LogError) {
    tracing::warn!(%error, "cannot write a snapshot of where subscriptions stand, going on without");
}

/// A write or a sync of the log of events has failed, for good.
pub(crate) fn store_broken(why: &str) {
    tracing::error!(
        why,
        "the log of events has failed: no event is taken until the broker's store is opened anew"
    );
}

/// An append failed and left the log as it was. Told once until one succeeds.
pub(crate) fn append_failed(error: &LogError) {
    tracing::error!(%error, "events could not be stored, and were refused");
}

/// There is less room than is kept free.
pub(crate) fn room_is_short(dir: &Path, free_bytes: u64, needed_bytes: u64) {
    tracing::warn!(
        folder = %dir.display(),
        free_bytes,
        needed_bytes,
        "the disk is nearly full: events are refused until there is room"
    );
}

/// There is room again.
pub(crate) fn room_is_enough(dir: &Path, free_bytes: u64, needed_bytes: u64) {
    tracing::info!(
        folder = %dir.display(),
        free_bytes,
        needed_bytes,
        "there is room on the disk again: events are taken"
    );
}
