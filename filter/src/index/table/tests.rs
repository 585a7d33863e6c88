use super::*;

impl<K: Clone + Eq + Hash, V: Clone> Table<K, V> {
    /// All entries, once it is sure that they are where they are looked for and memory follows them.
    pub(in crate::index) fn checked(&self) -> impl Iterator<Item = (&K, &V)> {
        let shards = self.shards.len();
        assert!(shards == 0 || shards.is_power_of_two());
        assert_eq!(shards == 0, self.len == 0);
        assert!(self.len <= shards * shards);
        assert!(shards <= 2 || self.len >= shards * shards / 8);
        assert_eq!(
            self.shards.iter().map(|shard| shard.len()).sum::<usize>(),
            self.len
        );
        for (index, shard) in self.shards.iter().enumerate() {
            assert!(
                shard.capacity() <= 3 + 4 * shard.len(),
                "{}",
                shard.capacity()
            );
            assert!(shard.iter().all(|entry| self.shard_of(entry.hash) == index));
        }
        let entries = self.shards.iter().flat_map(|shard| shard.iter());
        entries.map(|entry| {
            assert!(self.get(&entry.key).is_some());
            (&entry.key, &entry.value)
        })
    }
}

fn numbered(count: u64) -> Table<u64, u64> {
    let mut table = Table::new();
    for number in 0..count {
        table.insert(number, number + 1);
    }
    table
}

#[test]
fn what_is_inserted_is_found_and_what_is_removed_is_not() {
    let mut table = Table::<Arc<str>, u32>::new();
    assert_eq!(table.get("a"), None);
    assert_eq!(table.remove("a"), None);
    assert!(table.get_mut("a").is_none());
    table.insert("a".into(), 1);
    *table.get_or_insert_with(&"".into(), || 7) += 1;
    *table.get_or_insert_with(&"a".into(), || 7) += 1;
    assert_eq!(
        (table.get("a"), table.get(""), table.len()),
        (Some(&2), Some(&8), 2)
    );
    assert_eq!(table.remove("a"), Some(2));
    assert_eq!(table.remove("a"), None);
    assert_eq!(
        (table.get("a"), table.get(""), table.len()),
        (None, Some(&8), 1)
    );
}

#[test]
fn memory_follows_what_is_held() {
    let mut table = numbered(10_000);
    assert_eq!(table.checked().count(), 10_000);
    assert_eq!(table.shards.len(), 128);
    for number in 0..10_000 {
        assert_eq!(table.remove(&number), Some(number + 1));
        if number % 97 == 0 {
            table.checked().for_each(drop);
        }
    }
    assert!(table.is_empty());
    assert_eq!(table.shards.capacity(), 0);
}

#[test]
fn keys_are_spread_over_the_shards_whatever_their_low_bits() {
    let texts = |number: u64| format!("com.example.order.{number:05}");
    for step in [1, 64, 1 << 20, 1 << 32] {
        let mut table = Table::<u64, ()>::new();
        (0..10_000).for_each(|number| table.insert(number * step, ()));
        assert!(
            most_in_a_shard(&table) < 300,
            "{step}: {}",
            most_in_a_shard(&table)
        );
    }
    let mut table = Table::<String, ()>::new();
    (0..10_000).for_each(|number| table.insert(texts(number), ()));
    assert!(most_in_a_shard(&table) < 200, "{}", most_in_a_shard(&table));
}

fn most_in_a_shard<K, V>(table: &Table<K, V>) -> usize {
    let sizes = table.shards.iter().map(|shard| shard.len());
    sizes.max().unwrap_or_default()
}

#[test]
fn a_changed_copy_shares_all_but_one_shard() {
    let table = numbered(10_000);
    let mut copy = table.clone();
    *copy.get_mut(&5).expect("it is there") = 0;
    assert!(copy.get_mut(&10_000).is_none());
    let pairs = table.shards.iter().zip(&copy.shards);
    assert_eq!(
        pairs
            .filter(|(one, other)| !Arc::ptr_eq(one, other))
            .count(),
        1
    );
    assert_eq!((table.get(&5), copy.get(&5)), (Some(&6), Some(&0)));
}
