//! The filters of a broker together: asked once per event, answers who wants it.

use std::fmt;
use std::hash::Hash;

use sluicegate_event::Event;

use crate::compiled::{Filter, Outcome};
use crate::index::{Index, Places, Table};

/// Filters by key, of which a set holds at most one each.
///
/// An index finds those that may want an event: by equal values, which are hashed, and by what values
/// begin with, in a trie; those that ask for neither are asked one by one. It says the same as asking
/// all of them with [`Filter::evaluate`]. Left open is the order of the answers.
///
/// A clone shares nearly all with its original, so that a changed copy can replace a set that others
/// are reading; a change costs little of what the set holds.
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
#[derive(Clone)]
pub struct FilterSet<K> {
    filed: Table<K, Filed>,
    pub(crate) index: Index<K>,
}

#[derive(Clone)]
struct Filed {
    filter: Filter,
    places: Places,
}

impl<K: Copy + Eq + Hash> FilterSet<K> {
    /// An empty set.
    pub fn new() -> Self {
        FilterSet {
            filed: Table::new(),
            index: Index::new(),
        }
    }

    /// Adds or replaces the filter of `key`.
    pub fn insert(&mut self, key: K, filter: Filter) {
        self.remove(key);
        let places = self.index.choose(&filter);
        self.index.file(key, &filter, places);
        self.filed.insert(key, Filed { filter, places });
    }

    /// Removes the filter of `key`; says whether it was there.
    pub fn remove(&mut self, key: K) -> bool {
        let removed = self.filed.remove(&key);
        if let Some(Filed { filter, places }) = &removed {
            self.index.unfile(key, filter, *places);
        }
        removed.is_some()
    }

    /// How many keys have a filter.
    pub fn len(&self) -> usize {
        self.filed.len()
    }

    /// Whether no key has one.
    pub fn is_empty(&self) -> bool {
        self.filed.is_empty()
    }

    /// Calls `decided` once for each key whose filter matches or fails on `event`, in any order.
    pub fn matches(&self, event: &Event, mut decided: impl FnMut(K, Outcome)) {
        self.index
            .find(event, |candidate| match candidate.answer(event) {
                Outcome::NoMatch => {}
                outcome @ (Outcome::Match | Outcome::Error) => decided(candidate.key, outcome),
            });
    }
}

impl<K: Copy + Eq + Hash> Default for FilterSet<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// Says how many there are: ten thousand filters are not read, and texts that begin with one another
/// nest without bound.
impl<K: Copy + Eq + Hash> fmt::Debug for FilterSet<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("FilterSet");
        debug.field("len", &self.len()).finish_non_exhaustive()
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
