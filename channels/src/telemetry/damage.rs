//! Lines about damage to a broker's files. Each has the code W026, the file, and what to do.

use std::error::Error;
use std::path::Path;

use crate::disk::log::{Damage, DamageKind, Recovery, segment_path};

const CODE: &str = "W026";
const WHERE_IT_IS_COUNTED: &str =
    "what is lost is in the column LOST of `sluicegate get brokers -o wide`";
const WHAT_WAS_PARKED: &str = "`sluicegate get deadletters` shows what was parked";
const CHECK_THE_DISK: &str = "check the disk, and leave the file as it is or, while the server is stopped, put \
                              it back from a copy";

/// Damage to the events in this file was met while reading.
pub(crate) fn events_damaged(file: &Path, damage: &Damage) {
    tracing::error!(
        code = CODE,
        file = %file.display(),
        first_byte = damage.bytes.start,
        bytes = damage.bytes.end - damage.bytes.start,
        first_offset = damage.offsets.start,
        lost = %damage.lost(),
        kind = ?damage.kind,
        help = %format!("{}; {WHERE_IT_IS_COUNTED}", remedy(damage.kind)),
        "events are lost to damage of the store; what follows them is delivered"
    );
}

/// Damage to what is kept in this file, deferred and parked events, was met while reading. What it costs
/// is not counted with the events: some of it may stand elsewhere too, or be over.
pub(crate) fn kept_damaged(file: &Path, damage: &Damage) {
    tracing::error!(
        code = CODE,
        file = %file.display(),
        first_byte = damage.bytes.start,
        bytes = damage.bytes.end - damage.bytes.start,
        records_max = damage.offsets.end - damage.offsets.start,
        kind = ?damage.kind,
        help = %format!("{}; {WHAT_WAS_PARKED}", remedy(damage.kind)),
        "deferred or parked events are damaged: an event that stood there has expired, and where only \
         the reason did, the event is parked with an unknown one"
    );
}

/// Opening found damage to the log `what` of the broker in `dir`.
pub(crate) fn found_damaged(dir: &Path, what: &str, recovery: &Recovery) {
    let dir = dir.join(what);
    for damage in &recovery.damage {
        tracing::error!(
            code = CODE,
            file = %segment_path(&dir, damage.segment).display(),
            log = what,
            first_byte = damage.bytes.start,
            bytes = damage.bytes.end - damage.bytes.start,
            first_offset = damage.offsets.start,
            lost = %damage.lost(),
            kind = ?damage.kind,
            help = remedy(damage.kind),
            "the store is damaged; what is not damaged goes on"
        );
    }
}

/// Where subscriptions stand was damaged.
pub(crate) fn standings_lost(dir: &Path, missing: &[u64], unnamed_max: u64, outdated: &[u64]) {
    if !missing.is_empty() || !outdated.is_empty() || unnamed_max > 0 {
        tracing::error!(
            code = CODE,
            file = %dir.join("progress").display(),
            missing = missing.len(),
            more_at_most = unnamed_max,
            outdated = outdated.len(),
            help = CHECK_THE_DISK,
            "where some subscriptions stand was lost to damage: they get again what they had, as far \
             as it is still there"
        );
    }
}

/// The events end at an offset below those that subscriptions have come to.
pub(crate) fn events_missing(dir: &Path, end: u64, noted: u64) {
    tracing::error!(
        code = CODE,
        file = %dir.join("events").display(),
        end,
        noted,
        help = %format!("{CHECK_THE_DISK}; {WHERE_IT_IS_COUNTED}"),
        "the store is damaged, and the newest events are gone from the disk: what subscriptions had \
         not taken of them is lost"
    );
}

/// A record that passed its checksum holds no event. It is in a file of `dir`.
pub(crate) fn cannot_decode(dir: &Path, error: &(dyn Error + 'static), offset: u64) {
    tracing::error!(
        code = CODE,
        file = %dir.display(),
        error,
        offset,
        help = "send the event again; if there are more of these, tell those who make this program",
        "a stored event cannot be read and is lost"
    );
}

/// What damage of what is kept, which was told when it was found, has cost: now that the rest is written
/// anew.
pub(crate) fn kept_lost(dir: &Path, segment: u64, entries: usize, events: usize) {
    tracing::warn!(
        code = CODE,
        file = %segment_path(dir, segment).display(),
        entries,
        events,
        help = %format!("{CHECK_THE_DISK}; {WHAT_WAS_PARKED}"),
        "deferred or parked events are damaged: the entries are parked with an unknown reason, \
         and the events are lost"
    );
}

fn remedy(kind: DamageKind) -> &'static str {
    match kind {
        DamageKind::HeaderCopy => {
            "nothing is lost, and a second damage would cost the file: check the disk"
        }
        DamageKind::LastWrite => {
            "nothing is lost where the disk keeps what it said was written: check its write cache"
        }
        DamageKind::SegmentMissing => {
            "a file is not there that nobody should remove: put it back while the server is stopped, if \
             there is a copy"
        }
        DamageKind::Records
        | DamageKind::CutOff
        | DamageKind::EndUnreadable
        | DamageKind::Header => CHECK_THE_DISK,
    }
}
