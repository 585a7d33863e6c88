//! Deleted triggers whose last books are remembered, so that how their events ended stays in the
//! metrics: a counter that vanishes with its trigger hides what was cancelled.
//!
//! Bounded: the [`DEPARTED_MAX`] deleted last. Whoever is forgotten is named, so that what else is
//! kept of it can go too.

use std::collections::{HashMap, VecDeque};

use sluicegate_channels::Books;
use sluicegate_resources::ObjectName;

/// Deleted triggers that are remembered.
pub(super) const DEPARTED_MAX: usize = 1_000;

/// The last books of deleted triggers, by name.
#[derive(Debug, Default)]
pub(super) struct Departed {
    books: HashMap<ObjectName, Books>,
    /// The names in `books`, in order of their last deletion.
    order: VecDeque<ObjectName>,
}

impl Departed {
    /// Adds the books of a trigger that was deleted now, and gives the name that is forgotten for it.
    pub(super) fn remember(&mut self, trigger: &ObjectName, books: Books) -> Option<ObjectName> {
        if self.books.contains_key(trigger) {
            self.order.retain(|name| name != trigger);
        }
        *self.books.entry(trigger.clone()).or_default() += books;
        self.order.push_back(trigger.clone());
        if self.order.len() <= DEPARTED_MAX {
            return None;
        }
        let forgotten = self.order.pop_front()?;
        self.books.remove(&forgotten);
        Some(forgotten)
    }

    /// Each of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&ObjectName, Books)> {
        self.books.iter().map(|(name, books)| (name, *books))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> ObjectName {
        ObjectName {
            namespace: "shop".to_owned(),
            name: format!("trigger-{number}"),
        }
    }

    fn cancelled(count: u64) -> Books {
        Books {
            accepted: count,
            cancelled: count,
            ..Books::default()
        }
    }

    #[test]
    fn a_trigger_that_is_deleted_again_and_again_takes_one_place() {
        let mut departed = Departed::default();
        for _ in 0..3 * DEPARTED_MAX {
            assert_eq!(departed.remember(&name(1), cancelled(2)), None);
        }
        let all: Vec<_> = departed.iter().collect();
        assert_eq!(all, [(&name(1), cancelled(6 * DEPARTED_MAX as u64))]);
    }

    #[test]
    fn the_one_deleted_longest_ago_is_forgotten_and_named() {
        let mut departed = Departed::default();
        for number in 0..DEPARTED_MAX {
            assert_eq!(departed.remember(&name(number), cancelled(1)), None);
        }
        assert_eq!(
            departed.remember(&name(0), cancelled(1)),
            None,
            "it is the latest now"
        );
        let forgotten = departed.remember(&name(DEPARTED_MAX), cancelled(1));
        assert_eq!(forgotten, Some(name(1)));
        assert_eq!(departed.iter().count(), DEPARTED_MAX);
    }
}
