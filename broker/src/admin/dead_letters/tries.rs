//! Whether a trigger goes on trying its dead-letter sink, or what that waits for.

use std::cell::OnceCell;

use sluicegate_channels::Timestamp;

use super::super::Admin;
use crate::registry::holding::Hold;
use crate::registry::{Table, TriggerStore};

/// The tries at the sink of one trigger, as they stand now.
#[derive(Debug)]
pub(super) struct Tries<'a> {
    store: &'a TriggerStore<'a>,
    table: &'a Table,
    pub(super) now: Timestamp,
    /// Found out once, and only for a trigger whose letters are to go to a sink.
    held_by: OnceCell<Option<&'static str>>,
}

impl<'a> Tries<'a> {
    pub(super) fn of(store: &'a TriggerStore<'a>, table: &'a Table, admin: &Admin) -> Self {
        Tries {
            store,
            table,
            now: admin.registry.clock().now(),
            held_by: OnceCell::new(),
        }
    }

    /// Why the sink is not tried, in a word, if it is not.
    pub(super) fn held_by(&self) -> Option<&'static str> {
        *self.held_by.get_or_init(|| {
            let name = self.store.trigger;
            let hold = match self.table.triggers.get(name) {
                Some(view) => {
                    let subscriptions = self.store.channel.describe().subscriptions;
                    let is_its = |name: &str| *name == **self.store.subscription;
                    let status = subscriptions.iter().find(|it| is_its(&it.name));
                    Hold::of(view, status)
                }
                None => self.table.kept.get(name).and_then(Hold::of_kept),
            };
            // A breaker, which says when it probes, holds back attempts at the subscriber alone.
            let hold = hold.filter(|it| it.until.is_none());
            hold.map(|it| it.reason)
        })
    }
}
