//! Where filters are filed under one attribute.

use std::sync::Arc;

use super::bucket::{Bucket, Candidate};
use super::table::Table;
use super::trie::Trie;
use crate::guard::Wanted;

/// The filters that want something of one attribute.
#[derive(Clone)]
pub(super) struct Attribute<K> {
    pub(super) equal: Table<Arc<str>, Bucket<K>>,
    pub(super) beginning: Trie<Bucket<K>>,
}

impl<K: Copy + Eq> Attribute<K> {
    pub(super) fn new() -> Self {
        Attribute {
            equal: Table::new(),
            beginning: Trie::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.equal.is_empty() && self.beginning.is_empty()
    }

    /// The filters filed under exactly this.
    pub(super) fn bucket(&self, wanted: &Wanted) -> Option<&Bucket<K>> {
        match wanted {
            Wanted::Equals(text) => self.equal.get(&**text),
            Wanted::StartsWith(text) => self.beginning.get(text),
        }
    }

    pub(super) fn add(&mut self, wanted: &Wanted, candidate: Candidate<K>) {
        let bucket = match wanted {
            Wanted::Equals(text) => self.equal.get_or_insert_with(text, Bucket::new),
            Wanted::StartsWith(text) => self.beginning.get_or_insert_with(text, Bucket::new),
        };
        bucket.add(candidate);
    }

    pub(super) fn remove(&mut self, wanted: &Wanted, key: K) {
        match wanted {
            Wanted::Equals(text) => {
                if let Some(bucket) = self.equal.get_mut(&**text) {
                    bucket.remove(key);
                    if bucket.is_empty() {
                        self.equal.remove(&**text);
                    }
                }
            }
            Wanted::StartsWith(text) => {
                if let Some(bucket) = self.beginning.get_mut(text) {
                    bucket.remove(key);
                    if bucket.is_empty() {
                        self.beginning.remove(text);
                    }
                }
            }
        }
    }

    /// Calls `found` for the filters that may want an event of which the attribute is `value`.
    pub(super) fn visit(&self, value: &str, found: &mut impl FnMut(&Candidate<K>)) {
        if let Some(bucket) = self.equal.get(value) {
            bucket.candidates().iter().for_each(&mut *found);
        }
        for bucket in self.beginning.beginnings_of(value) {
            bucket.candidates().iter().for_each(&mut *found);
        }
    }
}
