//! The judge: what a history of sends and deliveries says about a broker. Pure.
//!
//! A pair is an accepted event and a trigger that must get it. It is *lost* when neither the
//! subscriber nor the dead-letter sink took it and the dead-letter store does not show it; so a
//! judgement is meant for a quiet moment. It is *duplicated* when the subscriber took it twice: a
//! second attempt after a failed one is no duplicate.
//!
//! Nothing outside the broker shows one by one which events are pending or discarded. Where a test
//! means to leave such events, it says for which trigger in which terms; then as many pairs as the
//! broker counts there are *left* instead of lost, and one more than that is lost.

use std::collections::{BTreeMap, HashMap};

use super::judgement::{Findings, Judgement};
use super::record::{Figures, Key, Record, Term};

/// What happened so far.
#[derive(Clone, Debug, Default)]
pub struct History {
    events: HashMap<Key, Sent>,
    /// Deliveries of events that nobody meant to send (yet).
    strangers: Vec<(String, Key)>,
    garbage: Vec<String>,
    attempts: u64,
}

#[derive(Clone, Debug, Default)]
struct Sent {
    intended: bool,
    broker: String,
    digest: String,
    expected: Vec<String>,
    optional: Vec<String>,
    status: Option<u16>,
    pairs: BTreeMap<String, Pair>,
}

#[derive(Clone, Debug, Default)]
struct Pair {
    taken: u32,
    dead_lettered: u32,
    parked: bool,
    attempts: u32,
    altered: Option<String>,
}

/// How many more pairs of a trigger may be left, by its broker and name.
type Room<'a> = HashMap<(&'a str, &'a str), u64>;

impl History {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same sends, of which nothing has arrived anywhere.
    pub(crate) fn sends_alone(&self) -> Self {
        let mut events = self.events.clone();
        for sent in events.values_mut() {
            sent.pairs.clear();
        }
        History {
            events,
            ..Self::default()
        }
    }

    /// Takes one record.
    pub fn record(&mut self, record: Record) {
        match record {
            Record::Intent {
                key,
                broker,
                digest,
                expected,
                optional,
            } => {
                let sent = self.events.entry(key).or_default();
                *sent = Sent {
                    intended: true,
                    broker,
                    digest,
                    expected,
                    optional,
                    ..sent.clone()
                };
            }
            Record::Answer { key, status } => {
                self.events.entry(key).or_default().status = Some(status);
            }
            Record::Delivery {
                trigger,
                key,
                digest,
                status,
            } => {
                let taken = u32::from(is_success(status));
                self.attempts += 1;
                self.arrive(trigger, key, digest, |pair| {
                    pair.taken += taken;
                    pair.attempts += 1;
                });
            }
            Record::DeadLetter {
                trigger,
                key,
                digest,
                status,
            } => {
                let taken = u32::from(is_success(status));
                self.attempts += 1;
                self.arrive(trigger, key, digest, |pair| pair.dead_lettered += taken);
            }
            Record::Parked {
                trigger,
                key,
                digest,
            } => {
                self.arrive(trigger, key, digest, |pair| pair.parked = true);
            }
            Record::Garbage { trigger, why } => self.garbage.push(format!("{trigger}: {why}")),
        }
    }

    fn arrive(&mut self, trigger: String, key: Key, digest: String, apply: impl FnOnce(&mut Pair)) {
        match self.events.get_mut(&key) {
            Some(sent) if sent.intended => {
                let pair = sent.pairs.entry(trigger).or_default();
                apply(pair);
                if digest != sent.digest {
                    pair.altered.get_or_insert(digest);
                }
            }
            // An intent is written before its event is sent, on the same connection: whatever
            // arrives without one was not sent by us.
            _ => self.strangers.push((trigger, key)),
        }
    }

    /// Judges what happened so far, and the broker's figures beside it.
    pub fn judge(&self, figures: &[Figures]) -> Judgement {
        let mut judgement = Judgement {
            attempts: self.attempts,
            ..Judgement::default()
        };
        let mut room = self.room(figures);
        let mut keys: Vec<&Key> = self.events.keys().collect();
        keys.sort();
        for key in keys {
            self.events[key].judge(key, &mut room, &mut judgement);
        }
        for (trigger, key) in &self.strangers {
            judgement
                .invented
                .add(format!("{key} at {trigger}: never sent"));
        }
        for garbage in &self.garbage {
            judgement.invented.add(garbage.clone());
        }
        for figures in figures {
            self.compare(figures, &mut judgement.imbalances);
        }
        judgement
    }

    /// How many pairs of each trigger may be left, by its broker and name.
    fn room<'a>(&self, figures: &'a [Figures]) -> Room<'a> {
        let room = |figures: &Figures| {
            let terms = figures.leaving.iter();
            let counted: u64 = terms.map(|&term| figures.books.left(term)).sum();
            // Those that the broker shows one by one are known already.
            let shown = if figures.leaving.contains(&Term::Parked) {
                self.shown_parked(figures)
            } else {
                0
            };
            counted.saturating_sub(shown)
        };
        let named = figures.iter();
        named
            .map(|each| ((each.broker.as_str(), each.trigger.as_str()), room(each)))
            .collect()
    }

    fn shown_parked(&self, figures: &Figures) -> u64 {
        let sent = self.events.values();
        sent.filter(|sent| sent.broker == figures.broker)
            .filter_map(|sent| sent.pairs.get(&figures.trigger))
            .map(|pair| u64::from(pair.parked && pair.taken == 0 && pair.dead_lettered == 0))
            .sum()
    }

    /// Holds the broker's figures of one trigger against the history.
    fn compare(&self, figures: &Figures, imbalances: &mut Findings) {
        let Figures {
            trigger,
            broker,
            books,
            ..
        } = figures;
        let (mut accepted, mut unknown, mut wanted) = (0, 0, 0);
        let (mut taken, mut dead_lettered) = (0, 0);
        for sent in self.events.values().filter(|sent| sent.broker == *broker) {
            match sent.status {
                Some(202) => accepted += 1,
                Some(status) if says_not_stored(status) => continue,
                Some(_) | None => unknown += 1,
            }
            wanted += u64::from(sent.status == Some(202) && sent.expected.contains(trigger));
            if let Some(pair) = sent.pairs.get(trigger) {
                taken += u64::from(pair.taken > 0);
                dead_lettered += u64::from(pair.dead_lettered > 0 && pair.taken == 0);
            }
        }
        let mut check = |what: &str, theirs: u64, ours: u64| {
            // Sends of unknown outcome may be counted or not.
            if theirs < ours || theirs > ours + unknown {
                imbalances.add(format!(
                    "{trigger}: {what} is {theirs}, the ledger has {ours}"
                ));
            }
        };
        check("accepted", books.accepted, accepted);
        check("filtered", books.filtered, accepted - wanted);
        check("delivered", books.delivered, taken);
        check("dead_lettered", books.dead_lettered, dead_lettered);
        check(
            "the rest",
            books.not_taken(),
            wanted.saturating_sub(taken + dead_lettered),
        );
        if books.states() != books.accepted {
            imbalances.add(format!(
                "{trigger}: states sum to {}: {books:?}",
                books.states()
            ));
        }
    }
}

impl Sent {
    fn judge<'a>(&'a self, key: &Key, room: &mut Room<'a>, judgement: &mut Judgement) {
        if !self.intended {
            return;
        }
        judgement.sent += 1;
        match self.status {
            Some(202) => judgement.accepted += 1,
            Some(_) => judgement.refused += 1,
            None => {}
        }
        for (trigger, pair) in &self.pairs {
            self.judge_pair(&format!("{key} at {trigger}"), trigger, pair, judgement);
        }
        for trigger in self.expected.iter().filter(|_| self.status == Some(202)) {
            let pair = self.pairs.get(trigger).cloned().unwrap_or_default();
            if pair.taken > 0 || pair.dead_lettered > 0 || pair.parked {
                continue;
            }
            match room.get_mut(&(self.broker.as_str(), trigger.as_str())) {
                Some(more @ 1..) => {
                    *more -= 1;
                    judgement.left += 1;
                }
                _ => {
                    let attempts = pair.attempts;
                    judgement
                        .lost
                        .add(format!("{key} for {trigger} after {attempts} attempts"));
                }
            }
        }
    }

    fn judge_pair(&self, place: &str, trigger: &String, pair: &Pair, judgement: &mut Judgement) {
        judgement.delivered += u64::from(pair.taken > 0);
        judgement.dead_lettered += u64::from(pair.dead_lettered > 0);
        if pair.taken > 1 || pair.dead_lettered > 1 {
            let (taken, dead) = (pair.taken, pair.dead_lettered);
            judgement
                .duplicated
                .add(format!("{place}: taken {taken} times, dead {dead} times"));
            let extra = u64::from(taken.saturating_sub(1) + dead.saturating_sub(1));
            *judgement.extra.entry(trigger.clone()).or_default() += extra;
        }
        if let Some(digest) = &pair.altered {
            let sent = &self.digest;
            judgement
                .altered
                .add(format!("{place}: sent {sent}, arrived {digest}"));
        }
        if !self.expected.contains(trigger) && !self.optional.contains(trigger) {
            judgement.misfiltered.add(place.to_owned());
        }
        if self.status.is_some_and(says_not_stored) {
            judgement
                .invented
                .add(format!("{place}: refused, and delivered"));
        }
    }
}

fn is_success(status: Option<u16>) -> bool {
    matches!(status, Some(200..=299))
}

/// Whether an answer says that the event was not stored. A 503 leaves it open, as no answer does.
fn says_not_stored(status: u16) -> bool {
    matches!(status, 400..=499 | 507)
}

#[cfg(test)]
mod tests;
