//! Deleted triggers of which it is remembered how their events ended, so that it stays in the
//! metrics: a counter that vanishes with its trigger hides what was cancelled and what was lost.
//!
//! Bounded: the [`DEPARTED_MAX`] deleted last, beside those that there are again: a counter must not go
//! down while its trigger runs. Whoever is forgotten is named, so that what else is kept of it can go
//! too.

use std::collections::{HashMap, VecDeque};

use sluicegate_channels::{Books, SubscriptionStatus};
use sluicegate_resources::ObjectName;

/// Deleted triggers that are remembered.
pub(super) const DEPARTED_MAX: usize = 1_000;

/// How the events of a deleted trigger ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) books: Books,
    /// Those of the filtered events on which the filter failed.
    pub(super) filter_errors: u64,
    /// By reason; a small closed set.
    pub(super) discarded_by: Vec<(&'static str, u64)>,
}

impl From<SubscriptionStatus> for Account {
    fn from(last: SubscriptionStatus) -> Self {
        Account {
            books: last.books,
            filter_errors: last.undecided,
            discarded_by: last.discarded_by,
        }
    }
}

/// Adds counts to those of the same reason.
pub(super) fn add_counts(counts: &mut Vec<(&'static str, u64)>, others: &[(&'static str, u64)]) {
    for (reason, count) in others {
        match counts.iter_mut().find(|(known, _)| known == reason) {
            Some((_, sum)) => *sum += count,
            None => counts.push((reason, *count)),
        }
    }
}

/// The accounts of deleted triggers, by name.
#[derive(Debug, Default)]
pub(super) struct Departed {
    accounts: HashMap<ObjectName, Account>,
    /// The names in `accounts` that no trigger has now, in order of their last deletion.
    order: VecDeque<ObjectName>,
}

impl Departed {
    /// Adds the account of a trigger that was deleted now, and gives the name that is forgotten for
    /// it.
    pub(super) fn remember(
        &mut self,
        trigger: &ObjectName,
        account: Account,
    ) -> Option<ObjectName> {
        self.made_again(trigger);
        let sum = self.accounts.entry(trigger.clone()).or_default();
        sum.books += account.books;
        sum.filter_errors += account.filter_errors;
        add_counts(&mut sum.discarded_by, &account.discarded_by);
        self.order.push_back(trigger.clone());
        if self.order.len() <= DEPARTED_MAX {
            return None;
        }
        let forgotten = self.order.pop_front()?;
        self.accounts.remove(&forgotten);
        Some(forgotten)
    }

    /// There is a trigger of that name again: its account stays for as long as that one does.
    pub(super) fn made_again(&mut self, trigger: &ObjectName) {
        if self.accounts.contains_key(trigger) {
            self.order.retain(|name| name != trigger);
        }
    }

    /// Each of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&ObjectName, &Account)> {
        self.accounts.iter()
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

    fn cancelled(count: u64) -> Account {
        Account {
            books: Books {
                accepted: count,
                cancelled: count,
                ..Books::default()
            },
            filter_errors: count,
            discarded_by: vec![("shed", count)],
        }
    }

    #[test]
    fn a_trigger_that_is_deleted_again_and_again_takes_one_place() {
        let mut departed = Departed::default();
        for _ in 0..3 * DEPARTED_MAX {
            assert_eq!(departed.remember(&name(1), cancelled(2)), None);
        }
        let all: Vec<_> = departed.iter().collect();
        let sum = cancelled(6 * DEPARTED_MAX as u64);
        assert_eq!(all, [(&name(1), &sum)]);
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

    #[test]
    fn one_that_there_is_again_is_not_forgotten_until_it_is_gone_again() {
        let mut departed = Departed::default();
        departed.remember(&name(0), cancelled(1));
        departed.made_again(&name(0));
        for number in 1..=DEPARTED_MAX {
            assert_eq!(departed.remember(&name(number), cancelled(1)), None);
        }
        assert!(departed.iter().any(|(known, _)| *known == name(0)));
        let forgotten = departed.remember(&name(0), cancelled(1));
        assert_eq!(forgotten, Some(name(1)));
        let kept = departed.iter().find(|(known, _)| **known == name(0));
        assert_eq!(kept, Some((&name(0), &cancelled(2))));
    }
}
