//! What this crate logs. Never an event's attributes or data.

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
pub(crate) fn no_snapshot(error: &crate::disk::log::LogError) {
    tracing::warn!(%error, "cannot write a snapshot of where subscriptions stand, going on without");
}
