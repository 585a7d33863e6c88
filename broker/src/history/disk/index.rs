//! Where in the log records about an id may be: sled, sparsely.
//!
//! A *span* is about 64 KiB of the log, and one entry: its first offset, the one behind its last, and
//! a [set](super::ids) of the ids in it. So a thousand records cost one insert, and a look-up reads
//! the sets of all spans, two megabytes for a log of 256 MiB, and then the few spans that may hold
//! the id. The end of the log, which is no whole span yet, is not in the index and always read.
//!
//! Only what is synced in the log is entered, so the index is never ahead of it.

use std::ops::Range;
use std::path::Path;

use super::super::record::split;
use super::ids::{may_have, set_of};
use crate::disposable::{Broken, Damaged, Disposable};

/// A span ends with the block that reaches this size.
const SPAN_BYTES: usize = 64 << 10;
/// The first byte of an entry, which says how to read the rest.
const ENTRY_VERSION: u8 = 1;
/// Version, whether there is a record that matters to any id, and the end.
const ENTRY_HEAD_BYTES: usize = 10;

/// Clones are of the same index.
#[derive(Clone, Debug)]
pub(super) struct Index {
    store: Disposable,
}

/// A piece of the log, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    offsets: Range<u64>,
    is_of_all: bool,
    ids: Vec<u8>,
}

impl Index {
    pub(super) fn open(dir: &Path) -> Result<Self, Damaged> {
        let store = Disposable::open(dir)?;
        Ok(Index { store })
    }

    /// The offset from which on nothing is entered.
    pub(super) fn end(&self) -> Result<u64, Damaged> {
        self.store.with(|db| match db.last()? {
            None => Ok(0),
            Some((key, entry)) => Ok(decode(&key, &entry)?.0.end),
        })
    }

    /// Enters spans, in one write.
    pub(super) fn enter(&self, spans: &[Span]) -> Result<(), Damaged> {
        let mut batch = sled::Batch::default();
        for span in spans {
            batch.insert(&span.offsets.start.to_be_bytes(), span.encode());
        }
        self.store.with(|db| Ok(db.apply_batch(batch)?))
    }

    /// Forgets spans that end at or before `offset`.
    pub(super) fn forget_below(&self, offset: u64) -> Result<(), Damaged> {
        self.store.with(|db| {
            let mut batch = sled::Batch::default();
            for entry in db.range(..offset.to_be_bytes()) {
                let (key, entry) = entry?;
                if decode(&key, &entry)?.0.end > offset {
                    break;
                }
                batch.remove(key);
            }
            Ok(db.apply_batch(batch)?)
        })
    }

    /// Where records about `id` may be, or such as matter to any id. Adjoining spans are one.
    pub(super) fn places_of(&self, id: u64) -> Result<Vec<Range<u64>>, Damaged> {
        self.store.with(|db| {
            let mut places: Vec<Range<u64>> = Vec::new();
            for entry in db.iter() {
                let (key, entry) = entry?;
                let (offsets, is_of_all, ids) = decode(&key, &entry)?;
                if !is_of_all && !may_have(ids, id) {
                    continue;
                }
                match places.last_mut() {
                    Some(last) if last.end == offsets.start => last.end = offsets.end,
                    _ => places.push(offsets),
                }
            }
            Ok(places)
        })
    }
}

impl Span {
    pub(super) fn start(&self) -> u64 {
        self.offsets.start
    }

    fn encode(&self) -> Vec<u8> {
        let mut entry = Vec::with_capacity(ENTRY_HEAD_BYTES + self.ids.len());
        entry.extend_from_slice(&[ENTRY_VERSION, u8::from(self.is_of_all)]);
        entry.extend_from_slice(&self.offsets.end.to_le_bytes());
        entry.extend_from_slice(&self.ids);
        entry
    }
}

fn decode<'a>(key: &[u8], entry: &'a [u8]) -> Result<(Range<u64>, bool, &'a [u8]), Broken> {
    let start = key.try_into().map(u64::from_be_bytes);
    let (Ok(start), Some((head, ids))) = (start, entry.split_at_checked(ENTRY_HEAD_BYTES)) else {
        return Err(Broken::Content("an entry of a wrong length"));
    };
    let end = head.last_chunk().map_or(0, |end| u64::from_le_bytes(*end));
    match head {
        [ENTRY_VERSION, is_of_all @ 0..=1, ..] if start < end => {
            Ok((start..end, *is_of_all == 1, ids))
        }
        _ => Err(Broken::Content("an entry that makes no sense")),
    }
}

/// The span that is being filled.
#[derive(Debug, Default)]
pub(super) struct Growing {
    offsets: Option<Range<u64>>,
    bytes: usize,
    ids: Vec<u64>,
    is_of_all: bool,
}

impl Growing {
    /// The first offset in it.
    pub(super) fn start(&self) -> Option<u64> {
        self.offsets.as_ref().map(|it| it.start)
    }

    /// Adds the block at `offset`, and gives the span when it is full.
    pub(super) fn add(&mut self, offset: u64, records: &[u8]) -> Option<Span> {
        for raw in split(records) {
            self.is_of_all |= raw.is_of_all();
            // Records about one event often follow each other.
            if self.ids.last() != Some(&raw.mark.id) {
                self.ids.push(raw.mark.id);
            }
        }
        self.bytes += records.len();
        let offsets = self.offsets.get_or_insert(offset..offset);
        offsets.end = offset + 1;
        (self.bytes >= SPAN_BYTES).then(|| self.finish()).flatten()
    }

    fn finish(&mut self) -> Option<Span> {
        let mut full = std::mem::take(self);
        full.ids.sort_unstable();
        full.ids.dedup();
        Some(Span {
            offsets: full.offsets?,
            is_of_all: full.is_of_all,
            ids: set_of(&full.ids),
        })
    }
}

#[cfg(test)]
mod tests {
    use sluicegate_channels::{Position, Timestamp};

    use super::super::super::record::{Gap, GapCause, Mark, Replied, What};
    use super::*;
    use crate::testing::TempDir;

    /// A block of records about these ids.
    fn block(ids: Range<u64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for id in ids {
            let position = Position {
                partition: 0,
                offset: id,
            };
            let what = What::Replied(Replied {
                position,
                trigger: "billing",
                at: Timestamp(0),
                first: position,
                events: 1,
            });
            what.encode(Mark::of(&id.to_string(), "/test"), &mut bytes);
        }
        bytes
    }

    fn filled(dir: &Path) -> Index {
        let index = Index::open(dir).unwrap();
        let mut growing = Growing::default();
        let spans = (0..100).filter_map(|n| growing.add(n, &block(n * 100..n * 100 + 100)));
        index.enter(&spans.collect::<Vec<_>>()).unwrap();
        index
    }

    fn id(number: u64) -> u64 {
        Mark::of(&number.to_string(), "").id
    }

    #[test]
    fn a_look_up_gives_a_few_places_and_the_right_one() {
        let folder = TempDir::new();
        let index = filled(folder.path());
        let end = index.end().unwrap();
        assert!((70..=100).contains(&end), "{end}");
        let mut given = 0;
        for number in 0..end * 100 {
            let places = index.places_of(id(number)).unwrap();
            let offset = number / 100;
            assert!(places.iter().any(|it| it.contains(&offset)), "{number}");
            given += places.len();
        }
        let looked_up = usize::try_from(end * 100).unwrap();
        assert!(given < looked_up + looked_up / 5, "{given} of {looked_up}");
    }

    #[test]
    fn what_is_removed_from_the_log_is_forgotten() {
        let folder = TempDir::new();
        let index = filled(folder.path());
        let end = index.end().unwrap();
        index.forget_below(50).unwrap();
        assert_eq!(index.places_of(id(3)).unwrap(), []);
        assert_eq!(index.places_of(id(5_500)).unwrap().len(), 1);
        assert_eq!(index.end().unwrap(), end);
        index.forget_below(u64::MAX).unwrap();
        assert_eq!(index.end().unwrap(), 0);
    }

    #[test]
    fn a_span_with_a_record_of_all_is_of_interest_to_every_id() {
        let folder = TempDir::new();
        let index = Index::open(folder.path()).unwrap();
        let mut growing = Growing::default();
        let mut records = block(0..3_000);
        let gap = Gap {
            from: Timestamp(0),
            to: Timestamp(1),
            records: 1,
            cause: GapCause::LeftOut,
        };
        gap.encode(&mut records);
        let span = growing.add(7, &records).unwrap();
        index.enter(&[span]).unwrap();
        assert_eq!(index.places_of(id(99_999)).unwrap(), vec![7..8]);
    }

    #[test]
    fn an_entry_that_makes_no_sense_is_damage() {
        for (key, entry) in [
            (&[1][..], &[0; 30][..]),
            (&[0; 8], &[]),
            (&[0; 8], &[1, 0, 9]),
            (&[0; 8], &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            (&[0; 8], &[2, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1]),
            (&[0; 8], &[1, 7, 9, 0, 0, 0, 0, 0, 0, 0, 1]),
        ] {
            let folder = TempDir::new();
            let index = filled(folder.path());
            index.store.with(|db| Ok(db.clear()?)).unwrap();
            index.store.with(|db| Ok(db.insert(key, entry)?)).unwrap();
            assert!(index.places_of(1).is_err(), "{key:?} {entry:?}");
            assert!(index.end().is_err(), "{key:?} {entry:?}");
        }
    }
}
