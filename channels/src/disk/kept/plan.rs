//! Operations as records, and what they change once these are durable.

use std::collections::HashSet;

use super::super::log::Batch;
use super::error::Refused;
use super::index::{Index, Place};
use super::record::{self, Entry, Reason};
use super::{KeptKey, KeptOp, KeptState};

/// What a batch changes, record by record, with what each takes up.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) changes: Vec<(Change, u32)>,
}

/// What one record changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Event { offset: u64 },
    Entry(KeptKey),
    End(KeptKey),
    EndAll { subscription: u64 },
}

impl Plan {
    /// Lays out `ops` as records that are durable together, and changes nothing.
    pub(super) fn of(
        ops: &[KeptOp],
        index: &Index,
        batch: &mut Batch,
        now_ms: i64,
    ) -> Result<Self, Refused> {
        let mut planning = Planning {
            index,
            records: Records::new(batch, now_ms),
            events: HashSet::new(),
            subscriptions: HashSet::new(),
        };
        for op in ops {
            planning.add(op)?;
        }
        Ok(planning.records.plan)
    }
}

struct Planning<'a> {
    index: &'a Index,
    records: Records<'a>,
    /// The events that are stored by this batch.
    events: HashSet<u64>,
    /// The subscriptions it puts entries for.
    subscriptions: HashSet<u64>,
}

impl Planning<'_> {
    fn add(&mut self, op: &KeptOp) -> Result<(), Refused> {
        match op {
            KeptOp::Put {
                key,
                event,
                accepted_at_ms,
                redriven_at_ms,
                state,
            } => {
                self.event(*key, event.as_deref())?;
                self.subscriptions.insert(key.subscription);
                let entry = Entry {
                    key: *key,
                    accepted_at_ms: *accepted_at_ms,
                    redriven_at_ms: *redriven_at_ms,
                    state: state.as_written(),
                };
                let change = Change::Entry(*key);
                self.records
                    .add(change, |out| record::put_entry(&entry, out))
            }
            KeptOp::End(key) => {
                let may_be_there = self.subscriptions.contains(&key.subscription);
                if !may_be_there && self.index.entry(*key).is_none() {
                    return Ok(());
                }
                let change = Change::End(*key);
                self.records.add(change, |out| record::put_end(*key, out))
            }
            KeptOp::EndAll { subscription } => {
                let may_be_there = self.subscriptions.contains(subscription);
                if !may_be_there && !self.index.has_entries_of(*subscription) {
                    return Ok(());
                }
                let subscription = *subscription;
                let change = Change::EndAll { subscription };
                let put = |out: &mut Vec<u8>| record::put_end_all(subscription, out);
                self.records.add(change, put)
            }
        }
    }

    /// Stores the event of an entry unless it is stored, or was and is lost for good.
    fn event(
        &mut self,
        key: KeptKey,
        event: Option<&sluicegate_event::Event>,
    ) -> Result<(), Refused> {
        let offset = key.offset;
        if self.index.event(offset).is_some() || self.events.contains(&offset) {
            return Ok(());
        }
        let Some(event) = event else {
            let is_lost = self.index.is_kept(offset);
            return is_lost.then_some(()).ok_or(Refused::NoEvent(key));
        };
        self.events.insert(offset);
        let put = |out: &mut Vec<u8>| record::put_event(offset, event, out);
        self.records.add(Change::Event { offset }, put)
    }
}

impl KeptState {
    fn as_written(&self) -> KeptState<Reason<'_>> {
        match self {
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
                reason: Reason::of(reason),
                sends: *sends,
                parked_at_ms: *parked_at_ms,
                retry_at_ms: *retry_at_ms,
            },
        }
    }
}

/// Records on their way into a batch.
pub(super) struct Records<'a> {
    batch: &'a mut Batch,
    now_ms: i64,
    payload: Vec<u8>,
    pub(super) plan: Plan,
}

impl<'a> Records<'a> {
    pub(super) fn new(batch: &'a mut Batch, now_ms: i64) -> Self {
        Records {
            batch,
            now_ms,
            payload: Vec::new(),
            plan: Plan::default(),
        }
    }

    /// Adds a record, joined to the one before.
    pub(super) fn add(
        &mut self,
        change: Change,
        put: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Refused> {
        self.payload.clear();
        put(&mut self.payload);
        self.batch.push_joined(self.now_ms, &[&self.payload])?;
        let bytes = Place::new(0, &self.payload).bytes;
        self.plan.changes.push((change, bytes));
        Ok(())
    }
}
