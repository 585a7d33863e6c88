//! The judge: what a history of sends and deliveries says about a broker. Pure.
//!
//! A pair is an accepted event and a trigger that must get it. It is *lost* when neither the
//! subscriber nor the dead-letter sink took it and the dead-letter store does not show it; so a
//! judgement is meant for a quiet moment. It is *duplicated* when the subscriber took it twice: a
//! second attempt after a failed one is no duplicate.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::record::{Figures, Key, Record};

/// How many examples a finding keeps.
const EXAMPLES_MAX: usize = 10;

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

/// The verdict on a history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// Events that were to be sent.
    pub sent: u64,
    /// Events answered with 202.
    pub accepted: u64,
    /// Events answered with anything else.
    pub refused: u64,
    /// Pairs that a subscriber took.
    pub delivered: u64,
    /// Pairs that a dead-letter sink took.
    pub dead_lettered: u64,
    /// Requests that subscribers and sinks got.
    pub attempts: u64,
    /// Accepted, wanted, and gone.
    pub lost: Findings,
    /// Taken twice or more.
    pub duplicated: Findings,
    /// Arrived other than sent.
    pub altered: Findings,
    /// Arrived though never sent, or though refused.
    pub invented: Findings,
    /// Arrived where the filter says no.
    pub misfiltered: Findings,
    /// Figures of the broker that contradict the history or themselves.
    pub imbalances: Findings,
}

/// One kind of finding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// How many.
    pub count: u64,
    /// The first few.
    pub examples: Vec<String>,
}

impl Findings {
    fn add(&mut self, example: String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(example);
        }
    }
}

impl Judgement {
    /// Whether there is no finding of any kind.
    pub fn is_clean(&self) -> bool {
        [
            &self.lost,
            &self.duplicated,
            &self.altered,
            &self.invented,
            &self.misfiltered,
            &self.imbalances,
        ]
        .iter()
        .all(|findings| findings.count == 0)
    }

    /// Fails a test on any finding, and when fewer than `floor` events were accepted: a run that
    /// sent nothing proves nothing.
    ///
    /// # Panics
    ///
    /// As said.
    pub fn assert_clean(&self, floor: u64) {
        assert!(
            self.accepted >= floor,
            "only {} events of {floor} accepted",
            self.accepted
        );
        assert!(self.is_clean(), "the ledger finds: {self:#?}");
    }
}

impl History {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one record.
    pub fn record(&mut self, record: Record) {
        match record {
            Record::Intent {
                key,
                broker,
                digest,
                expected,
            } => {
                let sent = self.events.entry(key).or_default();
                *sent = Sent {
                    intended: true,
                    broker,
                    digest,
                    expected,
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
        let mut keys: Vec<&Key> = self.events.keys().collect();
        keys.sort();
        for key in keys {
            self.events[key].judge(key, &mut judgement);
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

    /// Holds the broker's figures of one trigger against the history.
    fn compare(&self, figures: &Figures, imbalances: &mut Findings) {
        let Figures {
            trigger,
            broker,
            books,
        } = figures;
        let (mut accepted, mut unknown, mut wanted) = (0, 0, 0);
        let (mut taken, mut dead_lettered) = (0, 0);
        for sent in self.events.values().filter(|sent| sent.broker == *broker) {
            match sent.status {
                Some(202) => accepted += 1,
                None => unknown += 1,
                Some(_) => continue,
            }
            wanted += u64::from(sent.status.is_some() && sent.expected.contains(trigger));
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
    fn judge(&self, key: &Key, judgement: &mut Judgement) {
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
            if pair.taken == 0 && pair.dead_lettered == 0 && !pair.parked {
                let attempts = pair.attempts;
                judgement
                    .lost
                    .add(format!("{key} for {trigger} after {attempts} attempts"));
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
        }
        if let Some(digest) = &pair.altered {
            let sent = &self.digest;
            judgement
                .altered
                .add(format!("{place}: sent {sent}, arrived {digest}"));
        }
        if !self.expected.contains(trigger) {
            judgement.misfiltered.add(place.to_owned());
        }
        // A 5xx leaves open whether the event was stored; a 4xx says that it was not.
        if matches!(self.status, Some(400..=499)) {
            judgement
                .invented
                .add(format!("{place}: refused, and delivered"));
        }
    }
}

fn is_success(status: Option<u16>) -> bool {
    matches!(status, Some(200..=299))
}

#[cfg(test)]
mod tests;
