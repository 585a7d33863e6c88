//! The store of the window: in sled, a thousand pairs to an entry, and the salt.

use std::collections::VecDeque;
use std::path::Path;

use sluicegate_channels::Timestamp;

use super::{DeduplicationOptions, Pair, Salt};
use crate::disposable::{Broken, Damaged, Disposable};

/// Pairs of one entry.
const PAIRS_PER_ENTRY: usize = 1_000;
/// Two halves of a key, and when.
const PAIR_BYTES: usize = 24;
/// The name of the entry with the salt, and the sample that proves it. Shorter than any other.
const SALT: &[u8] = b"salt";

/// What is kept, one entry after the other.
pub(super) struct Store {
    db: Disposable,
    entries: VecDeque<Kept>,
    /// The number of the next entry.
    next: u64,
}

/// An entry of the store.
struct Kept {
    number: u64,
    pairs: usize,
    latest: Timestamp,
}

impl Store {
    /// Opens the one in `dir`, which is to be [read](Store::read) or [begun](Store::begin) next.
    pub(super) fn open(dir: &Path) -> Result<Self, Damaged> {
        if let Some(parent) = dir.parent() {
            std::fs::create_dir_all(parent).map_err(|error| Damaged::new(error.to_string()))?;
        }
        Ok(Store {
            db: Disposable::open(dir)?,
            entries: VecDeque::new(),
            next: 0,
        })
    }

    /// Empties it, and keeps from now on what this salt makes.
    pub(super) fn begin(&mut self, salt: Salt) -> Result<(), Damaged> {
        let numbers = [salt.0, salt.sample()].concat();
        let bytes: Vec<u8> = numbers.iter().flat_map(|it| it.to_le_bytes()).collect();
        self.db.with(|db| {
            db.clear()?;
            db.insert(SALT, bytes)?;
            Ok(())
        })
    }

    /// The salt, and what was kept, oldest first. Where the salt is gone or keys are made otherwise by now,
    /// nothing of it is of use, and it begins anew.
    pub(super) fn read(&mut self) -> Result<(Salt, Vec<Pair>), Damaged> {
        let salt = match self.db.with(|db| Ok(db.get(SALT)?))? {
            Some(bytes) => read_salt(&bytes),
            None => None,
        };
        let Some(salt) = salt else {
            let salt = Salt::random(&mut fastrand::Rng::new());
            self.begin(salt)?;
            return Ok((salt, Vec::new()));
        };
        let (entries, next) = (&mut self.entries, &mut self.next);
        let pairs = self.db.with(|db| {
            let mut all = Vec::new();
            for entry in db.iter() {
                let (name, value) = entry?;
                if name.as_ref() == SALT {
                    continue;
                }
                let number = name.as_ref().try_into().map(u64::from_be_bytes);
                let number = number.map_err(|_| Broken::Content("an entry without a number"))?;
                let pairs = decode(&value)?;
                entries.push_back(Kept {
                    number,
                    pairs: pairs.len(),
                    latest: pairs.last().map_or_else(Timestamp::default, |it| it.0),
                });
                *next = (*next).max(number.saturating_add(1));
                all.extend(pairs);
            }
            Ok(all)
        })?;
        Ok((salt, pairs))
    }

    /// Writes pairs and removes what is too old or too much, in one write.
    pub(super) fn write(
        &mut self,
        pairs: &[Pair],
        options: &DeduplicationOptions,
        now: Timestamp,
    ) -> Result<(), Damaged> {
        let mut batch = sled::Batch::default();
        for some in pairs.chunks(PAIRS_PER_ENTRY) {
            batch.insert(&self.next.to_be_bytes(), encode(some));
            self.entries.push_back(Kept {
                number: self.next,
                pairs: some.len(),
                latest: some.last().map_or(now, |it| it.0),
            });
            self.next += 1;
        }
        let mut kept: usize = self.entries.iter().map(|it| it.pairs).sum();
        while let Some(oldest) = self.entries.front() {
            let is_old = now.since(oldest.latest) > options.window;
            if !is_old && kept - oldest.pairs < options.ids_max {
                break;
            }
            kept -= oldest.pairs;
            batch.remove(&oldest.number.to_be_bytes());
            self.entries.pop_front();
        }
        self.db.with(|db| Ok(db.apply_batch(batch)?))
    }

    pub(super) fn flush(&self) -> Result<(), Damaged> {
        self.db.with(|db| {
            db.flush()?;
            Ok(())
        })
    }
}

fn encode(pairs: &[Pair]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(pairs.len() * PAIR_BYTES);
    for (at, key) in pairs {
        for number in [at.0, key[0], key[1]] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
    bytes
}

fn decode(bytes: &[u8]) -> Result<Vec<Pair>, Broken> {
    let (pairs, []) = bytes.as_chunks::<PAIR_BYTES>() else {
        return Err(Broken::Content("an entry of a wrong length"));
    };
    let number = |pair: &[u8; PAIR_BYTES], place: usize| {
        let (numbers, _) = pair.as_chunks::<8>();
        numbers.get(place).map_or(0, |it| u64::from_le_bytes(*it))
    };
    let pairs = pairs.iter().map(|pair| {
        let key = [number(pair, 1), number(pair, 2)];
        (Timestamp(number(pair, 0)), key)
    });
    Ok(pairs.collect())
}

/// The salt, if keys are still made of it as they were.
fn read_salt(bytes: &[u8]) -> Option<Salt> {
    let (numbers, rest) = bytes.as_chunks::<8>();
    let numbers: Vec<u64> = numbers.iter().map(|it| u64::from_le_bytes(*it)).collect();
    let [a, b, sample @ ..] = &*numbers else {
        return None;
    };
    let salt = Salt([*a, *b]);
    (rest.is_empty() && salt.sample() == *sample).then_some(salt)
}
