//! One case: a log, and what it must hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::super::{Batch, DamageKind, Item, Log, LogError, Recovery};
use super::super::support::try_open;
use super::Counts;
use crate::disk::files::Files;
use crate::disk::simulated::{Call, Effect, SimulatedDisk};

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Close,
    Kill,
    Crash,
}

/// Records that belong together, at these offsets.
type Group = Vec<(u64, Vec<u8>)>;

pub(super) struct Case {
    rng: fastrand::Rng,
    disk: SimulatedDisk,
    files: Arc<dyn Files>,
    log: Option<Log>,
    /// The model: what must be there.
    synced: BTreeMap<u64, Vec<u8>>,
    /// What may be there after the next opening, group by group, whole or not at all.
    unsynced: Vec<Group>,
    /// What may come back because nobody knows whether its removal is durable.
    half_removed: Vec<Group>,
    /// No offset below this may be given again.
    given: u64,
    written: u64,
    counts: Counts,
}

impl Case {
    pub(super) fn new(
        seed: u64,
        disk: SimulatedDisk,
        files: Arc<dyn Files>,
    ) -> Result<Self, String> {
        let mut case = Case {
            rng: fastrand::Rng::with_seed(seed),
            files,
            disk,
            log: None,
            synced: BTreeMap::new(),
            unsynced: Vec::new(),
            half_removed: Vec::new(),
            given: 0,
            written: 0,
            counts: Counts::default(),
        };
        case.open()?;
        Ok(case)
    }

    /// One more power cut, after which everything must be there.
    pub(super) fn end(mut self) -> Result<Counts, String> {
        self.disk.fail_no_more();
        self.reopen(End::Crash)?;
        self.counts.faults = self.disk.faults();
        Ok(self.counts)
    }

    fn log(&mut self) -> Result<&mut Log, String> {
        self.log.as_mut().ok_or("there is no log".to_owned())
    }

    pub(super) fn step(&mut self) -> Result<(), String> {
        self.act()?;
        self.take_at_its_word()
    }

    /// What the log shows as synced, because it had to end a segment, must be so from now on.
    fn take_at_its_word(&mut self) -> Result<(), String> {
        let segments = self.log()?.segments();
        let end = segments.last().map_or(0, |it| it.end);
        let is_shown = |group: &Group| group.iter().all(|(offset, _)| *offset < end);
        for group in std::mem::take(&mut self.unsynced) {
            if is_shown(&group) {
                self.synced.extend(group);
            } else {
                self.unsynced.push(group);
            }
        }
        Ok(())
    }

    fn act(&mut self) -> Result<(), String> {
        match self.rng.u32(..100) {
            0..45 => self.append(),
            45..65 => self.sync(),
            65..68 => self.other(|log| log.roll(0)),
            68..72 => self.other(|log| log.prepare().map(drop)),
            72..76 => self.remove(),
            76..84 => self.compare(),
            84..91 => {
                self.plan_a_fault();
                Ok(())
            }
            91..93 => {
                let bytes_max = self.rng.bool().then(|| self.rng.u64(..60_000));
                self.disk.limit(bytes_max);
                Ok(())
            }
            93..95 => self.reopen(End::Close),
            95..97 => self.reopen(End::Kill),
            _ => self.reopen(End::Crash),
        }
    }

    fn plan_a_fault(&mut self) {
        let calls = [
            None,
            Some(Call::Write),
            Some(Call::Write),
            Some(Call::Sync),
            Some(Call::Sync),
            Some(Call::SyncDir),
            Some(Call::Allocate),
            Some(Call::Rename),
        ];
        let effects = [
            Effect::NoSpace,
            Effect::Broken,
            Effect::Interrupted,
            Effect::Short,
        ];
        let call = self.rng.choice(calls).flatten();
        let effect = self.rng.choice(effects).unwrap_or(Effect::Broken);
        let nth = self.rng.u64(1..6);
        self.disk.fail(call, nth, effect);
    }

    fn append(&mut self) -> Result<(), String> {
        let mut batch = Batch::new();
        let mut groups: Vec<Group> = Vec::new();
        let mut offset = self.log()?.next_offset();
        for _ in 0..self.rng.usize(1..5) {
            let mut group = Vec::new();
            for place in 0..self.rng.usize(1..4) {
                let payload = self.payload();
                let timestamp = i64::try_from(offset).unwrap_or(0);
                let added = if place == 0 {
                    batch.push(timestamp, &[&payload])
                } else {
                    let (head, tail) = payload.split_at(payload.len() / 2);
                    batch.push_joined(timestamp, &[head, tail])
                };
                added.map_err(|it| it.to_string())?;
                group.push((offset, payload));
                offset += 1;
            }
            groups.push(group);
        }

        let was_poisoned = self.log()?.poison().is_some();
        let first = self.log()?.next_offset();
        match self.log()?.append(&mut batch) {
            Ok(offsets) => {
                if offsets != (first..offset) || offsets.start < self.given {
                    let given = self.given;
                    return Err(format!("{offsets:?} for {first}..{offset}, given {given}"));
                }
                self.given = offsets.end;
                self.unsynced.extend(groups);
            }
            Err(LogError::Poisoned(_)) if was_poisoned => {}
            Err(LogError::Poisoned(_)) => {
                self.counts.poisonings += 1;
                // They may have been written, and then they have these offsets.
                self.unsynced.extend(groups);
            }
            // Nothing of it may ever be seen, and its offsets were not given.
            Err(LogError::NoSpace { .. } | LogError::Io { .. }) => self.counts.refusals += 1,
            Err(error) => return Err(error.to_string()),
        }
        Ok(())
    }

    /// Bytes that no other record has. Now and then as many as a segment holds.
    fn payload(&mut self) -> Vec<u8> {
        self.written += 1;
        let length = match self.rng.u32(..50) {
            0 => self.rng.usize(3_000..9_000),
            1..10 => self.rng.usize(..8),
            _ => self.rng.usize(8..400),
        };
        let mut payload = vec![0; length];
        self.rng.fill(&mut payload);
        payload
    }

    fn sync(&mut self) -> Result<(), String> {
        let was_poisoned = self.log()?.poison().is_some();
        match self.log()?.sync() {
            Ok(_) => {
                let groups = std::mem::take(&mut self.unsynced);
                self.synced.extend(groups.into_iter().flatten());
                Ok(())
            }
            Err(LogError::Poisoned(_)) => {
                self.counts.poisonings += u64::from(!was_poisoned);
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Something that changes no record. It may fail, and it may sync.
    fn other(&mut self, act: impl Fn(&mut Log) -> Result<(), LogError>) -> Result<(), String> {
        let was_poisoned = self.log()?.poison().is_some();
        match act(self.log()?) {
            Ok(()) => {}
            Err(LogError::Poisoned(_)) => self.counts.poisonings += u64::from(!was_poisoned),
            Err(LogError::NoSpace { .. } | LogError::Io { .. }) => self.counts.refusals += 1,
            Err(error) => return Err(error.to_string()),
        }
        Ok(())
    }

    fn remove(&mut self) -> Result<(), String> {
        // What was written before counts as synced from here on, or the model would have to know
        // which records of a removed segment were.
        self.sync()?;
        self.take_at_its_word()?;
        let segments = self.log()?.segments();
        let Some(segment) = self.rng.choice(&segments).cloned() else {
            return Ok(());
        };
        let records: Vec<_> = self.synced.range(segment.base..segment.end).collect();
        let records: Group = records
            .into_iter()
            .map(|(at, it)| (*at, it.clone()))
            .collect();
        let was_poisoned = self.log()?.poison().is_some();
        match self.log()?.remove_segment(segment.base) {
            Ok(()) => {
                self.counts.removals += 1;
                records
                    .iter()
                    .for_each(|(at, _)| drop(self.synced.remove(at)));
            }
            Err(LogError::Poisoned(_)) if !was_poisoned => {
                self.counts.poisonings += 1;
                records
                    .iter()
                    .for_each(|(at, _)| drop(self.synced.remove(at)));
                // It may come back, and then all of it.
                self.half_removed.push(records);
            }
            Err(_) => {}
        }
        Ok(())
    }

    /// What a reader sees is what was synced, from any offset on.
    fn compare(&mut self) -> Result<(), String> {
        let from = self.rng.u64(..=self.given);
        // Failed reads are of no interest here.
        self.disk.fail_no_more();
        let from = if self.rng.bool() { from } else { 0 };
        let found = self.read(from)?;
        let mut expected = self.synced.range(from..);
        for (offset, payload) in found {
            let wanted = expected.next();
            if wanted != Some((&offset, &payload)) {
                let wanted = wanted.map(|it| it.0);
                return Err(format!("read {offset} from {from} on, expected {wanted:?}"));
            }
        }
        match expected.next() {
            Some((offset, _)) => Err(format!("reading from {from} on ended before {offset}")),
            None => Ok(()),
        }
    }

    fn read(&mut self, from: u64) -> Result<Group, String> {
        let mut reader = self.log()?.readers().reader(from);
        let mut records = Vec::new();
        loop {
            match reader.read().map_err(|it| it.to_string())? {
                None => break,
                Some(Item::Record(it)) => records.push((it.offset, it.payload.to_vec())),
                Some(Item::Damaged(damage)) => {
                    return Err(format!("a reader from {from} on found {damage:?}"));
                }
            }
        }
        self.counts.records += records.len() as u64;
        Ok(records)
    }

    fn reopen(&mut self, end: End) -> Result<(), String> {
        let Some(log) = self.log.take() else {
            return self.open();
        };
        match end {
            End::Close => drop(log.close()),
            End::Kill => {
                self.counts.kills += 1;
                drop(log);
            }
            End::Crash => {
                self.counts.crashes += 1;
                self.disk.crash();
                drop(log);
            }
        }
        self.open()
    }

    /// Opens, however many faults it takes, and holds what is there against the model.
    fn open(&mut self) -> Result<(), String> {
        let mut tries = 0;
        let recovery = loop {
            match try_open(Arc::clone(&self.files)) {
                Ok((log, recovery)) => {
                    self.log = Some(log);
                    break recovery;
                }
                Err(LogError::Io { .. }) if tries < 3 => {
                    tries += 1;
                    if self.rng.bool() {
                        self.counts.crashes += 1;
                        self.disk.crash();
                    }
                }
                Err(LogError::NoSpace { .. }) if tries < 3 => {
                    tries += 1;
                    self.disk.limit(None);
                }
                Err(error) => return Err(format!("cannot open: {error}")),
            }
        };
        self.check_recovery(&recovery)?;
        self.disk.fail_no_more();
        let found = self.read(0)?;
        self.accept(found.into_iter().collect())
    }

    fn check_recovery(&mut self, recovery: &Recovery) -> Result<(), String> {
        if recovery.next < self.given {
            let given = self.given;
            return Err(format!(
                "{} comes next, and {given} was given",
                recovery.next
            ));
        }
        self.counts.torn += u64::from(recovery.torn_bytes > 0);
        for damage in &recovery.damage {
            let is_lost = self.synced.range(damage.offsets.clone()).next().is_some();
            if damage.kind != DamageKind::LastWrite || is_lost {
                return Err(format!("opening found {damage:?}"));
            }
        }
        Ok(())
    }

    /// What was synced must be there, of the rest whole groups may be; from now on they must.
    fn accept(&mut self, mut found: BTreeMap<u64, Vec<u8>>) -> Result<(), String> {
        for (offset, payload) in &self.synced {
            if found.remove(offset).as_ref() != Some(payload) {
                return Err(format!("record {offset} is lost or altered"));
            }
        }
        let mut groups = std::mem::take(&mut self.half_removed);
        groups.append(&mut self.unsynced);
        for group in groups {
            let is_there = |(offset, payload): &(u64, Vec<u8>)| found.get(offset) == Some(payload);
            let there = group.iter().filter(|it| is_there(it)).count();
            if there == 0 {
                continue;
            }
            if there < group.len() {
                let first = group.first().map(|it| it.0);
                return Err(format!("{there} of the {} from {first:?} on", group.len()));
            }
            self.counts.came_back += there as u64;
            for (offset, payload) in group {
                found.remove(&offset);
                self.given = self.given.max(offset + 1);
                self.synced.insert(offset, payload);
            }
        }
        match found.first_key_value() {
            Some((offset, _)) => Err(format!("record {offset} was never appended, or refused")),
            None => Ok(()),
        }
    }
}
