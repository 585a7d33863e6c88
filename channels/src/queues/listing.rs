//! Dead letters of several subscriptions as one list, page by page.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Bound;
use std::sync::Arc;

use super::Parked;
use crate::DeadLetterKey;

/// Up to `limit` of the parked events of these subscriptions, each in order already, from the
/// place behind `after`: by position, and then by name.
pub(crate) fn page<'a, P: 'a, R: 'a>(
    subscriptions: impl Iterator<Item = (&'a Arc<str>, &'a BTreeMap<u64, Parked<P, R>>)>,
    after: Option<&DeadLetterKey>,
    limit: usize,
) -> Vec<(&'a Arc<str>, &'a Parked<P, R>)> {
    let mut lists: Vec<_> = subscriptions
        .map(|(name, parked)| {
            let from = after.map_or(Bound::Unbounded, |after| first_after(after, name));
            (name, parked.range((from, Bound::Unbounded)))
        })
        .collect();
    let mut heads = BinaryHeap::new();
    for (index, (name, list)) in lists.iter_mut().enumerate() {
        if let Some((offset, parked)) = list.next() {
            heads.push(Reverse(Head {
                offset: *offset,
                name,
                index,
                parked,
            }));
        }
    }
    let mut letters = Vec::new();
    while letters.len() < limit
        && let Some(Reverse(head)) = heads.pop()
    {
        letters.push((head.name, head.parked));
        if let Some((offset, parked)) = lists[head.index].1.next() {
            heads.push(Reverse(Head {
                offset: *offset,
                parked,
                ..head
            }));
        }
    }
    letters
}

/// Where the page after `after` begins in the list of `name`.
fn first_after(after: &DeadLetterKey, name: &Arc<str>) -> Bound<u64> {
    if *name > after.subscription {
        Bound::Included(after.position.offset)
    } else {
        Bound::Excluded(after.position.offset)
    }
}

/// The next dead letter of one list; ordered by position, then by name.
#[derive(Debug)]
struct Head<'a, P, R> {
    offset: u64,
    name: &'a Arc<str>,
    index: usize,
    parked: &'a Parked<P, R>,
}

impl<P, R> Head<'_, P, R> {
    fn rank(&self) -> (u64, &str) {
        (self.offset, self.name)
    }
}

impl<P, R> PartialEq for Head<'_, P, R> {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl<P, R> Eq for Head<'_, P, R> {}

impl<P, R> PartialOrd for Head<'_, P, R> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<P, R> Ord for Head<'_, P, R> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}
