//! What must be true once all is quiet.

use super::super::server::{NAMES, is_wanted};
use super::{Run, STEPS};

impl Run {
    pub(super) fn assert_all_is_accounted_for(&mut self) {
        for _ in 0..2 {
            self.tell_figures();
        }
        for process in &mut self.processes {
            process.state.audit();
        }
        for (number, name) in NAMES {
            let parked = self.server.parked(number);
            let all = 1..=self.server.last();
            let wanted: Vec<u64> = all.filter(|at| is_wanted(number, *at)).collect();
            for position in &wanted {
                let is_ended = self.ended.contains(&(number, *position));
                assert!(is_ended || parked.contains(position), "{name}: {position}");
            }
            let replayed = self.replayed.get(&number).copied().unwrap_or_default();
            for process in &self.processes {
                let status = process.state.status_of(name, self.server.now);
                let status = status.expect("known");
                let books = status.books;
                assert_eq!(books.accepted, self.server.last(), "{name}");
                assert_eq!(books.parked, parked.len() as u64, "{name}");
                assert_eq!(books.pending, 0, "{name}: {books:?}");
                assert_eq!((status.leased, status.deferred, status.unread), (0, 0, 0));
                if self.was_rough {
                    continue;
                }
                let tally = self.server.tallies[&number];
                let ended: u64 = tally.discarded.iter().sum();
                let ended = ended + tally.delivered + tally.dead_lettered + books.parked;
                let all = wanted.len() as u64 + replayed;
                assert_eq!(ended, all, "{name}: {tally:?}");
                assert_eq!(books.filtered, self.server.last() - wanted.len() as u64);
            }
        }
    }

    /// A run in which nothing happened has shown nothing.
    pub(super) fn assert_it_was_worth_it(&self) {
        let steps = STEPS as u64;
        assert!(self.handed_out > steps / 20, "{} out", self.handed_out);
        assert!(self.kept > steps / 100, "{} kept", self.kept);
        assert!(self.replayed.values().sum::<u64>() > 0);
    }
}
