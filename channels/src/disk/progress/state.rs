//! What is durable, as a map, and how records change it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::format::Record;
use super::standing::{Change, Floor, Standing};

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct State {
    pub(super) floor: Floor,
    pub(super) standings: BTreeMap<u64, Standing>,
    /// Above every number there ever was.
    pub(super) next_number: u64,
}

/// A state that is being read, and what is known to be lost of it.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pub(super) state: State,
    /// Numbers that there should be a standing for.
    pub(super) missing: BTreeSet<u64>,
    /// Standings that are older than the last that was written.
    pub(super) outdated: BTreeSet<u64>,
    /// Where the floor was.
    pub(super) floors: Vec<Floor>,
}

impl State {
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Put(standing) => {
                self.given(standing.number);
                self.standings.insert(standing.number, standing);
            }
            Change::Delete(number) => {
                self.given(number);
                self.standings.remove(&number);
            }
        }
    }

    fn given(&mut self, number: u64) {
        self.next_number = self.next_number.max(number.saturating_add(1));
    }

    /// Who will not be idle once these changes are made.
    pub(super) fn busy_after(&self, changes: &[Change]) -> BTreeSet<u64> {
        let is_busy = |it: &&Standing| !it.is_idle;
        let busy = self.standings.values().filter(is_busy);
        let mut busy: BTreeSet<u64> = busy.map(|it| it.number).collect();
        for change in changes {
            match change {
                Change::Put(standing) if !standing.is_idle => busy.insert(standing.number),
                Change::Put(Standing { number, .. }) | Change::Delete(number) => {
                    busy.remove(number)
                }
            };
        }
        busy
    }

    pub(super) fn needs(&self, offsets: &Range<u64>) -> bool {
        let needs = |it: &Standing| {
            let first = it.exceptions.partition_point(|e| e.offset < offsets.start);
            let exception = it.exceptions.get(first);
            it.stands_at(self.floor) < offsets.end
                || exception.is_some_and(|it| it.offset < offsets.end)
        };
        self.floor.offset < offsets.end || self.standings.values().any(needs)
    }
}

impl Replay {
    /// Takes in the next record. Where none was lost this does what the writer did; where some
    /// were, nothing moves further than it was written.
    pub(super) fn apply(&mut self, record: Record) {
        match record {
            Record::Standing(standing) => {
                self.missing.remove(&standing.number);
                self.outdated.remove(&standing.number);
                self.state.apply(Change::Put(standing));
            }
            Record::Deleted(number) => {
                self.missing.remove(&number);
                self.outdated.remove(&number);
                self.state.apply(Change::Delete(number));
            }
            Record::Floor { floor, busy } => self.raise(floor, &busy),
            Record::Snapshot {
                next_number,
                numbers,
            } => self.begin_snapshot(next_number, numbers),
        }
    }

    /// Whoever is busy and is not known to be has lost the record that says so, which was written
    /// since the floor before: it stays there.
    fn raise(&mut self, floor: Floor, busy: &[u64]) {
        let before = self.state.floor;
        for number in busy {
            let Some(standing) = self.state.standings.get_mut(number) else {
                self.missing.insert(*number);
                continue;
            };
            if standing.is_idle {
                standing.reads_on_from = standing.stands_at(before);
                standing.is_idle = false;
                self.outdated.insert(*number);
            }
        }
        self.state.floor = floor;
        if self.floors.last() != Some(&floor) {
            self.floors.push(floor);
        }
    }

    /// What is not in the snapshot was deleted before it, and what is follows.
    fn begin_snapshot(&mut self, next_number: u64, numbers: Vec<u64>) {
        let numbers: BTreeSet<u64> = numbers.into_iter().collect();
        self.state.standings.retain(|it, _| numbers.contains(it));
        self.outdated.retain(|it| numbers.contains(it));
        self.state.next_number = self.state.next_number.max(next_number);
        self.missing = numbers;
        let standings = &self.state.standings;
        self.missing.retain(|it| !standings.contains_key(it));
    }

    /// Of two with one name the earlier was deleted, and the record of that is lost.
    pub(super) fn end_namesakes(&mut self) {
        let standings = self.state.standings.values();
        let latest: BTreeMap<_, _> = standings
            .map(|it| (Arc::clone(&it.name), it.number))
            .collect();
        self.state
            .standings
            .retain(|number, it| latest.get(&it.name) == Some(number));
        let standings = &self.state.standings;
        self.outdated.retain(|it| standings.contains_key(it));
    }
}
