//! The end of a run: everything comes to rest, and nothing was left out.

use std::time::Duration;

use super::{At, NAMES, Run};

impl Run {
    /// Lets everything come to its end, and looks whether anything was left out.
    pub(super) fn drain(&mut self) {
        self.settle_down();
        let names: Vec<_> = self.readers.keys().copied().collect();
        for name in names {
            self.world.state.pause(name, false);
            if self.readers[name].id.is_none() {
                self.open(name);
            }
        }
        for _ in 0..20_000 {
            self.world.now = self.world.now + Duration::from_secs(1_000);
            let before = self.totals.handed_out;
            for name in NAMES {
                self.next(name);
            }
            let leases = std::mem::take(&mut self.leases);
            let is_quiet = leases.is_empty() && self.totals.handed_out == before;
            for (name, lease) in leases {
                self.settle(name, lease);
            }
            if !self.settle_down() && is_quiet {
                break;
            }
        }
        for (name, reader) in &self.readers {
            let pending: Vec<_> = reader
                .items
                .iter()
                .filter(|(_, at)| **at != At::Parked)
                .collect();
            assert!(pending.is_empty(), "{name} never had {pending:?}");
        }
        for status in self.world.state.statuses(&|_| None) {
            assert_eq!(
                (status.books.pending, status.unread),
                (0, 0),
                "{}",
                status.name
            );
        }
    }

    /// Does what the threads have to do; says whether there was anything.
    fn settle_down(&mut self) -> bool {
        let mut was_busy = false;
        for _ in 0..10_000 {
            let is_busy = self.appending.is_some() || self.sweeping.is_some();
            if self.appending.is_some() {
                self.append();
            }
            self.sweep();
            while !self.fetching.is_empty() {
                let (fetch, fetched) = self.fetching.remove(0);
                self.world.state.fetched(fetch, fetched);
            }
            let is_busy = self.world.fetch() || self.sweeping.is_some() || is_busy;
            let is_keeping = self.keep_all();
            self.world.state.audit();
            self.resolve();
            self.come_by_again();
            self.compare();
            if !is_busy && !is_keeping {
                return was_busy;
            }
            was_busy = true;
        }
        let state = &self.world.state;
        panic!(
            "it never comes to rest: {:?}, {:?}, {:?}",
            state.pressing(),
            state.hungry,
            self.sweeping
        );
    }
}
