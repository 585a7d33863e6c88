//! The filters that are filed at one place.

use sluicegate_event::Event;
use smallvec::SmallVec;

use crate::compiled::{Filter, Outcome};

/// Filters that may want the events which find their place. Of most places there is one filter, which
/// is kept without a further allocation.
///
/// Adding and removing one costs as much as there are filters at this place: all of them are looked
/// at anyway for each event that finds it.
#[derive(Clone)]
pub(crate) struct Bucket<K>(SmallVec<[Candidate<K>; 1]>);

/// A filter, where it is filed.
#[derive(Clone)]
pub(crate) struct Candidate<K> {
    pub(crate) key: K,
    filter: Filter,
    /// The clause of its guard that led to this place.
    clause: u16,
    /// How many anchors of that clause stand before the one of this place and may hold as well.
    earlier_anchors: u16,
    /// Whether the filter wants every event that finds it.
    is_decided: bool,
}

impl<K: Copy + Eq> Candidate<K> {
    /// No event finds it at a second place.
    pub(super) fn sole(key: K, filter: &Filter) -> Self {
        Candidate::at_anchor(key, filter, 0, 0)
    }

    /// Found wherever an anchor of the clause holds, and here by the one at `position`.
    pub(super) fn at_anchor(key: K, filter: &Filter, clause: usize, position: usize) -> Self {
        let small = |number| u16::try_from(number).expect("guards are bounded far below that");
        Candidate {
            key,
            filter: filter.clone(),
            clause: small(clause),
            earlier_anchors: small(position),
            is_decided: filter.guard().is_decided_by_one_clause(),
        }
    }

    /// What the filter says of an event that has found it.
    pub(crate) fn answer(&self, event: &Event) -> Outcome {
        match self.is_decided {
            true => Outcome::Match,
            false => self.filter.evaluate(event),
        }
    }

    /// Whether `event` finds the filter here first, so that it is asked once.
    pub(super) fn is_first_place(&self, event: &Event) -> bool {
        if self.earlier_anchors == 0 {
            return true;
        }
        let clause = &self.filter.guard().clauses()[usize::from(self.clause)];
        let earlier = &clause.anchors()[..usize::from(self.earlier_anchors)];
        !earlier.iter().any(|anchor| anchor.holds(event))
    }
}

impl<K: Copy + Eq> Bucket<K> {
    pub(super) fn new() -> Self {
        Bucket(SmallVec::new())
    }

    /// Adds a filter, unless it has just been filed here: anchors may be written twice.
    pub(super) fn add(&mut self, candidate: Candidate<K>) {
        if self.0.last().map(|last| last.key) != Some(candidate.key) {
            self.0.push(candidate);
        }
    }

    pub(super) fn remove(&mut self, key: K) {
        if let Some(index) = self.0.iter().position(|candidate| candidate.key == key) {
            self.0.swap_remove(index);
            if self.0.spilled() && self.0.len() * 4 <= self.0.capacity() {
                self.0.shrink_to_fit();
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn candidates(&self) -> &[Candidate<K>] {
        &self.0
    }
}
