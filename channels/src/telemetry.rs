//! What this crate logs. Never an event's attributes or data.

mod damage;
#[cfg(test)]
mod lines;

use std::path::Path;

pub(crate) use self::damage::{
    cannot_decode, events_damaged, events_missing, found_damaged, kept_damaged, kept_lost,
    standings_lost,
};
#[cfg(test)]
pub(crate) use self::lines::logged;
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

/// Something of a store could not be read, and is tried again.
pub(crate) fn cannot_read(error: &(dyn std::error::Error + 'static), offset: u64) {
    tracing::warn!(error, offset, "cannot read from the store, trying again");
}

/// How a log was left that was opened, if it is worth telling.
pub(crate) fn recovered(dir: &std::path::Path, what: &str, recovery: &crate::disk::log::Recovery) {
    let dir = dir.display();
    if !recovery.was_closed && recovery.segments > 0 {
        tracing::info!(
            %dir,
            log = what,
            records = recovery.records,
            cut_bytes = recovery.torn_bytes,
            "the store had not been closed and was put in order"
        );
    }
}

/// Progress or an entry could not be stored, and is tried again.
pub(crate) fn not_kept(error: &crate::disk::log::LogError) {
    tracing::warn!(%error, "cannot store how far deliveries are, trying again");
}

/// A segment that nobody needs could not be removed, and is tried again.
pub(crate) fn not_removed(error: &crate::disk::appender::RemovalError) {
    tracing::warn!(%error, "cannot remove events that nobody needs, trying again");
}

/// Dead letters could not be read to be shown.
pub(crate) fn cannot_list(error: &crate::StoreError) {
    tracing::warn!(%error, "cannot read dead letters from the store");
}

/// The newest segment of events could not be ended.
pub(crate) fn not_rolled(error: &crate::disk::log::LogError) {
    tracing::warn!(%error, "cannot begin a new segment of events, so that old ones stay longer");
}
