//! Tells the log of filters that fail: at most a line a minute for each trigger, and for at most ten
//! triggers of a broker, with the part at fault.
//!
//! What is left out is counted for the broker as a whole: the triggers' own counts are in their figures.
//!
//! Nothing is lost where a filter fails, and an event may well be meant to lack what is asked for; so
//! the lines are few, and the counts are with the channel. A failure that is left out of the log costs
//! a few atomic loads: there may be as many as there are events, and on as many triggers as there are.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use sluicegate_channels::{Clock, SubscriptionKey, Timestamp};
use sluicegate_dispatcher::FilterFailures;
use sluicegate_event::Event;
use sluicegate_resources::ObjectName;

use super::failure::Failure;
use super::{Registry, TriggerView};

/// A trigger whose filter fails is logged at most this often.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// For how many triggers of a broker there is a line in that time.
const TOLD_MAX: usize = 10;

/// Hears of the filters of one broker.
pub(super) struct FailureLog {
    broker: ObjectName,
    /// Weak, since the registry holds the broker which holds this.
    registry: Weak<Registry>,
    clock: Clock,
    told: Told,
}

impl fmt::Debug for FailureLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailureLog")
            .field("broker", &self.broker)
            .finish_non_exhaustive()
    }
}

impl FailureLog {
    pub(super) fn new(broker: ObjectName, registry: &Arc<Registry>) -> Self {
        FailureLog {
            broker,
            clock: registry.clock(),
            registry: Arc::downgrade(registry),
            told: Told::default(),
        }
    }
}

impl FilterFailures for FailureLog {
    fn failed(&self, key: SubscriptionKey, event: &Event) {
        let Some(suppressed) = self.told.admit(key, self.clock.now()) else {
            return;
        };
        let Some(registry) = self.registry.upgrade() else {
            return;
        };
        let table = registry.table();
        // A trigger that begins or ends just now is not in the table; its next line tells it.
        let view = table
            .triggers_of(&self.broker)
            .find(|view| view.key() == Some(key));
        if let Some(view) = view {
            tell(view, event, suppressed);
        }
    }
}

fn tell(view: &TriggerView, event: &Event, suppressed: u64) {
    let name = &view.trigger.metadata.name;
    let failure = Failure::of(&view.trigger.filters, event);
    tracing::info!(
        code = "W024",
        namespace = name.namespace,
        broker = view.trigger.broker,
        trigger = name.name,
        event_id = event.id(),
        event_type = event.ty(),
        event_source = event.source(),
        suppressed_of_broker = suppressed,
        help = format!(
            "{}; sluicegate explain --event FILE --trigger {name} shows it on an event",
            failure.remedy()
        ),
        "an expression failed, so the trigger does not get the event: {failure}"
    );
}

/// Who was told of in the present span of [`LOG_EVERY`], without a lock.
#[derive(Debug, Default)]
struct Told {
    ends_at_ms: AtomicU64,
    /// One more than the key of each; 0 is free.
    keys: [AtomicU64; TOLD_MAX],
    suppressed: AtomicU64,
}

impl Told {
    /// How many lines of the broker were left out since the last one; None if this one is left out
    /// too. Of threads that come at once with the same key, one gets the line.
    fn admit(&self, key: SubscriptionKey, now: Timestamp) -> Option<u64> {
        let ends_at = self.ends_at_ms.load(Ordering::Relaxed);
        if ends_at <= now.0 {
            let next = (now + LOG_EVERY).0;
            let begun = self.ends_at_ms.compare_exchange(
                ends_at,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            if begun.is_ok() {
                self.keys
                    .iter()
                    .for_each(|at| at.store(0, Ordering::Relaxed));
            }
        }
        let wanted = key.0.wrapping_add(1);
        for at in &self.keys {
            let found = match at.load(Ordering::Relaxed) {
                0 => at.compare_exchange(0, wanted, Ordering::Relaxed, Ordering::Relaxed),
                taken => Err(taken),
            };
            match found {
                Ok(_) => return Some(self.suppressed.swap(0, Ordering::Relaxed)),
                Err(taken) if taken == wanted => break,
                Err(_) => {}
            }
        }
        self.suppressed.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_failures_is_one_line_and_a_count() {
        let told = Told::default();
        let start = Timestamp(1_000);
        let (one, other) = (SubscriptionKey(0), SubscriptionKey(7));
        assert_eq!(told.admit(one, start), Some(0));
        for _ in 0..40 {
            assert_eq!(told.admit(one, start + LOG_EVERY / 2), None);
        }
        assert_eq!(told.admit(other, start + LOG_EVERY / 2), Some(40));
        assert_eq!(told.admit(one, start + LOG_EVERY), Some(0));
        assert_eq!(told.admit(one, start + LOG_EVERY), None);
    }

    #[test]
    fn of_many_triggers_that_fail_a_few_are_told() {
        let told = Told::default();
        let lines = |now| {
            let admitted = (0..10_000).filter_map(|key| told.admit(SubscriptionKey(key), now));
            admitted.collect::<Vec<_>>()
        };
        assert_eq!(lines(Timestamp(1)), [0; TOLD_MAX]);
        let later = lines(Timestamp(1) + LOG_EVERY);
        assert_eq!(later.len(), TOLD_MAX);
        assert_eq!(later[0], 10_000 - TOLD_MAX as u64);
    }
}
