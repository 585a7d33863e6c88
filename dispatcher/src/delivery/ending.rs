//! What a lease comes to, and how it is brought there.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_channels::{Lease, LeasePurpose, ParkReason, Position, Settled, StoreError};
use sluicegate_event::Event;

use super::Delivery;
use crate::dead_letter::kind;
use crate::observer::Ending;

/// How long a place in the window rests after the channel could not store an ending: the event
/// comes back at once, and a broken store must not make that a hot loop.
pub(super) const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What to do with a lease.
pub(super) enum Step {
    Delivered,
    DeadLettered(ParkReason),
    Discard(ParkReason),
    Defer {
        wait: Duration,
        sends: u32,
    },
    Park {
        reason: ParkReason,
        retry_in: Option<Duration>,
    },
    /// Park without there having been another send.
    ParkUnsent {
        reason: ParkReason,
        retry_in: Option<Duration>,
    },
}

/// Whether an event whose lease this is has not been given up on before. What was shed is handed
/// over for its sink without having been parked.
fn is_first_end(purpose: &LeasePurpose) -> bool {
    match purpose {
        LeasePurpose::Deliver => true,
        LeasePurpose::DeadLetter(reason) => reason.kind == kind::SHED,
    }
}

impl Delivery {
    pub(super) async fn end(&self, lease: Lease, step: Step) {
        let event = Arc::clone(&lease.event);
        let (position, accepted_at) = (lease.position, lease.accepted_at);
        let observer = &*self.observer;
        let is_first = is_first_end(&lease.purpose);
        match step {
            Step::Delivered => {
                lease.settle(Settled::Delivered);
                self.forget(position);
                let end_to_end = self.clock.now().since(accepted_at);
                observer.lease_ended(&event, position, &Ending::Delivered { end_to_end });
            }
            Step::DeadLettered(reason) => {
                lease.settle(Settled::DeadLettered);
                self.forget(position);
                let ending = Ending::DeadLettered {
                    reason: &reason,
                    is_first,
                };
                observer.lease_ended(&event, position, &ending);
            }
            Step::Discard(reason) => {
                lease.settle(Settled::Discarded);
                self.forget(position);
                observer.lease_ended(&event, position, &Ending::Discarded(&reason));
            }
            Step::Defer { wait, sends } => {
                let until = self.clock.now() + wait;
                let stored = lease.defer(until, sends).await;
                self.is_stored(&event, stored).await;
            }
            Step::Park { reason, retry_in } => {
                // A lease for the sink makes no send to the subscriber.
                let sends = match lease.purpose {
                    LeasePurpose::Deliver => lease.sends.saturating_add(1),
                    LeasePurpose::DeadLetter(_) => lease.sends,
                };
                self.park(lease, reason, sends, retry_in).await;
            }
            Step::ParkUnsent { reason, retry_in } => {
                let sends = lease.sends;
                self.park(lease, reason, sends, retry_in).await;
            }
        }
    }

    async fn park(&self, lease: Lease, reason: ParkReason, sends: u32, retry_in: Option<Duration>) {
        let event = Arc::clone(&lease.event);
        let position = lease.position;
        let is_first = is_first_end(&lease.purpose);
        let retry_at = retry_in.map(|wait| self.clock.now() + wait);
        let stored = lease.park(reason.clone(), sends, retry_at).await;
        if !self.is_stored(&event, stored).await {
            return;
        }
        self.panics.forget(position);
        if retry_at.is_none() {
            self.sink_tries.forget(position);
        }
        let ending = Ending::Parked {
            reason: &reason,
            retry_at,
            is_first,
        };
        self.observer.lease_ended(&event, position, &ending);
    }

    fn forget(&self, position: Position) {
        self.panics.forget(position);
        self.sink_tries.forget(position);
    }

    async fn is_stored(&self, event: &Event, stored: Result<(), StoreError>) -> bool {
        let Err(fault) = stored else { return true };
        self.observer.store_failed(event, &fault.0);
        tokio::time::sleep(STORE_PAUSE).await;
        false
    }
}
