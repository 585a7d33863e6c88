//! What an event must meet to be wanted at all, so far as hashing and prefixes can find it.
//!
//! ```text
//! filters:                                           clauses, all of which must hold
//!   - exact: {source: /shop}                         source = /shop
//!   - cesql: type IN ('a', 'b') AND amount > 100     type = a, or type = b
//! ```
//!
//! A guard is necessary, not sufficient: an event that meets it must still be shown to the filter.
//! An event that does not meet it is refused, and no expression is asked about it. Without that rule
//! an index, which never looks at such events, would say less of expressions that fail than asking
//! the filters one by one.
//!
//! An anchor that stems from an expression also holds where the attribute may be absent and is: the
//! expression fails on such an event, and whoever counts failures must hear of it. Where `EXISTS` is
//! asked before, it does not fail.

use std::sync::Arc;

use sluicegate_event::Event;

use crate::spec::FilterSpec;

mod expression;
mod needs;

pub use needs::{Need, Text};

/// How many anchors one clause may have. A clause that would need more is left out, which is never
/// wrong and only finds more candidates.
const ANCHORS_MAX: usize = 1_000;

/// How many clauses are kept; the others are left out in the same way.
const CLAUSES_MAX: usize = 16;

/// Clauses that all hold for every event that the filter wants. None of them: any event may be
/// wanted.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    clauses: Vec<Clause>,
    /// Whether every event that meets it is wanted.
    is_whole: bool,
}

/// Anchors of which at least one holds; there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clause {
    anchors: Vec<Anchor>,
}

/// What one attribute must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// Its bare name.
    pub(crate) attribute: Arc<str>,
    pub(crate) wanted: Wanted,
    /// Whether it also holds of an event that lacks the attribute.
    pub(crate) or_absent: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Equals(Arc<str>),
    StartsWith(Arc<str>),
}

impl Guard {
    /// The guard of filters that are joined by AND. They have passed the checks of
    /// [`Filter::compile`](crate::Filter::compile), which bound how deep this recurses.
    pub(crate) fn of(specs: &[FilterSpec]) -> Self {
        let mut clauses = Vec::new();
        let is_whole = collect_all(specs, &mut clauses) && clauses.len() <= CLAUSES_MAX;
        // What is left out should be what finds least: a stable sort keeps the order written.
        clauses.sort_by_key(|clause| !clause.is_by_equality());
        clauses.truncate(CLAUSES_MAX);
        Guard { clauses, is_whole }
    }

    pub(crate) fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// Whether an event is wanted as soon as one of the clauses holds, or if there is none.
    pub(crate) fn is_decided_by_one_clause(&self) -> bool {
        self.is_whole && self.clauses.len() <= 1
    }

    pub(crate) fn holds(&self, event: &Event) -> bool {
        self.clauses.iter().all(|clause| clause.holds(event))
    }
}

impl Clause {
    fn one(anchor: Anchor) -> Self {
        Clause {
            anchors: vec![anchor],
        }
    }

    /// None if there would be none or too many.
    fn any(anchors: Vec<Anchor>) -> Option<Self> {
        (1..=ANCHORS_MAX)
            .contains(&anchors.len())
            .then_some(Clause { anchors })
    }

    /// A clause that holds wherever one of `clauses` does.
    fn either(clauses: impl IntoIterator<Item = Clause>) -> Option<Self> {
        let anchors = clauses.into_iter().flat_map(|clause| clause.anchors);
        Clause::any(anchors.take(ANCHORS_MAX + 1).collect())
    }

    pub(crate) fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }

    pub(crate) fn is_by_equality(&self) -> bool {
        let mut anchors = self.anchors.iter();
        anchors.all(|anchor| matches!(anchor.wanted, Wanted::Equals(_)))
    }

    /// Whether it may hold of an event for what the event lacks.
    pub(crate) fn may_hold_by_absence(&self) -> bool {
        self.anchors.iter().any(|anchor| anchor.or_absent)
    }

    /// The attribute, where all anchors are of one and, of an event that has it, no two different ones
    /// hold.
    pub(crate) fn sole_attribute(&self) -> Option<&Arc<str>> {
        let attribute = &self.anchors.first()?.attribute;
        let is_of_it = |anchor: &Anchor| anchor.attribute == *attribute;
        let is_sole =
            self.anchors.len() == 1 || self.is_by_equality() && self.anchors.iter().all(is_of_it);
        is_sole.then_some(attribute)
    }

    pub(crate) fn holds(&self, event: &Event) -> bool {
        self.anchors.iter().any(|anchor| anchor.holds(event))
    }
}

impl Anchor {
    fn equals(attribute: &str, text: &str) -> Self {
        Anchor {
            attribute: attribute.into(),
            wanted: Wanted::Equals(text.into()),
            or_absent: false,
        }
    }

    fn starts_with(attribute: &str, text: &str) -> Self {
        Anchor {
            attribute: attribute.into(),
            wanted: Wanted::StartsWith(text.into()),
            or_absent: false,
        }
    }

    pub(crate) fn holds(&self, event: &Event) -> bool {
        match (event.attribute(&self.attribute), &self.wanted) {
            (None, _) => self.or_absent,
            (Some(found), Wanted::Equals(text)) => found == &**text,
            (Some(found), Wanted::StartsWith(text)) => found.starts_with(&**text),
        }
    }
}

/// As [`collect`], of filters that are joined by AND.
fn collect_all(specs: &[FilterSpec], clauses: &mut Vec<Clause>) -> bool {
    let mut is_whole = true;
    for spec in specs {
        is_whole &= collect(spec, clauses);
    }
    is_whole
}

/// Adds clauses that hold of every event on which `spec` matches; says whether `spec` matches on
/// every event of which they all hold.
fn collect(spec: &FilterSpec, clauses: &mut Vec<Clause>) -> bool {
    let mut each = |entries: &[(String, String)], anchor: fn(&str, &str) -> Anchor| {
        clauses.extend(
            entries
                .iter()
                .map(|(name, value)| Clause::one(anchor(name, value))),
        );
        true
    };
    match spec {
        FilterSpec::Attributes(entries) => {
            let is_equality = |(name, value): &&(String, String)| {
                !value.is_empty() && !matches!(&**name, "schemaurl" | "datamediatype")
            };
            let equalities = entries.iter().filter(is_equality);
            clauses
                .extend(equalities.map(|(name, value)| Clause::one(Anchor::equals(name, value))));
            entries.iter().all(|entry| is_equality(&entry))
        }
        FilterSpec::Exact(entries) => each(entries, Anchor::equals),
        FilterSpec::Prefix(entries) => each(entries, Anchor::starts_with),
        FilterSpec::All(children) => collect_all(children, clauses),
        FilterSpec::Any(children) => {
            let mut is_whole = true;
            let one_of_each: Option<Vec<Clause>> = children
                .iter()
                .map(|child| {
                    let mut clauses = Vec::new();
                    is_whole &= collect(child, &mut clauses) && clauses.len() == 1;
                    best_of(clauses)
                })
                .collect();
            let either = one_of_each.and_then(Clause::either);
            is_whole &= either.is_some();
            clauses.extend(either);
            is_whole
        }
        FilterSpec::Cesql(expression) => {
            expression::collect(expression.root(), clauses);
            false
        }
        FilterSpec::Suffix(_) | FilterSpec::Not(_) => false,
    }
}

/// The clause that is likely to let the fewest events pass.
fn best_of(clauses: Vec<Clause>) -> Option<Clause> {
    clauses
        .into_iter()
        .min_by_key(|clause| (!clause.is_by_equality(), clause.anchors.len()))
}

#[cfg(test)]
mod tests;
