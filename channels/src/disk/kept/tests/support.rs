//! A store on a simulated disk, and what is put into it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sluicegate_event::Event;

use super::super::{Kept, KeptEntry, KeptError, KeptKey, KeptOp, KeptOptions, KeptState};
use crate::ParkReason;
use crate::disk::files::Files;
use crate::disk::log::Recovery;
use crate::disk::simulated::SimulatedDisk;

pub(super) const DIR: &str = "/kept";
/// When everything happens that no time matters for.
pub(super) const NOW: i64 = 1_700_000_000_000;

pub(super) type Opened = (Kept, Vec<KeptEntry>, Recovery);

/// With the smallest segments there are, so that a few records fill one.
pub(super) fn try_open(
    files: Arc<dyn Files>,
    is_known: &dyn Fn(u64) -> bool,
) -> Result<Opened, KeptError> {
    let options = KeptOptions {
        segment_bytes: 8 << 10,
        salts: fastrand::Rng::with_seed(1),
    };
    Kept::open(files, Path::new(DIR), options, is_known)
}

pub(super) fn open(disk: &SimulatedDisk) -> Opened {
    let opened = try_open(Arc::new(disk.clone()), &|_| true);
    opened.unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn key(subscription: u64, offset: u64) -> KeptKey {
    KeptKey {
        subscription,
        offset,
    }
}

/// The event of an offset, with this much data.
pub(super) fn event(offset: u64, data_bytes: usize) -> Arc<Event> {
    let data: String = "x".repeat(data_bytes);
    let event = Event::builder(&offset.to_string(), "/kept", "test").data("text/plain", data);
    Arc::new(event.build().expect("it is valid"))
}

pub(super) fn put(key: KeptKey, event: Option<Arc<Event>>, state: KeptState) -> KeptOp {
    KeptOp::Put {
        key,
        event,
        accepted_at_ms: NOW,
        redriven_at_ms: 0,
        state,
    }
}

pub(super) fn moved(due_ms: i64) -> KeptState {
    KeptState::Moved { due_ms, sends: 3 }
}

pub(super) fn parked() -> KeptState {
    KeptState::Parked {
        reason: reason(),
        sends: 4,
        parked_at_ms: NOW,
        retry_at_ms: Some(NOW + 1),
    }
}

pub(super) fn reason() -> ParkReason {
    ParkReason {
        kind: "refused",
        detail: "answered 400".into(),
        dest: Some("http://billing/".into()),
        code: Some(400),
        data: bytes::Bytes::from_static(b"no such order"),
    }
}

pub(super) fn apply(kept: &mut Kept, ops: &[KeptOp]) {
    let applied = kept.apply(ops, NOW);
    applied.unwrap_or_else(|error| panic!("{error}"));
}

/// Keeps one event of 100 bytes for one subscription.
pub(super) fn keep(kept: &mut Kept, subscription: u64, offset: u64) {
    let event = Some(event(offset, 100));
    apply(kept, &[put(key(subscription, offset), event, moved(NOW))]);
}

pub(super) fn keys(entries: &[KeptEntry]) -> Vec<(u64, u64)> {
    let keys = entries.iter().map(|it| it.key);
    keys.map(|it| (it.subscription, it.offset)).collect()
}

/// Whether an event comes back whole.
pub(super) fn has_event(kept: &Kept, offset: u64, data_bytes: usize) -> bool {
    let found = kept.reader().event(offset);
    let found = found.unwrap_or_else(|error| panic!("{error}"));
    assert!(
        found
            .as_ref()
            .is_none_or(|it| *it == *event(offset, data_bytes))
    );
    found.is_some()
}

/// The files of the segments, oldest first.
pub(super) fn segments(disk: &SimulatedDisk) -> Vec<PathBuf> {
    let names = disk.names(Path::new(DIR));
    let segments = names.iter().filter(|it| it.ends_with(".log"));
    segments.map(|it| Path::new(DIR).join(it)).collect()
}
