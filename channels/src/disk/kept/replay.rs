//! Opening: reading the log from its beginning, to know what lives.

use std::collections::{BTreeMap, HashMap};

use super::super::log::{Damage, DamageKind, Given, Item, Log, Recovery};
use super::super::patience::Patience;
use super::index::{Index, Place};
use super::record::{Entry, NoRecord, Record};
use super::{KeptEntry, KeptError, KeptKey, KeptState};

/// What lives, and the same as a list in the order of keys. What cannot be read is added to
/// `recovery`.
pub(super) fn replay(
    log: &Log,
    is_known: &dyn Fn(u64) -> bool,
    recovery: &mut Recovery,
) -> Result<(Index, Vec<KeptEntry>), KeptError> {
    let mut replay = Replay::default();
    for segment in log.segments() {
        replay.index.begin_segment(segment.base);
    }
    let mut reader = log.readers().opening_reader();
    let mut patience = Patience::default();
    loop {
        let item = match reader.read() {
            Ok(item) => item,
            Err(error) => {
                reader.overcome(error, &mut patience)?;
                continue;
            }
        };
        patience.succeeded();
        let damage = match item {
            None => break,
            Some(Item::Damaged(damage)) => damage,
            Some(Item::Record(record)) => match replay.add(record.offset, record.payload) {
                Ok(()) => continue,
                Err(NoRecord::Version(found)) => {
                    let offset = record.offset;
                    return Err(KeptError::Version { found, offset });
                }
                Err(NoRecord::Damaged) => no_record(record.offset),
            },
        };
        if !recovery.damage.contains(&damage) {
            recovery.damage.push(damage);
        }
    }
    Ok(replay.end(is_known))
}

/// A whole record of the log that says nothing.
fn no_record(offset: u64) -> Damage {
    Damage {
        kind: DamageKind::Records,
        segment: offset,
        bytes: 0..0,
        offsets: offset..offset + 1,
        given: Given::All,
    }
}

#[derive(Default)]
struct Replay {
    index: Index,
    /// The last record of each event, whoever keeps it. An event may stand before the entry that it
    /// was written for and behind an older one, so nothing is let go of before the end.
    events: HashMap<u64, Stored>,
    entries: BTreeMap<KeptKey, (Place, Listed)>,
}

struct Stored {
    place: Place,
    event_bytes: u64,
}

struct Listed {
    state: KeptState<&'static str>,
    accepted_at_ms: i64,
    redriven_at_ms: i64,
}

impl Replay {
    fn add(&mut self, at: u64, payload: &[u8]) -> Result<(), NoRecord> {
        let place = Place::new(at, payload);
        self.index.count(place);
        match Record::decode(payload)? {
            Record::Event { offset, event } => {
                let event_bytes = event.len() as u64;
                self.events.insert(offset, Stored { place, event_bytes });
            }
            Record::Entry(entry) => {
                let listed = Listed::of(&entry);
                self.entries.insert(entry.key, (place, listed));
            }
            Record::End(key) => drop(self.entries.remove(&key)),
            Record::EndAll { subscription } => self.end_all(subscription),
        }
        Ok(())
    }

    fn end_all(&mut self, subscription: u64) {
        let first = KeptKey {
            subscription,
            offset: 0,
        };
        let last = KeptKey {
            subscription,
            offset: u64::MAX,
        };
        let keys: Vec<_> = self
            .entries
            .range(first..=last)
            .map(|(it, _)| *it)
            .collect();
        for key in keys {
            self.entries.remove(&key);
        }
    }

    fn end(mut self, is_known: &dyn Fn(u64) -> bool) -> (Index, Vec<KeptEntry>) {
        let mut entries = Vec::with_capacity(self.entries.len());
        for (key, (place, listed)) in self.entries {
            if !is_known(key.subscription) {
                continue;
            }
            self.index.put_entry(key, place);
            let stored = self.events.get(&key.offset);
            if let Some(stored) = stored {
                self.index.put_event(key.offset, stored.place);
            }
            entries.push(KeptEntry {
                key,
                state: listed.state,
                accepted_at_ms: listed.accepted_at_ms,
                redriven_at_ms: listed.redriven_at_ms,
                size_bytes: stored.map_or(0, |it| it.event_bytes),
            });
        }
        (self.index, entries)
    }
}

impl Listed {
    fn of(entry: &Entry<'_>) -> Self {
        let state = match entry.state {
            KeptState::Moved { due_ms, sends } => KeptState::Moved { due_ms, sends },
            KeptState::Parked {
                reason,
                sends,
                parked_at_ms,
                retry_at_ms,
            } => KeptState::Parked {
                reason: reason.kind(),
                sends,
                parked_at_ms,
                retry_at_ms,
            },
        };
        Listed {
            state,
            accepted_at_ms: entry.accepted_at_ms,
            redriven_at_ms: entry.redriven_at_ms,
        }
    }
}
