//! One case: a store, and what it must hold.

use std::sync::Arc;

use super::super::super::{Kept, KeptEntry, KeptError, KeptKey, KeptReader, KeptState, Recovery};
use super::super::support::{NOW, event, segments, try_open};
use super::Counts;
use super::operations::{self, Entry, Model, OFFSETS, data_bytes, done, listed};
use crate::disk::log::{DamageKind, LogError};
use crate::disk::simulated::{Call, Effect, SimulatedDisk};

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Close,
    Kill,
    Crash,
}

pub(super) struct Case {
    rng: fastrand::Rng,
    disk: SimulatedDisk,
    kept: Option<Kept>,
    model: Model,
    /// What may be there instead after the next opening, since nobody knows what a failed write has
    /// done.
    doubtful: Option<Model>,
    /// The lowest number of a subscription that is known.
    first_known: u64,
    counts: Counts,
}

impl Case {
    pub(super) fn new(seed: u64, disk: SimulatedDisk) -> Result<Self, String> {
        let mut case = Case {
            rng: fastrand::Rng::with_seed(seed),
            disk,
            kept: None,
            model: Model::new(),
            doubtful: None,
            first_known: 1,
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

    fn kept(&mut self) -> Result<&mut Kept, String> {
        self.kept.as_mut().ok_or("there is no store".to_owned())
    }

    pub(super) fn step(&mut self) -> Result<(), String> {
        match self.rng.u32(..100) {
            0..50 => self.apply()?,
            50..70 => {
                self.compact()?;
            }
            70..75 => self.compact_all()?,
            75..83 => self.compare()?,
            83..90 => self.plan_a_fault(),
            90..92 => {
                let bytes_max = self.rng.bool().then(|| self.rng.u64(..60_000));
                self.disk.limit(bytes_max);
            }
            92..94 => self.reopen(End::Close)?,
            94..96 => self.reopen(End::Kill)?,
            _ => self.reopen(End::Crash)?,
        }
        let index = self.kept()?.index.clone();
        index.read().audit()
    }

    fn plan_a_fault(&mut self) {
        let calls = [
            None,
            Some(Call::Write),
            Some(Call::Sync),
            Some(Call::SyncDir),
            Some(Call::Allocate),
            Some(Call::Rename),
            Some(Call::Read),
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

    fn apply(&mut self) -> Result<(), String> {
        let mut after = self.model.clone();
        let ops: Vec<_> = (0..self.rng.usize(1..6))
            .map(|_| {
                let op = operations::random(&mut self.rng, &after, self.first_known);
                done(&op, &mut after);
                op
            })
            .collect();
        let was_poisoned = self.kept()?.poison().is_some();
        match self.kept()?.apply(&ops, NOW) {
            Ok(()) => {
                self.counts.operations += ops.len() as u64;
                self.model = after;
            }
            Err(LogError::Poisoned(_)) if was_poisoned => {}
            Err(LogError::Poisoned(_)) => {
                self.counts.poisonings += 1;
                self.doubtful = Some(after);
            }
            Err(LogError::NoSpace { .. } | LogError::Io { .. }) => self.counts.refusals += 1,
            Err(error) => return Err(error.to_string()),
        }
        Ok(())
    }

    fn compact(&mut self) -> Result<bool, String> {
        let was_poisoned = self.kept()?.poison().is_some();
        let before = segments(&self.disk).len();
        let compacted = self.kept()?.compact(NOW);
        self.counts.given_back += u64::from(segments(&self.disk).len() < before);
        match compacted {
            Ok(has_more) => {
                self.counts.compactions += u64::from(has_more);
                return Ok(has_more);
            }
            Err(LogError::Poisoned(_)) => self.counts.poisonings += u64::from(!was_poisoned),
            Err(LogError::NoSpace { .. } | LogError::Io { .. }) => self.counts.refusals += 1,
            Err(error) => return Err(error.to_string()),
        }
        Ok(false)
    }

    /// When there is nothing left to do, at least half lives, or one segment is left.
    fn compact_all(&mut self) -> Result<(), String> {
        self.disk.fail_no_more();
        self.disk.limit(None);
        let mut steps = 0;
        while self.compact()? {
            steps += 1;
            if steps > 1_000 {
                return Err("compaction comes to no end".to_owned());
            }
        }
        let kept = self.kept()?;
        let index = kept.index.read();
        let total = index.total();
        if kept.poison().is_none()
            && index.oldest().is_some()
            && total.live_bytes * 2 < total.all_bytes
        {
            return Err(format!("nothing is to be done with {total:?}"));
        }
        Ok(())
    }

    /// What a reader finds is what was put.
    fn compare(&mut self) -> Result<(), String> {
        // Failed reads are of no interest here.
        self.disk.fail_no_more();
        let reader = self.kept()?.reader();
        let entries = self.kept()?.entries();
        if entries != self.model.len() as u64 {
            return Err(format!("{entries} entries for {}", self.model.len()));
        }
        for offset in 0..OFFSETS {
            let is_kept = self.model.keys().any(|it| it.offset == offset);
            self.has_event(&reader, offset, is_kept)?;
        }
        for (key, entry) in &self.model {
            let expected = match &entry.state {
                KeptState::Parked { reason, .. } => Some(reason),
                KeptState::Moved { .. } => None,
            };
            let found = reader.reason(*key).map_err(|it| it.to_string())?;
            if found.as_ref() != expected {
                return Err(format!("{key:?}: {found:?} in place of {expected:?}"));
            }
            self.counts.reasons += u64::from(found.is_some());
        }
        Ok(())
    }

    fn has_event(&mut self, reader: &KeptReader, offset: u64, is_kept: bool) -> Result<(), String> {
        let found = reader.event(offset).map_err(|it| it.to_string())?;
        let expected = is_kept.then(|| event(offset, data_bytes(offset)));
        if found.as_ref() != expected.as_deref() {
            let found = found.map(|it| it.id().to_owned());
            return Err(format!("{found:?} is the event at {offset}"));
        }
        self.counts.events += u64::from(is_kept);
        Ok(())
    }

    fn reopen(&mut self, end: End) -> Result<(), String> {
        if let Some(kept) = self.kept.take() {
            match end {
                End::Close => drop(kept.close()),
                End::Kill => {
                    self.counts.kills += 1;
                    drop(kept);
                }
                End::Crash => {
                    self.counts.crashes += 1;
                    self.disk.crash();
                    drop(kept);
                }
            }
        }
        if self.rng.u32(..4) == 0 {
            let known = self.first_known + 1;
            self.first_known = known;
            let is_known = |key: &KeptKey, _: &mut Entry| key.subscription >= known;
            self.model.retain(is_known);
            self.doubtful.iter_mut().for_each(|it| it.retain(is_known));
        }
        self.open()
    }

    /// Opens, however many faults it takes, and holds what is there against the model.
    fn open(&mut self) -> Result<(), String> {
        let mut tries = 0;
        let (entries, recovery) = loop {
            let known = self.first_known;
            match try_open(Arc::new(self.disk.clone()), &|it| it >= known) {
                Ok((kept, entries, recovery)) => {
                    self.kept = Some(kept);
                    break (entries, recovery);
                }
                Err(KeptError::Log(LogError::Io { .. }) | KeptError::Read(_)) if tries < 3 => {
                    tries += 1;
                    if self.rng.bool() {
                        self.counts.crashes += 1;
                        self.disk.crash();
                    }
                }
                Err(KeptError::Log(LogError::NoSpace { .. })) if tries < 3 => {
                    tries += 1;
                    self.disk.limit(None);
                }
                Err(error) => return Err(format!("cannot open: {error}")),
            }
        };
        check_recovery(&recovery)?;
        self.settle(&entries)?;
        self.compare()
    }

    /// What was done must be listed; what is in doubt may be, all of it or nothing.
    fn settle(&mut self, entries: &[KeptEntry]) -> Result<(), String> {
        let doubtful = self.doubtful.take();
        if let Some(doubtful) = doubtful.filter(|it| *it != self.model) {
            if listed(&doubtful) == entries {
                self.counts.came_back += 1;
                self.model = doubtful;
            } else {
                self.counts.stayed_away += 1;
            }
        }
        let expected = listed(&self.model);
        let mut pairs = expected.iter().zip(entries);
        if let Some((expected, found)) = pairs.find(|(expected, found)| expected != found) {
            return Err(format!("listed is {found:?} in place of {expected:?}"));
        }
        let (found, expected) = (entries.len(), expected.len());
        let is_whole = found == expected;
        is_whole
            .then_some(())
            .ok_or(format!("{found} entries are listed of {expected}"))
    }
}

fn check_recovery(recovery: &Recovery) -> Result<(), String> {
    let mut damage = recovery.damage.iter();
    match damage.find(|it| it.kind != DamageKind::LastWrite) {
        Some(damage) => Err(format!("opening found {damage:?}")),
        None => Ok(()),
    }
}
