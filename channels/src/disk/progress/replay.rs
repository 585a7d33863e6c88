//! Reading the log on opening it.

use super::super::log::{Damage, DamageKind, Given, Item, Log, Recovery};
use super::super::patience::Patience;
use super::format::{self, NoRecord, Record};
use super::snapshot::{Generations, RECORD_BYTES_MIN, record_bytes};
use super::state::{Replay, State};
use super::{ProgressError, Recovered};

/// What the log holds.
pub(super) struct Opened {
    pub(super) state: State,
    pub(super) generations: Generations,
    pub(super) recovered: Recovered,
}

/// Reads all of a log that was just opened.
pub(super) fn replay(log: &Log, recovery: Recovery) -> Result<Opened, ProgressError> {
    let mut reading = Reading {
        replay: Replay::default(),
        generations: Generations::default(),
        recovery,
    };
    let mut reader = log.readers().opening_reader();
    let mut patience = Patience::default();
    loop {
        match reader.read() {
            Ok(None) => break,
            Ok(Some(Item::Record(record))) => {
                reading.record(record.offset, record.payload, log)?;
                patience.succeeded();
            }
            Ok(Some(Item::Damaged(damage))) => {
                reading.note(damage);
                patience.succeeded();
            }
            Err(error) => reader.overcome(error, &mut patience)?,
        }
    }
    Ok(reading.end(log))
}

struct Reading {
    replay: Replay,
    generations: Generations,
    recovery: Recovery,
}

impl Reading {
    fn record(&mut self, offset: u64, payload: &[u8], log: &Log) -> Result<(), ProgressError> {
        match format::decode(payload) {
            Ok(record) => {
                if matches!(record, Record::Snapshot { .. }) {
                    self.generations.begin(offset);
                }
                self.generations.written_bytes += record_bytes(payload.len());
                self.replay.apply(record);
            }
            Err(NoRecord::Version(found)) => return Err(ProgressError::Version { offset, found }),
            // Its checksum is right, so it was written so, and reading it will never go better.
            Err(NoRecord::Malformed(_)) => {
                let segments = log.segments();
                let segment = segments.iter().rfind(|it| it.base <= offset);
                self.note(Damage {
                    kind: DamageKind::Records,
                    segment: segment.map_or(0, |it| it.base),
                    bytes: 0..0,
                    offsets: offset..offset + 1,
                    given: Given::All,
                });
            }
        }
        Ok(())
    }

    /// Keeps a damage that opening the log has not found yet.
    fn note(&mut self, damage: Damage) {
        if !self.recovery.damage.contains(&damage) {
            self.recovery.damage.push(damage);
        }
    }

    fn end(self, log: &Log) -> Opened {
        let Reading {
            mut replay,
            mut generations,
            recovery,
        } = self;
        // Each record that is gone may have given a number. A snapshot has those before it.
        let torn = recovery.torn_bytes.div_ceil(RECORD_BYTES_MIN);
        let unnamed_max = lost_from(&recovery.damage, generations.from);
        let lost = lost_from(&recovery.damage, 0).saturating_add(torn);
        replay.state.next_number = replay.state.next_number.saturating_add(lost);
        if !recovery.damage.is_empty() {
            replay.end_namesakes();
        }
        generations.opened(&log.segments(), !recovery.damage.is_empty());

        let Replay {
            mut state,
            missing,
            outdated,
            floors,
        } = replay;
        let floor = state.floor;
        for standing in state.standings.values_mut() {
            standing.reads_on_from = standing.stands_at(floor);
        }
        let recovered = Recovered {
            floor,
            floors,
            standings: state.standings.values().cloned().collect(),
            next_number: state.next_number,
            missing: missing.into_iter().collect(),
            unnamed_max,
            outdated: outdated.into_iter().collect(),
            recovery,
        };
        Opened {
            state,
            generations,
            recovered,
        }
    }
}

/// How many records damage has taken at most, from this offset on.
fn lost_from(damage: &[Damage], offset: u64) -> u64 {
    let lost = damage
        .iter()
        .map(|it| it.offsets.end.saturating_sub(it.offsets.start.max(offset)));
    lost.fold(0, u64::saturating_add)
}
