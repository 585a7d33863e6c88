//! What processes agree on in the control stream takes effect here, whoever asked for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::SubscriptionStatus;
use crate::nats::control::Audience;
use crate::nats::control::record::Record;
use crate::nats::control::tally::Tally;
use crate::nats::shared::Shared;
use crate::nats::state::Left;

/// What this process let go of as subscriptions went to other places, by number and new epoch, until it
/// is known which places these are.
#[derive(Debug, Default)]
pub(super) struct Moves {
    left: Mutex<BTreeMap<(u64, u64), Left>>,
    /// How many subscriptions this process is moving.
    under_way: AtomicUsize,
}

/// Keeps what is let go of for whoever moves the subscription.
#[derive(Debug)]
pub(super) struct UnderWay<'a>(&'a Moves);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Hearing {
    pub(super) shared: Arc<Shared>,
    pub(super) moves: Arc<Moves>,
    pub(super) endings: Arc<Endings>,
}

/// How subscriptions stood that this process is deleting, for whoever asked for that.
#[derive(Debug, Default)]
pub(super) struct Endings(Mutex<HashMap<Arc<str>, Option<SubscriptionStatus>>>);

/// A subscription is being deleted.
#[derive(Debug)]
pub(super) struct Ending<'a> {
    endings: &'a Endings,
    name: Arc<str>,
}

impl Endings {
    /// This process is about to delete the subscription of that name.
    pub(super) fn begin(&self, name: &str) -> Ending<'_> {
        let name: Arc<str> = name.into();
        self.0.lock().insert(Arc::clone(&name), None);
        Ending {
            endings: self,
            name,
        }
    }
}

impl Ending<'_> {
    /// How it stood, if that was heard of.
    pub(super) fn heard(self) -> Option<SubscriptionStatus> {
        self.endings.0.lock().get_mut(&self.name)?.take()
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.endings.0.lock().remove(&self.name);
    }
}

impl Moves {
    /// What was let go of, if nobody has asked for it yet.
    pub(super) fn take(&self, number: u64, epoch: u64) -> Option<Left> {
        self.left.lock().remove(&(number, epoch))
    }

    /// The moves that nobody has asked for yet, while this process moves none itself.
    pub(super) fn waiting(&self) -> Vec<(u64, u64)> {
        match self.under_way.load(Ordering::Acquire) {
            0 => self.left.lock().keys().copied().collect(),
            _ => Vec::new(),
        }
    }

    /// This process is about to move a subscription.
    pub(super) fn begin(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::AcqRel);
        UnderWay(self)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Audience for Hearing {
    fn recorded(&self, record: &Record) {
        let left = self.shared.apply(|state, now| state.recorded(record, now));
        if let Some(left) = left {
            let of = (record.number, record.epoch);
            self.moves.left.lock().insert(of, left);
        }
    }

    fn deleted(&self, name: &str) -> Option<SubscriptionStatus> {
        let status = self.shared.apply(|state, now| state.deleted(name, now));
        if let Some(status) = &status
            && let Some(asked) = self.endings.0.lock().get_mut(name)
        {
            *asked = Some(status.clone());
        }
        status
    }

    fn tallied(&self, number: u64, stands: Tally) {
        self.shared
            .apply(|state, _| state.tally_stands(number, stands));
    }

    fn added(&self, number: u64, stands: Tally) {
        self.shared.apply(|state, _| {
            state.tally_added(number, true);
            state.tally_stands(number, stands);
        });
    }
}
