//! Kills: what was stored is what there is, and it has to be enough.

use std::collections::{BTreeMap, BTreeSet};

use super::keeping::Stage;
use super::{At, Reader, Run, What};
use crate::Timestamp;

impl Run {
    pub(super) fn crash(&mut self) {
        let gap = if self.rng.bool() {
            0
        } else {
            self.rng.u64(1..50)
        };
        let deleting: BTreeSet<_> = self.deleting.drain(..).map(|(name, _)| name).collect();
        let begun = std::mem::take(&mut self.begun);
        // What was in the log already may have been accepted for all that anybody knows.
        let accepted_to = self.world.state.tail;
        self.leases.clear();
        self.appending = None;
        self.sweeping = None;
        self.fetching.clear();
        self.stage = Stage::Idle;
        self.world.crash(gap);
        self.totals.crashes += 1;

        let mut before = std::mem::take(&mut self.readers);
        for (name, found) in self.found() {
            let reader = before.remove(name);
            let mut unsure: BTreeMap<u64, Vec<What>> = BTreeMap::new();
            for it in &begun {
                if reader.as_ref().is_some_and(|reader| reader.is(it.id)) {
                    unsure.entry(it.offset).or_default().push(it.what);
                }
            }
            let new = match reader {
                Some(reader) if !reader.is_unsure() && !deleting.contains(name) => {
                    self.check(name, &reader, &found, &unsure, accepted_to);
                    found
                }
                Some(_) => found,
                None => {
                    assert!(deleting.contains(name), "{name} has come back");
                    found
                }
            };
            self.readers.insert(name, new);
        }
        for (name, reader) in before {
            assert!(reader.is_unsure(), "{name} is lost");
        }
    }

    /// What there is now, as the model has it.
    fn found(&self) -> Vec<(&'static str, Reader)> {
        let state = &self.world.state;
        let known = super::NAMES.into_iter().filter_map(|name| {
            let place = state.by_name.get(name)?;
            let subscribed = state.subscriptions.get(*place)?;
            let mut items = BTreeMap::new();
            for (offset, logged) in self.world.log.range(subscribed.reads_to(state.tail)..) {
                if logged.wanted.contains(&name) {
                    items.insert(*offset, At::Pending(Timestamp(0)));
                }
            }
            for (offset, again) in &subscribed.queues.again {
                let due = if again.ticket.place.is_kept {
                    again.due
                } else {
                    Timestamp(0)
                };
                items.insert(*offset, At::Pending(due));
            }
            for offset in subscribed.queues.parked.keys() {
                items.insert(*offset, At::Parked);
            }
            let reader = Reader {
                id: None,
                known: Some(subscribed.id(*place)),
                items,
                delivered: subscribed.tally.delivered,
                ..Reader::default()
            };
            Some((name, reader))
        });
        known.collect()
    }

    /// Nothing may be lost, and nothing repeated but what had ended since it was last stored.
    fn check(
        &mut self,
        name: &str,
        before: &Reader,
        found: &Reader,
        unsure: &BTreeMap<u64, Vec<What>>,
        accepted_to: u64,
    ) {
        let now_is = self.world.now;
        for (offset, at) in &before.items {
            let now = found.items.get(offset);
            let unsure_of = unsure.get(offset).map(Vec::as_slice).unwrap_or_default();
            let was_discarded = unsure_of.contains(&What::Discard);
            match (at, now) {
                (_, None) => assert!(was_discarded, "{name} has lost {offset}: {at:?}"),
                (At::Pending(due), Some(At::Pending(now))) => {
                    assert!(
                        now <= due || *now <= now_is,
                        "{name}: {offset} waits too long"
                    );
                }
                (At::Leased(_), Some(At::Pending(_))) | (At::Parked, Some(At::Parked)) => {}
                (At::ParkedLeased(_), Some(At::Parked)) => {}
                (at, now) => {
                    let is_unsure = !unsure_of.is_empty() || before.has_ended(*offset);
                    assert!(is_unsure, "{name} had {offset} {at:?}, and now {now:?}");
                }
            }
        }
        for offset in found.items.keys() {
            let is_repeated = before.has_ended(*offset);
            self.totals.repeated += u64::from(is_repeated);
            let may_be = is_repeated || *offset >= accepted_to;
            let may_be = may_be || before.items.contains_key(offset);
            let state = &self.world.state;
            let place = state.by_name[name];
            assert!(
                may_be,
                "{name} has {offset} once more, {before:?}, {:#?}",
                state.subscriptions.get(place)
            );
        }
        let repeated = (before.unsaved.len() + before.in_round.len()) as u64;
        assert!(
            found.delivered <= before.delivered && found.delivered + repeated >= before.delivered,
            "{name}: {} delivered, {} before",
            found.delivered,
            before.delivered
        );
    }
}

impl Reader {
    /// Whether it has ended, and that may not be stored.
    fn has_ended(&self, offset: u64) -> bool {
        self.unsaved.contains(&offset)
            || self.in_round.contains(&offset)
            || self.ahead.contains(&offset)
    }
}
