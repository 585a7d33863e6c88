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

/// Something of a store could not be read, and is tried again.
pub(crate) fn cannot_read(error: &(dyn std::error::Error + 'static), offset: u64) {
    tracing::warn!(error, offset, "cannot read from the store, trying again");
}

/// A record that passed its checksum holds no event.
pub(crate) fn cannot_decode(error: &(dyn std::error::Error + 'static), offset: u64) {
    tracing::error!(error, offset, "a stored event cannot be read and is lost");
}

/// Damage was met while reading.
pub(crate) fn damaged(damage: &crate::disk::log::Damage) {
    tracing::error!(
        segment = damage.segment,
        first_offset = damage.offsets.start,
        offsets = damage.offsets.end - damage.offsets.start,
        kind = ?damage.kind,
        "events are lost to damage of the store; what follows them is delivered"
    );
}

/// What opening a log found, if it is worth telling.
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
    for damage in &recovery.damage {
        tracing::error!(
            %dir,
            log = what,
            segment = damage.segment,
            first_offset = damage.offsets.start,
            offsets = damage.offsets.end - damage.offsets.start,
            kind = ?damage.kind,
            "the store is damaged; what is not damaged goes on"
        );
    }
}

/// Where subscriptions stand was damaged.
pub(crate) fn standings_lost(dir: &std::path::Path, missing: &[u64], outdated: &[u64]) {
    if !missing.is_empty() || !outdated.is_empty() {
        tracing::error!(
            dir = %dir.display(),
            missing = missing.len(),
            outdated = outdated.len(),
            "where some subscriptions stand was lost: they get again what they had, as far as \
             it is still there"
        );
    }
}

/// The events end at an offset below those that subscriptions have come to.
pub(crate) fn events_missing(dir: &std::path::Path, end: u64, noted: u64) {
    tracing::error!(
        dir = %dir.display(),
        end,
        noted,
        "the newest events are gone from the disk: what subscriptions had not taken of them is lost"
    );
}

/// Progress or an entry could not be stored, and is tried again.
pub(crate) fn not_kept(error: &crate::disk::log::LogError) {
    tracing::warn!(%error, "cannot store how far deliveries are, trying again");
}

/// Records of what is kept could not be read when they were to be written anew.
pub(crate) fn kept_lost(segment: u64, entries: usize, events: usize) {
    tracing::error!(
        segment,
        entries,
        events,
        "deferred or parked events are damaged: the entries are parked with an unknown reason, \
         and the events are lost"
    );
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
