//! Finds, for an event, the filters that may want it, at a cost that hardly grows with their number.
//!
//! ```text
//! Index ─┬─ attributes ─┬─ type ───┬─ equal:     order.paid ─► filters      a hash table
//!        │              │          └─ beginning: order.     ─► filters      a trie
//!        │              └─ region ─── equal:     eu         ─► filters
//!        ├─ absent ──────── region ─► an Index of those to ask where there is no region
//!        └─ rest ─► filters to ask about every event
//! ```
//!
//! Each filter is filed by *one* clause of its [guard](crate::guard), under each of its anchors. All
//! clauses hold of an event that it wants, so one of them finds it, and the one that is likely to find
//! it in vain least often is chosen when it comes. What is found must still be asked, unless it has no
//! other question.
//!
//! A change touches the places of its filter and no others. Between copies all is shared that has not
//! changed since. What is left out: counting which events are frequent, and filing filters anew when
//! the choice made for them has aged.

use sluicegate_event::Event;

use crate::compiled::Filter;
use crate::guard::{Anchor, Clause};

mod attribute;
mod bucket;
mod by_name;
mod table;
mod trie;

use attribute::Attribute;
use bucket::Bucket;
pub(crate) use bucket::Candidate;
use by_name::ByName;
pub(crate) use table::Table;

/// How many more filters at a place of its equality make up for a clause that looks for prefixes:
/// about what walking a trie costs more than hashing.
const PREFIX_COST: usize = 8;

/// Up to how many attributes each is looked up in an event. Beyond, those of the event are looked up
/// among them.
const LOOKED_UP_EACH: usize = 24;

/// By how many anchors a filter is filed that is asked for want of any of several attributes. By more,
/// most events would find it, at many places.
const SCATTERED_MAX: usize = 8;

/// Filters by what they ask of attributes.
#[derive(Clone)]
pub(crate) struct Index<K> {
    /// Asked about events that have the attribute.
    attributes: ByName<Attribute<K>>,
    /// Asked about events that lack it.
    absent: ByName<Index<K>>,
    rest: Bucket<K>,
}

/// Where a filter is filed: clauses of its guard, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    /// None: with the rest.
    clause: Option<usize>,
    /// Where to file it among those to be asked where the attribute of that clause is absent; none:
    /// with the rest of those.
    if_absent: Option<usize>,
}

/// What speaks against a clause, the weightiest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cost {
    /// See [`is_asked_for_want_of_any`].
    is_asked_for_want_of_any: bool,
    /// A value for which many ask is taken for one that many events have.
    most_filed: usize,
    may_hold_by_absence: bool,
    anchors: usize,
}

impl<K: Copy + Eq> Index<K> {
    pub(crate) fn new() -> Self {
        Index {
            attributes: ByName::new(),
            absent: ByName::new(),
            rest: Bucket::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.absent.is_empty() && self.rest.is_empty()
    }

    /// Calls `found` once for each filter that may want `event`. Allocates nothing.
    pub(crate) fn find(&self, event: &Event, mut found: impl FnMut(&Candidate<K>)) {
        self.visit(event, &mut |candidate| {
            if candidate.is_first_place(event) {
                found(candidate);
            }
        });
    }

    /// Recurses once: what is filed for want of one attribute is not filed for want of another.
    fn visit<F: FnMut(&Candidate<K>)>(&self, event: &Event, found: &mut F) {
        self.rest.candidates().iter().for_each(&mut *found);
        if self.attributes.len() <= LOOKED_UP_EACH {
            for (name, attribute) in self.attributes.iter() {
                if let Some(value) = event.attribute(name) {
                    attribute.visit(value, found);
                }
            }
        } else {
            for given in event.attributes() {
                if let Some(attribute) = self.attributes.get(given.name) {
                    attribute.visit(given.value, found);
                }
            }
        }
        for (name, index) in self.absent.iter() {
            if event.attribute(name).is_none() {
                index.visit(event, found);
            }
        }
    }

    /// Chooses the places of a filter by what is filed there already.
    pub(crate) fn choose(&self, filter: &Filter) -> Places {
        let clauses = filter.guard().clauses();
        let may_serve = |clause: &Clause| {
            !is_asked_for_want_of_any(clause) || clause.anchors().len() <= SCATTERED_MAX
        };
        let clause = self.cheapest(clauses, may_serve);
        let sole_attribute = clause
            .map(|number| &clauses[number])
            .filter(|clause| clause.may_hold_by_absence())
            .and_then(Clause::sole_attribute);
        let if_absent = sole_attribute.and_then(|name| {
            let nothing = Index::new();
            let absent = self.absent.get(name).unwrap_or(&nothing);
            absent.cheapest(clauses, |clause| !clause.may_hold_by_absence())
        });
        Places { clause, if_absent }
    }

    /// Files a filter that is not filed yet.
    pub(crate) fn file(&mut self, key: K, filter: &Filter, places: Places) {
        let Some(number) = places.clause else {
            return self.rest.add(Candidate::sole(key, filter));
        };
        let clause = &filter.guard().clauses()[number];
        let sole_attribute = clause.sole_attribute();
        for (position, anchor) in clause.anchors().iter().enumerate() {
            let candidate = match sole_attribute {
                Some(_) => Candidate::sole(key, filter),
                None => Candidate::at_anchor(key, filter, number, position),
            };
            let name = &anchor.attribute;
            if anchor.or_absent && places.if_absent.is_none() {
                let absent = self.absent.get_or_insert_with(name, Index::new);
                absent.rest.add(candidate.clone());
            }
            let attribute = self.attributes.get_or_insert_with(name, Attribute::new);
            attribute.add(&anchor.wanted, candidate);
        }
        if let (Some(name), Some(_)) = (sole_attribute, places.if_absent) {
            let absent = self.absent.get_or_insert_with(name, Index::new);
            absent.file(key, filter, places.where_absent());
        }
    }

    /// Removes a filter from the places where it has been filed.
    pub(crate) fn unfile(&mut self, key: K, filter: &Filter, places: Places) {
        let Some(number) = places.clause else {
            return self.rest.remove(key);
        };
        let clause = &filter.guard().clauses()[number];
        for anchor in clause.anchors() {
            let name = &anchor.attribute;
            if anchor.or_absent && places.if_absent.is_none() {
                let absent = self.absent.get_or_insert_with(name, Index::new);
                absent.rest.remove(key);
                self.absent.remove_if(name, Index::is_empty);
            }
            let attribute = self.attributes.get_or_insert_with(name, Attribute::new);
            attribute.remove(&anchor.wanted, key);
            self.attributes.remove_if(name, Attribute::is_empty);
        }
        if let (Some(name), Some(_)) = (clause.sole_attribute(), places.if_absent) {
            let absent = self.absent.get_or_insert_with(name, Index::new);
            absent.unfile(key, filter, places.where_absent());
            self.absent.remove_if(name, Index::is_empty);
        }
    }

    /// The clause by which a filter is likely to be asked in vain least often, of those that
    /// `may_serve`; the first of several.
    fn cheapest(&self, clauses: &[Clause], may_serve: impl Fn(&Clause) -> bool) -> Option<usize> {
        let mut cheapest = None;
        for (number, clause) in clauses.iter().enumerate() {
            let cost = self.cost(clause);
            if may_serve(clause) && cheapest.is_none_or(|(_, least)| cost < least) {
                cheapest = Some((number, cost));
            }
        }
        cheapest.map(|(number, _)| number)
    }

    fn cost(&self, clause: &Clause) -> Cost {
        let filed = |anchor: &Anchor| {
            let attribute = self.attributes.get(&anchor.attribute);
            let bucket = attribute.and_then(|attribute| attribute.bucket(&anchor.wanted));
            bucket.map_or(0, Bucket::len)
        };
        let most_filed = clause.anchors().iter().map(filed).max().unwrap_or_default();
        let for_walking = if clause.is_by_equality() {
            0
        } else {
            PREFIX_COST
        };
        Cost {
            is_asked_for_want_of_any: is_asked_for_want_of_any(clause),
            most_filed: most_filed + for_walking,
            may_hold_by_absence: clause.may_hold_by_absence(),
            anchors: clause.anchors().len(),
        }
    }
}

/// Whether a filter filed by the clause is asked about every event that lacks one of several
/// attributes.
fn is_asked_for_want_of_any(clause: &Clause) -> bool {
    clause.may_hold_by_absence() && clause.sole_attribute().is_none()
}

impl Places {
    fn where_absent(self) -> Self {
        Places {
            clause: self.if_absent,
            if_absent: None,
        }
    }
}

#[cfg(test)]
mod tests;
