//! The transitions alone, between processes that are nothing but a state, and a server that is plain
//! data. Time is handed in, nothing runs beside.

mod process;
mod random;
mod server;
mod transitions;

use super::State;
use super::held::Held;
use crate::reading::LeaseId;

impl State {
    /// Whether the lease's end would have an effect.
    fn is_in_force(&self, lease: LeaseId) -> bool {
        let subscribed = self.subscriptions.get(lease.subscription.place);
        let queues = subscribed.map(|subscribed| &subscribed.queues);
        queues.is_some_and(|it| it.leased_ticket(lease.offset, lease.token).is_some())
    }

    fn holds(&self, number: u64, position: u64) -> bool {
        self.held(number, position).is_some()
    }

    fn is_stepping(&self, number: u64, position: u64) -> bool {
        let held = self.held(number, position);
        held.is_some_and(|held| held.is_stepping)
    }

    fn held(&self, number: u64, position: u64) -> Option<&Held> {
        let place = self.by_number.get(&number)?;
        self.subscriptions.get(*place)?.held.get(&position)
    }

    /// Counts everything anew and compares it with what is kept count of.
    ///
    /// # Panics
    ///
    /// When two accounts differ, saying which.
    fn audit(&self) {
        for (place, subscribed) in self.subscriptions.iter() {
            let name = &subscribed.name;
            subscribed.queues.audit();
            assert_eq!(self.by_name.get(name), Some(&place), "{name}");
            assert_eq!(self.by_number.get(&subscribed.number), Some(&place));
            let everything = subscribed.queues.everything();
            let mut queued: Vec<u64> = everything.iter().map(|(it, _)| it.offset).collect();
            queued.sort_unstable();
            let held: Vec<u64> = subscribed.held.keys().copied().collect();
            assert_eq!(
                queued, held,
                "{name}: what is queued is held, and else nothing"
            );
            for (position, held) in &subscribed.held {
                let is_leased = subscribed.queues.leased.contains_key(position);
                let parked = subscribed.queues.parked.get(position);
                let is_at_sink = parked.is_some_and(crate::queues::Parked::is_leased);
                assert!(!held.is_stepping || is_leased || is_at_sink, "{position}");
                assert!(parked.is_none() || !held.is_of_events(), "{position}");
            }
            let books = self.books(subscribed);
            assert!(books.balance(), "{name}: {books:?}");
        }
    }
}
