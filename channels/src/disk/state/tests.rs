//! The transitions alone, between stores that are real and a log of events that is a map. Time is
//! handed in, nothing runs beside, and every step is audited.

mod random;
mod transitions;
mod world;

use super::State;
use super::subscribed::Feed;

impl State {
    /// Counts everything anew and compares it with what is kept count of.
    ///
    /// # Panics
    ///
    /// When two accounts differ, saying which.
    fn audit(&self) {
        let mut held = std::collections::HashMap::new();
        for (place, subscribed) in self.subscriptions.iter() {
            let name = &subscribed.name;
            let queues = &subscribed.queues;
            queues.audit();
            assert_eq!(self.by_name.get(name), Some(&place), "{name}");
            let books = subscribed.books(&self.counts, self.tail);
            assert!(books.balance(), "{name}: {books:?} in {subscribed:#?}");
            let fresh: u64 = queues.fresh.iter().map(|it| it.size_bytes).sum();
            assert_eq!(fresh, queues.fresh_bytes(), "{name}: what is fresh");
            assert!(queues.fresh.iter().all(|it| it.place.held.is_some()));
            let reads_to = subscribed.reads_to(self.tail);
            assert!(queues.fresh.iter().all(|it| it.offset < reads_to), "{name}");
            assert!(
                subscribed.key.is_some() || subscribed.feed != Feed::Live,
                "{name}"
            );
            if let Feed::Behind(from) = subscribed.feed {
                assert!(from <= self.tail, "{name}: {from} of {}", self.tail);
            }
            let queued = self.hungry.contains(&subscribed.id(place));
            assert!(queued || !subscribed.is_hungry, "{name} is forgotten");
            for (ticket, _) in queues.everything() {
                if let Some(it) = &ticket.place.held {
                    held.insert(std::sync::Arc::as_ptr(it), it.bytes());
                }
            }
        }
        let held: u64 = held.into_values().sum();
        assert_eq!(held, self.buffer.used_bytes(), "what is in memory");
    }
}
