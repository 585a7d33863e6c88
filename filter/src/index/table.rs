//! A hash map whose copy shares almost everything with the original.
//!
//! ```text
//! Table ─► shards ─► Arc ─► open addressing: (hash, key, value)
//!                    Arc ─► …                        about √n shards of about √n entries
//! ```
//!
//! A set of filters is changed by changing a copy that then takes its place. A copy of this table
//! copies the pointers of its shards, and a change of the copy one shard: both about √n, where
//! copying a plain map would be n.
//!
//! **Hashing** is that of rustc, without a secret. That would be careless if those who choose what
//! is looked up also chose what is held. Here the keys come from whoever writes triggers, and events
//! only ask: a table at most seven eighths full ends nearly every search in its first group, and
//! texts are compared only where all 64 bits of their hashes agree, so no event finds a long chain.
//! Whoever writes triggers can make events cost more in plainer ways.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// A map from `K` to `V`. What it holds of memory follows what it holds of entries, down to nothing.
#[derive(Clone)]
pub(crate) struct Table<K, V> {
    /// None, or a power of two. An entry's shard is chosen by the low bits of its hash.
    shards: Vec<Arc<Shard<K, V>>>,
    len: usize,
}

type Shard<K, V> = HashTable<Entry<K, V>>;

#[derive(Clone)]
struct Entry<K, V> {
    hash: u64,
    key: K,
    value: V,
}

impl<K: Clone + Eq + Hash, V: Clone> Table<K, V> {
    pub(crate) fn new() -> Self {
        Table {
            shards: Vec::new(),
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if self.is_empty() {
            return None;
        }
        let hash = FxBuildHasher.hash_one(key);
        let shard = &self.shards[self.shard_of(hash)];
        let entry = shard.find(within_shard(hash), |entry| entry.is(hash, key))?;
        Some(&entry.value)
    }

    /// The value of `key`, to be changed; nothing is copied where there is none.
    pub(crate) fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.get(key)?;
        let hash = FxBuildHasher.hash_one(key);
        let index = self.shard_of(hash);
        let shard = Arc::make_mut(&mut self.shards[index]);
        let entry = shard.find_mut(within_shard(hash), |entry| entry.is(hash, key))?;
        Some(&mut entry.value)
    }

    /// The value of `key`, which `new` makes if there is none.
    pub(crate) fn get_or_insert_with(&mut self, key: &K, new: impl FnOnce() -> V) -> &mut V {
        if self.get(key).is_none() {
            self.insert(key.clone(), new());
        }
        self.get_mut(key)
            .expect("it is there, or has been inserted")
    }

    /// Adds what is not there yet.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        debug_assert!(self.get(&key).is_none(), "a key is added once");
        let shards = self.shards.len();
        if self.len >= shards * shards {
            self.divide_into((shards * 2).max(1));
        }
        let hash = FxBuildHasher.hash_one(&key);
        let index = self.shard_of(hash);
        put(
            Arc::make_mut(&mut self.shards[index]),
            Entry { hash, key, value },
        );
        self.len += 1;
    }

    pub(crate) fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.get(key)?;
        let hash = FxBuildHasher.hash_one(key);
        let index = self.shard_of(hash);
        let shard = Arc::make_mut(&mut self.shards[index]);
        let found = shard.find_entry(within_shard(hash), |entry| entry.is(hash, key));
        let (entry, _) = found.ok()?.remove();
        if shard.len() * 4 <= shard.capacity() {
            shard.shrink_to_fit(|entry| within_shard(entry.hash));
        }
        self.len -= 1;
        let shards = self.shards.len();
        // Well below the point where they were doubled, lest a change to and fro pay for both.
        if self.len < shards * shards / 8 || self.is_empty() {
            self.divide_into(if self.is_empty() { 0 } else { shards / 2 });
        }
        Some(entry.value)
    }

    fn shard_of(&self, hash: u64) -> usize {
        usize_of(hash) & (self.shards.len() - 1)
    }

    /// Moves all entries into `count` shards, a power of two, or none if there are no entries.
    fn divide_into(&mut self, count: usize) {
        let old = std::mem::replace(
            &mut self.shards,
            std::iter::repeat_with(|| Arc::new(HashTable::new()))
                .take(count)
                .collect(),
        );
        for entry in old.into_iter().flat_map(Arc::unwrap_or_clone) {
            let index = self.shard_of(entry.hash);
            put(Arc::make_mut(&mut self.shards[index]), entry);
        }
    }
}

impl<K, V> Entry<K, V> {
    fn is<Q>(&self, hash: u64, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.hash == hash && self.key.borrow() == key
    }
}

fn put<K, V>(shard: &mut Shard<K, V>, entry: Entry<K, V>) {
    shard.insert_unique(within_shard(entry.hash), entry, |entry| {
        within_shard(entry.hash)
    });
}

/// The bits by which a shard is chosen are the same for all of its entries, so they go where the
/// shard's own table does not look: neither lowest nor among the highest seven.
fn within_shard(hash: u64) -> u64 {
    hash.rotate_right(16)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a hash is cut to its low bits"
)]
fn usize_of(hash: u64) -> usize {
    hash as usize
}

#[cfg(test)]
mod tests;
