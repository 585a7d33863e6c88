//! The filters of a broker together: asked once per event, answers who wants it.

use sluicegate_event::Event;

use crate::compiled::{Filter, Outcome};

/// Filters by key, of which a set holds at most one each.
///
/// The filters are asked one by one. Whoever calls must not count on that: an index is meant to
/// stand here that finds equal values by hashing and prefixes in a trie, and asks only the rest.
/// Hence what [`matches`](FilterSet::matches) leaves open: the order of its answers, and anything
/// about keys whose filter does not match.
///
/// A clone shares the filters, so that a changed copy can replace a set that others are reading.
///
/// ```
/// use sluicegate_event::Event;
/// use sluicegate_filter::{Filter, FilterSet, FilterSpec, Outcome};
///
/// let mut set = FilterSet::new();
/// set.insert(1, Filter::compile(&[])?);
/// let audits = FilterSpec::Suffix(vec![("type".to_owned(), ".audit".to_owned())]);
/// set.insert(2, Filter::compile(&[audits])?);
///
/// let event = Event::builder("1", "/shop", "order.paid").build()?;
/// let mut wanted_by = Vec::new();
/// set.matches(&event, |key, outcome| wanted_by.push((key, outcome)));
/// assert_eq!(wanted_by, [(1, Outcome::Match)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FilterSet<K> {
    filters: Vec<(K, Filter)>,
}

impl<K: Copy + Eq> FilterSet<K> {
    /// An empty set.
    pub fn new() -> Self {
        FilterSet {
            filters: Vec::new(),
        }
    }

    /// Adds or replaces the filter of `key`.
    pub fn insert(&mut self, key: K, filter: Filter) {
        match self.filters.iter_mut().find(|(held, _)| *held == key) {
            Some((_, held)) => *held = filter,
            None => self.filters.push((key, filter)),
        }
    }

    /// Removes the filter of `key`; says whether it was there.
    pub fn remove(&mut self, key: K) -> bool {
        let place = self.filters.iter().position(|(held, _)| *held == key);
        if let Some(index) = place {
            self.filters.swap_remove(index);
        }
        place.is_some()
    }

    /// How many keys have a filter.
    pub fn len(&self) -> usize {
        self.filters.len()
    }

    /// Whether no key has one.
    pub fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// Calls `decided` once for each key whose filter matches or fails on `event`, in any order.
    pub fn matches(&self, event: &Event, mut decided: impl FnMut(K, Outcome)) {
        for (key, filter) in &self.filters {
            match filter.evaluate(event) {
                Outcome::NoMatch => {}
                outcome @ (Outcome::Match | Outcome::Error) => decided(*key, outcome),
            }
        }
    }
}

impl<K: Copy + Eq> Default for FilterSet<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FilterSpec;

    fn of_type(ty: &str) -> Filter {
        let spec = FilterSpec::Exact(vec![("type".to_owned(), ty.to_owned())]);
        Filter::compile(&[spec]).expect("it is valid")
    }

    fn wanted_by(set: &FilterSet<u32>, ty: &str) -> Vec<u32> {
        let event = Event::builder("1", "/test", ty)
            .build()
            .expect("it is valid");
        let mut keys = Vec::new();
        set.matches(&event, |key, outcome| {
            assert_eq!(outcome, Outcome::Match);
            keys.push(key);
        });
        keys.sort_unstable();
        keys
    }

    #[test]
    fn each_event_goes_to_those_whose_filter_matches() {
        let mut set = FilterSet::new();
        assert!(set.is_empty());
        set.insert(1, of_type("a"));
        set.insert(2, of_type("b"));
        set.insert(3, of_type("a"));
        set.insert(4, Filter::compile(&[]).expect("it is valid"));
        assert_eq!(set.len(), 4);
        assert_eq!(wanted_by(&set, "a"), [1, 3, 4]);
        assert_eq!(wanted_by(&set, "b"), [2, 4]);
        assert_eq!(wanted_by(&set, "c"), [4]);
    }

    #[test]
    fn a_key_has_one_filter_the_last_one_given() {
        let mut set = FilterSet::new();
        set.insert(1, of_type("a"));
        set.insert(2, of_type("a"));
        set.insert(1, of_type("b"));
        assert_eq!(set.len(), 2);
        assert_eq!(wanted_by(&set, "a"), [2]);
        assert_eq!(wanted_by(&set, "b"), [1]);
    }

    #[test]
    fn a_removed_key_is_asked_no_more() {
        let mut set = FilterSet::new();
        for key in 1..=3 {
            set.insert(key, of_type("a"));
        }
        assert!(set.remove(1));
        assert!(!set.remove(1));
        assert_eq!(set.len(), 2);
        assert_eq!(wanted_by(&set, "a"), [2, 3]);
    }

    #[test]
    fn a_clone_does_not_see_later_changes() {
        let mut set = FilterSet::new();
        set.insert(1, of_type("a"));
        let before = set.clone();
        set.insert(2, of_type("a"));
        set.remove(1);
        assert_eq!(wanted_by(&before, "a"), [1]);
        assert_eq!(wanted_by(&set, "a"), [2]);
    }
}
