//! What may be asked of a store, and what that does to the model of it.

use std::collections::BTreeMap;

use super::super::super::{KeptEntry, KeptKey, KeptOp, KeptState};
use super::super::support::{NOW, event};
use crate::ParkReason;

/// No event has an offset as high as this.
pub(super) const OFFSETS: u64 = 24;

/// What must be there.
pub(super) type Model = BTreeMap<KeptKey, Entry>;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) state: KeptState,
    pub(super) accepted_at_ms: i64,
    pub(super) redriven_at_ms: i64,
}

/// How much data the event of an offset has: now and then more than a segment holds.
pub(super) fn data_bytes(offset: u64) -> usize {
    match offset {
        0 | 16 => 9_000,
        1..4 => 2_000,
        4..12 => 200,
        _ => 20,
    }
}

/// Something that can be done to what is there, for a subscription from `first_known` on.
pub(super) fn random(rng: &mut fastrand::Rng, model: &Model, first_known: u64) -> KeptOp {
    let key = KeptKey {
        subscription: rng.u64(first_known..first_known + 4),
        offset: rng.u64(..OFFSETS),
    };
    match rng.u32(..20) {
        0 => KeptOp::EndAll {
            subscription: key.subscription,
        },
        1..10 => KeptOp::End(match rng.u32(..4) {
            0 => key,
            _ => rng.choice(model.keys()).copied().unwrap_or(key),
        }),
        _ => {
            let is_kept = model.keys().any(|it| it.offset == key.offset);
            let is_given = !is_kept || rng.bool();
            KeptOp::Put {
                key,
                event: is_given.then(|| event(key.offset, data_bytes(key.offset))),
                accepted_at_ms: NOW + rng.i64(-500..500),
                redriven_at_ms: rng.i64(0..2) * NOW,
                state: state(rng),
            }
        }
    }
}

fn state(rng: &mut fastrand::Rng) -> KeptState {
    let sends = rng.u32(..);
    if rng.bool() {
        let due_ms = rng.i64(..);
        return KeptState::Moved { due_ms, sends };
    }
    let kinds = ["exhausted", "refused", "reply", "loop", "poison", "shed"];
    let kind = rng.choice(kinds).unwrap_or("loop");
    let text = "why ".repeat(rng.usize(..60));
    KeptState::Parked {
        reason: ParkReason {
            kind,
            detail: text.as_str().into(),
            dest: rng.bool().then(|| "http://billing/".into()),
            code: rng.bool().then(|| rng.u16(..)),
            data: text.into_bytes().into(),
        },
        sends,
        parked_at_ms: NOW,
        retry_at_ms: rng.bool().then_some(NOW + 7),
    }
}

/// What an operation does to the model.
pub(super) fn done(op: &KeptOp, model: &mut Model) {
    match op.clone() {
        KeptOp::Put {
            key,
            accepted_at_ms,
            redriven_at_ms,
            state,
            ..
        } => {
            let entry = Entry {
                state,
                accepted_at_ms,
                redriven_at_ms,
            };
            model.insert(key, entry);
        }
        KeptOp::End(key) => drop(model.remove(&key)),
        KeptOp::EndAll { subscription } => model.retain(|key, _| key.subscription != subscription),
    }
}

/// The model as opening lists it.
pub(super) fn listed(model: &Model) -> Vec<KeptEntry> {
    let entries = model.iter().map(|(key, entry)| KeptEntry {
        key: *key,
        state: match &entry.state {
            KeptState::Moved { due_ms, sends } => KeptState::Moved {
                due_ms: *due_ms,
                sends: *sends,
            },
            KeptState::Parked {
                reason,
                sends,
                parked_at_ms,
                retry_at_ms,
            } => KeptState::Parked {
                reason: reason.kind,
                sends: *sends,
                parked_at_ms: *parked_at_ms,
                retry_at_ms: *retry_at_ms,
            },
        },
        accepted_at_ms: entry.accepted_at_ms,
        redriven_at_ms: entry.redriven_at_ms,
        size_bytes: {
            let event = event(key.offset, data_bytes(key.offset));
            sluicegate_event::stored::encoded_len(&event) as u64
        },
    });
    entries.collect()
}
