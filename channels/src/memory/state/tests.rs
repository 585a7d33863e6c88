//! The transitions alone, with time and wakers handed in.

mod model;
mod random;
mod transitions;

use std::collections::HashMap;

use super::State;
use crate::SubscriptionKey;
use crate::answers::Answers;
use crate::load::Load;

fn wanted_by(keys: &[u64]) -> Answers {
    Answers {
        wanted: keys.iter().copied().map(SubscriptionKey).collect(),
        ..Answers::default()
    }
}

impl State {
    /// Counts everything anew and compares it with what the store keeps count of.
    ///
    /// # Panics
    ///
    /// When two accounts differ, saying which.
    fn audit(&self) {
        let mut holders: HashMap<usize, (u32, u32)> = HashMap::new();
        let mut handed_over = Load::default();
        for (_, subscribed) in self.subscriptions.iter() {
            let books = subscribed.books(self.next_offset);
            assert!(books.balance(), "{}: {books:?}", subscribed.name);
            subscribed.queues.audit();
            for (ticket, taken) in subscribed.queues.everything() {
                let slot = self.slots.find(ticket.place, ticket.offset);
                assert_eq!(slot.map(|slot| slot.size_bytes), Some(ticket.size_bytes));
                let (ordinary, taken_ones) = holders.entry(ticket.place).or_default();
                if taken {
                    *taken_ones += 1;
                    handed_over += Load::of(ticket.size_bytes);
                } else {
                    *ordinary += 1;
                }
            }
        }
        assert_eq!(handed_over, self.handed_over, "what is handed over");
        self.audit_slots(&holders);
    }

    fn audit_slots(&self, holders: &HashMap<usize, (u32, u32)>) {
        let (mut used, mut relieved) = (Load::default(), Load::default());
        for (place, slot) in self.slots.iter() {
            let counted = holders.get(&place);
            assert_eq!(
                counted,
                Some(&(slot.ordinary, slot.handed_over)),
                "{slot:?}"
            );
            used += Load::of(slot.size_bytes);
            if slot.ordinary == 0 {
                relieved += Load::of(slot.size_bytes);
            }
        }
        assert_eq!(self.slots.iter().count(), holders.len());
        assert_eq!(used, self.slots.used(), "what is held");
        assert_eq!(
            relieved,
            self.slots.relieved(),
            "what stands in the reserve"
        );
        assert_eq!(used.over(self.bounds.all), None, "past the bound");
        assert_eq!(self.handed_over.over(self.bounds.handed_over), None);
    }
}
